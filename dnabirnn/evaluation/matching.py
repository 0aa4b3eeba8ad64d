"""One-to-one matching of calls with true intervals.

A call and a true interval of the same class and strand may match if the bases they share are at
least half of either one (reciprocal overlap). Neither calls nor true intervals overlap one another.
An interval can therefore have two possible partners only if each covers exactly half of it::

    truth   |---- t0 ----|---- t1 ----|
    calls         |---- c0 ----|---- c1 ----|

    possible pairs, in order: (c0, t0), (c0, t1), (c1, t1)

Such pairs form a chain, in which neighbors share an interval. A matching uses each interval once,
so it must not contain two neighbors of a chain. The largest such matching is taken. If several are
equally large, the one with the smallest boundary errors is taken. The number of pairs and their
errors are then the same for the reverse-complemented contig.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from dnabirnn.evaluation.bootstrap import BLOCK_BP, GROUPS, draw
from dnabirnn.labels import runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


__all__ = [
    "CallMatches",
    "Intervals",
    "Matches",
    "counted_intervals",
    "interval",
    "match_calls",
]

Intervals: TypeAlias = "NDArray[np.int64]"
"""Starts and ends (n, 2): sorted, not overlapping; 0-based, half-open."""

_LONGEST_ERROR_BP = 1_000_000
"""Boundary errors are counted exactly up to this one. Larger errors are counted as this one."""


class Matches(NamedTuple):
    """Matched pairs of a call and a true interval.

    Attributes
    ----------
    calls, truth : ndarray, (k,) int64
        Rows of the two arrays of intervals. After matching, no row occurs twice.
    """

    calls: NDArray[np.int64]
    truth: NDArray[np.int64]


def _join(pieces: Intervals) -> Intervals:
    """Return sorted intervals with those that overlap or touch merged."""
    if not len(pieces):
        return pieces
    reached = np.maximum.accumulate(pieces[:, 1])
    opens = np.append(True, pieces[1:, 0] > reached[:-1])
    return np.column_stack((pieces[opens, 0], reached[np.append(opens[1:], True)]))


def counted_intervals(intervals: Intervals, counted: NDArray[np.bool_]) -> Intervals:
    """Return the intervals of which at least half of the bases count.

    Parameters
    ----------
    intervals : ndarray, (n, 2) int64
    counted : ndarray, (L,) bool
        One value per base of the contig: False if ignored, ambiguous or outside the regions.

    Examples
    --------
    >>> counted_intervals(np.array([[0, 2], [2, 5]]), np.arange(5) < 3).tolist()
    [[0, 2]]
    """
    kept = [
        2 * np.count_nonzero(counted[start:end]) >= end - start for start, end in intervals.tolist()
    ]
    return intervals[np.array(kept, dtype=np.bool_)]


def match_calls(calls: Intervals, truth: Intervals, min_overlap: float = 0.5) -> Matches:
    """Match calls with true intervals one to one by reciprocal overlap.

    A pair may match if the bases it shares are at least `min_overlap` of either interval. With a
    `min_overlap` above 0.5, an interval has at most one partner. With exactly 0.5 it may have two,
    each covering half of it, and the pairs form chains (see the module docstring). Of the matchings
    with the most pairs, the one with the smallest boundary errors is taken: the smallest sum, then
    the smallest errors in ascending order. The mirrored intervals therefore have the same number of
    pairs and the same errors.

    Parameters
    ----------
    calls, truth : ndarray, (n, 2) and (m, 2) int64
        Each sorted and without overlaps.
    min_overlap : float
        From 0.5 to 1.

    Returns
    -------
    matches : Matches
        In ascending order of calls.

    Examples
    --------
    >>> match_calls(np.array([[0, 10], [20, 30]]), np.array([[4, 14], [25, 40]]))
    Matches(calls=array([0]), truth=array([0]))
    """
    if not 0.5 <= min_overlap <= 1:
        raise ValueError(f"min_overlap {min_overlap}: must be from 0.5 to 1")
    pairs = _overlapping(calls, truth)
    inner = np.minimum(calls[pairs.calls, 1], truth[pairs.truth, 1])
    inner = inner - np.maximum(calls[pairs.calls, 0], truth[pairs.truth, 0])
    lengths = np.maximum(
        np.diff(calls, axis=1)[pairs.calls, 0], np.diff(truth, axis=1)[pairs.truth, 0]
    )
    eligible = inner >= min_overlap * lengths
    pairs = Matches(pairs.calls[eligible], pairs.truth[eligible])
    chosen = np.ones(pairs.calls.size, dtype=np.bool_)
    for start, end in _chains(pairs):
        errors = np.abs(calls[pairs.calls[start:end]] - truth[pairs.truth[start:end]])
        chosen[start:end] = _best_of_chain(errors)
    return Matches(pairs.calls[chosen], pairs.truth[chosen])


def _overlapping(calls: Intervals, truth: Intervals) -> Matches:
    """Return all pairs that share a base, in order of calls, then of truth."""
    first = np.searchsorted(truth[:, 1], calls[:, 0], side="right")
    stop = np.searchsorted(truth[:, 0], calls[:, 1], side="left")
    partners = np.maximum(stop - first, 0)
    call_of = np.repeat(np.arange(len(calls)), partners)
    place = np.arange(call_of.size) - np.repeat(np.cumsum(partners) - partners, partners)
    return Matches(call_of, first[call_of] + place)


def _chains(pairs: Matches) -> Intervals:
    """Return the runs of two or more pairs in which neighbors share a call or a true interval."""
    linked = (np.diff(pairs.calls) == 0) | (np.diff(pairs.truth) == 0)
    stretches = runs(linked)
    stretches[:, 1] += 1
    return stretches


def _best_of_chain(errors: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which pairs of a chain to keep: no two neighbors, the most pairs, smallest errors.

    A chain of an odd number of pairs has one largest matching: every other pair, from the first.
    A chain of 2 k pairs has k + 1: pairs 0, 2, ... up to a switch, and the odd ones after it. For
    k = 2 (x: kept)::

        0  1  2  3
        x  .  x  .
        x  .  .  x
        .  x  .  x
    """
    pairs = len(errors)
    places = np.arange(pairs)
    odd = np.array(places % 2, dtype=np.bool_)
    if pairs % 2:
        return ~odd
    matchings: list[NDArray[np.bool_]] = []
    for switch in range(pairs, -1, -2):
        matchings.append(odd == (places >= switch))
    badness = [_badness(errors[kept]) for kept in matchings]
    return matchings[badness.index(min(badness))]


def _badness(errors: NDArray[np.int64]) -> tuple[int, list[int]]:
    """Return the sum of the errors, then the errors in ascending order, for comparison."""
    return int(errors.sum()), sorted(errors.ravel().tolist())


class CallMatches:
    """Counts of calls, true intervals and matched pairs of one class, and its boundary errors."""

    def __init__(self) -> None:
        # By group of blocks: pairs, calls without truth, true intervals without a call.
        self._sites: NDArray[np.int64] = np.zeros((GROUPS, 3), dtype=np.int64)
        self._blocks = 0
        self._error_sum = 0
        self._shifts = np.zeros((2, 2), dtype=np.int64)  # per strand: sum of shifts, number of ends
        self._errors: NDArray[np.int64] = np.zeros(1, dtype=np.int64)

    @property
    def calls(self) -> int:
        """Number of calls added."""
        return int(self._sites[:, :2].sum())

    @property
    def truth(self) -> int:
        """Number of true intervals added, after merging."""
        return int(self._sites[:, ::2].sum())

    @property
    def matched(self) -> int:
        """Number of matched pairs."""
        return int(self._sites[:, 0].sum())

    def add(
        self, calls: Sequence[Intervals], truth: Sequence[Intervals], min_overlap: float = 0.5
    ) -> None:
        """Match the intervals of one contig.

        Parameters
        ----------
        calls, truth : sequence of ndarray, (n, 2) and (m, 2) int64
            One array per strand, of the counted intervals; each sorted. Calls must not overlap one
            another. True intervals that overlap or touch are merged.
        min_overlap : float
        """
        parts = [
            self._match(number, *strand, min_overlap)
            for number, strand in enumerate(zip(calls, map(_join, truth), strict=True))
            if len(strand[0]) or len(strand[1])
        ]
        if not parts:
            return  # the usual case with many short contigs
        starts, kinds = map(np.concatenate, zip(*parts, strict=True))
        blocks, number = np.unique(starts // BLOCK_BP, return_inverse=True)
        np.add.at(self._sites, ((self._blocks + number) % GROUPS, kinds), 1)
        self._blocks += blocks.size

    def _match(
        self, strand: int, calls: Intervals, truth: Intervals, min_overlap: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Match one strand and count its errors; return starts of sites and columns of counts."""
        pairs = match_calls(calls, truth, min_overlap)
        shifts = (calls[pairs.calls] - truth[pairs.truth]).ravel()
        self._count_errors(np.abs(shifts))
        self._shifts[strand] += [shifts.sum(), shifts.size]
        starts = (
            truth[pairs.truth, 0],
            np.delete(calls[:, 0], pairs.calls),
            np.delete(truth[:, 0], pairs.truth),
        )
        kinds = np.repeat(np.arange(3), [part.size for part in starts])
        return np.concatenate(starts), kinds

    def _count_errors(self, errors: NDArray[np.int64]) -> None:
        self._error_sum += int(errors.sum())
        counts = np.bincount(np.minimum(errors, _LONGEST_ERROR_BP), minlength=self._errors.size)
        counts[: self._errors.size] += self._errors
        self._errors = counts

    def boundary_quantile_bp(self, share: float) -> float:
        """Return a quantile of the boundary errors: `share` of them are not larger.

        Between two errors, the mean of both. NaN without pairs.
        """
        last = 2 * self.matched - 1
        if last < 0:
            return float("nan")
        places = [math.floor(share * last), math.ceil(share * last)]
        return float(np.searchsorted(np.cumsum(self._errors), places, side="right").mean())

    def boundary_shift_bp(self, strand: int) -> float:
        """Return the mean distance of the ends of calls to the right of the true ends."""
        total, ends = self._shifts[strand]
        return float(total / ends) if ends else float("nan")

    def finish(self, replicates: int = 1000, seed: int = 0) -> dict[str, Any] | None:
        """Return the figures for `metrics.json`, or None without truth; 0 / 0 is None.

        Boundary errors are distances in bp. A boundary shift is the mean signed error, above 0 if
        calls lie too far to the right. There is one for the + strand (or for an unstranded class)
        and one for the - strand.

        Intervals (`_ci`) of 95 % are percentiles of a block bootstrap (Efron and Tibshirani 1993,
        An Introduction to the Bootstrap, sections 8.6 and 13.3). Neighboring sites are not
        independent, so each replicate draws, with replacement, blocks of 10 kb at fixed positions
        of each contig. Only blocks with a site are drawn. A pair belongs to the block in which its
        true interval starts. Both strands share blocks. If there are more than 512 blocks, they are
        assigned to 512 groups in turn; see `dnabirnn.evaluation.bootstrap`. An interval is None
        with fewer than two blocks, or if at least half of the replicates are 0 / 0.

        Parameters
        ----------
        replicates : int
            With 0, all intervals are None.
        seed : int
        """
        if not self.truth:
            return None
        shares = _shares(self._sites.sum(axis=0))
        mean = self._error_sum / (2 * self.matched) if self.matched else float("nan")
        figures: dict[str, Any] = {
            **{name: _plain(float(value)) for name, value in shares.items()},
            "boundary_median_bp": _plain(self.boundary_quantile_bp(0.5)),
            "boundary_p90_bp": _plain(self.boundary_quantile_bp(0.9)),
            "boundary_mean_bp": _plain(mean),
            "boundary_shift_bp": _plain(self.boundary_shift_bp(0)),
            "boundary_shift_minus_bp": _plain(self.boundary_shift_bp(1)),
            "calls": self.calls,
            "truth": self.truth,
            "matched": self.matched,
        }
        weights = draw(self._blocks, replicates, seed)
        drawn = weights @ self._sites[: weights.shape[1]].astype(np.float64)
        return figures | {f"{name}_ci": interval(drawn) for name, drawn in _shares(drawn).items()}


def _shares(sites: NDArray[np.int64] | NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return precision, recall and F1 from counts (.., 3) of pairs, lone calls and lone truth."""
    matched, lone_calls, lone_truth = np.moveaxis(sites, -1, 0)
    with np.errstate(invalid="ignore"):
        return {
            "precision": matched / (matched + lone_calls),
            "recall": matched / (matched + lone_truth),
            "f1": 2 * matched / (2 * matched + lone_calls + lone_truth),
        }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def interval(values: NDArray[np.float64]) -> list[float] | None:
    """Return percentiles 2.5 and 97.5 of replicates; None if at least half are undefined."""
    defined = values[~np.isnan(values)]
    known = 2 * defined.size > values.size
    return [float(end) for end in np.percentile(defined, [2.5, 97.5])] if known else None
