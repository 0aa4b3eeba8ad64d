"""SIMD vectors as a Numba type, which all kernels compute with, and how their data are laid out.

Why vectors. From plain loops, the compiler neither keeps a tile of a matrix product in registers
nor looks up table entries with one instruction. From explicit vectors, it does both. A `Vector`
holds as many float32 numbers as the widest registers of the processor: 16, 8 or 4. One operation on
vectors in a kernel is about one instruction. With arrays of float64, the same kernels compute in
float64, with two registers per vector; tests use this to check gradients.

Lanes. A recurrent network cannot compute the bases of one window in parallel, since each state
needs the state before it. Windows are independent, so a kernel runs `LANES` windows side by side,
one window per lane. No operation mixes lanes, so a window gets the same scores in any block.

Layout. The lane is the last axis of every array, so that one load fetches the same quantity for
neighbouring windows. `LANES` is two vectors, named a and b in the kernels: each weight that is
loaded is then used twice. For 32 lanes, the states of one base look like this::

              window  0 ........ 15   16 ....... 31
    unit 0           [  vector a   ] [  vector b   ]
    unit 1           [  vector a   ] [  vector b   ]
    ...
    unit H - 1       [  vector a   ] [  vector b   ]

Kernels get flat arrays, and count positions in numbers from the start::

    codes      (L, LANES)          base t, window w             t * LANES + w
    states     (H, LANES)          unit i, window w             i * LANES + w
    features   (L, 2, H, LANES)    base t, direction d, ...     ((t * 2 + d) * H + i) * LANES + w

Wide vectors. The gates of a unit are a long chain of operations, each of which needs the one
before. A processor could compute several units at a time, but in code written unit by unit it finds
too few independent operations. So `join` joins the vectors of several units to one wide vector, and
an operation on it becomes one instruction per register, one after the other::

    x * x      of four vectors       mul x0    mul x1    mul x2    mul x3

The results are the same as with single vectors.

Tables. The input of a first layer is one-hot, so the product of the input weights with a base is
one column of the weights. No product is computed. Instead, each row has a table of its weights for
all codes, with the bias added, and `take` looks up the entry of each lane's code. A table has 16
entries, of which 6 are used. In float32 it fits one register of AVX-512, and the 6 entries fit one
register of AVX2, so that a look-up is one permute instruction::

    table of a row   [ A  C  G  T  N  padding  -  -  ... ]     e.g. A = bias + weight of A,
    codes of lanes   [ 2  0  0  3  ... ]                            N = padding = bias
    take             [ G  A  A  T  ... ]

The operations on vectors are in `simd`. Types are in `vectors.pyi` and `simd.pyi`, since a type
checker cannot read the intrinsics of Numba.
"""

from __future__ import annotations

import math

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import models, register_model

__all__ = [
    "AVX512",
    "FLOATS",
    "INTS",
    "LANES",
    "TABLE_ENTRIES",
    "VECTOR",
    "VECTOR_OF",
    "CodeVector",
    "Vector",
    "aligned",
    "by_register",
    "call",
    "joined",
    "load_vector",
    "multiply_add",
    "parts",
    "pointer",
    "repeat",
    "shuffle",
]


def _has(feature):
    """Return whether Numba compiles for a processor with a feature."""
    if config.CPU_FEATURES is not None:
        return f"+{feature}" in str(config.CPU_FEATURES).split(",")
    return bool(llvm.get_host_cpu_features().get(feature))


# All processors with AVX-512 but Xeon Phi have AVX512DQ, which `fraction` needs.
AVX512, _AVX2 = _has("avx512f") and _has("avx512dq"), _has("avx2")
VECTOR = 16 if AVX512 else 8 if _AVX2 else 4
"""Numbers per vector."""
LANES = 2 * VECTOR
"""Windows that a kernel computes side by side: two vectors."""
TABLE_ENTRIES = 16
"""Entries per table for `take`: one register of AVX-512. The first 6, one per code, are used."""
_ALIGNMENT = 64

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


def aligned(*shape, dtype=np.float32):
    """Return zeros aligned to a cache line, so that the load of a vector touches one line only."""
    size, number_size = math.prod(shape), np.dtype(dtype).itemsize
    room = np.zeros(size + _ALIGNMENT // number_size, dtype)
    first = -room.ctypes.data % _ALIGNMENT // number_size
    return room[first : first + size].reshape(shape)


def pointer(context, builder, kind, array, at):
    """Return the address of number `at` of an array."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def load_vector(builder, place, vector, align=4):
    """Generate code that loads a vector."""
    return builder.load(builder.bitcast(place, vector.as_pointer()), align=align)


def repeat(builder, number, width=VECTOR):
    """Generate code that repeats a number in all lanes."""
    undefined = ir.Constant(ir.VectorType(number.type, width), ir.Undefined)
    one = builder.insert_element(undefined, number, _I32(0))
    return shuffle(builder, one, undefined, [0] * width)


def shuffle(builder, a, b, places):
    """Generate code for a vector of chosen numbers of `a`, followed by `b`."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, len(places)), places))


def joined(builder, vectors):
    """Generate code that joins vectors, a power of two of them, to a wide one."""
    while len(vectors) > 1:
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [shuffle(builder, a, b, list(range(2 * a.type.count))) for a, b in pairs]
    return vectors[0]


def parts(builder, vector, width):
    """Generate code that splits a vector into vectors of a width."""
    unused = ir.Constant(vector.type, ir.Undefined)
    firsts = range(0, vector.type.count, width)
    return [shuffle(builder, vector, unused, list(range(n, n + width))) for n in firsts]


def by_register(builder, name, vectors, further):
    """Generate calls of an LLVM function of AVX-512 for wide vectors, register by register."""
    registers = zip(*(parts(builder, vector, VECTOR) for vector in vectors), strict=True)
    kind = FLOATS[types.float32]
    return joined(builder, [call(builder, name, kind, [*one, *further]) for one in registers])


def call(builder, name: str, result, arguments):
    """Generate a call of an LLVM function."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def multiply_add(builder, a, b, c):
    """Generate code for `a * b + c`."""
    bits = 32 if a.type.element == ir.FloatType() else 64
    return call(builder, f"llvm.fma.v{a.type.count}f{bits}", a.type, [a, b, c])
