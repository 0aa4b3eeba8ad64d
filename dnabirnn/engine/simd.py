"""Vectors of float32 that kernels compute with: a type for Numba.

Left to itself the compiler neither keeps a tile of a matrix product in registers nor picks table
entries by one instruction; written with vectors, it does both. A `Vector` holds as many numbers as
the processor's widest registers, so a line of a kernel that works on vectors is about one
instruction. What a lane holds never depends on its neighbours.

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
    "LANES",
    "TABLE_ENTRIES",
    "VECTOR",
    "Codes",
    "Vector",
    "aligned",
    "fma",
    "load",
    "load_codes",
    "maximum",
    "minimum",
    "product2",
    "product4",
    "product6",
    "scale",
    "splat",
    "store",
    "take",
    "zero_where_n",
    "zero_where_padding",
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

_F32, _I32, _I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_FLOATS, _INTS = ir.VectorType(_F32, VECTOR), ir.VectorType(_I32, VECTOR)
_BYTES = ir.VectorType(ir.IntType(8), VECTOR)


class Vector(types.Type):
    """`VECTOR` numbers of float32."""

    def __init__(self):
        super().__init__(f"Vector({VECTOR})")


class Codes(types.Type):
    """`VECTOR` codes of bases."""

    def __init__(self):
        super().__init__(f"Codes({VECTOR})")


_vector, _codes = Vector(), Codes()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _FLOATS)


@register_model(Codes)
class _CodesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _INTS)


def aligned(*shape):
    """Zeros of float32 that begin where a cache line does: loads of vectors then touch one."""
    size = math.prod(shape)
    room = np.zeros(size + _ALIGNMENT // 4, np.float32)
    first = -room.ctypes.data % _ALIGNMENT // 4
    return room[first : first + size].reshape(shape)


def _pointer(context, builder, kind, array, at):
    """Where number `at` of an array lies."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _as(builder, pointer, vector):
    return builder.bitcast(pointer, vector.as_pointer())


def _splat(builder, number, vector):
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, number, _I32(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(_INTS, [0] * VECTOR))


def _call(builder, name: str, answer, arguments):
    """Call a function of LLVM."""
    kind = ir.FunctionType(answer, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def _fma(builder, a, b, c):
    return _call(builder, f"llvm.fma.v{VECTOR}f32", _FLOATS, [a, b, c])


def _numbers(values):
    return ir.Constant(_FLOATS, values)


@intrinsic
def load(typing, array, at):
    """Vector of the numbers from place `at` of a flat float32 array."""

    def code(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], *args)
        return builder.load(_as(builder, pointer, _FLOATS), align=4)

    return _vector(array, types.int64), code


@intrinsic
def store(typing, array, at, value):
    """Put a vector at place `at` of a flat float32 array."""

    def code(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], _as(builder, pointer, _FLOATS), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), code


@intrinsic
def load_codes(typing, array, at):
    """Codes from place `at` of a flat uint8 array."""

    def code(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], *args)
        return builder.zext(builder.load(_as(builder, pointer, _BYTES), align=1), _INTS)

    return _codes(array, types.int64), code


@intrinsic
def splat(typing, number):
    """Vector of one number."""

    def code(context, builder, signature, args):
        return _splat(builder, args[0], _FLOATS)

    return _vector(types.float32), code


@intrinsic
def fma(typing, a, b, c):
    """`a * b + c`, rounded once."""

    def code(context, builder, signature, args):
        return _fma(builder, *args)

    return _vector(_vector, _vector, _vector), code


@intrinsic
def take(typing, table, at, codes):
    """For each lane the entry of its code, in a table of `TABLE_ENTRIES` at place `at`."""

    def code(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        if VECTOR >= 8:  # more than there are codes: a table is one register
            row = builder.load(_as(builder, pointer, _FLOATS), align=4)
            if _AVX512:
                name, arguments = "llvm.x86.avx512.permvar.sf.512", [row, args[2]]
            else:
                name, arguments = "llvm.x86.avx2.permps", [row, args[2]]
            return _call(builder, name, _FLOATS, arguments)
        entries = [
            _splat(builder, builder.load(builder.gep(pointer, [_I64(c)])), _FLOATS)
            for c in range(PADDING)
        ]
        taken = entries.pop()
        for number, entry in enumerate(entries):
            same = builder.icmp_unsigned("==", args[2], ir.Constant(_INTS, [number] * VECTOR))
            taken = builder.select(same, entry, taken)
        return taken

    return _vector(table, types.int64, codes), code


def _zero_from(least):
    def typed(typing, value, codes):
        def code(context, builder, signature, args):
            bound = ir.Constant(_INTS, [least] * VECTOR)
            kept = builder.icmp_unsigned("<", args[1], bound)
            return builder.select(kept, args[0], _numbers([0.0] * VECTOR))

        return _vector(value, codes), code

    return typed


zero_where_padding = intrinsic(_zero_from(PADDING))
zero_where_n = intrinsic(_zero_from(PADDING - 1))


@intrinsic
def scale(typing, value, power):
    """`value * 2**n`, where `power` is 1.5 * 2**23 + n and both are ordinary numbers."""

    def code(context, builder, signature, args):
        bits, steps = (builder.bitcast(argument, _INTS) for argument in args)
        exponent = builder.shl(steps, ir.Constant(_INTS, [23] * VECTOR))
        return builder.bitcast(builder.add(bits, exponent), _FLOATS)

    return _vector(_vector, _vector), code


def _choice(order):
    def typed(typing, a, b):
        def code(context, builder, signature, args):
            return builder.select(builder.fcmp_ordered(order, *args), *args)

        return _vector(_vector, _vector), code

    return typed


# `b` where either is NaN: with the number second, what is NaN stays so.
minimum, maximum = intrinsic(_choice("<")), intrinsic(_choice(">"))


def _arithmetic(operation, instruction):
    """Let an operator of Python work on vectors."""

    @intrinsic
    def computed(typing, a, b):
        def code(context, builder, signature, args):
            return getattr(builder, instruction)(*args)

        return _vector(_vector, _vector), code

    @overload(operation)
    def of_vectors(a, b):
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: computed(a, b)
        return None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")


def _product(rows):
    """A tile of a matrix product: so many rows by `LANES`.

    Its sums, two vectors a row, stay in registers: 12 vectors for 6 rows, where 16 registers are
    the fewest of the processors that matter. On one core of a Zen 4 server, tiles of 3 to 12 rows
    all run at 113 to 118 GFLOP/s, the most that the core can do; a product of torch at 87 to 100.
    """
    tile = types.UniTuple(_vector, 2 * rows)

    @intrinsic
    def product(typing, weights, at, states, first, count, sums):
        """Sums of a tile with a product added.

        `weights` holds (count, rows) numbers from place `at`, `states` (count, LANES) from place
        `first`; `sums` are two vectors for each row.
        """

        def code(context, builder, signature, args):
            weight = _pointer(context, builder, signature.args[0], args[0], args[1])
            state = _pointer(context, builder, signature.args[2], args[2], args[3])
            before = [builder.extract_value(args[5], i) for i in range(2 * rows)]
            entry = builder.block
            loop, done = builder.append_basic_block(), builder.append_basic_block()
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(_I64)
            k.add_incoming(_I64(0), entry)
            sums = [builder.phi(_FLOATS) for _ in before]
            for total, value in zip(sums, before, strict=True):
                total.add_incoming(value, entry)
            lanes = builder.gep(state, [builder.mul(k, _I64(LANES))])
            inputs = [
                builder.load(_as(builder, builder.gep(lanes, [_I64(v)]), _FLOATS), align=4)
                for v in (0, VECTOR)
            ]
            row = builder.gep(weight, [builder.mul(k, _I64(rows))])
            after = []
            for r in range(rows):
                factor = _splat(builder, builder.load(builder.gep(row, [_I64(r)])), _FLOATS)
                after += [_fma(builder, factor, inputs[v], sums[2 * r + v]) for v in (0, 1)]
            following = builder.add(k, _I64(1))
            for phi, value in zip([k, *sums], [following, *after], strict=True):
                phi.add_incoming(value, loop)
            builder.cbranch(builder.icmp_signed("<", following, args[4]), loop, done)
            builder.position_at_end(done)
            return context.make_tuple(builder, tile, after)

        place = types.int64
        return tile(weights, place, states, place, place, tile), code

    return product


product2, product4, product6 = _product(2), _product(4), _product(6)
