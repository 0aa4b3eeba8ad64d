"""Kernels: functions that Numba compiles once for this machine.

A kernel may call functions of its own file, of `compiled/` and of `engine/`. Numba's cache detects
changes of the kernel's own file only. So the digest of the other files, and of the modules whose
constants kernels contain, is added to the key of the cached code. A change in any of them leads to
a new compilation.
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

__all__ = ["INLINED", "digest_of", "inlined", "kernel", "sources"]

logger = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound="Callable[..., Any]")

_SECONDS_BEFORE_NOTICE = 0.75
INLINED: Any = {"forceinline": True, "error_model": "numpy"}
"""Numba options of functions that are compiled into each kernel that calls them."""


# Modules whose constants Numba writes into the code of kernels.
_CONSTANTS = (
    "alphabet.py",
    "network/architecture.py",
    "evaluation/bootstrap.py",
    "evaluation/metrics.py",
)


def sources(package: Path) -> list[Path]:
    """Return the modules whose code or constants can be part of a kernel, except its own module.

    Parameters
    ----------
    package : Path
        Folder of the package.

    Raises
    ------
    RuntimeError
        Modules are missing. A digest of no files would never change, so that kernels of an older
        version would be loaded silently.
    """
    constants = [package / name for name in _CONSTANTS]
    compiled = sorted((package / "compiled").glob("*.py"))
    engine = sorted((package / "engine").rglob("*.py"))
    if not compiled or not engine or not all(path.is_file() for path in constants):
        raise RuntimeError(f"{package}: no source files of the kernels; install dnabirnn again")
    return [*constants, *compiled, *engine]


def digest_of(package: Path) -> str:
    """Return the digest of `sources`, which is part of the key of cached code."""
    digest = hashlib.sha256()
    for path in sources(package):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _digest() -> str:
    return digest_of(Path(__file__).parents[1])


class _KernelCache(FunctionCache):
    """Numba's disk cache, which also detects changes of the functions that a kernel calls."""

    _impl_class = KernelFolder

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = KernelFiles(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), _digest())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return cached code or None. After None, Numba compiles, so start the notice's timer."""
        found = None
        try:
            if is_ours(self.cache_path):
                found = super().load_overload(sig, target_context)
        except Exception as error:  # reading a damaged file may raise anything
            logger.debug("cached kernel not read: %r", error)
        if found is None:
            _Notice.begin(f"the code is kept in {self.cache_path}")
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Cache compiled code; log a warning if the folder cannot be written."""
        _Notice.end()
        try:
            if is_ours(self.cache_path):
                super().save_overload(sig, data)
        except OSError as error:
            logger.warning(
                "%s: compiled code cannot be kept (%s), so the next run compiles it again; set "
                "NUMBA_CACHE_DIR to a folder with free space",
                self.cache_path,
                error.strerror or error,
            )


class _Notice:
    """Log one line per process if compiling takes longer than `_SECONDS_BEFORE_NOTICE`."""

    _timer: threading.Timer | None = None
    _logged = False

    @classmethod
    def begin(cls, where: str) -> None:
        cls.end()
        cls._timer = threading.Timer(_SECONDS_BEFORE_NOTICE, cls._log, (where,))
        cls._timer.daemon = True
        cls._timer.start()

    @classmethod
    def _log(cls, where: str) -> None:
        if not cls._logged:
            cls._logged = True
            logger.info("compiling for this machine, which takes several seconds; %s", where)

    @classmethod
    def end(cls) -> None:
        if cls._timer is not None:
            cls._timer.cancel()
            cls._timer = None


def kernel(function: _Function) -> _Function:
    """Compile a function at its first call, and keep the code on disk.

    The code runs without the GIL, does not check bounds, and divides by zero without an error, as
    NumPy does. If there is no cache folder that only this user can write, each process compiles the
    function again, and logs this.
    """
    compiled: Any = njit(nogil=True, error_model="numpy")(function)
    try:
        compiled._cache = _KernelCache(function)
    except RuntimeError:
        compiled._cache = _NoCache()
    return cast(_Function, compiled)


class _NoCache:
    """Replacement for the cache if no folder can be used."""

    cache_path = None

    def load_overload(self, sig: Any, target_context: Any) -> None:
        _Notice.begin(
            "the code is not kept, since neither the folder of the package nor the cache folder "
            "of the user is writable, and by this user only; set NUMBA_CACHE_DIR to one that is"
        )

    def save_overload(self, sig: Any, data: Any) -> None:
        _Notice.end()


def inlined(function: _Function) -> _Function:
    """Compile a function into each kernel that calls it."""
    return cast(_Function, njit(**INLINED)(function))
