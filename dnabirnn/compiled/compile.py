"""From functions to machine code, with Numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.core.compiler import Flags, compile_extra
from numba.core.registry import cpu_target

from dnabirnn.compiled.arguments import ArrayKind, TupleKind
from dnabirnn.compiled.deferred import with_resolved_names
from dnabirnn.compiled.machine_code import MachineCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnabirnn.compiled.arguments import Kind

__all__ = ["compile_kernel"]

# Names that are only there in a process that has imported Numba.
_OF_NUMBA = ("numba_", "NRT_", "Py", "_Py", "npy_", "__svml_")


def compile_kernel(
    function: Callable[..., Any], kinds: Sequence[Kind], arguments: Sequence[Any]
) -> tuple[MachineCode, bool]:
    """Compile a function for arguments of certain kinds.

    Parameters
    ----------
    function : callable
        A function that raises no exception, allocates nothing, and returns a number or None.
    kinds : sequence of Kind
    arguments : sequence
        Arguments of these kinds, for the classes of named tuples.

    Returns
    -------
    code : MachineCode
    complete : bool
        Whether it runs in a process without Numba too.
    """
    flags: Any = Flags()
    flags.error_model = "numpy"
    flags.nrt = False
    flags.release_gil = True
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    typing, target = cpu_target.typing_context, cpu_target.target_context
    typing.refresh()
    target.refresh()
    signature = [_type(kind, one) for kind, one in zip(kinds, arguments, strict=True)]
    plain = with_resolved_names(function)
    result = compile_extra(typing, target, plain, signature, None, flags, {})
    returned = result.signature.return_type
    name = result.fndesc.llvm_func_name
    code = MachineCode(name, str(returned), result.library._get_compiled_object())
    needed = [one.name for one in result.library._final_module.functions if one.is_declaration]
    return code, not any(name.startswith(_OF_NUMBA) for name in needed)


def _type(kind: Kind, argument: Any) -> types.Type:
    """Return Numba's type of an argument."""
    if isinstance(kind, ArrayKind):
        number = types.Array(
            _number(np.dtype(kind.dtype).name),
            kind.dimensions,
            "C" if kind.contiguous else "A",
            readonly=not kind.writable,
        )
        return number
    if isinstance(kind, TupleKind):
        items = [_type(*one) for one in zip(kind.items, argument, strict=True)]
        if hasattr(argument, "_fields"):
            return types.NamedTuple(items, type(argument))
        return types.Tuple(items)
    return types.none if kind == "none" else _number(kind)


def _number(name: str) -> types.Type:
    return types.boolean if name == "bool" else getattr(types, name)
