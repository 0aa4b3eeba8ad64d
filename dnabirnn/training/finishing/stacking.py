"""Weights of the recurrent network and of the matrix of each class, fitted on validation sequence.

The log-odds of a class are a weighted sum of what the recurrent network and the position weight
matrix of its sites say::

    log-odds = a x network + b x matrix + c

Training alone does not set a and b well. A class with many sites is trained without its matrix (see
`dnabirnn.training.matrices`), although on sequence of another genome the matrix may be the better
of the two. For a class with few sites, the training sites were used to make the matrix, so what is
learned beside it may do harm on sequence that was not seen.

After the fit, three candidates are therefore compared on validation sequence, class by class: the
network as it was trained, the sum with a and b of a logistic regression, and the matrix by itself.
The network is kept unless another candidate is better by a margin. So no class is far behind its
matrix on validation sequence. The weights are multiplied into those of the head and the matrix:
scoring costs nothing more, except for the scan of a matrix that was added.

Exclusive classes share a softmax, so that a class has no log-odds of its own, and stay as they are.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from dnabirnn.engine import engine_of
from dnabirnn.evaluation import average_precision, scan
from dnabirnn.network import MatrixShape, Network, head_rows, load_weights, weights_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.evaluation import FittedMatrix
    from dnabirnn.network import Architecture, LogOddsMap, ScoringWindow
    from dnabirnn.training.validation import Validation

__all__ = ["Candidate", "choose", "stacked"]

logger = logging.getLogger(__name__)

_BINS = 160
_LIMIT = 16.0  # log-odds beyond this are alike: float32 probabilities near 1 cannot tell them apart
_MARGIN = 0.005
"""Average precision that a candidate must gain to be taken instead of the network as trained."""
_ENOUGH_POSITIVES = 100
_OFF = -100.0  # logarithm of a factor that is 0 in float32 arithmetic


class Candidate(NamedTuple):
    """Weights of the log-odds of the network, of those of the matrix, and a constant."""

    network: float
    matrix: float
    constant: float


def stacked(
    network: Network,
    maps: Sequence[LogOddsMap],
    fitted: Sequence[FittedMatrix | None],
    validation: Validation,
    window: ScoringWindow,
    threads: int,
) -> Network:
    """Return the network with the best weights of each class; `network` itself if none changes.

    Parameters
    ----------
    network : Network
        Fitted.
    maps : sequence of LogOddsMap
        One per class, which shift log-odds from training windows to sequence.
    fitted : sequence of FittedMatrix or None
        Matrix of each class. A class whose matrix is already in the network has that one.
    validation : Validation
    window : ScoringWindow
    threads : int
    """
    architecture = network.architecture
    if validation.split != "val" or architecture.exclusive:
        return network
    found = _with_matrices(network, maps, fitted)
    if not found.architecture.matrices:
        return network
    counts = _counts(found, maps, validation, window, threads)
    changed = False
    for number, (name, _) in enumerate(architecture.classes):
        if number not in counts:
            continue
        before = Candidate(1.0, _factor(found, number) if architecture.matrix(number) else 0.0, 0.0)
        after, gain = choose(*counts[number], before)
        if after != before:
            logger.info(
                "%s: log-odds of the network times %.2f plus those of the matrix times %.2f; AP on "
                "validation sequence %+.4f",
                name,
                after.network,
                after.matrix,
                gain,
            )
            changed = True
        _weigh(found, maps[number], number, after)
    return found if changed else network


def choose(
    positives: NDArray[np.int64], negatives: NDArray[np.int64], before: Candidate
) -> tuple[Candidate, float]:
    """Choose the weights of a class; return them and the gain in average precision.

    Parameters
    ----------
    positives, negatives : ndarray, (bins, bins) int64
        Bases by log-odds of the network (rows) and of the matrix (columns), from -16 to 16.
    before : Candidate
        Weights as trained.
    """
    used = np.nonzero(positives + negatives)
    of_network, of_matrix = (_middles()[bins] for bins in used)
    true, false = positives[used], negatives[used]
    if true.sum() < _ENOUGH_POSITIVES or not false.any():
        return before, 0.0

    def precision(candidate: Candidate) -> float:
        order = candidate.network * of_network + candidate.matrix * of_matrix
        distinct, place = np.unique(order.round(9), return_inverse=True)
        by_score = [
            np.bincount(place, weights=part, minlength=distinct.size) for part in (true, false)
        ]
        return float(average_precision(*by_score))

    a, b, c = _logistic_fit(of_network, of_matrix, true, false)
    candidates = [Candidate(0.0, 1.0, 0.0)]
    if a > 0 and b > 0:
        candidates.append(Candidate(a, b, c))
    first = precision(before)
    gains = [precision(candidate) - first for candidate in candidates]
    best = int(np.argmax(gains))
    return (candidates[best], gains[best]) if gains[best] > _MARGIN else (before, 0.0)


def _logistic_fit(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    true: NDArray[np.int64],
    false: NDArray[np.int64],
) -> tuple[float, float, float]:
    """Fit log-odds a x + b y + c to counts by Newton's method.

    A slight pull of a and b towards 0 keeps the weights finite where the scores separate all bases.
    """
    design, items = np.stack([x, y, np.ones(x.size)]), true + false
    ridge = np.diag([0.1, 0.1, 1e-6])
    weights = np.array([0.5, 0.5, 0.0])

    def loss(at: NDArray[np.float64]) -> float:
        odds = at @ design
        return float(items @ np.logaddexp(0, odds) - true @ odds + at @ ridge @ at / 2)

    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(weights @ design, -80, 80)))
        gradient = design @ (items * p - true) + ridge @ weights
        step = np.linalg.solve((design * (items * p * (1 - p))) @ design.T + ridge, gradient)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > 1e-9:
            step = step / 2
        weights = weights - step
        if np.abs(step).max() <= 1e-9:
            break
    a, b, c = weights.tolist()
    return a, b, c


def _middles() -> NDArray[np.float64]:
    return np.asarray((np.arange(_BINS) + 0.5) * (2 * _LIMIT / _BINS) - _LIMIT, np.float64)


def _bins(log_odds: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    places = (log_odds + _LIMIT) * (_BINS / (2 * _LIMIT))
    return np.asarray(np.clip(places, 0, _BINS - 1).astype(np.int64))


def _factor(network: Network, number: int) -> float:
    scale: Any = network.matrix[str(number)].scale
    return float(scale.detach().exp())


def _unfilled(architecture: Architecture) -> Network:
    """Return a network whose weights are to be replaced; torch's global generator is unchanged."""
    with torch.random.fork_rng(devices=[]):
        return Network(architecture)


def _with_matrices(
    network: Network, maps: Sequence[LogOddsMap], fitted: Sequence[FittedMatrix | None]
) -> Network:
    """Return a copy of the network with the matrices of all classes that have one."""
    architecture = network.architecture
    shapes = [
        architecture.matrix(number) or (one and MatrixShape(len(one.log_odds), one.flank_bp))
        for number, one in enumerate(fitted)
    ]
    made = _unfilled(replace(architecture, matrices=tuple(shapes) if any(shapes) else ()))
    weights = weights_of(made) | weights_of(network)
    for number, one in enumerate(fitted):
        if one is None or architecture.matrix(number):
            continue
        weights[f"matrix.{number}.log_odds"] = one.log_odds
        shift = one.shift - maps[number].shift
        weights[f"matrix.{number}.map"] = np.array([one.slope, one.least, shift], np.float32)
        weights[f"matrix.{number}.scale"] = np.array([_OFF], np.float32)
    load_weights(made, weights)
    made.eval()
    return made


def _counts(
    network: Network,
    maps: Sequence[LogOddsMap],
    validation: Validation,
    window: ScoringWindow,
    threads: int,
) -> dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return, by class with a matrix, positive and negative bases by both log-odds.

    Both are those in sequence: the shift from training windows is included.
    """
    architecture = network.architecture
    recurrent = _unfilled(architecture)
    weights = weights_of(network)
    for name in weights:
        if name.startswith("matrix.") and name.endswith(".scale"):
            weights[name] = np.array([_OFF], np.float32)
    load_weights(recurrent, weights)
    recurrent.eval()
    found = {
        number: tuple(np.zeros(_BINS * _BINS, np.int64) for _ in range(2))
        for number in range(len(architecture.classes))
        if architecture.matrix(number)
    }
    read = {
        number: [weights[f"matrix.{number}.{name}"] for name in ("log_odds", "map")]
        for number in found
    }
    engine = engine_of(recurrent, maps)
    for block in validation.blocks(engine, window, threads):
        contig = validation.contig(block.name)
        counted, truth = validation.truth_of(block)
        for number, sums in found.items():
            log_odds, (slope, least, shift) = read[number]
            shape = architecture.matrix(number)
            assert shape is not None, "the class has a matrix"
            reach, end = len(log_odds), block.start + len(block.codes)
            first = max(0, block.start - reach)
            terms = scan(contig.codes[first : end + reach], log_odds, shape.flank_bp)
            terms = terms[:, block.start - first :][:, : end - block.start]
            if not architecture.classes[number].stranded:
                terms = terms.max(axis=0, keepdims=True)
            terms = slope * np.maximum(terms, least) + shift + maps[number].shift
            columns = architecture.columns(architecture.classes[number].name)
            p = np.clip(
                block.probabilities[counted][:, columns].astype(np.float64), 1e-12, 1 - 1e-8
            )
            bins = _bins(np.log(p) - np.log1p(-p)) * _BINS + _bins(terms.T[counted])
            of_class = truth[:, columns]
            for total, wanted in zip(sums, (of_class, ~of_class), strict=True):
                total += np.bincount(bins[wanted], minlength=_BINS * _BINS)
    return {
        number: (sums[0].reshape(_BINS, _BINS), sums[1].reshape(_BINS, _BINS))
        for number, sums in found.items()
    }


def _weigh(network: Network, back: LogOddsMap, number: int, weights: Candidate) -> None:
    """Multiply the weights of a class into its rows of the head and the factor of its matrix.

    The log-odds of training windows are those of sequence minus the shift s. So
    a (x + s) + b (y + s) + c - s = a x + b y + (a + b - 1) s + c.
    """
    name = network.architecture.classes[number].name
    constant = weights.constant
    if (weights.network, weights.constant) != (1.0, 0.0):
        constant += (weights.network + weights.matrix - 1) * back.shift
    with torch.no_grad():
        for row, output in enumerate(head_rows(network.architecture)):
            if output is not None and output.class_name == name:
                network.head.weight[row] *= weights.network
                network.head.bias[row] = network.head.bias[row] * weights.network + constant
        scale: Any = network.matrix[str(number)].scale
        scale.fill_(float(np.log(weights.matrix)) if weights.matrix > 0 else _OFF)
