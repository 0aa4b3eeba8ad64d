"""Tiles of matrix products of bfloat16, as intrinsics for kernels; see `kernels.bf16`.

A tile is `TILE_ROWS` rows of weights times all lanes. Its sums are float32, in memory. Weights and
states are pairs of bfloat16, each pair in the place of a float32. For each pair k of states, a pair
of weights is repeated in all lanes::

                                   states (pairs, LANES)
                              k: [ 2 k | 2 k + 1 ]  of each window
    weights (rows, pairs)                |
                                         v
    w_0k  ----------------->   sum_0 += w_0,2k h_2k + w_0,2k+1 h_2k+1
    w_1k  ----------------->   sum_1 += ...
    ...

There are three forms. They take the same arrays:

- AMX has registers of 16 rows of 16 pairs. `TDPBF16PS` multiplies two of them, and adds up the even
  and the odd numbers of a tile separately.
- AVX512-BF16 has `VDPBF16PS`, which adds first the odd product to the sums of a vector, and then
  the even one.
- All other processors do the latter with two multiplications of float32. This takes longer than
  kernels of float32, so it serves tests only.

So sums of AMX differ from those of the other forms in the last bits. The other two differ only in
sums below 2**-126, which are 0 with `VDPBF16PS`.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from dnabirnn.engine.kernels.intrinsics.generate import (
    call,
    joined,
    load_vector,
    multiply_add,
    parts,
    pointer,
    repeat,
)
from dnabirnn.engine.kernels.intrinsics.tiles import loop
from dnabirnn.engine.kernels.intrinsics.vector_types import FLOATS, INTS
from dnabirnn.engine.kernels.vectors import (
    AMX,
    AVX512_BF16,
    LANES,
    TILE_PAIRS,
    TILE_ROWS,
    VECTOR,
)

__all__ = ["add_tile_product", "begin_tiles", "end_tiles", "store_pairs"]

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_FLOAT = FLOATS[types.float32]
_TILE = TILE_ROWS * TILE_PAIRS
_ROW_BYTES = TILE_PAIRS * 4
_HIGH = 0xFFFF0000 - (1 << 32)  # of a number of 32 bits, with its sign
_HALF = 0x8000  # half of the last bit that is kept
# Rows whose sums are in registers at a time, and pairs per round of the loop. On Zen 5, the
# products reach twice the rate of those of float32. With 4 rows, the kernel is slower.
_ROWS = 8
_UNROLLED = 8 if AVX512_BF16 else 1


def _multiply_pairs(builder, total, weights, states):
    """Generate code that adds the products of pairs, `INTS`, to sums."""
    if AVX512_BF16:
        return call(builder, "llvm.x86.avx512bf16.dpbf16ps.512", _FLOAT, [total, weights, states])

    def odd(pairs):
        return builder.bitcast(builder.and_(pairs, ir.Constant(INTS, [_HIGH] * VECTOR)), _FLOAT)

    def even(pairs):
        return builder.bitcast(builder.shl(pairs, ir.Constant(INTS, [16] * VECTOR)), _FLOAT)

    total = multiply_add(builder, odd(weights), odd(states), total)
    return multiply_add(builder, even(weights), even(states), total)


def _vector_product(builder, weight, state, pairs, total):
    """Generate the product of a tile with vectors."""
    for first in range(0, TILE_ROWS, _ROWS):
        rows = range(first, first + _ROWS)
        places = [builder.gep(total, [_I64(row * LANES + v)]) for row in rows for v in (0, VECTOR)]
        before = [load_vector(builder, one, _FLOAT) for one in places]

        def tile(k, sums, rows=rows):
            of_tile = builder.gep(weight, [builder.mul(k, _I64(_TILE))])
            of_state = builder.gep(state, [builder.mul(k, _I64(TILE_PAIRS * LANES))])

            def step(n, sums):
                n = builder.mul(n, _I64(_UNROLLED))
                column = builder.gep(of_tile, [n])
                lanes = builder.gep(of_state, [builder.mul(n, _I64(LANES))])
                for pair in range(_UNROLLED):
                    inputs = [
                        load_vector(builder, builder.gep(lanes, [_I64(pair * LANES + v)]), INTS)
                        for v in (0, VECTOR)
                    ]
                    after = []
                    for number, row in enumerate(rows):
                        place = builder.gep(column, [_I64(row * TILE_PAIRS + pair)])
                        number_of = builder.load(builder.bitcast(place, _I32.as_pointer()))
                        factor = repeat(builder, number_of)
                        for v, states in enumerate(inputs):
                            one = sums[2 * number + v]
                            after.append(_multiply_pairs(builder, one, factor, states))
                    sums = after
                return sums

            return loop(builder, _I64(TILE_PAIRS // _UNROLLED), sums, step)

        count = builder.sdiv(pairs, _I64(TILE_PAIRS))
        for place, value in zip(places, loop(builder, count, before, tile), strict=True):
            builder.store(value, builder.bitcast(place, _FLOAT.as_pointer()), align=4)


def _instruction(builder, name, arguments):
    """Generate an instruction for tiles of AMX."""
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}")
    builder.call(function, arguments)


def _move(builder, name, register, place, row_bytes):
    """Generate code that loads or stores a register, with `row_bytes` bytes from row to row."""
    place = builder.bitcast(place, _I8.as_pointer())
    _instruction(builder, name, [_I8(register), place, _I64(row_bytes)])


def _amx_product(builder, weight, state, pairs, total):
    """Generate the product of a tile with AMX: registers 0 and 1 hold the sums of both vectors."""
    halves = [builder.gep(total, [_I64(v)]) for v in (0, VECTOR)]
    for register, half in enumerate(halves):
        _move(builder, "tileloadd64", register, half, LANES * 4)

    def tile(k, sums):
        of_tile = builder.gep(weight, [builder.mul(k, _I64(_TILE))])
        of_state = builder.gep(state, [builder.mul(k, _I64(TILE_PAIRS * LANES))])
        _move(builder, "tileloadd64", 2, of_tile, _ROW_BYTES)
        for register, v in enumerate((0, VECTOR)):
            lanes = builder.gep(of_state, [_I64(v)])
            _move(builder, "tileloadd64", 3 + register, lanes, LANES * 4)
        for register in range(2):
            _instruction(builder, "tdpbf16ps", [_I8(register), _I8(2), _I8(3 + register)])
        return sums

    loop(builder, builder.sdiv(pairs, _I64(TILE_PAIRS)), [], tile)
    for register, half in enumerate(halves):
        _move(builder, "tilestored64", register, half, LANES * 4)


@intrinsic
def add_tile_product(typing, weights, at, states, first, pairs, sums, place):
    """Add a product to the sums of a tile.

    `weights` has (pairs / TILE_PAIRS, TILE_ROWS, TILE_PAIRS) pairs from position `at`, `states`
    has (pairs, LANES) from position `first`, and `sums` (TILE_ROWS, LANES) numbers from position
    `place`. `pairs` is a multiple of `TILE_PAIRS`.
    """

    def code(context, builder, signature, args):
        kinds = signature.args
        weight = pointer(context, builder, kinds[0], args[0], args[1])
        state = pointer(context, builder, kinds[2], args[2], args[3])
        total = pointer(context, builder, kinds[5], args[5], args[6])
        product = _amx_product if AMX else _vector_product
        product(builder, weight, state, args[4], total)
        return context.get_dummy_value()

    n = types.int64
    return types.void(weights, n, states, n, n, sums, n), code


# The shapes of AMX's registers: kind 1, then from byte 16 on the bytes per row, two bytes for each,
# and from byte 48 on the number of rows. All 8 registers are full.
_SHAPES = [0] * 64
_SHAPES[0] = 1
_SHAPES[16:32] = [_ROW_BYTES, 0] * 8
_SHAPES[48:56] = [TILE_ROWS] * 8


@intrinsic
def begin_tiles(typing):
    """Set the shapes of AMX's registers; does nothing in other forms."""

    def code(context, builder, signature, args):
        if AMX:
            shapes = ir.Constant(ir.VectorType(_I8, 64), _SHAPES)
            place = cgutils.alloca_once(builder, shapes.type)
            builder.store(shapes, place)
            _instruction(builder, "ldtilecfg", [builder.bitcast(place, _I8.as_pointer())])
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def end_tiles(typing):
    """Free AMX's registers."""

    def code(context, builder, signature, args):
        if AMX:
            _instruction(builder, "tilerelease", [])
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def store_pairs(typing, array, at, states):
    """Store the states of an even number of units, a wide vector, as pairs of bfloat16.

    They are rounded to nearest, half away from zero.
    """
    pairs = states.of_width(states.width // 2)

    def code(context, builder, signature, args):
        ints = ir.VectorType(_I32, pairs.width)

        def constant(number):
            return ir.Constant(ints, [number] * pairs.width)

        units = parts(builder, args[2], LANES)
        even, odd = (
            builder.add(builder.bitcast(joined(builder, units[n::2]), ints), constant(_HALF))
            for n in range(2)
        )
        even, odd = builder.lshr(even, constant(16)), builder.and_(odd, constant(_HIGH))
        place = pointer(context, builder, signature.args[0], args[0], args[1])
        both = builder.or_(even, odd)
        builder.store(both, builder.bitcast(place, ints.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, states), code
