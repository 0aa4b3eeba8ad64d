"""Generation of code for intrinsics that work on vectors."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils

from dnabirnn.engine.kernels.intrinsics.vector_types import FLOATS
from dnabirnn.engine.kernels.vectors import VECTOR

__all__ = [
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

_I32 = ir.IntType(32)


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
