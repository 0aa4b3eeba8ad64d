"""Look-up of k-mers, and its gradient, as intrinsics for kernels; see `kernels.kmers`."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dnabirnn.engine.kernels.intrinsics.generate import (
    joined,
    load_vector,
    parts,
    pointer,
    shuffle,
)
from dnabirnn.engine.kernels.intrinsics.vector_types import FLOATS, VECTOR_OF
from dnabirnn.engine.kernels.kmers import GROUP
from dnabirnn.engine.kernels.vectors import LANES, TILE_ROWS, VECTOR

__all__ = ["add_to_rows", "start_kmers", "take_kmers"]

_I64 = ir.IntType(64)
_BLOCKS = range(0, VECTOR, GROUP)


def _transposed(builder, vectors):
    """Generate code that transposes four vectors in blocks of four lanes."""
    first, second, third, fourth = vectors

    def mixed(a, b, places):
        ends = [
            n + place + (VECTOR - GROUP) * (place >= GROUP) for n in _BLOCKS for place in places
        ]
        return shuffle(builder, a, b, ends)

    lows = mixed(first, second, (0, 4, 1, 5)), mixed(third, fourth, (0, 4, 1, 5))
    highs = mixed(first, second, (2, 6, 3, 7)), mixed(third, fourth, (2, 6, 3, 7))
    return [mixed(*pair, ends) for pair in (lows, highs) for ends in ((0, 1, 4, 5), (2, 3, 6, 7))]


def _places(builder, place, first):
    """Generate code that loads the places of VECTOR lanes from lane `first`."""
    return [builder.load(builder.gep(place, [_I64(first + lane)])) for lane in range(VECTOR)]


def _group(number):
    """Return the LLVM type of a group of numbers."""
    return ir.VectorType(FLOATS[number].element, GROUP)


@intrinsic(prefer_literal=True)
def take_kmers(typing, table, at, rows, places, first):
    """Look up `rows` sums, a constant, of all lanes from position `at` of the rows of a table.

    `places` has the places of the rows, from position `first`. Returns a tuple of two vectors per
    sum, as `simd.take_rows`.
    """
    count = rows.literal_value
    tile = types.UniTuple(VECTOR_OF[table.dtype], 2 * count)

    def code(context, builder, signature, args):
        sums = pointer(context, builder, signature.args[0], args[0], args[1])
        place = pointer(context, builder, signature.args[3], args[3], args[4])
        halves = []
        for v in (0, VECTOR):
            starts = [builder.gep(sums, [n]) for n in _places(builder, place, v)]
            found = []
            for group in range(0, count, GROUP):
                lanes = [
                    load_vector(builder, builder.gep(start, [_I64(group)]), _group(table.dtype))
                    for start in starts
                ]
                found += _transposed(builder, [joined(builder, lanes[n::GROUP]) for n in range(4)])
            halves.append(found)
        taken = [half[row] for row in range(count) for half in halves]
        return context.make_tuple(builder, tile, taken)

    return tile(table, types.int64, rows, places, types.int64), code


def _blocks_exchanged(builder, rows):
    """Generate code for vectors of the first, second ... blocks of `GROUP` lanes of all rows."""
    count = len(rows)
    if count == 1:
        return rows
    half = count // 2 * GROUP
    lanes = [list(range(half)), list(range(half, 2 * half))]
    found = []
    for own in lanes:  # the first blocks of all rows, then the others
        both = [*own, *(n + 2 * half for n in own)]
        found += [shuffle(builder, *pair, both) for pair in zip(rows[::2], rows[1::2], strict=True)]
    if count == 2:
        return found
    lows, highs = found[:2], found[2:]
    ends = [
        [n + GROUP * block for block in (odd, odd + 2, odd + 4, odd + 6) for n in range(GROUP)]
        for odd in range(2)
    ]
    return [shuffle(builder, *pair, places) for pair in (lows, highs) for places in ends]


@intrinsic
def start_kmers(typing, table, at, places, first, sums, place):
    """Write the sums of all lanes from position `at` of the rows of a table to a tile of sums.

    `places` has the places of the rows, from position `first`. `sums` has (TILE_ROWS, LANES)
    numbers from position `place`. A whole vector of each row is loaded at a time, and blocks of
    VECTOR lanes and sums are transposed.
    """

    def code(context, builder, signature, args):
        row = pointer(context, builder, signature.args[0], args[0], args[1])
        rows = pointer(context, builder, signature.args[2], args[2], args[3])
        total = pointer(context, builder, signature.args[4], args[4], args[5])
        vector, blocks = FLOATS[table.dtype], VECTOR // GROUP
        for v in (0, VECTOR):
            starts = [builder.gep(row, [n]) for n in _places(builder, rows, v)]
            for column in range(0, TILE_ROWS, VECTOR):
                loaded = [
                    load_vector(builder, builder.gep(start, [_I64(column)]), vector)
                    for start in starts
                ]
                by_group = [
                    _blocks_exchanged(builder, [loaded[n + GROUP * b] for b in range(blocks)])
                    for n in range(GROUP)
                ]
                for block in range(blocks):
                    found = _transposed(builder, [group[block] for group in by_group])
                    for n, value in enumerate(found):
                        number = (column + block * GROUP + n) * LANES + v
                        to = builder.gep(total, [_I64(number)])
                        builder.store(value, builder.bitcast(to, vector.as_pointer()), align=4)
        return context.get_dummy_value()

    n = types.int64
    return types.void(table, n, places, n, sums, n), code


@intrinsic
def add_to_rows(typing, table, at, places, first, deltas, place):
    """Add `GROUP` rows of deltas, from position `place`, to the rows of a gradient.

    `at` is their position in a row, and `places` has the places of the rows from position `first`.
    """

    def code(context, builder, signature, args):
        sums = pointer(context, builder, signature.args[0], args[0], args[1])
        rows = pointer(context, builder, signature.args[2], args[2], args[3])
        group, vector = _group(table.dtype), FLOATS[deltas.dtype]
        delta = pointer(context, builder, signature.args[4], args[4], args[5])
        for v in (0, VECTOR):
            found = [
                load_vector(builder, builder.gep(delta, [_I64(row * LANES + v)]), vector)
                for row in range(GROUP)
            ]
            by_lane = [parts(builder, one, GROUP) for one in _transposed(builder, found)]
            for lane, row in enumerate(_places(builder, rows, v)):
                start = builder.bitcast(builder.gep(sums, [row]), group.as_pointer())
                added = by_lane[lane % GROUP][lane // GROUP]
                total = builder.fadd(builder.load(start, align=4), added)
                builder.store(total, start, align=4)
        return context.get_dummy_value()

    n = types.int64
    return types.void(table, n, places, n, deltas, n), code
