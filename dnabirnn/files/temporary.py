"""Temporary names for incomplete outputs, scratch files, and removal of what killed runs left.

A temporary name is ``.NAME.HOST.PID.RANDOM.tmp``. A file of this form is left over if its host is
this one and no process has its id; then the next run with the same output removes it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import shutil
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dnabirnn.errors import OutputError
from dnabirnn.files.failures import failures_of
from dnabirnn.names import is_printable

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Scratch", "stem", "temporary_path"]

_LONGEST_STEM_BYTES = 150


class Scratch(io.BufferedRandom):
    """A file to write, seek and read while an output is being made.

    Parameters
    ----------
    path : Path
        Must not exist.
    name : str
        Name of the output, for errors.
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
        """Write the buffer to the file."""
        with failures_of(self._output):
            super().flush()

    def abandon(self) -> None:
        """Close the file, even if there is no space for the buffer."""
        with suppress(OSError, OutputError):
            self.close()
        with suppress(OSError):
            self.raw.close()


def stem(target: Path) -> str:
    """Return the start of temporary names of `target`.

    A name that is long, or whose bytes are not text, is replaced by its digest: some libraries open
    only names that are text.
    """
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_STEM_BYTES or not is_printable(name):
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    # Process ids are valid only on their host, and hosts may share the folder: add the host.
    host = re.sub(r"[^A-Za-z0-9-]", "_", socket.gethostname())[:40]
    return f".{name}.{host}."


def temporary_path(target: Path, ending: str = "") -> Path:
    """Return a new temporary name in the folder of `target`; remove what killed runs left.

    Parameters
    ----------
    target : Path
    ending : str
        End of the name, such as ".bw", for a library that detects formats by it.
    """
    _sweep(target)
    return target.with_name(f"{stem(target)}{os.getpid()}.{secrets.token_hex(4)}.tmp{ending}")


def _sweep(target: Path) -> None:
    """Remove what killed processes of this host left of the same target."""
    if os.name != "posix":  # on Windows, signal 0 may end the process
        return
    leftover = re.compile(re.escape(stem(target)) + r"(\d+)\.[0-9a-f]{8}\.tmp(?:\.\w+)?")
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            found = leftover.fullmatch(entry.name)
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
