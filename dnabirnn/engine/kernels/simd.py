"""Vectors that kernels compute with: a type for Numba.

Left to itself the compiler neither keeps a tile of a matrix product in registers nor picks table
entries by one instruction; written with vectors, it does both. A `Vector` holds as many numbers of
float32 as the processor's widest registers, so a line of a kernel that works on vectors is about
one instruction. What a lane holds never depends on its neighbours. Over arrays of float64 the same
kernels compute in float64, two registers a vector, for whoever checks them.

A kernel works on blocks of `LANES` windows side by side, two vectors: arrays are (..., LANES), and
places in them are counted in numbers from the start of the flat array. Types stand in `simd.pyi`,
since what is written here for Numba is no plain function to a type checker.
"""

from __future__ import annotations

import math
import operator

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from dnabirnn.alphabet import PADDING

__all__ = [
    "FLOATS",
    "LANES",
    "TABLE_ENTRIES",
    "VECTOR",
    "VECTOR_OF",
    "CodeVector",
    "Vector",
    "aligned",
    "by_lane",
    "fma",
    "like",
    "load",
    "load_codes",
    "load_vector",
    "maximum",
    "minimum",
    "multiply_add",
    "pointer",
    "repeat",
    "scale",
    "splat",
    "square_root",
    "store",
    "take",
    "total",
    "where_padding",
    "zero_where_n",
    "zero_where_padding",
    "zeros",
]


def _has(feature):
    """Whether Numba compiles for a processor with a feature."""
    if config.CPU_FEATURES is not None:
        return f"+{feature}" in str(config.CPU_FEATURES).split(",")
    return bool(llvm.get_host_cpu_features().get(feature))


_AVX512, _AVX2 = _has("avx512f"), _has("avx2")
VECTOR = 16 if _AVX512 else 8 if _AVX2 else 4
"""Numbers of a vector."""
LANES = 2 * VECTOR
"""Windows that a kernel works on side by side."""
TABLE_ENTRIES = 16
"""Entries of a table for `take`, more than there are codes: a register of the widest."""
_ALIGNMENT = 64

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_INTS = ir.VectorType(_I32, VECTOR)
_BYTES = ir.VectorType(ir.IntType(8), VECTOR)
FLOATS = {
    types.float32: ir.VectorType(ir.FloatType(), VECTOR),
    types.float64: ir.VectorType(ir.DoubleType(), VECTOR),
}
"""What LLVM calls a vector of each kind of number."""


class Vector(types.Type):
    """`VECTOR` numbers of one kind."""

    def __init__(self, number):
        super().__init__(f"Vector({VECTOR} {number})")
        self.number = number


class CodeVector(types.Type):
    """`VECTOR` codes of bases."""

    def __init__(self):
        super().__init__(f"Codes({VECTOR})")


_codes = CodeVector()
VECTOR_OF = {number: Vector(number) for number in FLOATS}
"""The type of vectors of each kind of number."""


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, FLOATS[kind.number])


@register_model(CodeVector)
class _CodesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _INTS)


def aligned(*shape, dtype=np.float32):
    """Zeros that begin where a cache line does: loads of vectors then touch one."""
    size, number_size = math.prod(shape), np.dtype(dtype).itemsize
    room = np.zeros(size + _ALIGNMENT // number_size, dtype)
    first = -room.ctypes.data % _ALIGNMENT // number_size
    return room[first : first + size].reshape(shape)


def pointer(context, builder, kind, array, at):
    """Where number `at` of an array lies."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def load_vector(builder, place, vector, align=4):
    """Code that loads a vector."""
    return builder.load(builder.bitcast(place, vector.as_pointer()), align=align)


def repeat(builder, number):
    """Code that makes a vector of one number."""
    undefined = ir.Constant(ir.VectorType(number.type, VECTOR), ir.Undefined)
    one = builder.insert_element(undefined, number, _I32(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(_INTS, [0] * VECTOR))


def _call(builder, name: str, answer, arguments):
    """Call a function of LLVM."""
    kind = ir.FunctionType(answer, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def multiply_add(builder, a, b, c):
    """Code of `a * b + c`."""
    bits = 32 if a.type == FLOATS[types.float32] else 64
    return _call(builder, f"llvm.fma.v{VECTOR}f{bits}", a.type, [a, b, c])


@intrinsic
def load(typing, array, at):
    """Vector of the numbers from place `at` of a flat array."""
    vector = VECTOR_OF[array.dtype]

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], *args)
        return load_vector(builder, place, FLOATS[array.dtype])

    return vector(array, types.int64), code


@intrinsic
def store(typing, array, at, value):
    """Put a vector at place `at` of a flat array of its kind of number."""
    if value.number != array.dtype:
        return None

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], builder.bitcast(place, args[2].type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), code


@intrinsic
def load_codes(typing, array, at):
    """Codes from place `at` of a flat uint8 array."""

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], *args)
        return builder.zext(load_vector(builder, place, _BYTES, align=1), _INTS)

    return _codes(array, types.int64), code


@intrinsic
def splat(typing, number):
    """Vector of one number."""

    def code(context, builder, signature, args):
        return repeat(builder, args[0])

    return VECTOR_OF[number](number), code


@intrinsic
def like(typing, vector, number):
    """Vector of one number, of the same kind as another vector."""

    def code(context, builder, signature, args):
        return repeat(builder, context.cast(builder, args[1], number, vector.number))

    return vector(vector, number), code


@intrinsic
def zeros(typing, array):
    """Vector of zeros, of the kind of number that an array holds."""

    def code(context, builder, signature, args):
        return ir.Constant(FLOATS[array.dtype], [0.0] * VECTOR)

    return VECTOR_OF[array.dtype](array), code


@intrinsic
def fma(typing, a, b, c):
    """`a * b + c`, rounded once."""

    def code(context, builder, signature, args):
        return multiply_add(builder, *args)

    return a(a, a, a), code


@intrinsic
def square_root(typing, vector):
    """Square root of each number."""

    def code(context, builder, signature, args):
        bits = 32 if vector.number == types.float32 else 64
        return _call(builder, f"llvm.sqrt.v{VECTOR}f{bits}", args[0].type, args)

    return vector(vector), code


@intrinsic
def total(typing, vector):
    """Sum of a vector's numbers."""

    def code(context, builder, signature, args):
        kind = "f32" if vector.number == types.float32 else "f64"
        name = f"llvm.vector.reduce.fadd.v{VECTOR}{kind}"
        first = context.get_constant(vector.number, 0)
        function = ir.FunctionType(first.type, [first.type, args[0].type])
        found = cgutils.get_or_insert_function(builder.module, function, name)
        return builder.call(found, [first, args[0]], fastmath=["reassoc"])

    return vector.number(vector), code


@intrinsic
def by_lane(typing, function, vector):
    """Vector of what a function makes of each number."""
    signature = function.get_call_type(typing, (vector.number,), {})

    def code(context, builder, _, args):
        call = context.get_function(function, signature)
        answer = args[1]
        for lane in range(VECTOR):
            number = builder.extract_element(args[1], _I32(lane))
            answer = builder.insert_element(answer, call(builder, [number]), _I32(lane))
        return answer

    return vector(function, vector), code


@intrinsic
def take(typing, table, at, codes):
    """For each lane the entry of its code, in a table of `TABLE_ENTRIES` at place `at`."""

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], args[0], args[1])
        vector = FLOATS[table.dtype]
        if VECTOR >= 8 and table.dtype == types.float32:  # a table is one register
            row = load_vector(builder, place, vector)
            if _AVX512:
                name, arguments = "llvm.x86.avx512.permvar.sf.512", [row, args[2]]
            else:
                name, arguments = "llvm.x86.avx2.permps", [row, args[2]]
            return _call(builder, name, vector, arguments)
        entries = [
            repeat(builder, builder.load(builder.gep(place, [_I64(c)]))) for c in range(PADDING)
        ]
        taken = entries.pop()
        for number, entry in enumerate(entries):
            same = builder.icmp_unsigned("==", args[2], ir.Constant(_INTS, [number] * VECTOR))
            taken = builder.select(same, entry, taken)
        return taken

    return VECTOR_OF[table.dtype](table, types.int64, codes), code


def _zero_from(least):
    def typed(typing, value, codes):
        def code(context, builder, signature, args):
            bound = ir.Constant(_INTS, [least] * VECTOR)
            kept = builder.icmp_unsigned("<", args[1], bound)
            return builder.select(kept, args[0], ir.Constant(args[0].type, [0.0] * VECTOR))

        return value(value, codes), code

    return typed


zero_where_padding = intrinsic(_zero_from(PADDING))
zero_where_n = intrinsic(_zero_from(PADDING - 1))


@intrinsic
def where_padding(typing, codes, value, other):
    """`value` where a code is padding, else `other`."""

    def code(context, builder, signature, args):
        padding = builder.icmp_unsigned("==", args[0], ir.Constant(_INTS, [PADDING] * VECTOR))
        return builder.select(padding, args[1], args[2])

    return value(codes, value, value), code


@intrinsic
def scale(typing, value, power):
    """`value * 2**n`, where `power` is 1.5 * 2**23 + n and both are ordinary numbers."""

    def code(context, builder, signature, args):
        bits, steps = (builder.bitcast(argument, _INTS) for argument in args)
        exponent = builder.shl(steps, ir.Constant(_INTS, [23] * VECTOR))
        return builder.bitcast(builder.add(bits, exponent), args[0].type)

    single = VECTOR_OF[types.float32]
    return single(single, single), code


def _choice(order):
    def typed(typing, a, b):
        def code(context, builder, signature, args):
            return builder.select(builder.fcmp_ordered(order, *args), *args)

        return a(a, a), code

    return typed


# `b` where either is NaN: with the number second, what is NaN stays so.
minimum, maximum = intrinsic(_choice("<")), intrinsic(_choice(">"))


def _arithmetic(operation, instruction):
    """Let an operator of Python work on vectors."""

    @intrinsic
    def computed(typing, a, b):
        def code(context, builder, signature, args):
            return getattr(builder, instruction)(*args)

        return a(a, a), code

    @overload(operation)
    def of_vectors(a, b):
        if isinstance(a, Vector) and a == b:
            return lambda a, b: computed(a, b)
        return None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")
