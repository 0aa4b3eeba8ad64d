"""Tiles of matrix products, whose sums stay in registers: intrinsics for kernels."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dnabirnn.engine.kernels.simd import (
    FLOATS,
    LANES,
    VECTOR,
    VECTOR_OF,
    load_vector,
    multiply_add,
    pointer,
    repeat,
)

__all__ = ["COLUMNS", "ROWS", "outer", "product2", "product4", "product6"]

ROWS = 4
"""Rows of a tile of `outer`."""
COLUMNS = 4 if VECTOR == 16 else 2
"""Columns of a tile of `outer`: where registers are the widest, there are 32 of them, else 16."""

_I64 = ir.IntType(64)


def _loop(builder, count, sums, step):
    """Code of a loop that is run at least once: sums after `count` times `step(k, sums)`."""
    entry = builder.block
    loop, done = builder.append_basic_block(), builder.append_basic_block()
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(_I64)
    k.add_incoming(_I64(0), entry)
    before = [builder.phi(value.type) for value in sums]
    for total, value in zip(before, sums, strict=True):
        total.add_incoming(value, entry)
    after = step(k, before)
    following = builder.add(k, _I64(1))
    for phi, value in zip([k, *before], [following, *after], strict=True):
        phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
    builder.position_at_end(done)
    return after


def _product(rows):
    """A tile of a matrix product: so many rows by `LANES`.

    Its sums, two vectors a row, stay in registers: 12 vectors for 6 rows, where 16 registers are
    the fewest of the processors that matter. On one core of a Zen 4 server, tiles of 3 to 12 rows
    all run at 113 to 118 GFLOP/s, the most that the core can do; a product of torch at 87 to 100.
    """

    @intrinsic
    def product(typing, weights, at, states, first, count, sums):
        """Sums of a tile with a product added.

        `weights` holds (count, rows) numbers from place `at`, `states` (count, LANES) from place
        `first`; `sums` are two vectors for each row.
        """
        tile = types.UniTuple(VECTOR_OF[weights.dtype], 2 * rows)

        def code(context, builder, signature, args):
            weight = pointer(context, builder, signature.args[0], args[0], args[1])
            state = pointer(context, builder, signature.args[2], args[2], args[3])

            def step(k, sums):
                lanes = builder.gep(state, [builder.mul(k, _I64(LANES))])
                inputs = [
                    load_vector(builder, builder.gep(lanes, [_I64(v)]), FLOATS[states.dtype])
                    for v in (0, VECTOR)
                ]
                row = builder.gep(weight, [builder.mul(k, _I64(rows))])
                after = []
                for r in range(rows):
                    factor = repeat(builder, builder.load(builder.gep(row, [_I64(r)])))
                    pair = zip(inputs, sums[2 * r : 2 * r + 2], strict=True)
                    after += [multiply_add(builder, factor, x, total) for x, total in pair]
                return after

            before = [builder.extract_value(args[5], i) for i in range(2 * rows)]
            return context.make_tuple(builder, tile, _loop(builder, args[4], before, step))

        place = types.int64
        return tile(weights, place, states, place, place, tile), code

    return product


product2, product4, product6 = _product(2), _product(4), _product(6)


@intrinsic
def outer(typing, left, at, left_step, right, first, right_step, count, sums, place):
    """Add products of rows of `left` and rows of `right`, lane by lane, to a tile of sums.

    A row is `LANES` numbers. `ROWS` rows lie from place `at` of `left`, `COLUMNS` from place
    `first` of `right`, and again `count` times, so many numbers further on each time. The tile is
    ROWS * COLUMNS vectors from place `place` of `sums`, whose lanes are still to be added up: over
    steps and windows this is a product of matrices whose inner side is the windows.
    """

    def code(context, builder, signature, args):
        lefts = pointer(context, builder, signature.args[0], args[0], args[1])
        rights = pointer(context, builder, signature.args[3], args[3], args[4])
        tile = pointer(context, builder, signature.args[7], args[7], args[8])
        vector = FLOATS[left.dtype]

        def row(start, number):
            return load_vector(builder, builder.gep(start, [_I64(number * LANES)]), vector)

        def step(k, sums):
            for v in (0, VECTOR):
                mine = builder.gep(lefts, [builder.add(builder.mul(k, args[2]), _I64(v))])
                other = builder.gep(rights, [builder.add(builder.mul(k, args[5]), _I64(v))])
                columns = [row(other, c) for c in range(COLUMNS)]
                after = []
                for r in range(ROWS):
                    factor = row(mine, r)
                    pairs = zip(columns, sums[r * COLUMNS : (r + 1) * COLUMNS], strict=True)
                    after += [multiply_add(builder, factor, x, total) for x, total in pairs]
                sums = after
            return sums

        places = [builder.gep(tile, [_I64(n * VECTOR)]) for n in range(ROWS * COLUMNS)]
        before = [load_vector(builder, one, vector) for one in places]
        for one, value in zip(places, _loop(builder, args[6], before, step), strict=True):
            builder.store(value, builder.bitcast(one, vector.as_pointer()), align=4)
        return context.get_dummy_value()

    n = types.int64
    return types.void(left, n, n, right, n, n, n, sums, n), code
