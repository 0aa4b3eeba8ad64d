"""Calibration of exclusive classes: one multinomial regression for the scores of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["ScoredBases", "gathered", "multinomial_fit"]

_ROUNDS = 30
_BLOCK_BASES = 1 << 14
_RIDGE = 1e-9


class ScoredBases(NamedTuple):
    """Bases with a score per output, of which each has at most one label.

    Attributes
    ----------
    scores : ndarray, (O, n) float32
    labels : ndarray, (n,) int64
        Number of the output that a base belongs to; -1 for the background.
    weights : ndarray, (n,) float64
        Number of bases that each stands for.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]


def gathered(
    streams: Sequence[Iterable[tuple[NDArray[np.float32], NDArray[np.bool_]]]],
    least: Sequence[float],
    slopes: NDArray[np.float64],
    shifts: NDArray[np.float64],
    share: float,
) -> ScoredBases:
    """Return the scores of all classes at bases of a sequence, above their lower limits.

    If only a share is wanted, all labelled bases are kept. The others of each chunk are sorted by
    their odds of belonging to any class. Half of those kept have the largest odds. The other half
    is evenly spread over the rest, and each stands for the bases around it.

    Parameters
    ----------
    streams : sequence of iterable
        For each class, the scores (strands, n) float32 and the truth (strands, n) bool of chunks of
        n bases, the same bases for all classes.
    least : sequence of float
        Lower limit of the scores of each class.
    slopes, shifts : ndarray, (K,) float64
        A first fit of each class by itself, which the odds are taken from.
    share : float
        Share of the bases to keep, about; 1 or more for all.
    """
    found = []
    for parts in zip(*streams, strict=True):
        of_class = [
            np.maximum(scores, np.float32(limit))
            for (scores, _), limit in zip(parts, least, strict=True)
        ]
        truth = np.concatenate([each for _, each in parts])
        labels = np.where(truth.any(axis=0), truth.argmax(axis=0), -1)
        kept, weights = np.arange(labels.size), np.ones(labels.size)
        half = round(share * labels.size / 2)
        if 0 < 2 * half < labels.size:
            odds = np.zeros(labels.size)
            for scores, slope, shift in zip(of_class, slopes, shifts, strict=True):
                odds += np.exp(slope * scores + shift).sum(axis=0)
            odds[labels >= 0] = np.inf
            order = np.argsort(odds, kind="stable")
            top = max(half, int((labels >= 0).sum()))
            rest, largest = order[: order.size - top], order[order.size - top :]
            step = max(rest.size / half, 1.0)
            spread = rest[np.arange(step / 2, rest.size, step).astype(np.int64)]
            kept = np.concatenate([largest, spread])
            weights = np.ones(kept.size)
            weights[largest.size :] = rest.size / max(spread.size, 1)
        found.append(ScoredBases(np.concatenate(of_class)[:, kept], labels[kept], weights))
    scores, labels, weights = (np.concatenate(each, axis=-1) for each in zip(*found, strict=True))
    return ScoredBases(scores, labels, weights)


def multinomial_fit(
    bases: ScoredBases,
    owners: Sequence[int],
    slopes: NDArray[np.float64],
    shifts: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit slopes and shifts of classes that share a softmax with a background of logit 0.

    The logit of output o is `slopes[k] * score + shifts[k]`, with k the class that owns it.
    Newton's method starts from given values, on Platt's targets, as in
    `dnabirnn.evaluation.reliability.logistic_fit`. The probabilities of a class then add up to its
    number of bases.

    Parameters
    ----------
    bases : ScoredBases
    owners : sequence of int
        Class of each output; a class has one or two.
    slopes, shifts : ndarray, (K,) float64
        Values to start from. Slopes are above 0, and stay so.

    Returns
    -------
    slopes, shifts : ndarray, (K,) float64

    Examples
    --------
    >>> scores = np.array([[0, 0, 0, 4, 4, 4], [0, 0, 0, 4, 4, 4]], np.float32)
    >>> labels = np.array([-1, -1, 0, 0, 1, 1])
    >>> bases = ScoredBases(scores, labels, np.full(6, 100.0))
    >>> slopes, shifts = multinomial_fit(bases, [0, 1], np.ones(2), np.zeros(2))
    >>> odds = np.exp(slopes * 4 + shifts)
    >>> (odds / (1 + odds.sum())).round(2).tolist()
    [0.33, 0.66]
    """
    count, owner = len(slopes), np.asarray(owners)
    wanted = _wanted(bases, owner, count)
    at = np.concatenate([slopes, shifts]).astype(np.float64)
    loss, gradient, curvature = _derivatives(bases, owner, at, wanted)
    for _ in range(_ROUNDS):
        step = np.linalg.solve(curvature + _RIDGE * np.eye(2 * count), gradient)
        while np.abs(step).max() > 1e-9:
            new = at - step
            if new[:count].min() > 0:
                found = _derivatives(bases, owner, new, wanted)
                if found[0] <= loss:
                    break
            step = step / 2
        else:
            break
        gained = loss - found[0]
        at, (loss, gradient, curvature) = new, found
        if gained <= 1e-9 * abs(loss):
            break
    return at[:count], at[count:]


def _wanted(bases: ScoredBases, owner: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return the sums of score and of 1 over the targets of each class: (2 K,).

    Targets are a little below 1 for bases of a class, and a little above 0 for others.
    """
    sums = np.zeros((2, count))
    items = bases.weights.sum() * np.bincount(owner, minlength=count)
    own = np.array([bases.weights[bases.labels == output].sum() for output in range(len(owner))])
    positives = np.bincount(owner, weights=own, minlength=count)
    for output, number in enumerate(owner.tolist()):
        high = (positives[number] + 1) / (positives[number] + 2)
        low = 1 / (items[number] - positives[number] + 2)
        targets = np.where(bases.labels == output, high, low) * bases.weights
        sums[:, number] += (targets * bases.scores[output]).sum(), targets.sum()
    return sums.ravel()


def _derivatives(
    bases: ScoredBases,
    owner: NDArray[np.int64],
    at: NDArray[np.float64],
    wanted: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the loss, its gradient (2 K,) and its matrix of second derivatives (2 K, 2 K).

    Sums are those of einsum, whose order does not depend on the number of threads.
    """
    count = at.size // 2
    loss, expected = -float((at * wanted).sum()), np.zeros(2 * count)
    curvature = np.zeros((2 * count, 2 * count))
    places = np.arange(count)
    for scores, weights in _blocks(bases):
        logits = at[:count][owner][:, None] * scores + at[count:][owner][:, None]
        most = np.maximum(logits.max(axis=0), 0)
        odds = np.exp(logits - most)
        total = odds.sum(axis=0) + np.exp(-most)
        loss += float((weights * (most + np.log(total))).sum())
        p = odds / total
        first = np.zeros((2 * count, weights.size))  # per class: sum of p x score, sum of p
        second = np.zeros(count)  # of weights x p x score x score
        for output, number in enumerate(owner.tolist()):
            mine = p[output] * scores[output]
            first[number] += mine
            first[count + number] += p[output]
            second[number] += (weights * mine * scores[output]).sum()
        weighted = first * weights
        sums = weighted.sum(axis=1)
        expected += sums
        curvature -= np.einsum("in,jn->ij", weighted, first)
        curvature[places, places] += second
        curvature[places, count + places] += sums[:count]
        curvature[count + places, places] += sums[:count]
        curvature[count + places, count + places] += sums[count:]
    return loss, expected - wanted, curvature


def _blocks(bases: ScoredBases) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    for start in range(0, bases.weights.size, _BLOCK_BASES):
        part = slice(start, start + _BLOCK_BASES)
        yield bases.scores[:, part].astype(np.float64), bases.weights[part]
