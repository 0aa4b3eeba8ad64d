"""The folder and the files in which Numba keeps compiled code.

The files are pickles, and loading a pickle can run any code. So they are read only if their folder
belongs to this user and nobody else can write in it, and only if they are complete. Each file ends
in the digest of the rest::

    pickles | SHA-256 of the pickles
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from numba.core.caching import CompileResultCacheImpl, IndexDataCacheFile

from dnabirnn.files import temporary_path

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KernelFiles", "KernelFolder", "is_ours"]

logger = logging.getLogger(__name__)


def is_ours(folder: str) -> bool:
    """Return whether a folder belongs to this user, and nobody else can write in it."""
    if os.name != "posix":
        return True
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    closed = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and closed


class _Private:
    """Mixin for Numba's locators: a subfolder of their folder, for this user only."""

    def get_cache_path(self) -> str:
        return os.path.join(super().get_cache_path(), "kernels")  # type: ignore[misc]

    def ensure_cache_path(self) -> None:
        path = self.get_cache_path()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        if not is_ours(path):
            raise PermissionError(path)  # Numba then tries the next locator
        tempfile.TemporaryFile(dir=path).close()


class KernelFolder(CompileResultCacheImpl):
    """Folders for cached code: NUMBA_CACHE_DIR, the folder of the package, the user's cache."""

    # Numba's first three locators, by position: their names differ between versions.
    _locator_classes: list[type[object]] = [  # noqa: RUF012
        type(locator.__name__, (_Private, locator), {})
        for locator in CompileResultCacheImpl._locator_classes[:3]
    ]


class KernelFiles(IndexDataCacheFile):
    """Numba's cache files of a kernel, with checks for damage.

    Numba itself runs damaged code, and after an incomplete update, its index can name the code of
    an older kernel. So each file ends in the digest of the rest, and code is stored with its key.
    """

    def save(self, key: Any, data: Any) -> None:
        """Store code with its key."""
        super().save(key, ((self._source_stamp, key), data))

    def load(self, key: Any) -> Any:
        """Return the code that was stored with this key, or None."""
        known, data = super().load(key) or (None, None)
        return data if known == (self._source_stamp, key) else None

    def _load_index(self) -> dict[Any, str]:
        try:
            _check(self._index_path)
            found: dict[Any, str] = super()._load_index()
            return found
        except Exception as error:  # reading a damaged file may raise anything
            logger.debug("index of compiled kernels not read: %r", error)
            return {}

    def _load_data(self, name: str) -> Any:
        _check(self._data_path(name))
        return super()._load_data(name)

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[BinaryIO]:
        temporary = temporary_path(Path(filepath))
        try:
            with open(temporary, "w+b") as file:
                yield file
                file.seek(0)
                digest = hashlib.sha256(file.read()).digest()
                file.write(digest)  # unpickling stops before it
            os.replace(temporary, filepath)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _check(path: str) -> None:
    """Raise ValueError for a file that does not end in the digest of the rest."""
    data = Path(path).read_bytes()
    size = hashlib.sha256().digest_size
    if hashlib.sha256(data[:-size]).digest() != data[-size:]:
        raise ValueError("damaged")
