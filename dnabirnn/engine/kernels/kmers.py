"""Look-up of k-mers in a first layer, and the gradient of their table.

A first layer with k-mers adds to the sums of each base the row of a table for the k-mer around it
(see `dnabirnn.network.kmers`). No sum is added up when a kernel runs: `fold` makes a table of whole
sums, with biases, the weights of the base and the row of the k-mer. It has a row per k-mer, and
`FURTHER` rows for bases without one, by code: A, C, G, T, and last N and padding::

    row                  [ sums of tile 0 | sums of tile 1 | ... ]
    0       AAAAA
    1       AAAAC
    ...
    4^k     A, no k-mer
    ...
    4^k + 4 N, padding

The reverse direction has another table, in the order of the same rows: row AAAAC has the sums for
GTTTT. So `find_places` is called once for both directions. It gives the place of each base's row.

Transposition. The lanes of a vector need one number each, from as many rows. A gather instruction
loads them one by one. `take_kmers` loads four neighbouring sums at a time, and transposes blocks of
four lanes and four sums::

    lane 0   [ s0 s1 s2 s3 ]              s0   [ lane 0  lane 1  lane 2  lane 3 ]
    lane 1   [ s0 s1 s2 s3 ]     -->      s1   [ lane 0  lane 1  lane 2  lane 3 ]
    lane 2   [ s0 s1 s2 s3 ]              s2   [ lane 0  lane 1  lane 2  lane 3 ]
    lane 3   [ s0 s1 s2 s3 ]              s3   [ lane 0  lane 1  lane 2  lane 3 ]

`add_to_rows` goes the other way: it adds the deltas of each lane to a row of the gradient, lane by
lane in a fixed order.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dnabirnn.alphabet import AMBIGUOUS, PADDING
from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels.vectors import (
    FLOATS,
    LANES,
    VECTOR,
    VECTOR_OF,
    joined,
    load_vector,
    parts,
    pointer,
    shuffle,
)

__all__ = ["FURTHER", "GROUP", "add_to_rows", "find_places", "fold", "take_kmers"]

FURTHER = 5
"""Rows of a table after those of the k-mers."""
GROUP = 4
"""Sums that are loaded at a time. The sums of a tile are filled up to a multiple of it."""

_I64 = ir.IntType(64)
_BLOCKS = range(0, VECTOR, GROUP)


@kernel
def find_places(codes, length, kmer, width, places):
    """Find the place of each base's row in tables with rows of `width` numbers.

    Parameters
    ----------
    codes : ndarray, (L * LANES,) uint8
    length, kmer, width : int
    places : ndarray, (L * LANES,) int64
        Output.
    """
    number, known = [0] * LANES, [0] * LANES  # of the last k bases; how many bases are known
    largest, half = 4**kmer - 1, kmer // 2
    for t in range(length + half):
        for lane in range(LANES):
            code = codes[t * LANES + lane] if t < length else PADDING
            number[lane] = (number[lane] * 4 + (code & 3)) & largest
            known[lane] = known[lane] + 1 if code < AMBIGUOUS else 0
            if t >= half:
                at = (t - half) * LANES + lane
                row = number[lane]
                if known[lane] < kmer:
                    row = largest + 1 + min(codes[at], AMBIGUOUS)
                places[at] = row * width


@kernel
def fold(table, rows, columns, factors, of_bases, out):
    """Add up the sums of each row.

    Parameters
    ----------
    table : ndarray, (4**k, gates * units) float32
        Weights of k-mers.
    rows : ndarray, (4**k,) int64
        Row of `table` for each row of the output.
    columns : ndarray, (width,) int64
        Column of `table` for each column of the output.
    factors : ndarray, (width,) float64
        Factors of the weights; 0 for columns that are filled up.
    of_bases : ndarray, (FURTHER, width) float32
        Sums of bases without a k-mer.
    out : ndarray, ((4**k + FURTHER) * width,) float32
        Output.
    """
    kmers, width = rows.size, columns.size
    kind = table.dtype.type
    below = 1  # k-mers that differ only after the base in the middle
    while below * below * 4 < kmers:
        below *= 4
    for row in range(kmers):
        base = row // below % 4
        for column in range(width):
            of_kmer = kind(table[rows[row], columns[column]] * factors[column])
            out[row * width + column] = of_bases[base, column] + of_kmer
    for base in range(FURTHER):
        for column in range(width):
            out[(kmers + base) * width + column] = of_bases[base, column]


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
