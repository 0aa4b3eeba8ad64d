"""The folder and the files in which machine code is kept.

To run machine code is to trust it. So files are read only if their folder belongs to this user and
nobody else can write in it, and only if they are complete. A file is::

    JSON with the key, name and result, a line | object file | SHA-256 of the rest

The key names all that the code depends on. Code with another key is compiled again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dnabirnn.compiled.machine_code import MachineCode
from dnabirnn.files import temporary_path

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CodeFile", "is_ours", "kernel_folder"]

logger = logging.getLogger(__name__)

_DIGEST_BYTES = hashlib.sha256().digest_size


def is_ours(folder: Path) -> bool:
    """Return whether a folder belongs to this user, and nobody else can write in it."""
    if os.name != "posix":
        return True
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    closed = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and closed


@cache
def kernel_folder(package: Path) -> Path | None:
    """Return the folder for code: the first of these that only this user can write, or None.

    They are NUMBA_CACHE_DIR, the folder of the package, and the user's folder for caches. All have
    a subfolder for this, except that of the package, one for each place of the package.
    """
    for folder in _folders(package):
        with suppress(OSError):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            if is_ours(folder):
                tempfile.TemporaryFile(dir=folder).close()
                return folder
    return None


def _folders(package: Path) -> Iterator[Path]:
    name = f"dnabirnn-{hashlib.sha256(os.fsencode(package)).hexdigest()[:12]}"
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen) / name / "kernels"
    yield package / "__pycache__" / "kernels"
    if sys.platform == "win32":
        home = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Caches"
    else:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    yield home / name / "kernels"


class CodeFile:
    """File with the machine code of a kernel for arguments of certain kinds.

    Parameters
    ----------
    path : Path
    key : str
        What the code depends on.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self._key = key

    def read(self) -> MachineCode | None:
        """Return the code, or None if it is not there, not for this key, damaged or not safe."""
        try:
            if not is_ours(self.path.parent):
                return None
            content = self.path.read_bytes()
            rest = content[:-_DIGEST_BYTES]
            if hashlib.sha256(rest).digest() != content[-_DIGEST_BYTES:]:
                raise ValueError("damaged")
            line, _, data = rest.partition(b"\n")
            described = json.loads(line)
            if described["key"] != self._key:
                return None
            return MachineCode(described["name"], described["returned"], data)
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged file may raise anything
            logger.debug("%s: compiled code not read: %r", self.path, error)
            return None

    def write(self, code: MachineCode) -> None:
        """Keep code; log a warning if the folder cannot be written."""
        described = {"key": self._key, "name": code.name, "returned": code.returned}
        content = json.dumps(described).encode() + b"\n" + code.data
        content += hashlib.sha256(content).digest()
        temporary = None
        try:
            if not is_ours(self.path.parent):
                return
            temporary = temporary_path(self.path)
            temporary.write_bytes(content)
            os.replace(temporary, self.path)
        except OSError as error:
            logger.warning(
                "%s: compiled code cannot be kept (%s), so the next run compiles it again; set "
                "NUMBA_CACHE_DIR to a folder with free space",
                self.path.parent,
                error.strerror or error,
            )
        finally:
            if temporary is not None:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
