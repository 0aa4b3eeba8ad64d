"""Kernels: functions that Numba compiles for this machine, once.

A kernel may call functions of its own file, of `compiled/` and of `engine/`. The digest of these
files is part of the key under which compiled code is kept, so a change in any of them is noticed.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache

from dnabirnn.compiled.compiled_files import KernelFiles, KernelFolder, is_ours

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["INLINED", "inlined", "kernel"]

logger = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound="Callable[..., Any]")

_SECONDS_BEFORE_NOTICE = 0.75
INLINED: Any = {"forceinline": True, "error_model": "numpy"}
"""Numba's options for what is compiled into each kernel that calls it."""


@cache
def _sources() -> str:
    """Digest of every module whose code can end up in a kernel, beside the kernel's own.

    Raises
    ------
    RuntimeError
        No such module is found. A digest of nothing would never change, and kernels of an older
        version would be loaded in silence.
    """
    package = Path(__file__).parents[1]
    own = sorted((package / "compiled").glob("*.py"))
    called = sorted((package / "engine").rglob("*.py"))
    if not own or not called:
        raise RuntimeError(f"{package}: no sources of the compiled kernels; install dnabirnn again")
    digest = hashlib.sha256()
    for path in (*own, *called):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _KernelCache(FunctionCache):
    """Numba's cache on disk, which by itself sees no change of what a kernel calls."""

    _impl_class = KernelFolder

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = KernelFiles(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), _sources())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Compiled code, or None: then it is compiled, and the user told if that takes time."""
        found = None
        try:
            if is_ours(self.cache_path):
                found = super().load_overload(sig, target_context)
        except Exception as error:  # whatever reading a damaged file raises
            logger.debug("compiled kernel not read: %r", error)
        if found is None:
            _Notice.begin(f"it is kept in {self.cache_path}")
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code; a folder that takes no files is no reason to fail."""
        _Notice.end()
        try:
            if is_ours(self.cache_path):
                super().save_overload(sig, data)
        except OSError as error:
            logger.warning(
                "%s: compiled code cannot be kept (%s), and is compiled again in the next run; "
                "set NUMBA_CACHE_DIR to a folder with room",
                self.cache_path,
                error.strerror or error,
            )


class _Notice:
    """A line to the user, once, if compiling takes a while."""

    _timer: threading.Timer | None = None
    _told = False

    @classmethod
    def begin(cls, where: str) -> None:
        cls.end()
        cls._timer = threading.Timer(_SECONDS_BEFORE_NOTICE, cls._tell, (where,))
        cls._timer.daemon = True
        cls._timer.start()

    @classmethod
    def _tell(cls, where: str) -> None:
        if not cls._told:
            cls._told = True
            logger.info("compiling for this machine, which takes some seconds; %s", where)

    @classmethod
    def end(cls) -> None:
        if cls._timer is not None:
            cls._timer.cancel()
            cls._timer = None


def kernel(function: _Function) -> _Function:
    """Compile a function at its first call, and keep the code on disk.

    It runs without the GIL, divides as floating-point numbers do, and checks no bounds. Where no
    folder takes files, or others may write in all of them, it is compiled anew in each process, and
    the user told.
    """
    compiled: Any = njit(nogil=True, error_model="numpy")(function)
    try:
        compiled._cache = _KernelCache(function)
    except RuntimeError:
        compiled._cache = _NoCache()
    return cast(_Function, compiled)


class _NoCache:
    """Stands where no folder can be written."""

    cache_path = None

    def load_overload(self, sig: Any, target_context: Any) -> None:
        _Notice.begin(
            "it is not kept, since neither the package's nor the user's cache folder can be "
            "written, and by this user alone: set NUMBA_CACHE_DIR to one that can"
        )

    def save_overload(self, sig: Any, data: Any) -> None:
        _Notice.end()


def inlined(function: _Function) -> _Function:
    """Compile a function into each kernel that calls it."""
    return cast(_Function, njit(**INLINED)(function))
