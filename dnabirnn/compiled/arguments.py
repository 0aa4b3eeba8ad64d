"""Arguments of kernels: what they are, and as numbers that machine code takes.

Machine code is called as Numba's own code is. An array is passed as seven numbers or more::

    0, 0, number of items, bytes per item, address, shape ..., strides ...

The first two belong to Numba's run-time system, which kernels do not use. A tuple is passed item by
item, and None as an address of 0.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = [
    "ArrayKind",
    "Kind",
    "TupleKind",
    "address_of",
    "c_types",
    "flattened",
    "kind_of",
    "kinds_of",
]

_WRITABLE = 0x400
_LAYOUT = 0x1 | 0x100  # in C order, and aligned


class ArrayKind(NamedTuple):
    """Kind of an array.

    Attributes
    ----------
    dtype : str
        As NumPy writes it, such as "<f4".
    dimensions : int
    contiguous : bool
        Whether it is in C order.
    writable : bool
    """

    dtype: str
    dimensions: int
    contiguous: bool
    writable: bool


class TupleKind(NamedTuple):
    """Kind of a tuple.

    Attributes
    ----------
    items : tuple of Kind
    name : str
        Of the class, for named tuples; it separates classes with the same items.
    """

    items: tuple[Kind, ...]
    name: str


Kind: TypeAlias = "str | ArrayKind | TupleKind"
"""Kind of an argument: a NumPy type for numbers, such as "int64", or "none"."""

_SCALARS = {
    "bool": ctypes.c_bool,
    "int8": ctypes.c_int8,
    "int16": ctypes.c_int16,
    "int32": ctypes.c_int32,
    "int64": ctypes.c_int64,
    "uint8": ctypes.c_uint8,
    "uint16": ctypes.c_uint16,
    "uint32": ctypes.c_uint32,
    "uint64": ctypes.c_uint64,
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
}
_POINTER, _COUNT = ctypes.c_void_p, ctypes.c_ssize_t
_NO_BYTES = ctypes.c_char * 0


def kind_of(argument: Any) -> Any:
    """Return what the kind of an argument depends on, which takes less time than its `Kind`."""
    if isinstance(argument, np.ndarray):
        flags = argument.flags.num
        return argument.dtype, argument.ndim, flags & _LAYOUT, flags & _WRITABLE
    if isinstance(argument, tuple):
        return type(argument), *map(kind_of, argument)
    return type(argument)


def kinds_of(arguments: Sequence[Any]) -> tuple[Kind, ...]:
    """Return the kinds of arguments.

    Raises
    ------
    TypeError
        Kernels take no such argument.
    """
    return tuple(map(_kind, arguments))


def _kind(argument: Any) -> Kind:
    if isinstance(argument, np.ndarray):
        if not argument.flags.aligned or not argument.dtype.isnative:
            raise TypeError(f"array of {argument.dtype} is not aligned or has another byte order")
        flags = argument.flags
        return ArrayKind(
            argument.dtype.str, argument.ndim, bool(flags.c_contiguous), bool(flags.writeable)
        )
    if isinstance(argument, tuple):
        return TupleKind(kinds_of(argument), type(argument).__qualname__)
    if argument is None:
        return "none"
    if isinstance(argument, np.generic) and argument.dtype.name in _SCALARS:
        return argument.dtype.name
    for python, name in ((bool, "bool"), (int, "int64"), (float, "float64")):
        if isinstance(argument, python):
            return name
    raise TypeError(f"kernels take no argument of type {type(argument).__qualname__}")


def c_types(kinds: Sequence[Kind]) -> Iterator[Any]:
    """Generate the types of the numbers that arguments of these kinds are passed as."""
    for kind in kinds:
        if isinstance(kind, TupleKind):
            yield from c_types(kind.items)
        elif isinstance(kind, ArrayKind):
            yield from (_POINTER, _POINTER, _COUNT, _COUNT, _POINTER)
            yield from (_COUNT,) * (2 * kind.dimensions)
        else:
            yield _POINTER if kind == "none" else _SCALARS[kind]


def address_of(array: NDArray[Any]) -> int:
    """Return the address of the first item of an array.

    `from_buffer` takes a fifth of the time of `array.__array_interface__`, but only for arrays that
    are in C order and writable.
    """
    try:
        return ctypes.addressof(_NO_BYTES.from_buffer(array.data))
    except (TypeError, ValueError, BufferError):
        address: int = array.__array_interface__["data"][0]
        return address


def flattened(arguments: Sequence[Any]) -> list[Any]:
    """Return the numbers that arguments are passed as."""
    numbers: list[Any] = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            address = address_of(argument)
            numbers += (None, None, argument.size, argument.itemsize, address)
            numbers += argument.shape
            numbers += argument.strides
        elif isinstance(argument, tuple):
            numbers += flattened(argument)
        elif isinstance(argument, np.generic):
            numbers.append(argument.item())
        else:
            numbers.append(argument)
    return numbers
