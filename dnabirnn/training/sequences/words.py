"""Weights of words: which words are more frequent in sequences of a class than in others.

A logistic regression on the numbers of each word in a sequence (`dnabirnn.network.Words`). There
are more words than a few thousand sequences can tell apart one by one. Similar words are therefore
taken to have similar weights: a weight is a sum of terms that depend on one base of the word, on
two, and so on up to all of them, and each term has a normal prior. A term of one base more has a
standard deviation that is smaller by the factor `_DECAY`, so that a weight follows from the parts
of a word unless sequences say otherwise. The terms are found with a transform that is its own
inverse, a product of 4 by 4 matrices, one for each base (Walsh and Hadamard's for four symbols).

Each strength of the prior, in `_STRENGTHS`, gives its own weights. Which ones are used, and how
much they count beside the network, is decided on validation sequences (`chosen_words`).

AUROC on dev splits of GUE (Zhou and others, 2024), of words alone, strength 0.2::

    patterns                      tf_3     mouse_4
    1111111 (strength 0.25)       0.823    0.824
    111010111 (strength 0.25)     0.816    0.809
    both                          0.830    0.833
    with 110111011 for the second 0.827    0.831

Factors of 0.5, 0.7 and 0.85, with 1111111 and strength 0.25, gave 0.788, 0.823 and 0.813 on tf_3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.evaluation import logistic_fit
from dnabirnn.network import WORD_BASES, WORDS, Words, word_numbers
from dnabirnn.training.sequences.sampling import classes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.encoded import EncodedSet

__all__ = ["PATTERNS", "chosen_words", "fitted_words", "weighed"]

PATTERNS = ("1111111", "111010111")
_STRENGTHS = (0.1, 0.2, 0.4)
_LEAST_GAIN = 3.0
"""Smallest gain of words, in nats over all validation sequences. In 95 % of 400 simulations with 20
to 1,000 sequences, the best of three candidates that were pure noise gained less than 2.5."""
_DECAY = 0.7
_STEPS = 40
_HISTORY = 10
# Of more training sequences, evenly spread ones are read.
_MOST_BP = 10_000_000
_WORDS_AT_ONCE = 1 << 20
_ALL = 4**WORD_BASES
# Orthonormal, and its own inverse; the first row is constant.
_TRANSFORM = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2


def fitted_words(encoded: EncodedSet, length_bp: int) -> Iterator[Words]:
    """Yield the weights of words on the training sequences, for each strength of the prior.

    Parameters
    ----------
    encoded : EncodedSet
        Of whole sequences.
    length_bp : int
        Of longer sequences, the stretch of this length around the summit is read, or in the middle.
    """
    codes, truth = _stretches(encoded, length_bp)
    numbers = [word_numbers(codes, pattern).astype(np.uint16) for pattern in PATTERNS]
    terms = np.zeros((truth.shape[1], len(PATTERNS) * _ALL + 1))
    before = _STRENGTHS[0]
    for strength in _STRENGTHS:
        weights = np.empty((truth.shape[1], len(PATTERNS), WORDS), np.float32)
        for number, own in enumerate(truth.T):
            fit = _Fit(numbers, own, strength)
            start = terms[number]
            start[:-1] *= before / strength  # the same weights
            terms[number] = _minimized(fit.loss, start, _STEPS)
            weights[number] = fit.weights(terms[number])
        before = strength
        yield Words(PATTERNS, weights)


def chosen_words(
    candidates: list[tuple[Words, NDArray[np.float64]]],
    log_odds: NDArray[np.float64],
    truth: NDArray[np.bool_],
) -> Words | None:
    """Return the words that give the best probabilities beside the network.

    Parameters
    ----------
    candidates : list of (Words, ndarray)
        With what the words add to the log-odds of validation sequences, (n, K).
    log_odds : ndarray, (n, K) float64
        Of the network alone.
    truth : ndarray, (n, K) bool

    Returns
    -------
    words : Words or None
        For each class, the weights of the best candidate times its factor; 0 if no candidate lowers
        the loss enough. None if this is so for all classes.
    """
    weights = np.zeros_like(candidates[0][0].weights)
    for number in range(len(weights)):
        own, right = log_odds[:, number], truth[:, number]
        best, least = None, weighed(own, np.zeros_like(own), right)[1] - _LEAST_GAIN / len(own)
        for words, added in candidates:
            factor, loss = weighed(own, added[:, number], right)
            if loss < least:
                best, least = words.weights[number] * np.float32(factor), loss
        if best is not None:
            weights[number] = best
    return Words(candidates[0][0].patterns, weights) if weights.any() else None


def weighed(
    log_odds: NDArray[np.float64], added: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the factor of `added` with which the log-odds are best, and the loss per sequence.

    The loss is the cross-entropy of the calibrated sum. Factors that are tried give `added` from
    1/16 to 16 times the standard deviation of the log-odds, in steps of the root of 2; or it is 0.

    Examples
    --------
    >>> truth = np.array([False, True] * 50)
    >>> rng = np.random.default_rng(0)
    >>> bool(weighed(rng.normal(size=100), truth + rng.normal(size=100), truth)[0] > 0.5)
    True
    """
    positives = truth.astype(np.int64)
    if positives.all() or not positives.any():
        return 0.0, 0.0
    if not added.any():
        return 0.0, _loss(log_odds, positives)
    unit = (log_odds.std() or 1.0) / (added.std() or 1.0)
    factors = [0.0, *(unit * 2.0 ** (half / 2) for half in range(-8, 9))]
    losses = [_loss(log_odds + factor * added, positives) for factor in factors]
    best = int(np.argmin(losses))
    return factors[best], losses[best]


def _loss(log_odds: NDArray[np.float64], positives: NDArray[np.int64]) -> float:
    slope, shift = logistic_fit(log_odds, positives, 1 - positives)
    return float(np.logaddexp(0, (1 - 2 * positives) * (slope * log_odds + shift)).mean())


def _stretches(encoded: EncodedSet, length_bp: int) -> tuple[Codes, NDArray[np.bool_]]:
    """Return the training sequences (n, length_bp), padded on the right, and their classes."""
    spans = encoded.split("train")
    most = max(_MOST_BP // length_bp, 2)
    if len(spans) > most:
        spans = spans[np.unique(np.linspace(0, len(spans) - 1, most).round().astype(np.int64))]
    truth = classes_of(encoded, spans)
    codes = np.full((len(spans), length_bp), PADDING, np.uint8)
    summits = {
        offset: offset + encoded.summits[name]
        for name, offset, _ in encoded.contigs
        if name in encoded.summits
    }
    for row, (start, end) in enumerate(spans.tolist()):
        size = min(end - start, length_bp)
        centre = summits.get(start, (start + end) // 2)
        first = min(max(centre - size // 2, start), end - size)
        codes[row, :size] = encoded.codes[first : first + size]
    return codes, truth


class _Fit:
    """Loss of the terms of the weights on one class, and its gradient."""

    def __init__(
        self, numbers: list[NDArray[np.uint16]], truth: NDArray[np.bool_], strength: float
    ) -> None:
        self._numbers, self._truth = numbers, truth.astype(np.float64)
        orders = np.zeros((1,), np.int64)
        for _ in range(WORD_BASES):
            orders = (orders[:, None] + np.array([0, 1, 1, 1])).ravel()
        self._deviations = strength * _DECAY**orders
        every = np.arange(_ALL)
        self._opposite = np.zeros_like(every)
        for _ in range(WORD_BASES):
            self._opposite = self._opposite << 2 | 3 - (every & 3)
            every = every >> 2
        middle = 2 * (WORD_BASES // 2) + 1
        kept = np.arange(WORDS)
        # The word of each number in `word_numbers`: its middle base is A or C.
        self._read = kept >> middle << (middle + 1) | kept & ((1 << middle) - 1)

    def weights(self, terms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weights of the words by pattern, (S, WORDS)."""
        every = [_transformed(own * self._deviations) for own in terms[:-1].reshape(-1, _ALL)]
        return np.stack([(one + one[self._opposite])[self._read] for one in every])

    def loss(self, terms: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the cross-entropy and the prior, and their gradient."""
        weights = np.pad(self.weights(terms), ((0, 0), (0, 1)))  # unknown words have 0
        gradient = np.zeros_like(weights)
        loss, shift = 0.0, 0.0
        rows = max(_WORDS_AT_ONCE // max(self._numbers[0].shape[1], 1), 1)
        for first in range(0, len(self._truth), rows):
            truth = self._truth[first : first + rows]
            parts = [one[first : first + rows] for one in self._numbers]
            odds = np.full(len(truth), terms[-1])
            for own, part in zip(weights, parts, strict=True):
                odds += own[part].sum(axis=1)
            loss += float(np.logaddexp(0, (1 - 2 * truth) * odds).sum())
            rest = 1 / (1 + np.exp(-odds)) - truth
            shift += float(rest.sum())
            for own, part in zip(gradient, parts, strict=True):
                each = np.repeat(rest, part.shape[1])
                own += np.bincount(part.ravel(), weights=each, minlength=WORDS + 1)
        loss += float((terms[:-1] ** 2).sum()) / 2
        found = np.empty_like(terms)
        for own, into in zip(gradient, found[:-1].reshape(-1, _ALL), strict=True):
            every = np.zeros(_ALL)
            every[self._read] = own[:-1]
            into[:] = _transformed(every + every[self._opposite]) * self._deviations
        found[:-1] += terms[:-1]
        found[-1] = shift
        return loss, found


def _transformed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the transform of values by word, (4**WORD_BASES,)."""
    for power in range(WORD_BASES):
        values = np.einsum("ij,ajb->aib", _TRANSFORM, values.reshape(-1, 4, 4**power)).ravel()
    return values


def _minimized(
    loss: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    at: NDArray[np.float64],
    steps: int,
) -> NDArray[np.float64]:
    """Return the minimum of a convex function: L-BFGS (Nocedal and Wright 2006, algorithm 7.5).

    Sums are those of NumPy and not of a linear algebra library, whose results depend on the number
    of threads.
    """
    value, gradient = loss(at)
    moves: list[tuple[NDArray[np.float64], NDArray[np.float64], float]] = []
    for _ in range(steps):
        direction, kept = -gradient, []
        for move, change, curvature in reversed(moves):
            share = (move * direction).sum() / curvature
            kept.append(share)
            direction = direction - share * change
        if moves:
            _, change, curvature = moves[-1]
            direction = direction * (curvature / (change**2).sum())
        for (move, change, curvature), share in zip(moves, reversed(kept), strict=True):
            direction = direction + move * (share - (change * direction).sum() / curvature)
        slope = float((gradient * direction).sum())
        if slope > -1e-9 * max(value, 1.0):
            break
        size = 1.0 if moves else 1 / max(float(np.sqrt((gradient**2).sum())), 1.0)
        for _ in range(30):
            new_value, new_gradient = loss(at + size * direction)
            if new_value <= value + 1e-4 * size * slope:
                break
            size /= 2
        else:
            break
        move, change = size * direction, new_gradient - gradient
        at, value, gradient = at + move, new_value, new_gradient
        curvature = float((move * change).sum())
        if curvature > 0:
            moves = [*moves[1 - _HISTORY :], (move, change, curvature)]
    return at
