"""Bound copies of a consensus against unbound ones: average precision per copy."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.evaluation import average_precision
from dnabirnn.intervals import read_bed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.scored import ScoredContig
    from dnabirnn.motif_classes import Output

__all__ = ["Copies", "mean_log_odds"]

_REPLICATES = 1000
_LEAST_BOUND, _LEAST_UNBOUND = 25, 50
"""Copies that a class needs to count in the mean over classes."""
_LIMITS = (np.float32(1e-9), np.float32(1 - 1e-7))
"""Probabilities are kept between these; float32 has steps of 6e-8 below 1."""


class _Scored(NamedTuple):
    """Copies of a class: truth (n,) bool, and a score per scorer, the matrix last: (s, n)."""

    bound: NDArray[np.bool_]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Copies:
    """Average precision among the copies of a consensus, of which the labels are the bound ones.

    The score of a copy is the mean of the log-odds of its bases, on its strand. Copies in excluded
    bases count too. Of a class without strands, a place is one copy.

    Attributes
    ----------
    unbound : str
        BED of the unbound copies in the folder `DNABIRNN_DATA`.
    """

    unbound: str

    def rows(
        self,
        data: Path,
        labels: Sequence[Path],
        outputs: Sequence[Output],
        contigs: Iterable[ScoredContig],
    ) -> list[dict[str, Any]]:
        """Return one row per class that has copies of both kinds, and their mean.

        The 95 % interval of the difference to the matrix comes from a bootstrap of the copies,
        stratified by bound and unbound; networks and matrix are scored on the same draws.
        """
        copies = _copies([read_bed(path) for path in labels], read_bed(data / self.unbound))
        parts: dict[str, list[_Scored]] = {}
        for contig in contigs:
            for name, part in _score(contig, copies, outputs):
                parts.setdefault(name, []).append(part)
        random = np.random.default_rng(0)
        rows, means = [], []
        for name, own in sorted(parts.items()):
            bound = np.concatenate([part.bound for part in own])
            if bound.all() or not bound.any():
                continue
            scores = np.concatenate([part.scores for part in own], axis=1)
            weights = _draws(bound, random)
            ap = np.stack([_ap(one, bound, weights) for one in scores])  # (s, 1 + r)
            counts = {"bound": int(bound.sum()), "unbound": int((~bound).sum())}
            rows.append({"table": "copies", "class": name, **counts, **_figures(ap)})
            if counts["bound"] >= _LEAST_BOUND and counts["unbound"] >= _LEAST_UNBOUND:
                means.append(ap)
        if means:
            figures = _figures(np.mean(means, axis=0))
            rows.append({"table": "copies", "class": f"mean of {len(means)}", **figures})
        return rows


def _copies(bound: list[pl.DataFrame], unbound: pl.DataFrame) -> pl.DataFrame:
    """Return the columns chrom, name, strand, start, end, bound."""
    columns = ["chrom", "name", "strand", "start", "end"]
    frames = [frame.select(columns).with_columns(bound=True) for frame in bound]
    return pl.concat([*frames, unbound.select(columns).with_columns(bound=False)])


def _score(
    contig: ScoredContig, copies: pl.DataFrame, outputs: Sequence[Output]
) -> list[tuple[str, _Scored]]:
    """Return the class of each output with its copies on a contig."""
    found = []
    outside = np.concatenate([[0], np.cumsum(~contig.inside)])
    own = copies.filter(pl.col("chrom") == contig.name)
    for column, (name, strand) in enumerate(outputs):
        rows = own.filter(pl.col("name") == name)
        if strand == ".":
            rows = rows.unique(["start", "end"], maintain_order=True)
        else:
            rows = rows.filter(pl.col("strand") == strand)
        start, end = rows["start"].to_numpy(), rows["end"].to_numpy()
        whole = outside[end] == outside[start]
        scorers = [*contig.models, contig.matrix]
        scores = [mean_log_odds(p[:, column], start[whole], end[whole]) for p in scorers]
        found.append((name, _Scored(rows["bound"].to_numpy()[whole], np.stack(scores))))
    return found


def mean_log_odds(
    probabilities: NDArray[np.float32], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean of the log-odds of the bases of each interval, (n,) float64.

    Examples
    --------
    >>> p = np.array([0.5, 0.9, 0.9], dtype=np.float32)
    >>> mean_log_odds(p, np.array([0, 1]), np.array([2, 3])).round(3).tolist()
    [1.099, 2.197]
    """
    p = np.clip(probabilities, *_LIMITS).astype(np.float64)
    log_odds = np.append(np.log(p) - np.log1p(-p), 0)
    # Each interval is summed by itself: differences of running sums would break ties at random.
    sums = np.add.reduceat(log_odds, np.column_stack((start, end)).ravel())[::2]
    means: NDArray[np.float64] = sums / (end - start)
    return means


def _draws(bound: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.int64]:
    """Return how often each copy counts, (1 + r, n): once each, then in each replicate."""
    weights = np.ones((1 + _REPLICATES, bound.size), dtype=np.int64)
    for kind in (bound, ~bound):
        number = int(kind.sum())
        weights[1:, kind] = random.multinomial(number, np.full(number, 1 / number), _REPLICATES)
    return weights


def _ap(
    scores: NDArray[np.float64], bound: NDArray[np.bool_], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the average precision (r,) of scores (n,) for each row of weights (r, n)."""
    order = np.argsort(scores, kind="stable")
    firsts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # equal scores are ties
    positives, negatives = (
        np.add.reduceat(weights[:, order] * kind[order], firsts, axis=1) for kind in (bound, ~bound)
    )
    return average_precision(positives, negatives)


def _figures(ap: NDArray[np.float64]) -> dict[str, Any]:
    """Return figures from average precisions (s, 1 + r): of each scorer, the matrix last."""
    *networks, matrix = ap
    gain = np.mean(networks, axis=0) - matrix
    own = [float(network[0]) for network in networks]
    return {
        "copies_ap": statistics.mean(own),
        "copies_ap_sd": statistics.stdev(own) if len(own) > 1 else None,
        "matrix_copies_ap": float(matrix[0]),
        "gain_copies_ap": float(gain[0]),
        "gain_copies_ap_ci": np.percentile(gain[1:], [2.5, 97.5]).tolist(),
    }
