"""Ends of transcripts in calls: F1 per call, as predictors of terminators are compared."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dnabirnn.intervals import read_bed
from dnabirnn.labels import runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.scored import ScoredContig
    from dnabirnn.motif_classes import Output

__all__ = ["Ends", "matched", "pieces"]

_LOG_ODDS = np.arange(-8, 8.01, 0.25)
"""Log-odds at which calls are made."""
_GAP_BP, _LEAST_BP, _MOST_BP = 10, 10, 200
"""Runs of bases at or above a threshold are joined over gaps of at most 10 bases; a call has 10 to
200 bases."""
_REACH_BP = 10


@dataclass(frozen=True)
class Ends:
    """Best F1 of calls, where a call is right if the end of a label is in it or near it.

    The end of a label is its last base on its strand. It may lie up to 10 bases outside the call,
    on the call's strand. Each call finds one end, and each end counts once.
    """

    def rows(
        self,
        data: Path,
        labels: Sequence[Path],
        outputs: Sequence[Output],
        contigs: Iterable[ScoredContig],
    ) -> list[dict[str, Any]]:
        """Return one row per class: the best F1 over thresholds, as mean over models."""
        ends = pl.concat([_ends(path) for path in labels])
        thresholds = (1 / (1 + np.exp(-_LOG_ODDS))).astype(np.float32)
        counts: dict[str, NDArray[np.int64]] = {}  # (s, t, 3): right calls, calls, ends
        for contig in contigs:
            scorers = [*contig.models, contig.matrix]
            for column, (name, strand) in enumerate(outputs):
                wanted = (pl.col("name") == name) & (pl.col("chrom") == contig.name)
                if strand != ".":
                    wanted &= pl.col("strand") == strand
                own = ends.filter(wanted)["place"].unique().sort().to_numpy()
                own = own[contig.counted[own]]
                found = [
                    [_count(np.where(contig.counted, p[:, column], 0), t, own) for t in thresholds]
                    for p in scorers
                ]
                counts[name] = counts.get(name, 0) + np.array(found)
        return [{"table": "ends", "class": c, **_figures(own)} for c, own in counts.items()]


def _ends(path: Path) -> pl.DataFrame:
    """Return the columns chrom, name, strand and place, that of the last base of each label."""
    place = pl.when(pl.col("strand") == "-").then("start").otherwise(pl.col("end") - 1)
    return read_bed(path).select("chrom", "name", "strand", place=place)


def _count(
    scores: NDArray[np.float32], threshold: np.float32, ends: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Return the numbers of right calls, calls and ends."""
    calls = pieces(scores >= threshold)
    return matched(calls, ends), len(calls), ends.size


def pieces(called: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the calls (n, 2) made of called bases: joined over gaps, without long or short ones.

    Examples
    --------
    >>> pieces(np.repeat([True, False, True, False, True], [6, 10, 3, 11, 9])).tolist()
    [[0, 19]]
    """
    spans = runs(called)
    if not spans.size:
        return spans
    apart = spans[1:, 0] - spans[:-1, 1] > _GAP_BP
    joined = np.column_stack((spans[np.append(True, apart), 0], spans[np.append(apart, True), 1]))
    length = joined[:, 1] - joined[:, 0]
    kept: NDArray[np.int64] = joined[(length >= _LEAST_BP) & (length <= _MOST_BP)]
    return kept


def matched(calls: NDArray[np.int64], ends: NDArray[np.int64]) -> int:
    """Return the number of calls (n, 2) with an end (m,) of their own; both are sorted.

    Calls are disjoint, so the first free end for each call in turn gives the most pairs.

    Examples
    --------
    >>> matched(np.array([[100, 140], [150, 190]]), np.array([90, 145, 400]))
    2
    """
    number, free = 0, 0
    reachable = np.searchsorted(ends, calls[:, 0] - _REACH_BP)
    past = np.searchsorted(ends, calls[:, 1] + _REACH_BP)
    for low, high in zip(reachable.tolist(), past.tolist(), strict=True):
        place = max(low, free)
        if place < high:
            number, free = number + 1, place + 1
    return number


def _figures(counts: NDArray[np.int64]) -> dict[str, Any]:
    """Return figures from the counts (s, t, 3) of each scorer, the matrix last."""
    right, calls, ends = np.moveaxis(counts, -1, 0)
    f1 = 2 * right / (calls + ends)
    best = f1.argmax(axis=1)
    each = np.arange(len(f1))
    precision = right[each, best] / np.maximum(calls[each, best], 1)
    recall = right[each, best] / ends[each, best]
    own = f1[each, best][:-1].tolist()
    return {
        "ends": int(ends[0, 0]),
        "region_f1": statistics.mean(own),
        "region_f1_sd": statistics.stdev(own) if len(own) > 1 else None,
        "region_precision": float(precision[:-1].mean()),
        "region_recall": float(recall[:-1].mean()),
        "matrix_region_f1": float(f1[-1, best[-1]]),
        "matrix_region_precision": float(precision[-1]),
        "matrix_region_recall": float(recall[-1]),
    }
