"""Read the files of KANN, the C library of dna-brnn's networks.

All numbers are little-endian. Source: github.com/attractivechaos/kann, `kann_save_fp` and
`kad_save`. A file has these parts::

    KAN, and a byte of value 1
    number of nodes
    nodes, children before the nodes that use them
    values of the variables, in node order
    values of the constants, in node order
"""

from __future__ import annotations

import math
import struct
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.errors import ModelFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.files import PathLike

__all__ = ["Graph", "Node", "Op", "read_kann"]

_MAGIC = b"KAN\1"
_VARIABLE, _CONSTANT = 1, 2
_MAX_AXES = 4
_MIN_NODE_BYTES = 14
# A file is read into memory as a whole. Networks of dna-brnn are far smaller than this.
_MAX_BYTES = 1 << 26


class Op(IntEnum):
    """Operators that a node applies to its children: those in dna-brnn's networks."""

    LEAF = 0
    ADD = 1
    MULTIPLY = 2
    PRODUCT = 3
    """A matrix times the transposed weights: one row of weights per column of the result."""
    SIGMOID = 6
    TANH = 7
    AVERAGE = 10
    ONE_MINUS = 11
    SWITCH = 12
    """The first child in use, the second child in training."""
    SOFTMAX = 14
    NORMALIZE = 32
    STACK = 35
    REVERSE = 36


class Node(NamedTuple):
    """A node of a graph.

    Attributes
    ----------
    op : int
        Number of the operator, which may be missing from `Op`. `Op.LEAF` for a node without
        children.
    children : tuple of int
        Numbers of earlier nodes.
    role : int
        Bit field: 1 input, 2 output, 4 truth, 8 cost.
    label : int
        Number that distinguishes the inputs.
    values : ndarray, float32, or None
        Values of a variable or constant; None for other nodes.
    """

    op: int
    children: tuple[int, ...]
    role: int
    label: int
    values: NDArray[np.float32] | None


Graph = tuple[Node, ...]
"""Nodes of a graph; the children of a node come before it."""


class _Bytes:
    """Reader of consecutive numbers; raises ValueError at the end of the content."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    @property
    def left(self) -> int:
        return len(self._content) - self.at

    def skip(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise ValueError(f"byte {self.at}: {size} bytes announced, but {self.left} left")
        self.at += size
        return self._content[self.at - size : self.at]

    def numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(f"<{form}", self.skip(struct.calcsize(f"<{form}")))

    def floats(self, count: int) -> NDArray[np.float32]:
        return np.frombuffer(self.skip(4 * count), "<f4").astype(np.float32)


class _Entry(NamedTuple):
    """A node in the file. Its values follow later in the file."""

    op: int
    children: tuple[int, ...]
    role: int
    label: int
    kind: int
    shape: tuple[int, ...]


def read_kann(path: PathLike) -> Graph:
    """Read a file that KANN wrote.

    Raises
    ------
    ModelFileError
        If there is no such file, or it is not a KANN file, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        raise ModelFileError(f"{path}: {found}; give a model that `dna-brnn -o` wrote (.knm)")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
            if magic != _MAGIC or size > _MAX_BYTES:
                raise ModelFileError(
                    f"{path}: not a KANN file (it begins with {magic!r}, and has {size:,} bytes); "
                    "give a model that `dna-brnn -o` wrote (.knm)"
                )
            content = _Bytes(file.read())
    except OSError as error:
        raise ModelFileError(f"{path}: {error.strerror}; give a file that can be read") from error
    try:
        return _graph(content)
    except ValueError as error:
        raise ModelFileError(f"{path}: a damaged KANN file ({error}); copy it again") from error


def _graph(content: _Bytes) -> Graph:
    (count,) = content.numbers("i")
    if not 0 < count <= content.left // _MIN_NODE_BYTES:
        raise ValueError(f"{count} nodes announced, but {content.left} bytes left")
    entries = [_entry(content, number) for number in range(count)]
    numbers = sum(math.prod(e.shape) for e in entries if e.kind)
    if 4 * numbers != content.left:
        raise ValueError(f"{numbers} values announced, but {content.left} bytes left")
    values: dict[int, NDArray[np.float32]] = {}
    for kind in (_VARIABLE, _CONSTANT):
        for number, entry in enumerate(entries):
            if entry.kind == kind:
                values[number] = content.floats(math.prod(entry.shape)).reshape(entry.shape)
                if not np.isfinite(values[number]).all():
                    raise ValueError(f"node {number}: a value is not finite")
    return tuple(Node(*entry[:4], values.get(number)) for number, entry in enumerate(entries))


def _entry(content: _Bytes, number: int) -> _Entry:
    label, role, flags, count = content.numbers("iIBi")
    if not 0 <= count <= content.left // 4:
        raise ValueError(f"node {number}: {count} children announced, {content.left} bytes left")
    if count:
        (op,) = content.numbers("H")
        children = content.numbers(f"{count}i")
        _, size = content.numbers("ii")
        content.skip(size)
        if not all(0 <= child < number for child in children):
            raise ValueError(f"node {number}: its children {children} are not earlier nodes")
        return _Entry(op, children, role, label, 0, ())
    (axes,) = content.numbers("B")
    if axes > _MAX_AXES:
        raise ValueError(f"node {number}: {axes} axes, but at most {_MAX_AXES} are allowed")
    shape = content.numbers(f"{axes}i")
    if any(size < 1 for size in shape):
        raise ValueError(f"node {number}: invalid shape {shape}")
    return _Entry(Op.LEAF, (), role, label, flags & (_VARIABLE | _CONSTANT), shape)
