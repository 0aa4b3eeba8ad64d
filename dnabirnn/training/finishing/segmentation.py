"""Rules for calls by evidence, chosen by the F1 of calls on validation sequence.

A threshold alone cuts a long array at every weak stretch, and calls every short stretch of high
scores. Segments of maximum evidence (`dnabirnn.scoring.segments`) bridge dips and drop islands of
less than K of evidence. For each class, the following are tried, one after another, and a change is
kept if it gains more than 0.02 of F1:

1. thresholds, and for each of them values of K
2. longest gaps: from none to four times the default
3. shortest calls: from the default to half of a short site, which may be far above 100 bp

The class is called by evidence if all of this gains more than 0.02 over calls by its threshold with
default length and gap. Calls match sites one to one at 50 % reciprocal overlap.

F1 is often the same over a wide range of K, since a class can have few sites. The best values are
then not equally safe: with the smallest, false calls are nearly made, and with the largest, true
ones are nearly lost. The middle of the range, on a scale of logarithms, is taken.

With the rule, the pooling of the evidence of calls is chosen, for calls by threshold too
(`dnabirnn.training.finishing.pooling`).

Classes without validation sites keep the default rule. On training sequence a network is too sure,
so that hardly any K would be needed.

Absent bases. A base without a row is evidence too. Its value is the logarithm of how much rarer
such bases are inside sites than outside::

    absent = ln(share of bases of sites below the floor / share of other bases below the floor)
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.evaluation import Truth, counted_intervals, match_calls
from dnabirnn.labels import intervals_of, output_masks
from dnabirnn.scoring import NO_SEGMENTS, Decoded, Join, Sums, above, find_runs, passed
from dnabirnn.tracks import joined
from dnabirnn.training.finishing.false_discovery import by_contig
from dnabirnn.training.finishing.pooling import RankedCalls, chosen_pooling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.engine import Engine
    from dnabirnn.evaluation import Intervals, ScoreCounts
    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallRule, EvidenceScale, Pooling, ScoringWindow
    from dnabirnn.scoring import Segments, Stage
    from dnabirnn.tracks import Rows
    from dnabirnn.training.validation import Validation

__all__ = ["Chosen", "absent_evidence", "evidence_rules"]

logger = logging.getLogger(__name__)

_MARGIN = 0.02
_SAME = 0.005  # differences of F1 up to this are ignored in the range whose middle is taken
_THRESHOLDS = (50, 100, 250, 500, 750, 900, 950)
_LEAST_NATS = (0, *(m * 10**e for e in range(5) for m in (1, 2, 5)), 100_000)
_GAP_FACTORS = (0, 0.5, 1, 2, 4)
_SHORT_QUANTILE = 0.05
_LENGTH_STEPS = 6


class Chosen(NamedTuple):
    """What is chosen for a class: its rule, and how the evidence of its calls is pooled."""

    rule: CallRule
    pooling: Pooling


def absent_evidence(counts: ScoreCounts, floor: int) -> int:
    """Return the evidence of an absent base in millinats, at most -1.

    Parameters
    ----------
    counts : ScoreCounts
        Scores of a class on validation sequence.
    floor : int
        Scores below this are absent.
    """
    inside, outside = (
        (float(of[:floor].sum()) + 0.5) / (float(of.sum()) + 1)
        for of in (counts.positives, counts.negatives)
    )
    return min(round(1000 * (math.log(inside) - math.log(outside))), -1)


def evidence_rules(
    validation: Validation,
    engine: Engine,
    window: ScoringWindow,
    outputs: Sequence[Output],
    rules: Mapping[str, CallRule],
    scales: Mapping[str, EvidenceScale],
    site_lengths_bp: Mapping[str, NDArray[np.int64]],
    threads: int,
) -> dict[str, Chosen]:
    """Return the rules, those of some classes replaced by rules for calls by evidence.

    Beside them, return how evidence is pooled.

    Parameters
    ----------
    validation : Validation
        Its contigs should not cut sites.
    engine : Engine
    window : ScoringWindow
    outputs : sequence of Output
    rules : mapping of class name to CallRule
        Default rules, of the classes to choose for.
    scales : mapping of class name to EvidenceScale
    site_lengths_bp : mapping of class name to ndarray, (n,) int64
        Lengths of the training sites.
    threads : int
    """
    if not rules:
        return {}
    searches = {name: _Search(rule, scales[name]) for name, rule in rules.items()}
    masks = output_masks(validation.classes)
    lowest = min([*_THRESHOLDS, *(scale.floor for scale in scales.values())])
    # Contigs are laid end to end, too far apart for calls to span two: thousands of short contigs
    # then take no longer than a long one.
    apart_bp = max(_GAP_FACTORS) * max(rule.merge_gap_bp for rule in rules.values()) + 1
    spacer = np.zeros(round(apart_bp), dtype=np.bool_)
    counted: list[NDArray[np.bool_]] = []
    place = 0
    rows = find_runs(validation.blocks(engine, window, threads), min_score=lowest)
    for of_contig in by_contig(rows):
        contig = validation.contig(of_contig[0].chrom)
        truth = Truth.of(np.asarray(contig.labels), codes=np.asarray(contig.codes))
        sites = [
            counted_intervals(intervals_of(truth.labels, mask), truth.counted) for mask in masks
        ]
        for piece in of_contig:
            for number, own in piece.by_output():
                if (search := searches.get(outputs[number].class_name)) is not None:
                    search.add_rows(number, own, place)
        for number, output in enumerate(outputs):
            if (search := searches.get(output.class_name)) is not None:
                search.add_sites(number, sites[number] + place)
        counted += [truth.counted, spacer]
        place += truth.counted.size + spacer.size
    counts = np.append(np.int32(0), np.cumsum(np.concatenate(counted), dtype=np.int32))
    return {
        name: search.chosen(name, site_lengths_bp[name], counts)
        for name, search in searches.items()
    }


class _Search:
    """Search for the rule of one class."""

    def __init__(self, rule: CallRule, scale: EvidenceScale) -> None:
        self._rule = rule
        self._scale = scale
        self._rows: dict[int, list[Rows]] = {}
        self._sites: dict[int, list[Intervals]] = {}
        self._counted = np.zeros(1, dtype=np.int32)

    def add_rows(self, output: int, rows: Rows, place: int) -> None:
        """Add rows of an output, of a contig that begins at a place."""
        moved = rows._replace(start=rows.start + place, end=rows.end + place)
        self._rows.setdefault(output, []).append(moved)

    def add_sites(self, output: int, sites: Intervals) -> None:
        """Add sites of an output."""
        self._sites.setdefault(output, []).append(sites)

    def chosen(
        self, name: str, lengths_bp: NDArray[np.int64], counted: NDArray[np.int32]
    ) -> Chosen:
        """Return the best rule, and the pooling of its calls.

        Parameters
        ----------
        name : str
            The class, for the log.
        lengths_bp : ndarray, (n,) int64
            Lengths of the training sites.
        counted : ndarray, (L + 1,) int32
            Number of counted bases before each place.
        """
        self._counted = counted
        self._rows = {output: [joined(pieces)] for output, pieces in self._rows.items()}
        self._sites = {n: [np.concatenate(pieces)] for n, pieces in self._sites.items()}
        before = self._f1([self._rule])[0]
        rule, f1 = self._with_threshold()
        gaps = sorted({round(self._rule.merge_gap_bp * factor) for factor in _GAP_FACTORS})
        rule, f1 = self._improved(rule, f1, [replace(rule, merge_gap_bp=gap) for gap in gaps])
        short = max(int(np.quantile(lengths_bp, _SHORT_QUANTILE) / 2), rule.min_length_bp, 1)
        steps = np.geomspace(max(rule.min_length_bp, 1), short, _LENGTH_STEPS).round()
        lengths = sorted(set(steps.astype(int).tolist()))
        rule, f1 = self._improved(rule, f1, [replace(rule, min_length_bp=bp) for bp in lengths])
        taken = f1 > before + _MARGIN
        logger.info(
            "%s: F1 of calls on validation sequence %.3f by threshold %d, %.3f by evidence of at "
            "least %g nats above threshold %d, calls of %d bp and more, gaps up to %d bp%s",
            name,
            before,
            self._rule.threshold,
            f1,
            rule.segment_evidence() / 1000,
            rule.threshold,
            rule.min_length_bp,
            rule.merge_gap_bp,
            "" if taken else "; not better, left as it is",
        )
        rule = rule if taken else self._rule
        return Chosen(rule, chosen_pooling(name, self._ranked(rule), self._scale.prior, lengths_bp))

    def _with_threshold(self) -> tuple[CallRule, float]:
        """Return the rule with the best threshold and K, and its F1."""
        found: dict[int, tuple[CallRule, float]] = {}
        for threshold in (self._rule.threshold, *_THRESHOLDS):
            rules = [
                replace(self._rule, threshold=threshold, least_evidence=1000 * nats)
                for nats in _LEAST_NATS
            ]
            f1 = self._f1(rules)
            found[threshold] = (rules[_middle(f1)], float(f1.max()))
        best = max(found, key=lambda threshold: found[threshold][1])
        default = found[self._rule.threshold]
        return default if default[1] >= found[best][1] - _MARGIN else found[best]

    def _improved(
        self, rule: CallRule, f1: float, tried: Sequence[CallRule]
    ) -> tuple[CallRule, float]:
        """Return the best of the tried rules if it gains enough, else `rule`."""
        found = self._f1(tried)
        if found.max() > f1 + _MARGIN:
            return tried[_middle(found)], float(found.max())
        return rule, f1

    def _f1(self, rules: Sequence[CallRule]) -> NDArray[np.float64]:
        """Return the F1 of calls by each rule; rules of one threshold and gap share work."""
        counts = np.zeros((len(rules), 2), dtype=np.int64)  # pairs, calls
        for output, (sites,) in self._sites.items():
            found: dict[tuple[int, int], Segments] = {}
            for number, rule in enumerate(rules):
                key = (rule.threshold, rule.merge_gap_bp)
                if key not in found:
                    found[key] = self._above(output, rule)
                segments = self._calls(found[key], rule)
                calls = np.column_stack((segments.start, segments.end))
                counts[number] += [match_calls(calls, sites).calls.size, len(calls)]
        true = sum(len(sites) for (sites,) in self._sites.values())
        return np.asarray(2 * counts[:, 0] / np.maximum(counts[:, 1] + true, 1))

    def _ranked(self, rule: CallRule) -> RankedCalls:
        """Return the calls of a rule with what their evidence can be made from."""
        scale = self._scale_of(rule)
        parts = []
        for output, (sites,) in self._sites.items():
            found = self._calls(self._above(output, rule), rule)
            true = np.zeros(found.start.size, dtype=np.bool_)
            true[match_calls(np.column_stack((found.start, found.end)), sites).calls] = True
            parts.append(RankedCalls(found.evidence_sums(scale), found.means(), true))
        return RankedCalls(*map(np.concatenate, zip(*parts, strict=True)))

    def _above(self, output: int, rule: CallRule) -> Segments:
        """Return the segments at or above the threshold of a rule, joined where they touch."""
        scale = self._scale_of(rule)
        present = [rows.at_least(scale.floor) for rows in self._rows.get(output, [])]
        if not present or not present[0].start.size:
            return NO_SEGMENTS
        segments, _ = above(present[0], rule.threshold, rule.merge_gap_bp, scale, Sums())
        return passed(segments, [Join(0)], finish=True)

    def _calls(self, segments: Segments, rule: CallRule) -> Segments:
        """Return the counted calls of a rule."""
        stages: list[Stage] = [Join(rule.merge_gap_bp)]
        if rule.least_evidence is not None:
            stages.insert(0, Decoded(rule, self._scale_of(rule)))
        found = passed(segments, stages, finish=True)
        length_bp = found.end - found.start
        counted_bp = self._counted[found.end] - self._counted[found.start]
        return found.take((length_bp >= rule.min_length_bp) & (2 * counted_bp >= length_bp))

    def _scale_of(self, rule: CallRule) -> EvidenceScale:
        return self._scale._replace(floor=min(self._scale.floor, rule.threshold))


def _middle(f1: NDArray[np.float64]) -> int:
    """Return the middle of the stretch around the first best value in which all are about as good.

    Examples
    --------
    >>> _middle(np.array([0.5, 0.8, 0.9, 0.899, 0.9, 0.2, 0.9]))
    3
    """
    best = int(np.argmax(f1))
    same = f1 >= f1[best] - _SAME
    first = last = best
    while first > 0 and same[first - 1]:
        first -= 1
    while last + 1 < f1.size and same[last + 1]:
        last += 1
    return (first + last) // 2
