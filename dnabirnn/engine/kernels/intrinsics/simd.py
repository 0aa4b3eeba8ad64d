"""Operations on SIMD vectors; `kernels.vectors` explains vectors and lanes."""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from dnabirnn.alphabet import PADDING
from dnabirnn.engine.kernels.intrinsics.generate import (
    by_register,
    call,
    joined,
    load_vector,
    multiply_add,
    parts,
    pointer,
    repeat,
)
from dnabirnn.engine.kernels.intrinsics.vector_types import (
    FLOATS,
    INTS,
    VECTOR_OF,
    CodeVector,
    Vector,
)
from dnabirnn.engine.kernels.vectors import AVX512, LANES, TABLE_ENTRIES, TILE_ROWS, VECTOR

__all__ = [
    "by_lane",
    "choose",
    "fma",
    "fraction",
    "join",
    "like",
    "load",
    "load4",
    "load8",
    "load_codes",
    "maximum",
    "minimum",
    "prefetch_to_read",
    "prefetch_to_write",
    "scale",
    "splat",
    "split",
    "square_root",
    "start_rows",
    "store",
    "take",
    "take_rows",
    "total",
    "where_padding",
    "zero_where_n",
    "zero_where_padding",
    "zeros",
]

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_BYTES = ir.VectorType(ir.IntType(8), VECTOR)
_codes = CodeVector()
_SHIFT = 12582912.0  # 1.5 * 2**23
# Arguments of instructions of AVX-512: round to nearest; all lanes; the usual rounding mode.
_TO_NEAREST = _I32(8)
_ALL = (
    ir.Constant(FLOATS[types.float32], ir.Undefined),
    ir.Constant(ir.IntType(16), -1),
    _I32(4),
)


def _load(vectors):
    """Define a function that loads a wide vector of several vectors."""

    def typed(typing, array, at):
        wide = Vector(array.dtype, vectors * VECTOR)

        def code(context, builder, signature, args):
            place = pointer(context, builder, signature.args[0], *args)
            return load_vector(builder, place, wide.layout)

        return wide(array, types.int64), code

    return typed


load, load4, load8 = intrinsic(_load(1)), intrinsic(_load(4)), intrinsic(_load(8))


@intrinsic
def join(typing, vectors):
    """Join a tuple of vectors, a power of two of them, to a wide vector."""
    wide = vectors.dtype.of_width(vectors.count * vectors.dtype.width)

    def code(context, builder, signature, args):
        return joined(builder, cgutils.unpack_tuple(builder, args[0], vectors.count))

    return wide(vectors), code


@intrinsic(prefer_literal=True)
def split(typing, wide, count):
    """Split a wide vector into a tuple of `count` vectors, a constant."""
    part = wide.of_width(wide.width // count.literal_value)
    tile = types.UniTuple(part, count.literal_value)

    def code(context, builder, signature, args):
        return context.make_tuple(builder, tile, parts(builder, args[0], part.width))

    return tile(wide, count), code


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


def _prefetch(writes):
    """Define a function that fetches rows of `LANES` numbers to the cache, to write or read them.

    Values of many bases do not fit in the cache. The processor fetches what is next to what was
    read, but groups of values of one base are far apart.
    """

    def typed(typing, array, at, rows):
        line = 64 // (array.dtype.bitwidth // 8)

        def code(context, builder, signature, args):
            place = pointer(context, builder, signature.args[0], args[0], args[1])
            byte = ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
            for n in range(0, rows.literal_value * 2 * VECTOR, line):
                there = builder.bitcast(builder.gep(place, [_I64(n)]), byte)
                builder.call(function, [there, _I32(int(writes)), _I32(3), _I32(1)])
            return context.get_dummy_value()

        return types.void(array, types.int64, rows), code

    return typed


prefetch_to_read = intrinsic(prefer_literal=True)(_prefetch(False))
prefetch_to_write = intrinsic(prefer_literal=True)(_prefetch(True))


@intrinsic
def load_codes(typing, array, at):
    """Load codes from position `at` of a flat uint8 array."""

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], *args)
        return builder.zext(load_vector(builder, place, _BYTES, align=1), INTS)

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
        one = context.cast(builder, args[1], number, vector.number)
        return repeat(builder, one, vector.width)

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
        return call(builder, f"llvm.sqrt.v{VECTOR}f{bits}", args[0].type, args)

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
        for lane in range(vector.width):
            number = builder.extract_element(args[1], _I32(lane))
            result = builder.insert_element(result, call(builder, [number]), _I32(lane))
        return result

    return vector(function, vector), code


def _take(builder, place, number, codes):
    """Generate code that looks up the code of each lane in the table at an address."""
    vector = FLOATS[number]
    # The entries of all codes fit one register.
    if VECTOR >= 8 and number == types.float32:
        row = load_vector(builder, place, vector)
        if AVX512:
            return call(builder, "llvm.x86.avx512.permvar.sf.512", vector, [row, codes])
        return call(builder, "llvm.x86.avx2.permps", vector, [row, codes])
    # Without a permute instruction: select each entry by comparison with its code.
    places = [builder.gep(place, [_I64(c)]) for c in range(PADDING + 1)]
    entries = [repeat(builder, builder.load(one)) for one in places]
    taken = entries.pop()
    for code, entry in enumerate(entries):
        same = builder.icmp_unsigned("==", codes, ir.Constant(INTS, [code] * VECTOR))
        taken = builder.select(same, entry, taken)
    return taken


@intrinsic
def take(typing, table, at, codes):
    """Look up the code of each lane in the table of `TABLE_ENTRIES` at position `at`."""

    def code(context, builder, signature, args):
        place = pointer(context, builder, signature.args[0], args[0], args[1])
        return _take(builder, place, table.dtype, args[2])

    return VECTOR_OF[table.dtype](table, types.int64, codes), code


@intrinsic(prefer_literal=True)
def take_rows(typing, table, at, rows, a, b):
    """Look up the codes `a` and `b` in `rows` tables from position `at`; `rows` is a constant.

    Returns a tuple of two vectors per table, as `tiles` has the sums of a tile.
    """
    tile = types.UniTuple(VECTOR_OF[table.dtype], 2 * rows.literal_value)

    def code(context, builder, signature, args):
        first = pointer(context, builder, signature.args[0], args[0], args[1])
        taken = []
        for row in range(rows.literal_value):
            place = builder.gep(first, [_I64(row * TABLE_ENTRIES)])
            taken += [_take(builder, place, table.dtype, codes) for codes in args[3:]]
        return context.make_tuple(builder, tile, taken)

    return tile(table, types.int64, rows, a, b), code


@intrinsic
def start_rows(typing, table, at, a, b, sums, place):
    """Look up the codes `a` and `b` in `TILE_ROWS` tables from position `at`, for a tile of sums.

    `sums` has (TILE_ROWS, LANES) numbers from position `place`.
    """

    def code(context, builder, signature, args):
        first = pointer(context, builder, signature.args[0], args[0], args[1])
        total = pointer(context, builder, signature.args[4], args[4], args[5])
        vector = FLOATS[table.dtype]
        for row in range(TILE_ROWS):
            entries = builder.gep(first, [_I64(row * TABLE_ENTRIES)])
            for v, codes in ((0, args[2]), (VECTOR, args[3])):
                to = builder.gep(total, [_I64(row * LANES + v)])
                taken = _take(builder, entries, table.dtype, codes)
                builder.store(taken, builder.bitcast(to, vector.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(table, types.int64, a, b, sums, types.int64), code


def _zero_from(first_code):
    """Define a function that sets lanes with this code or a higher one to zero."""

    def typed(typing, value, codes):
        def code(context, builder, signature, args):
            bound = ir.Constant(codes.layout, [first_code] * codes.width)
            kept = builder.icmp_unsigned("<", args[1], bound)
            return builder.select(kept, args[0], ir.Constant(args[0].type, [0.0] * codes.width))

        return value(value, codes), code

    return typed


zero_where_padding = intrinsic(_zero_from(PADDING))
zero_where_n = intrinsic(_zero_from(PADDING - 1))


@intrinsic
def where_padding(typing, codes, value, other):
    """Return `value` where a code is padding, else `other`."""

    def code(context, builder, signature, args):
        bound = ir.Constant(codes.layout, [PADDING] * codes.width)
        padding = builder.icmp_unsigned("==", args[0], bound)
        return builder.select(padding, args[1], args[2])

    return value(codes, value, value), code


def _shifted(builder, x):
    """Generate code for x + 1.5 * 2**23, whose last bits are x rounded to an integer."""
    return builder.fadd(x, ir.Constant(x.type, [_SHIFT] * x.type.count))


def _fraction(builder, x):
    """Generate code for x - n, where n is x rounded to an integer."""
    if AVX512:
        return by_register(builder, "llvm.x86.avx512.mask.reduce.ps.512", [x], [_TO_NEAREST, *_ALL])
    n = builder.fsub(_shifted(builder, x), ir.Constant(x.type, [_SHIFT] * x.type.count))
    return builder.fsub(x, n)


@intrinsic
def fraction(typing, x):
    """Return x - n, where n is x rounded to the nearest integer; exact for |x| < 2**22."""

    def code(context, builder, signature, args):
        return _fraction(builder, args[0])

    return x(x), code


@intrinsic
def scale(typing, value, x):
    """Return value * 2**n, where n is x rounded to the nearest integer, from -125 to 126.

    Without AVX-512, the last bits of n are added to the exponent bits of `value`, from bit 23 on.
    """

    def code(context, builder, signature, args):
        if AVX512:
            n = builder.fsub(args[1], _fraction(builder, args[1]))
            name = "llvm.x86.avx512.mask.scalef.ps.512"
            return by_register(builder, name, [args[0], n], _ALL)
        ints = ir.VectorType(_I32, x.width)
        steps = builder.bitcast(_shifted(builder, args[1]), ints)
        exponent = builder.shl(steps, ir.Constant(ints, [23] * x.width))
        bits = builder.bitcast(args[0], ints)
        return builder.bitcast(builder.add(bits, exponent), args[0].type)

    return value(value, x), code


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


@intrinsic
def choose(typing, a, b, value, other):
    """Return `value` where `a > b`, else `other`."""

    def code(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered(">", *args[:2]), *args[2:])

    return a(a, a, a, a), code


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
