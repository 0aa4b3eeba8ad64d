"""Machine code of kernels: loaded and called without Numba, through LLVM alone."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm

from dnabirnn.compiled.arguments import c_types, flattened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.compiled.arguments import Kind

__all__ = ["Loaded", "MachineCode", "machine"]

_RETURNED = {
    "none": ctypes.c_void_p,
    "bool": ctypes.c_uint8,
    "int64": ctypes.c_int64,
    "float64": ctypes.c_double,
    "float32": ctypes.c_float,
}
_NO_ERROR = (0, -2)  # a value was returned; None was returned


class MachineCode(NamedTuple):
    """Object file of a kernel for arguments of certain kinds.

    Attributes
    ----------
    name : str
        Name of the function in the object file.
    returned : str
        Kind of the result.
    data : bytes
        The object file.
    """

    name: str
    returned: str
    data: bytes


class Loaded:
    """Machine code in memory. The GIL is free while it runs.

    Parameters
    ----------
    code : MachineCode
    kinds : sequence of Kind
        Of the arguments.

    Raises
    ------
    RuntimeError
        LLVM does not take the object file.
    """

    def __init__(self, code: MachineCode, kinds: Sequence[Kind]) -> None:
        # Each object file has an LLVM engine of its own, so that names in two files cannot clash.
        machine()
        target = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code.data))
        self._engine.finalize_object()
        address = self._engine.get_function_address(code.name)
        if not address:
            raise RuntimeError(f"no function {code.name}")
        signature = (ctypes.c_void_p, ctypes.c_void_p, *c_types(kinds))
        self._function = ctypes.CFUNCTYPE(ctypes.c_int32, *signature)(address)
        self._returned = _RETURNED[code.returned]

    def __call__(self, arguments: Sequence[Any]) -> Any:
        """Call the code.

        Raises
        ------
        RuntimeError
            The code has raised an exception. Kernels do not, so this is an error in a kernel.
        """
        result: Any = self._returned()
        error = ctypes.c_void_p()
        status = self._function(
            ctypes.addressof(result), ctypes.addressof(error), *flattened(arguments)
        )
        if status not in _NO_ERROR:
            raise RuntimeError(f"a kernel has returned status {status}")
        if self._returned is ctypes.c_uint8:
            return bool(result.value)
        return result.value


@cache
def machine() -> str:
    """Return what machine code depends on: the version of LLVM, the processor and its features.

    LLVM is ready to load code after the first call.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return " ".join(
        (llvmlite.__version__, llvm.get_default_triple(), llvm.get_host_cpu_name(), features)
    )
