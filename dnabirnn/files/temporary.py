"""Names for what is not whole yet, files that wait, and an end to what killed runs left."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import secrets
import shutil
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dnabirnn.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

__all__ = ["Scratch", "failures_of", "stem", "temporary_path"]

_LONGEST_STEM_BYTES = 150


class Scratch(io.BufferedRandom):
    """A file to write, seek and read while an output is made.

    Parameters
    ----------
    path : Path
        Not there yet.
    name : str
        Of the output, for errors.
    """

    def __init__(self, path: Path, name: str) -> None:
        with failures_of(name):
            super().__init__(io.FileIO(path, "x+"))
        self._output = name

    def write(self, data: Buffer, /) -> int:
        """Write all of `data`."""
        with failures_of(self._output):
            return super().write(data)

    def flush(self) -> None:
        """Pass on what is buffered."""
        with failures_of(self._output):
            super().flush()

    def abandon(self) -> None:
        """Close the file, even if what is buffered has no room."""
        with suppress(OSError, OutputError):
            self.close()
        with suppress(OSError):
            self.raw.close()


def stem(target: Path) -> str:
    """Begin temporary names of `target`; shorter than the name where that is near the limit."""
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_STEM_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    # Process ids mean nothing on another host that shares the folder, so the host is in the name.
    host = re.sub(r"[^A-Za-z0-9-]", "_", socket.gethostname())[:40]
    return f".{name}.{host}."


def temporary_path(target: Path, ending: str = "") -> Path:
    """A name beside `target` for what is not whole yet, once what killed runs left is gone.

    Parameters
    ----------
    target : Path
    ending : str
        Last part of the name, such as ".bw", for a library that tells formats by it.
    """
    _sweep(target)
    return target.with_name(f"{stem(target)}{os.getpid()}.{secrets.token_hex(4)}.tmp{ending}")


def _sweep(target: Path) -> None:
    """Remove what processes of this host that were killed left of the same target."""
    if os.name != "posix":  # elsewhere, signal 0 is no question but an end
        return
    left = re.compile(re.escape(stem(target)) + r"(\d+)\.[0-9a-f]{8}\.tmp(?:\.\w+)?")
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            found = left.fullmatch(entry.name)
            if found and not _is_alive(int(found[1])):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with suppress(OSError):
                        os.unlink(entry.path)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


@contextmanager
def failures_of(name: str) -> Iterator[None]:
    """Raise OutputError for what is an OSError, but not for a pipe that is closed.

    Parameters
    ----------
    name : str
        What the user calls the file.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        remedy = {
            errno.ENOSPC: "make room or write elsewhere",
            errno.EDQUOT: "make room or write elsewhere",
            errno.ENAMETOOLONG: "give a shorter name",
        }.get(error.errno or 0, "check the path and its permissions, or write elsewhere")
        raise OutputError(f"{name}: {error.strerror or error}; {remedy}") from error
