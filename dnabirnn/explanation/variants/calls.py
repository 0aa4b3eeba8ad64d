"""Calls that an allele gains or loses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.network import CallMethod
from dnabirnn.scoring import find_calls, find_runs
from dnabirnn.tracks import Block, integer_scores, lowest_probability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallSettings
    from dnabirnn.tracks import Rows

__all__ = ["CallChanges", "Compared"]

_WEIGHED_BP = 500
"""Bases beyond the reach for methods that weigh scores."""


class Compared(NamedTuple):
    """Probabilities of both alleles near a variant.

    Attributes
    ----------
    reference, changed : ndarray, (m, O) and (k, O)
    aligned : ndarray, (m,) int64
        Base of the changed allele that each base of the reference allele is, or -1.
    first, last : int
        Bases of the reference allele within reach of the variant. Only calls with one of these
        count: others are the same in both alleles, or cut.
    """

    reference: NDArray[np.floating]
    changed: NDArray[np.floating]
    aligned: NDArray[np.int64]
    first: int
    last: int


class CallChanges:
    """Counter of calls that alleles gain or lose.

    A call is gained if no base of it is called, for the same output, in the reference allele, and
    lost if none is called in the changed allele. A call that only becomes longer or shorter, is
    cut, or joined to another, is neither.

    Parameters
    ----------
    outputs : sequence of Output
    settings : CallSettings
    min_score : int
        Lower scores count as 0, as in a track.

    Attributes
    ----------
    margin_bp : int
        Bases needed beyond the reach. A call that is cut there is still long enough to be one.
    """

    def __init__(self, outputs: Sequence[Output], settings: CallSettings, min_score: int) -> None:
        self._outputs, self._settings, self._min_score = outputs, settings, min_score
        rules = settings.rules
        self._with_rule = np.array([output.class_name in rules for output in outputs])
        # Methods other than "threshold" weigh all scores of a track, and those of more bases.
        weighed = {name for name in rules if settings.method_of(name) is not CallMethod.THRESHOLD}
        self._weighed = np.array([output.class_name in weighed for output in outputs])
        self._lowest = np.array(
            [
                lowest_probability(min_score if name in weighed else rules[name].threshold)
                if name in rules
                else np.inf
                for name, _ in outputs
            ]
        )
        self.margin_bp = max(
            (
                max(rule.min_length_bp + rule.merge_gap_bp, _WEIGHED_BP * (name in weighed))
                for name, rule in rules.items()
            ),
            default=0,
        )

    @property
    def none(self) -> NDArray[np.int32]:
        """Counts of an allele that changes no call: 0, or -1 for classes without calls; (O,)."""
        return np.where(self._with_rule, 0, -1).astype(np.int32)

    def may_change(self, reference: NDArray[np.floating], changed: NDArray[np.floating]) -> bool:
        """Return whether the calls of two alleles, (m, O) each, can differ."""
        before, after = reference >= self._lowest, changed >= self._lowest
        if (before != after).any():
            return True
        if not self._weighed.any():
            return False
        own = before[:, self._weighed]
        scores = (integer_scores(track[:, self._weighed]) for track in (reference, changed))
        return bool((own & np.not_equal(*scores)).any())

    def count(self, pairs: Sequence[Compared]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the numbers of calls gained and lost, (n, O) each."""
        gained = np.tile(self.none, (len(pairs), 1))
        lost = gained.copy()
        blocks = [
            Block("", 0, tracks.astype(np.float32), np.zeros(len(tracks), np.uint8), last=True)
            for pair in pairs
            for tracks in (pair.reference, pair.changed)
        ]
        runs = find_runs(blocks, min_score=self._min_score)
        calls = list(find_calls(runs, self._outputs, self._settings))
        for number, pair in enumerate(pairs):
            before, after = calls[2 * number], calls[2 * number + 1]
            for output in np.flatnonzero(self._with_rule).tolist():
                old, new = _spans(before, output), _spans(after, output)
                gained[number, output] += _gained(pair, old, new)
                lost[number, output] += _lost(pair, old, new)
        return gained, lost


def _spans(calls: Rows, output: int) -> NDArray[np.int64]:
    own = calls.output == output
    return np.stack([calls.start[own], calls.end[own]], axis=1)


def _mask(spans: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    mask = np.zeros(size, np.bool_)
    for start, end in spans.tolist():
        mask[start:end] = True
    return mask


def _gained(pair: Compared, old: NDArray[np.int64], new: NDArray[np.int64]) -> int:
    called = _mask(old, len(pair.reference))
    count = 0
    for start, end in new.tolist():
        bases = np.flatnonzero((pair.aligned >= start) & (pair.aligned < end))
        near = not len(bases) or (bases[-1] >= pair.first and bases[0] < pair.last)
        count += bool(near and not called[bases].any())
    return count


def _lost(pair: Compared, old: NDArray[np.int64], new: NDArray[np.int64]) -> int:
    called = _mask(new, len(pair.changed))
    count = 0
    for start, end in old.tolist():
        now = pair.aligned[start:end]
        near = end > pair.first and start < pair.last
        count += bool(near and not called[now[now >= 0]].any())
    return count
