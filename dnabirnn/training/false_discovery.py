"""False discovery rates: thresholds that keep to them on validation sequence.

A base is falsely called if it is not of the class and strand; a call, if under half of its bases
that count are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.evaluation import Truth
from dnabirnn.labels import output_masks
from dnabirnn.network import CallSettings
from dnabirnn.scoring import find_calls, find_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.engine import Engine
    from dnabirnn.evaluation import ScoreCounts
    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallRule, ScoringWindow
    from dnabirnn.tracks import Rows
    from dnabirnn.training.validation import Validation

__all__ = ["RATES", "base_thresholds", "call_thresholds"]

RATES = ("0.01", "0.05", "0.1")
"""Rates that thresholds are set for."""
_LEAST_SCORE = 10
_THRESHOLDS = (*range(10, 100, 10), *range(100, 950, 25), *range(950, 1000, 10), 995, 999)


def base_thresholds(counts: ScoreCounts) -> dict[str, int | None]:
    """Lowest integer score, 1 to 1000, from which bases are falsely called at most at each rate.

    None where none is, or where fewer bases are called than one false one would take.
    """
    positives, negatives = (
        np.cumsum(array[::-1])[::-1][1:].astype(np.float64)
        for array in (counts.positives, counts.negatives)
    )
    return _lowest(np.arange(1, positives.size + 1), positives + negatives, negatives)


def call_thresholds(
    validation: Validation,
    engine: Engine,
    window: ScoringWindow,
    outputs: Sequence[Output],
    rules: Mapping[str, CallRule],
    rarer: Mapping[str, float],
    threads: int,
) -> dict[str, dict[str, int | None]]:
    """Thresholds with which calls are false at most at each rate, by class.

    Of `base_thresholds`' kind, from a grid of some fifty, for calls of the rules' lengths and
    gaps. Where a class is `rarer[name]` times rarer than on validation sequence, by its odds, a
    false call stands for so many.
    """
    tried = np.array(_THRESHOLDS)
    true, false = (
        {motif_class.name: np.zeros(tried.size, np.float64) for motif_class in validation.classes}
        for _ in range(2)
    )
    masks = output_masks(validation.classes)
    rows = find_runs(validation.blocks(engine, window, threads), min_score=_LEAST_SCORE)
    for of_contig in _by_contig(rows):
        contig = validation.contig(of_contig[0].chrom)
        truth = Truth.of(np.asarray(contig.labels), codes=np.asarray(contig.codes))
        for number, threshold in enumerate(_THRESHOLDS):
            wanted = {name: replace(rule, threshold=threshold) for name, rule in rules.items()}
            for calls in find_calls(of_contig, outputs, CallSettings(wanted)):
                for column, own in calls.by_output():
                    name = outputs[column].class_name
                    share = truth.share(masks[column], own.start, own.end)
                    true[name][number] += int((share >= 0.5).sum())
                    false[name][number] += int((share < 0.5).sum())
    for name in false:
        false[name] *= rarer[name]
    return {name: _lowest(tried, true[name] + false[name], false[name]) for name in true}


def _lowest(
    thresholds: NDArray[np.int64], called: NDArray[np.float64], false: NDArray[np.float64]
) -> dict[str, int | None]:
    """The lowest threshold that keeps to each rate; None where none does."""
    found: dict[str, int | None] = {}
    for text in RATES:
        rate = float(text)
        kept = np.flatnonzero((false <= rate * called) & (called * rate >= 1))
        found[text] = int(thresholds[kept[0]]) if kept.size else None
    return found


def _by_contig(rows: Iterable[Rows]) -> Iterator[list[Rows]]:
    held: list[Rows] = []
    for piece in rows:
        held.append(piece)
        if piece.last:
            yield held
            held = []
