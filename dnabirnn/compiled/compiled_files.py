"""The folder and the files in which Numba keeps compiled code.

They are pickles, and a pickle can do anything when it is read. They are read from a folder only
that belongs to this user and in which nobody else may write, and only if they are whole.
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
    """Whether a folder is this user's, and nobody else may write in it."""
    if os.name != "posix":
        return True
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    closed = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and closed


class _Private:
    """A folder within the one that Numba would take, made for this user alone."""

    def get_cache_path(self) -> str:
        return os.path.join(super().get_cache_path(), "kernels")  # type: ignore[misc]

    def ensure_cache_path(self) -> None:
        path = self.get_cache_path()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        if not is_ours(path):
            raise PermissionError(path)  # Numba then asks for the next folder
        tempfile.TemporaryFile(dir=path).close()


class KernelFolder(CompileResultCacheImpl):
    """Where Numba may keep code: NUMBA_CACHE_DIR, the package's folder, the user's cache."""

    # The first three of Numba's, whose names are not the same in all versions.
    _locator_classes: list[type[object]] = [  # noqa: RUF012
        type(locator.__name__, (_Private, locator), {})
        for locator in CompileResultCacheImpl._locator_classes[:3]
    ]


class KernelFiles(IndexDataCacheFile):
    """Numba's files of a kernel, which by themselves tell no damage.

    An index that cannot be written to its end names code that is of an older kernel, and damaged
    code is run: so each file ends in the digest of the rest, and code has its key.
    """

    def save(self, key: Any, data: Any) -> None:
        """Keep code."""
        super().save(key, ((self._source_stamp, key), data))

    def load(self, key: Any) -> Any:
        """Code that was kept under this very key, or None."""
        known, data = super().load(key) or (None, None)
        return data if known == (self._source_stamp, key) else None

    def _load_index(self) -> dict[Any, str]:
        try:
            _check(self._index_path)
            found: dict[Any, str] = super()._load_index()
            return found
        except Exception as error:  # whatever reading a damaged file raises
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
                file.write(digest)  # a pickle is read no further than its own end
            os.replace(temporary, filepath)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _check(path: str) -> None:
    """Raise for a file that does not end in the digest of the rest."""
    data = Path(path).read_bytes()
    size = hashlib.sha256().digest_size
    if hashlib.sha256(data[:-size]).digest() != data[-size:]:
        raise ValueError("damaged")
