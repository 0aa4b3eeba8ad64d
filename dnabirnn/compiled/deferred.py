"""Names of kernels that are only needed to compile them.

To import Numba takes longer than to score a short sequence, and kernels whose machine code is kept
run without it. So modules of kernels do not import it. What they use of it stands for itself until
a kernel is compiled: functions that are compiled into kernels (`inlined`), and names of modules
that import Numba (`deferred_names`).
"""

from __future__ import annotations

import functools
import importlib
import types
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "CALLED",
    "INLINED",
    "Deferred",
    "deferred_names",
    "dispatcher",
    "inlined",
    "with_resolved_names",
]

_Function = TypeVar("_Function", bound="Callable[..., Any]")

CALLED: Any = {"error_model": "numpy", "_nrt": False}
"""Numba options of kernels that other kernels call. Without its run-time system, Numba counts no
references to arrays, so that the code needs nothing of Numba."""
INLINED: Any = CALLED | {"forceinline": True}
"""Numba options of functions that are compiled into each kernel that calls them."""


class Deferred:
    """A name of a module that is imported when a kernel is compiled.

    Parameters
    ----------
    resolve : callable
        Returns the object with this name.
    """

    def __init__(self, resolve: Callable[[], Any]) -> None:
        self.resolve = functools.cache(resolve)

    def __call__(self, *arguments: Any) -> Any:
        """Call the function with this name."""
        return self.resolve()(*arguments)


def deferred_names(modules: Mapping[str, str]) -> Callable[[str], Deferred]:
    """Return the `__getattr__` of a subpackage whose modules import Numba.

    Parameters
    ----------
    modules : mapping
        Module by name.
    """

    def getattr_(name: str) -> Deferred:
        if name not in modules:
            raise AttributeError(name)
        return Deferred(lambda: getattr(importlib.import_module(modules[name]), name))

    return getattr_


def inlined(function: _Function) -> _Function:
    """Compile a function into each kernel that calls it."""
    found = Deferred(lambda: dispatcher(function, INLINED))
    functools.update_wrapper(found, function)
    return cast(_Function, found)


def dispatcher(function: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Return what Numba compiles and calls."""
    from numba import njit

    return njit(**options)(with_resolved_names(function))


def with_resolved_names(function: Callable[..., Any]) -> types.FunctionType:
    """Return a copy of a function whose global names are ready for Numba."""
    plain = cast(types.FunctionType, function)
    names = {
        name: value.resolve() if isinstance(value, Deferred) else value
        for name, value in plain.__globals__.items()
        if name in _names(plain.__code__) or name.startswith("__")
    }
    copy = types.FunctionType(
        plain.__code__, names, plain.__name__, plain.__defaults__, plain.__closure__
    )
    copy.__qualname__, copy.__module__ = plain.__qualname__, plain.__module__
    copy.__doc__ = plain.__doc__
    return copy


def _names(code: types.CodeType) -> set[str]:
    """Return the names that code uses, and those of functions and comprehensions inside it."""
    inner = (one for one in code.co_consts if isinstance(one, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))
