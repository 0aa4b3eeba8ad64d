"""Gradients by the letters of k-mers, as intrinsics for kernels; see `kernels.letters`."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dnabirnn.engine.kernels.intrinsics.generate import (
    load_vector,
    multiply_add,
    parts,
    pointer,
    shuffle,
)
from dnabirnn.engine.kernels.intrinsics.tiles import loop
from dnabirnn.engine.kernels.intrinsics.vector_types import FLOATS
from dnabirnn.engine.kernels.vectors import LANES, LETTER_COLUMNS, VECTOR

__all__ = ["add3", "add5", "add7", "transpose"]

_I64 = ir.IntType(64)


@intrinsic
def transpose(typing, array, at, out, place, width):
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
                    at = builder.mul(block, _I64(LETTER_COLUMNS))
                    for v in range(0, LETTER_COLUMNS, VECTOR):
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

                return loop(builder, builder.sdiv(width, _I64(LETTER_COLUMNS)), sums, columns)

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


add3, add5, add7 = _neighbors(3), _neighbors(5), _neighbors(7)
