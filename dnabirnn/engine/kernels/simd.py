"""SIMD vectors as a Numba type, which all kernels compute with.

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

Tables. The input of a first layer is one-hot, so the product of the input weights with a base is
one column of the weights. No product is computed. Instead, each row has a table of its weights for
all codes, with the bias added, and `take` looks up the entry of each lane's code. A table has 16
entries, of which 6 are used. In float32 it fits one register of AVX-512, and the 6 entries fit one
register of AVX2, so that a look-up is one permute instruction::

    table of a row   [ A  C  G  T  N  padding  -  -  ... ]     e.g. A = bias + weight of A,
    codes of lanes   [ 2  0  0  3  ... ]                            N = padding = bias
    take             [ G  A  A  T  ... ]

Types are in `simd.pyi`, since a type checker cannot read the intrinsics of Numba.
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
    """Return whether Numba compiles for a processor with a feature."""
    if config.CPU_FEATURES is not None:
        return f"+{feature}" in str(config.CPU_FEATURES).split(",")
    return bool(llvm.get_host_cpu_features().get(feature))


_AVX512, _AVX2 = _has("avx512f"), _has("avx2")
VECTOR = 16 if _AVX512 else 8 if _AVX2 else 4
"""Numbers per vector."""
LANES = 2 * VECTOR
"""Windows that a kernel computes side by side: two vectors."""
TABLE_ENTRIES = 16
"""Entries per table for `take`: one register of AVX-512. The first 6, one per code, are used."""
_ALIGNMENT = 64

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_INTS = ir.VectorType(_I32, VECTOR)
_BYTES = ir.VectorType(ir.IntType(8), VECTOR)
FLOATS = {
    types.float32: ir.VectorType(ir.FloatType(), VECTOR),
    types.float64: ir.VectorType(ir.DoubleType(), VECTOR),
}
"""LLVM type of a vector, by type of number."""


class Vector(types.Type):
    """Numba type of `VECTOR` numbers of one type."""

    def __init__(self, number):
        super().__init__(f"Vector({VECTOR} {number})")
        self.number = number


class CodeVector(types.Type):
    """Numba type of `VECTOR` codes of bases."""

    def __init__(self):
        super().__init__(f"Codes({VECTOR})")


_codes = CodeVector()
VECTOR_OF = {number: Vector(number) for number in FLOATS}
"""Numba type of a vector, by type of number."""


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, FLOATS[kind.number])


@register_model(CodeVector)
class _CodesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _INTS)


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


def repeat(builder, number):
    """Generate code that repeats a number in all lanes."""
    undefined = ir.Constant(ir.VectorType(number.type, VECTOR), ir.Undefined)
    one = builder.insert_element(undefined, number, _I32(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(_INTS, [0] * VECTOR))


def _call(builder, name: str, result, arguments):
    """Generate a call of an LLVM function."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def multiply_add(builder, a, b, c):
    """Generate code for `a * b + c`."""
    bits = 32 if a.type == FLOATS[types.float32] else 64
    return _call(builder, f"llvm.fma.v{VECTOR}f{bits}", a.type, [a, b, c])


@intrinsic
def load(typing, array, at):
    """Load a vector from position `at` of a flat array."""
    vector = VECTOR_OF[array.dtype]

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], *args)
        return load_vector(builder, place, FLOATS[array.dtype])

    return vector(array, types.int64), code


@intrinsic
def store(typing, array, at, value):
    """Store a vector at position `at` of a flat array of the same type of number."""
    if value.number != array.dtype:
        return None

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], builder.bitcast(place, args[2].type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), code


@intrinsic
def load_codes(typing, array, at):
    """Load codes from position `at` of a flat uint8 array."""

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], *args)
        return builder.zext(load_vector(builder, place, _BYTES, align=1), _INTS)

    return _codes(array, types.int64), code


@intrinsic
def splat(typing, number):
    """Return a vector with a number in all lanes."""

    def code(context, builder, signature, args):
        return repeat(builder, args[0])

    return VECTOR_OF[number](number), code


@intrinsic
def like(typing, vector, number):
    """Return a vector with a number in all lanes, of the same type as another vector."""

    def code(context, builder, signature, args):
        return repeat(builder, context.cast(builder, args[1], number, vector.number))

    return vector(vector, number), code


@intrinsic
def zeros(typing, array):
    """Return a vector of zeros, of the same type of number as an array."""

    def code(context, builder, signature, args):
        return ir.Constant(FLOATS[array.dtype], [0.0] * VECTOR)

    return VECTOR_OF[array.dtype](array), code


@intrinsic
def fma(typing, a, b, c):
    """Return `a * b + c`, rounded once."""

    def code(context, builder, signature, args):
        return multiply_add(builder, *args)

    return a(a, a, a), code


@intrinsic
def square_root(typing, vector):
    """Return the square root of each number."""

    def code(context, builder, signature, args):
        bits = 32 if vector.number == types.float32 else 64
        return _call(builder, f"llvm.sqrt.v{VECTOR}f{bits}", args[0].type, args)

    return vector(vector), code


@intrinsic
def total(typing, vector):
    """Return the sum over all lanes."""

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
    """Apply a scalar function to each lane."""
    signature = function.get_call_type(typing, (vector.number,), {})

    def code(context, builder, _, args):
        call = context.get_function(function, signature)
        result = args[1]
        for lane in range(VECTOR):
            number = builder.extract_element(args[1], _I32(lane))
            result = builder.insert_element(result, call(builder, [number]), _I32(lane))
        return result

    return vector(function, vector), code


@intrinsic
def take(typing, table, at, codes):
    """Look up the code of each lane in the table of `TABLE_ENTRIES` at position `at`."""

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], args[0], args[1])
        vector = FLOATS[table.dtype]
        # The entries of all codes fit one register.
        if VECTOR >= 8 and table.dtype == types.float32:
            row = load_vector(builder, place, vector)
            if _AVX512:
                name, arguments = "llvm.x86.avx512.permvar.sf.512", [row, args[2]]
            else:
                name, arguments = "llvm.x86.avx2.permps", [row, args[2]]
            return _call(builder, name, vector, arguments)
        # Without a permute instruction: select each entry by comparison with its code.
        entries = [
            repeat(builder, builder.load(builder.gep(place, [_I64(c)]))) for c in range(PADDING)
        ]
        taken = entries.pop()
        for number, entry in enumerate(entries):
            same = builder.icmp_unsigned("==", args[2], ir.Constant(_INTS, [number] * VECTOR))
            taken = builder.select(same, entry, taken)
        return taken

    return VECTOR_OF[table.dtype](table, types.int64, codes), code


def _zero_from(first_code):
    """Define a function that sets lanes with this code or a higher one to zero."""

    def typed(typing, value, codes):
        def code(context, builder, signature, args):
            bound = ir.Constant(_INTS, [first_code] * VECTOR)
            kept = builder.icmp_unsigned("<", args[1], bound)
            return builder.select(kept, args[0], ir.Constant(args[0].type, [0.0] * VECTOR))

        return value(value, codes), code

    return typed


zero_where_padding = intrinsic(_zero_from(PADDING))
zero_where_n = intrinsic(_zero_from(PADDING - 1))


@intrinsic
def where_padding(typing, codes, value, other):
    """Return `value` where a code is padding, else `other`."""

    def code(context, builder, signature, args):
        padding = builder.icmp_unsigned("==", args[0], ir.Constant(_INTS, [PADDING] * VECTOR))
        return builder.select(padding, args[1], args[2])

    return value(codes, value, value), code


@intrinsic
def scale(typing, value, power):
    """Return `value * 2**n`, where `power` is 1.5 * 2**23 + n; no result may over- or underflow.

    The last bits of `power` as an integer are n. Added to the exponent bits of `value`, from bit 23
    on, they multiply it by 2**n.
    """

    def code(context, builder, signature, args):
        bits, steps = (builder.bitcast(argument, _INTS) for argument in args)
        exponent = builder.shl(steps, ir.Constant(_INTS, [23] * VECTOR))
        return builder.bitcast(builder.add(bits, exponent), args[0].type)

    single = VECTOR_OF[types.float32]
    return single(single, single), code


def _choice(order):
    """Define a function that returns `a` where `a order b` holds, else `b`."""

    def typed(typing, a, b):
        def code(context, builder, signature, args):
            return builder.select(builder.fcmp_ordered(order, *args), *args)

        return a(a, a), code

    return typed


# Each returns `b` if either argument is NaN. Kernels pass the bound as `a` and the computed value
# as `b`, so that a bound does not hide NaN.
minimum, maximum = intrinsic(_choice("<")), intrinsic(_choice(">"))


def _arithmetic(operation, instruction):
    """Define a Python operator for vectors."""

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
