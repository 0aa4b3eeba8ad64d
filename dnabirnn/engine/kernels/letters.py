"""Gradient by the letters of a sequence, from the deltas of a first layer with k-mers.

The sums of a base take one row of a table, for the k-mer around the base. If base j of the k-mer
were letter x, they would take another row. So a base with k-mer K adds, to the gradient by letter x
of the base at each of the k places of K::

    delta . row of (K with x at that place)

Numbers of k-mers have two bits per base. Letter x = own ^ d at a place is one exclusive or with
the number, d shifted to that place. So gradients are summed by d = 0 to 3, which does not depend on
the bases: d = 0 is the own letter, whose row is the same for all k places. `by_letter` sorts them
by letter at the end.

Sums. Deltas have the windows in their lanes, and rows of the table have the gates in sequence. So
deltas are transposed first. Then a vector has `VECTOR` gates of one window, and a sum is a vector
of partial sums. The sums of the bases within one k-mer stay in registers, and move on by one place
with each base::

    k-mer of base t        slot 0   slot 1   slot 2   slot 3   slot 4
    k-mer of base t + 1             slot 0   slot 1   slot 2   slot 3   slot 4

The base in slot 0 is complete, and its sums are added up. Slots are in the order of the steps, so
both directions add in the same order, and the gradients of the opposite strand are equal to the
last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels.tiles import loop
from dnabirnn.engine.kernels.vectors import (
    FLOATS,
    LANES,
    VECTOR,
    aligned,
    load_vector,
    multiply_add,
    parts,
    pointer,
    shuffle,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["COLUMNS", "Letters", "add_letters", "by_letter", "no_letters"]

COLUMNS = 3 * VECTOR
"""Rows of the table of a `Letters` are filled up with zeros to a multiple of it."""
_I64 = ir.IntType(64)


class Letters(NamedTuple):
    """K-mers of a block of windows, and gradients by letter to add to.

    Attributes
    ----------
    kmer : int
        k, more than 1.
    numbers : ndarray, (L * LANES,) int64
        Number of the k-mer around each base. Without one, 4**k plus the code of the base.
    table : ndarray, ((4**k + FURTHER) * width,) float32
        Weights by k-mer, in the order of the rows of deltas. The further rows have the weights of
        bases alone. Empty if there are no k-mers.
    width : int
        Numbers per row, a multiple of `COLUMNS`.
    scratch : ndarray, (STEPS * VECTOR * width,) float32
        Scratch space, with zeros in columns that are filled up.
    out : ndarray, (LANES * (L + k - 1) * 4,) float32
        Output: gradients by own letter ^ d, of each window, with (k - 1) / 2 bases at either end.
    """

    kmer: int
    numbers: NDArray[np.int64]
    table: NDArray[np.float32]
    width: int
    scratch: NDArray[np.float32]
    out: NDArray[np.float32]


def no_letters(dtype):
    """Return a `Letters` for a backward pass that does not need gradients by letter."""
    none = aligned(0, dtype=dtype)
    return Letters(1, np.empty(0, np.int64), none, 0, none, none)


@intrinsic
def _transpose(typing, array, at, out, place, width):
    """Transpose `VECTOR` rows of `LANES` numbers, the first `VECTOR` of each, to rows of `width`.

    Rows are interleaved with those half of the rows further on, again and again: this moves one bit
    of the number of a row to the number of a column each time.
    """

    def code(context, builder, signature, args):
        source = pointer(context, builder, signature.args[0], args[0], args[1])
        target = pointer(context, builder, signature.args[2], args[2], args[3])
        vector = FLOATS[array.dtype]
        rows = [
            load_vector(builder, builder.gep(source, [_I64(n * LANES)]), vector)
            for n in range(VECTOR)
        ]
        half = VECTOR // 2
        low = [n // 2 + VECTOR * (n % 2) for n in range(VECTOR)]
        high = [half + n for n in low]
        for _ in range(VECTOR.bit_length() - 1):
            pairs = [(rows[n], rows[n + half]) for n in range(half)]
            rows = [shuffle(builder, *pair, ends) for pair in pairs for ends in (low, high)]
        for n, row in enumerate(rows):
            there = builder.gep(target, [builder.mul(args[4], _I64(n))])
            builder.store(row, builder.bitcast(there, vector.as_pointer()), align=4)
        return context.get_dummy_value()

    n = types.int64
    return types.void(array, n, out, n, n), code


def _four_totals(builder, vectors):
    """Generate code that sums each of four vectors over its numbers: a vector of four."""
    blocks = range(0, VECTOR, 4)

    def added(a, b, low, high):
        ends = [[n + place for n in blocks for place in one] for one in (low, high)]
        return builder.fadd(*(shuffle(builder, a, b, one) for one in ends))

    low, high = (0, VECTOR, 1, VECTOR + 1), (2, VECTOR + 2, 3, VECTOR + 3)
    pairs = [added(a, b, low, high) for a, b in (vectors[:2], vectors[2:])]
    low, high = (0, 1, VECTOR, VECTOR + 1), (2, 3, VECTOR + 2, VECTOR + 3)
    sums = parts(builder, added(*pairs, low, high), 4)
    while len(sums) > 1:
        sums = [builder.fadd(a, b) for a, b in zip(sums[::2], sums[1::2], strict=True)]
    return sums[0]


def _neighbors(kmer):
    """Define the gradients of a few neighboring bases of one window, for k-mers of one length."""

    @intrinsic
    def add(typing, numbers, number, table, width, rows, step, count, reverse, out, place):
        """Add the gradients from `count` bases, in the order of the backward pass.

        `numbers` has their k-mers, from position `number` on; the backward pass of the reverse
        direction goes to the right. `rows` has their deltas, `step` numbers apart. `out` has the
        gradients, from position `place` of the base in slot 0 on.
        """
        vector = FLOATS[table.dtype]
        slots = range(kmer)

        def code(context, builder, signature, args):
            kinds = signature.args
            first = pointer(context, builder, kinds[0], args[0], args[1])
            weights = pointer(context, builder, kinds[2], args[2], _I64(0))
            deltas = pointer(context, builder, kinds[4], args[4], _I64(0))
            target = pointer(context, builder, kinds[8], args[8], args[9])
            width, onward = args[3], builder.select(args[7], _I64(1), _I64(-1))
            # Slot 0 is the last base of the k-mer if the pass goes to the left.
            shifts = [builder.select(args[7], _I64(2 * (kmer - 1 - s)), _I64(2 * s)) for s in slots]
            masks = [builder.shl(_I64(d), shift) for shift in shifts for d in (1, 2, 3)]
            nothing = ir.Constant(vector, [0.0] * VECTOR)

            def finish(number, sums):
                at = builder.gep(target, [builder.mul(builder.mul(number, onward), _I64(4))])
                totals = _four_totals(builder, sums)
                at = builder.bitcast(at, totals.type.as_pointer())
                totals = builder.fadd(builder.load(at, align=4), totals)
                builder.store(totals, at, align=4)

            def products(k, row, sums):
                """Add the products of a row of deltas and the rows of 3 * kmer + 1 k-mers."""
                places = [row] + [builder.xor(row, mask) for mask in masks]
                starts = [builder.gep(weights, [builder.mul(one, width)]) for one in places]
                own = builder.gep(deltas, [builder.mul(k, args[5])])

                def columns(block, sums):
                    at = builder.mul(block, _I64(COLUMNS))
                    for v in range(0, COLUMNS, VECTOR):
                        here = builder.add(at, _I64(v))
                        delta = load_vector(builder, builder.gep(own, [here]), vector)
                        sums = [
                            multiply_add(
                                builder,
                                delta,
                                load_vector(builder, builder.gep(start, [here]), vector),
                                total,
                            )
                            for start, total in zip(starts, sums, strict=True)
                        ]
                    return sums

                return loop(builder, builder.sdiv(width, _I64(COLUMNS)), sums, columns)

            def base(k, sums):
                # Sums of the own letter of each slot, then those of the other three letters.
                at = builder.mul(builder.mul(k, onward), _I64(LANES))
                row = builder.load(builder.gep(first, [at]))
                known = builder.icmp_signed("<", row, _I64(4**kmer))
                outside = builder.block
                with builder.if_then(known):
                    found = products(k, row, [nothing, *sums[kmer:]])
                    after = [builder.fadd(total, found[0]) for total in sums[:kmer]] + found[1:]
                    inside = builder.block
                merged = [builder.phi(vector) for _ in sums]
                for one, before, new in zip(merged, sums, after, strict=True):
                    one.add_incoming(new, inside)
                    one.add_incoming(before, outside)
                finish(k, [merged[0], *merged[kmer : kmer + 3]])
                return [*merged[1:kmer], nothing, *merged[kmer + 3 :], nothing, nothing, nothing]

            sums = loop(builder, args[6], [nothing] * (4 * kmer), base)
            for slot in range(kmer - 1):
                own = [sums[slot], *sums[kmer + 3 * slot : kmer + 3 * slot + 3]]
                finish(builder.add(args[6], _I64(slot)), own)
            return context.get_dummy_value()

        n = types.int64
        kinds = (numbers, n, table, n, rows, n, n, types.boolean, out, n)
        return types.void(*kinds), code

    return add


_add3, _add5, _add7 = _neighbors(3), _neighbors(5), _neighbors(7)


@kernel
def add_letters(
    deltas: NDArray[np.float32],
    steps: int,
    delta_step: int,
    rows: int,
    reverse: bool,
    first: int,
    letters: Letters,
) -> None:
    """Add the gradients from a few steps of the backward pass.

    Parameters
    ----------
    deltas : ndarray, (steps * delta_step,) float32
        May be read for `VECTOR` rows more than it has.
    steps, delta_step : int
        Number of steps, and numbers between them.
    rows : int
        Rows of deltas whose sum has a product of the input.
    reverse : bool
        Direction of the forward pass.
    first : int
        Base of the first step.
    letters : Letters
    """
    kmer, numbers, table, width, scratch, out = letters
    half, onward = kmer // 2, 1 if reverse else -1
    size = out.size // LANES
    for v in range(0, LANES, VECTOR):
        for k in range(steps):
            for row in range(0, rows, VECTOR):
                at = k * delta_step + row * LANES + v
                _transpose(deltas, at, scratch, k * VECTOR * width + row, width)
        for n in range(VECTOR):
            lane = v + n
            number = first * LANES + lane
            own = scratch[n * width :]
            # Bases of `out` are `half` places further on, so slot 0 is `half` places back.
            place = lane * size + (first + half - onward * half) * 4
            step = VECTOR * width
            if kmer == 3:
                _add3(numbers, number, table, width, own, step, steps, reverse, out, place)
            elif kmer == 5:
                _add5(numbers, number, table, width, own, step, steps, reverse, out, place)
            else:
                _add7(numbers, number, table, width, own, step, steps, reverse, out, place)
            for k in range(steps):
                base = numbers[number + k * onward * LANES] - 4**kmer
                if 0 <= base < AMBIGUOUS:  # it has no k-mer
                    at = lane * size + (first + k * onward + half) * 4
                    for d in range(4):
                        row = (4**kmer + (base ^ d)) * width
                        total = table.dtype.type(0)
                        for column in range(rows):
                            total += own[k * step + column] * table[row + column]
                        out[at + d] += total


@kernel
def by_letter(
    codes: Codes,
    flank: int,
    forward: NDArray[np.float32],
    reverse: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Add the gradients of both directions, and sort them by letter.

    Parameters
    ----------
    codes : ndarray, (W, L) uint8
        At most LANES windows.
    flank : int
        Further bases at either end of `forward` and `reverse`.
    forward, reverse : ndarray, (LANES, L + 2 * flank, 4) float32
        By own letter ^ d.
    out : ndarray, (W, L, 4) float32
        Output: of A, C, G and T; 0 at code 4 and at padding.
    """
    windows, length = codes.shape
    for window in range(windows):
        for t in range(length):
            code = codes[window, t]
            for d in range(4):
                if code < AMBIGUOUS:
                    total = forward[window, flank + t, d] + reverse[window, flank + t, d]
                    out[window, t, code ^ d] = total
                else:
                    out[window, t, d] = 0
