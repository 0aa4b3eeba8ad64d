"""Kernels of the head: from states to probabilities.

A row of the head is a product with the states of both directions, f and r. It splits into halves::

    w [f, r] = left f + right r

Each direction adds its half at each base, while its state is still in the cache. So the states of
the last layer are not stored, only the sums, `answers`, of shape (L, rows, LANES).

A tied network applies its weights to [f, r] for the + strand, and to [r, f] for the - strand. So
each logit has two packed rows::

                 half of the forward pass     half of the reverse pass
    row of +              left f          +           right r
    row of -              right f         +           left r

A logit is the mean of two rows, plus the bias: the rows of both strands for a class without
strands, else the same row twice.

Packed weights have two rows side by side, (rows / 2, hidden, 2), for `product2`.

For several networks, `add_member` adds the log-odds of one after the other to a mean, from which
`answer` then makes the probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.compiled import inlined, kernel
from dnabirnn.engine.kernels.intrinsics import (
    exp,
    fma,
    load,
    load_codes,
    logistic,
    maximum,
    minimum,
    product2,
    splat,
    store,
    zero_where_n,
    zeros,
)
from dnabirnn.engine.kernels.vectors import LANES, VECTOR, aligned
from dnabirnn.network import PROBABILITY_BOUNDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Architecture

__all__ = ["MAX_P", "MIN_P", "Head", "add_member", "answer", "pack_head", "project", "softmax"]

_HALF = np.float32(0.5)
MIN_P, MAX_P = map(np.float32, PROBABILITY_BOUNDS)
_STEPS = 16
"""Steps transposed at a time from (step, output, window) to (window, step, output): a block of few
steps stays in the cache."""


class Head(NamedTuple):
    """Packed weights of the head.

    Attributes
    ----------
    forward, reverse : ndarray, (rows / 2 * hidden * 2,) float32
        Weights for the states of each direction, two rows side by side.
    rows : int
        Number of rows; even. A row of zeros is added to an odd number.
    first, second : ndarray, (C,) int64
        Rows whose mean is a column: both strands of an unstranded class, else the same row twice.
    logits : ndarray, (C,) int64
        Logit of each column.
    bias : ndarray, (C,) float32
        Bias of each column.
    strands : ndarray, (K,) int64
        Number of columns per class.
    exclusive : bool
        Whether to apply a softmax over the columns; the first column is then the background.
    """

    forward: NDArray[np.float32]
    reverse: NDArray[np.float32]
    rows: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    logits: NDArray[np.int64]
    bias: NDArray[np.float32]
    strands: NDArray[np.int64]
    exclusive: bool


def pack_head(
    architecture: Architecture,
    weights: Mapping[str, NDArray[np.float32]],
    hidden: int,
) -> Head:
    """Pack the head of a network.

    Parameters
    ----------
    architecture : Architecture
    weights : mapping
        Weights by the names in `dnabirnn.network.checkpoint.weight_shapes`.
    hidden : int
        Units of the kernels: those of the architecture, filled up to a multiple of a tile.
    """
    left, right = np.split(weights["head.weight"], 2, axis=1)  # (logits, H)
    tied, exclusive = architecture.tied, architecture.exclusive
    forward, reverse = left, right
    if tied:  # two rows per logit: +, then -
        forward = np.stack([left, right], axis=1).reshape(-1, left.shape[1])
        reverse = np.stack([right, left], axis=1).reshape(-1, left.shape[1])
    columns: list[tuple[int, int, int]] = []  # first row, second row, logit
    if exclusive:
        columns.append((0, int(tied), 0))
    logit = int(exclusive)
    for _, stranded in architecture.classes:
        plus = logit * (1 + tied)
        if not tied:
            columns += [(plus + s, plus + s, logit + s) for s in range(1 + stranded)]
            logit += 1 + stranded
            continue
        rows = [(plus, plus), (plus + 1, plus + 1)] if stranded else [(plus, plus + 1)]
        columns += [(*pair, logit) for pair in rows]
        logit += 1
    bias = weights["head.bias"]
    return Head(
        forward=_in_pairs(forward, hidden),
        reverse=_in_pairs(reverse, hidden),
        rows=forward.shape[0] + forward.shape[0] % 2,
        first=np.array([first for first, _, _ in columns], np.int64),
        second=np.array([second for _, second, _ in columns], np.int64),
        logits=np.array([logit for _, _, logit in columns], np.int64),
        bias=np.array([bias[n] for _, _, n in columns], bias.dtype),
        strands=np.array([1 + stranded for _, stranded in architecture.classes], np.int64),
        exclusive=exclusive,
    )


def _in_pairs(rows: NDArray[np.float32], hidden: int) -> NDArray[np.float32]:
    """Pack rows (n, H) as (n / 2, hidden, 2), filled up with zeros, flat."""
    n = rows.shape[0] + rows.shape[0] % 2
    full = aligned(n, hidden, dtype=rows.dtype)
    full[: rows.shape[0], : rows.shape[1]] = rows
    return np.ascontiguousarray(full.reshape(-1, 2, hidden).transpose(0, 2, 1)).reshape(-1)


@inlined
def project(
    head: NDArray[np.float32],
    rows: int,
    hidden: int,
    states: NDArray[np.float32],
    at: int,
    answers: NDArray[np.float32],
    place: int,
    add: bool,
) -> None:
    """Write or add one half of the head's rows, for the states from position `at`, to `answers`.

    Each half is summed separately before the two are added. The sum of two numbers does not depend
    on their order, so the opposite strand gets the same result to the last bit.
    """
    zero = zeros(states)
    for pair in range(rows // 2):
        sums = product2(head, pair * hidden * 2, states, at, hidden, (zero, zero, zero, zero))
        first = place + pair * 2 * LANES
        if add:
            store(answers, first, load(answers, first) + sums[0])
            store(answers, first + VECTOR, load(answers, first + VECTOR) + sums[1])
            store(answers, first + LANES, load(answers, first + LANES) + sums[2])
            last = first + LANES + VECTOR
            store(answers, last, load(answers, last) + sums[3])
        else:
            store(answers, first, sums[0])
            store(answers, first + VECTOR, sums[1])
            store(answers, first + LANES, sums[2])
            store(answers, first + LANES + VECTOR, sums[3])


@kernel
def add_member(
    answers: NDArray[np.float32],
    rows: int,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    bias: NDArray[np.float32],
    terms: NDArray[np.float32],
    places: NDArray[np.int64],
    shares: NDArray[np.float32],
    mean: NDArray[np.float32],
) -> None:
    """Add the share of one network to the mean of the log-odds of several.

    Parameters
    ----------
    answers, rows, first, second, bias, terms
        Of the network, as for `answer`.
    places : ndarray, (C,) int64
        Number in the mean of each of the network's log-odds.
    shares : ndarray, (M,) float32
        Share of a network in each number of the mean.
    mean : ndarray, (L * M * LANES,) float32
        The mean so far.
    """
    columns, all_columns = first.size, shares.size
    for t in range(mean.size // (all_columns * LANES)):
        for v in range(0, LANES, VECTOR):
            for c in range(columns):
                one = load(answers, (t * rows + first[c]) * LANES + v)
                other = load(answers, (t * rows + second[c]) * LANES + v)
                log_odds = fma(one + other, splat(_HALF), splat(bias[c]))
                if terms.size:
                    log_odds = log_odds + load(terms, (t * columns + c) * LANES + v)
                place = (t * all_columns + places[c]) * LANES + v
                store(mean, place, fma(log_odds, splat(shares[places[c]]), load(mean, place)))


@kernel
def answer(
    codes: Codes,
    answers: NDArray[np.float32],
    rows: int,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    bias: NDArray[np.float32],
    strands: NDArray[np.int64],
    exclusive: bool,
    terms: NDArray[np.float32],
    columns: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Compute the probabilities of a block of windows from the sums of both directions.

    Parameters
    ----------
    codes : ndarray, (L * LANES,) uint8
    answers : ndarray, (L * rows * LANES,) float32
    rows, first, second, bias, strands, exclusive
        As in `Head`.
    terms : ndarray, (L * C * LANES,) float32
        Numbers to add to the log-odds; empty if there are none.
    columns : ndarray, (16 * C * LANES,) float32
        Scratch space.
    out : ndarray, (LANES, L, O) float32
        Output: within `PROBABILITY_BOUNDS`; 0 where the code is 4; undefined at padding.
    """
    length, outputs = out.shape[1], out.shape[2]
    background = 1 if exclusive else 0
    step_numbers = (outputs + background) * LANES
    for begin in range(0, length, _STEPS):
        end = min(begin + _STEPS, length)
        for t in range(begin, end):
            for v in range(0, LANES, VECTOR):
                base = (t - begin) * step_numbers + v
                for c in range(outputs + background):
                    one = load(answers, (t * rows + first[c]) * LANES + v)
                    other = load(answers, (t * rows + second[c]) * LANES + v)
                    log_odds = fma(one + other, splat(_HALF), splat(bias[c]))
                    if terms.size:
                        place = (t * (outputs + background) + c) * LANES + v
                        log_odds = log_odds + load(terms, place)
                    store(columns, base + c * LANES, log_odds)
                bases = load_codes(codes, t * LANES + v)
                if exclusive:
                    softmax(columns, base, outputs, strands)
                for c in range(background, outputs + background):
                    at = base + c * LANES
                    p = load(columns, at) if exclusive else logistic(load(columns, at))
                    p = minimum(splat(MAX_P), maximum(splat(MIN_P), p))
                    store(columns, at, zero_where_n(p, bases))
        for lane in range(LANES):
            for t in range(begin, end):
                at = (t - begin) * step_numbers + background * LANES + lane
                for o in range(outputs):
                    out[lane, t, o] = columns[at + o * LANES]


@inlined
def softmax(
    columns: NDArray[np.float32], base: int, outputs: int, strands: NDArray[np.int64]
) -> None:
    """Replace the log-odds of background and outputs by their probabilities."""
    highest = load(columns, base)
    for c in range(1, outputs + 1):
        highest = maximum(highest, load(columns, base + c * LANES))
    for c in range(outputs + 1):
        at = base + c * LANES
        store(columns, at, exp(load(columns, at) - highest))
    total = load(columns, base)
    at = base + LANES
    for k in range(strands.size):
        # Add the two strands of a class first, so that the opposite strand has the same total.
        of_class = load(columns, at)
        at += LANES
        if strands[k] == 2:
            of_class = of_class + load(columns, at)
            at += LANES
        total = total + of_class
    for c in range(outputs + 1):
        at = base + c * LANES
        store(columns, at, load(columns, at) / total)
