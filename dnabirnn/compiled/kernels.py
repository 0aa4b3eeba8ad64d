"""Kernels: functions that are compiled once for this machine.

A kernel may call functions of its own file, of `compiled/` and of `engine/`. So the machine code of
a kernel depends on these files, on the modules whose constants kernels contain, on the processor,
and on the versions of the compilers. The digest of all of them is the key of the kept code. A
change in any of them leads to a new compilation.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import logging
import os
import sys
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dnabirnn.compiled.arguments import kind_of, kinds_of
from dnabirnn.compiled.deferred import CALLED, Deferred, dispatcher
from dnabirnn.compiled.kept_code import CodeFile, kernel_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnabirnn.compiled.arguments import Kind
    from dnabirnn.compiled.machine_code import Loaded

__all__ = ["Kernel", "digest_of", "kernel", "sources"]

logger = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound="Callable[..., Any]")

_SECONDS_BEFORE_NOTICE = 0.75
_PACKAGE = Path(__file__).parents[1]
# Modules whose constants Numba writes into the code of kernels.
_CONSTANTS = (
    "alphabet.py",
    "network/architecture.py",
    "evaluation/bootstrap.py",
    "evaluation/metrics.py",
)
_lock = threading.RLock()


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
    """Return the digest of `sources`, which is part of the key of kept code."""
    digest = hashlib.sha256()
    for path in sources(package):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _common_key() -> str:
    """Return what the code of all kernels depends on."""
    from dnabirnn.compiled.machine_code import machine

    options = sorted(
        item
        for item in os.environ.items()
        if item[0].startswith("NUMBA_") and item[0] != "NUMBA_CACHE_DIR"
    )
    return repr((digest_of(_PACKAGE), sys.version, machine(), _numba_version(), options))


def _numba_version() -> str:
    """Return what the version of Numba is, without the time that it takes to import Numba."""
    found = importlib.util.find_spec("numba")
    if found is not None and found.origin is not None:
        file = Path(found.origin).with_name("_version.py")
        if file.is_file():
            return file.read_text()
    from importlib.metadata import version

    return version("numba")


class Kernel(Deferred):
    """A function that is compiled at its first call, and whose machine code is kept on disk.

    The code runs without the GIL, does not check bounds, and divides by zero without an error, as
    NumPy does. If there is no folder that only this user can write, each process compiles the
    function again, and logs this.

    Parameters
    ----------
    function : callable
        It must raise no exception, allocate nothing, and return a number or None. Its arguments are
        arrays, numbers, None, and tuples of these.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(lambda: dispatcher(function, CALLED))
        functools.update_wrapper(self, function)
        self._function = function
        self._loaded: dict[Any, Loaded] = {}

    def __call__(self, *arguments: Any) -> Any:
        """Run the machine code for arguments of these kinds."""
        kind = tuple(map(kind_of, arguments))
        loaded = self._loaded.get(kind)
        if loaded is None:
            with _lock:  # another thread may have loaded it meanwhile
                loaded = self._loaded.get(kind) or self._load(arguments)
                self._loaded[kind] = loaded
        return loaded(arguments)

    def _load(self, arguments: Sequence[Any]) -> Loaded:
        from dnabirnn.compiled.machine_code import Loaded

        kinds = kinds_of(arguments)
        file = self.file(kinds)
        code = file.read() if file else None
        if code is not None:
            try:
                return Loaded(code, kinds)
            except RuntimeError as error:
                logger.debug("compiled code not loaded: %s", error)
        _Notice.begin(
            f"the code is kept in {file.path.parent}"
            if file
            else "the code is not kept, since neither the folder of the package nor the cache "
            "folder of the user is writable, and by this user only; set NUMBA_CACHE_DIR to one "
            "that is"
        )
        try:
            from dnabirnn.compiled.compile import compile_kernel

            code, complete = compile_kernel(self._function, kinds, arguments)
        finally:
            _Notice.end()
        if file and complete:
            file.write(code)
        return Loaded(code, kinds)

    def file(self, kinds: Sequence[Kind]) -> CodeFile | None:
        """Return the file for the code for arguments of certain kinds; None without a folder."""
        folder = kernel_folder(_PACKAGE)
        if folder is None:
            return None
        own = Path(inspect.getfile(self._function))
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        key = repr((name, kinds, hashlib.sha256(own.read_bytes()).hexdigest(), _common_key()))
        # Processors that share a folder have their own files. Newer sources replace a file.
        from dnabirnn.compiled.machine_code import machine

        which = hashlib.sha256(repr((kinds, machine())).encode()).hexdigest()[:12]
        return CodeFile(folder / f"{name}-{which}.kernel", hashlib.sha256(key.encode()).hexdigest())


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
    """Make a function a `Kernel`."""
    return cast(_Function, Kernel(function))
