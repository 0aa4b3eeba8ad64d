"""Thresholds for false discovery rates, chosen on validation sequence.

A false discovery rate is the share of false ones among all that is called::

    rate = false / (false + true) = 1 - precision

It is not the share of background that is called (false positive rate). A rate of 0.05 means that of
100 calls, 5 are expected to be false. There are two such rates:

- of bases: a called base is false if it does not carry the label of the class and strand;
- of calls: a call is false if fewer than half of its counted bases carry that label.

For each rate the lowest threshold is taken that keeps to it on validation sequence, so that as much
as possible is found. At least 1 / rate bases or calls must be called there (100 for a rate of
0.01), as with fewer a single false one would exceed the rate. Otherwise there is no threshold for
the rate. If a class is expected to be rarer where the model will be used (`train --prior`), each
false base or call counts as several; see `call_thresholds`.
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

__all__ = ["RATES", "base_thresholds", "by_contig", "call_thresholds"]

RATES = ("0.01", "0.05", "0.1")
"""False discovery rates for which thresholds are chosen."""
_MIN_SCORE = 10
_THRESHOLDS = (*range(10, 100, 10), *range(100, 950, 25), *range(950, 1000, 10), 995, 999)


def base_thresholds(counts: ScoreCounts) -> dict[str, int | None]:
    """Return the lowest threshold, 1 to 1000, that keeps called bases to each rate.

    None if no threshold does, or if fewer than 1 / rate bases are called at all of these.
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
    """Return, for each class, the lowest threshold that keeps calls to each rate.

    As `base_thresholds`, but for calls made with the lengths and gaps of `rules`, and from a grid
    of about fifty thresholds. `rarer[name]` is the odds of a class on validation sequence divided
    by its odds where the model will be used. Each false call counts that many times.
    """
    tried = np.array(_THRESHOLDS)
    true, false = (
        {motif_class.name: np.zeros(tried.size, np.float64) for motif_class in validation.classes}
        for _ in range(2)
    )
    masks = output_masks(validation.classes)
    rows = find_runs(validation.blocks(engine, window, threads), min_score=_MIN_SCORE)
    for of_contig in by_contig(rows):
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
    """Return the lowest threshold that keeps to each rate; None if there is not one."""
    found: dict[str, int | None] = {}
    for text in RATES:
        rate = float(text)
        kept = np.flatnonzero((false <= rate * called) & (called * rate >= 1))
        found[text] = int(thresholds[kept[0]]) if kept.size else None
    return found


def by_contig(rows: Iterable[Rows]) -> Iterator[list[Rows]]:
    """Yield the rows of each contig as one list."""
    held: list[Rows] = []
    for piece in rows:
        held.append(piece)
        if piece.last:
            yield held
            held = []
