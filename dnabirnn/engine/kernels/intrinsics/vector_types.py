"""Vectors as types of Numba; `dnabirnn.engine.kernels.vectors` explains them."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import models, register_model

from dnabirnn.engine.kernels.vectors import VECTOR

__all__ = ["FLOATS", "INTS", "VECTOR_OF", "CodeVector", "Vector"]

_I32 = ir.IntType(32)
INTS = ir.VectorType(_I32, VECTOR)
"""LLVM type of a vector of 32-bit integers."""
FLOATS = {
    types.float32: ir.VectorType(ir.FloatType(), VECTOR),
    types.float64: ir.VectorType(ir.DoubleType(), VECTOR),
}
"""LLVM type of a vector, by type of number."""


class Vector(types.Type):
    """Numba type of numbers of one type: `VECTOR` of them, or a multiple if the vector is wide."""

    def __init__(self, number, width=VECTOR):
        super().__init__(f"Vector({width} {number})")
        self.number, self.width = number, width

    @property
    def layout(self):
        """Type in LLVM."""
        return ir.VectorType(FLOATS[self.number].element, self.width)

    def of_width(self, width):
        """Return the type of vectors of another width."""
        return Vector(self.number, width)


class CodeVector(types.Type):
    """Numba type of codes of bases: `VECTOR` of them, or a multiple if the vector is wide."""

    def __init__(self, width=VECTOR):
        super().__init__(f"Codes({width})")
        self.width = width

    @property
    def layout(self):
        """Type in LLVM."""
        return ir.VectorType(_I32, self.width)

    def of_width(self, width):
        """Return the type of vectors of another width."""
        return CodeVector(width)


VECTOR_OF = {number: Vector(number) for number in FLOATS}
"""Numba type of a vector, by type of number."""


@register_model(Vector)
@register_model(CodeVector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, kind.layout)
