"""Tiles of matrix products, as intrinsics for kernels.

Most of the time of a kernel goes into matrix products. A product is computed tile by tile. The sums
of a tile stay in registers until they are complete, so that one step of the inner loop loads only
new operands, and stores nothing.

Products with weights, `product2` to `product12`. A tile is 2, 4, 6, 8 or 12 rows of weights (gates
of some units) times all lanes. For each unit k of the states, a weight is repeated in all lanes and
multiplies two vectors, a and b (see `simd`)::

                                     states (count, LANES)
                                    k: [   a_k   ] [   b_k   ]
    weights (count, rows)                   |           |
                                            v           v
    k: w_k0  ----------------->   sum_0a += w_k0 a_k   sum_0b += w_k0 b_k
       w_k1  ----------------->   sum_1a += w_k1 a_k   sum_1b += w_k1 b_k
       ...

The weights of a tile are packed in the order in which they are read: all rows of k = 0, then all
rows of k = 1, and so on.

Gradients of weights, `outer`. The gradient of weight (i, j) is a sum over steps and windows::

    gradient_ij = sum over steps and windows of delta_i * state_j

Here rows of both factors have the windows in their lanes, and a tile is `OUTER_ROWS` rows of deltas
times `OUTER_COLUMNS` rows of states. Vectors are multiplied lane by lane, so that a sum is a vector
too. Its lanes are added up once at the end, by `gradients.add_up`. Nothing has to be transposed.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dnabirnn.engine.kernels.intrinsics.generate import (
    load_vector,
    multiply_add,
    pointer,
    repeat,
)
from dnabirnn.engine.kernels.intrinsics.vector_types import FLOATS, VECTOR_OF
from dnabirnn.engine.kernels.vectors import LANES, OUTER_COLUMNS, OUTER_ROWS, VECTOR

__all__ = ["loop", "outer", "product2", "product4", "product6", "product8", "product12"]

_I64 = ir.IntType(64)


def loop(builder, count, sums, step):
    """Generate a loop of `count` steps, at least one: `sums = step(k, sums)`; return the sums."""
    entry = builder.block
    begin, done = builder.append_basic_block(), builder.append_basic_block()
    builder.branch(begin)
    builder.position_at_end(begin)
    k = builder.phi(_I64)
    k.add_incoming(_I64(0), entry)
    before = [builder.phi(value.type) for value in sums]
    for total, value in zip(before, sums, strict=True):
        total.add_incoming(value, entry)
    after = step(k, before)
    following = builder.add(k, _I64(1))
    end = builder.block  # a step may have loops of its own
    for phi, value in zip([k, *before], [following, *after], strict=True):
        phi.add_incoming(value, end)
    builder.cbranch(builder.icmp_signed("<", following, count), begin, done)
    builder.position_at_end(done)
    return after


def _product(rows):
    """Define the product of a tile of `rows` by `LANES`.

    The sums, two vectors per row, stay in registers. Six rows have 12 sums, and need three more
    vectors for a weight and two states: AVX2 has 16 registers. Twelve rows have 24 sums: AVX-512
    has 32. On one core of a Zen 4 server, tiles of 3 to 12 rows all reach 113 to 118 GFLOP/s, the
    limit of the core. A product of torch reaches 87 to 100.
    """

    @intrinsic
    def product(typing, weights, at, states, first, count, sums):
        """Return the sums of a tile with a product added.

        `weights` has (count, rows) numbers from position `at`. `states` has (count, LANES) numbers
        from position `first`. `sums` has two vectors per row.
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
            return context.make_tuple(builder, tile, loop(builder, args[4], before, step))

        place = types.int64
        return tile(weights, place, states, place, place, tile), code

    return product


product2, product4, product6 = _product(2), _product(4), _product(6)
product8, product12 = _product(8), _product(12)


@intrinsic
def outer(typing, left, at, left_step, right, first, right_step, count, sums, place):
    """Add products of rows of `left` and rows of `right`, lane by lane, to a tile of sums.

    A row is `LANES` numbers. In each of `count` steps, the product of every one of `OUTER_ROWS`
    rows of `left` and every one of `OUTER_COLUMNS` rows of `right` is added. The rows of `left`
    start at position `at`, and are `left_step` numbers further on in each next step. The rows of
    `right` start at `first`, with `right_step`. The tile is OUTER_ROWS * OUTER_COLUMNS vectors from
    position `place` of `sums`. Both halves of a row, a and b, are added to the same vector.
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
                columns = [row(other, c) for c in range(OUTER_COLUMNS)]
                after = []
                for r in range(OUTER_ROWS):
                    factor = row(mine, r)
                    pairs = zip(
                        columns, sums[r * OUTER_COLUMNS : (r + 1) * OUTER_COLUMNS], strict=True
                    )
                    after += [multiply_add(builder, factor, x, total) for x, total in pairs]
                sums = after
            return sums

        places = [builder.gep(tile, [_I64(n * VECTOR)]) for n in range(OUTER_ROWS * OUTER_COLUMNS)]
        before = [load_vector(builder, one, vector) for one in places]
        for one, value in zip(places, loop(builder, args[6], before, step), strict=True):
            builder.store(value, builder.bitcast(one, vector.as_pointer()), align=4)
        return context.get_dummy_value()

    n = types.int64
    return types.void(left, n, n, right, n, n, n, sums, n), code
