"""Metrics of a stream of scores and its calls, compared with truth, in bounded memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.evaluation.bootstrap import BLOCK_BP, draw, intervals, moved_replicates
from dnabirnn.evaluation.calls import CallEvaluation
from dnabirnn.evaluation.truth import Truth
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.names import aligned
from dnabirnn.network import Architecture, default_min_score
from dnabirnn.scoring import find_calls, find_runs
from dnabirnn.tracks import lowest_probability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.evaluation.bootstrap import Curve, Tally
    from dnabirnn.evaluation.matching import Intervals
    from dnabirnn.motif_classes import MotifClass
    from dnabirnn.network import CallSettings
    from dnabirnn.tracks import Block, Rows

__all__ = ["BaseMetrics", "Evaluation", "Report", "evaluate_blocks", "metrics_table"]


class BaseMetrics(NamedTuple):
    """Metrics per base.

    Attributes
    ----------
    classes : dict
        Metrics of each class for `metrics.json`; None for a class without true bases.
    absent : dict
        For each class without true bases, the number of bases that were called.
    curves : list of Curve
        For each class with true bases: strand-blind, and for a stranded class also by strand.
    """

    classes: dict[str, dict[str, Any] | None]
    absent: dict[str, dict[str, Any]]
    curves: list[Curve]


class Report(NamedTuple):
    """All metrics.

    Attributes
    ----------
    metrics : dict
        Content of `metrics.json`: `classes` and `absent` of BaseMetrics, and `calls`.
    curves : list of Curve
    """

    metrics: dict[str, Any]
    curves: list[Curve]

    def with_baseline(self, other: Report) -> Report:
        """Return the report with the per-base metrics of another as its baseline."""
        return self._replace(metrics=self.metrics | {"baseline": other.metrics["classes"]})


class Evaluation:
    """Metrics per base, from blocks of scores and truth.

    In the strand-blind form, the score of a base is the larger score of the outputs of its class,
    and the base is positive if it is positive on either strand. In the `_stranded` form, each base
    counts once per strand. For a class without strands both forms are the same.

    Confidence intervals (`_ci`) are 95 % percentile intervals from a block bootstrap (Efron and
    Tibshirani 1993, An Introduction to the Bootstrap, sections 8.6 and 13.3). Neighbouring bases
    are not independent, so blocks of 10 kb at fixed places of each contig are resampled, with
    replacement, and not single bases. With more than 512 blocks, blocks are assigned to 512 groups
    in turn, and groups are resampled. Each group keeps exact counts at the threshold, and a
    histogram with 1,024 bins of equal width in logit. A metric from these histograms is corrected
    by the difference between the exact metric and the one from all groups together. Blocks without
    a counted base are left out. With a single block there are no intervals.

    Parameters
    ----------
    classes : sequence of MotifClass
        In the order of the network's outputs.
    thresholds : mapping of str to int
        Per class, the integer score, 1 to 1000, at or above which a base is called. Nothing is
        called of a class without a threshold.
    replicates : int
        Number of bootstrap replicates; with 0 all intervals are None.
    seed : int
        Seed of the bootstrap.
    block_bp : int
        Length of a block in bases.
    """

    def __init__(
        self,
        classes: Sequence[MotifClass],
        thresholds: Mapping[str, int],
        *,
        replicates: int = 1000,
        seed: int = 0,
        block_bp: int = BLOCK_BP,
    ) -> None:
        from dnabirnn.evaluation.base_counts import BaseCounter  # loads Numba

        self._classes = tuple(classes)
        self._thresholds = dict(thresholds)
        self._replicates = replicates
        self._seed = seed
        cuts = [
            lowest_probability(thresholds[name]) if name in thresholds else np.float32(np.inf)
            for name, stranded in classes
            for _ in range(1 + stranded)
        ]
        self._counter = BaseCounter(classes, cuts, block_bp)

    def add(
        self,
        block: Block,
        labels: NDArray[np.unsignedinteger],
        counted: NDArray[np.bool_],
    ) -> None:
        """Add the bases of a block.

        Parameters
        ----------
        block : Block
            Blocks come in the order of the contig.
        labels : ndarray, (m,) unsigned
            Bits in the order of `classes`; the ignore bit is not used.
        counted : ndarray, (m,) bool
            False for bases that are left out.
        """
        self._counter.add(block.start, block.probabilities, labels, counted)

    def finish(self) -> BaseMetrics:
        """Return the metrics of all bases that were added."""
        weights = draw(self._counter.blocks, self._replicates, self._seed)
        tallies = self._counter.tallies()
        metrics = BaseMetrics({}, {}, [])
        for name, stranded in self._classes:
            forms = {"": tallies[name].blind, "_stranded": tallies[name].by_strand}
            if not forms[""].histogram.positives.any():
                metrics.classes[name] = None
                metrics.absent[name] = _absence(forms)
                continue
            entry: dict[str, Any] = {}
            for suffix, tally in list(forms.items())[: 1 + stranded]:
                figures = tally.figures()
                replicates = moved_replicates(tally, figures, weights)
                curve = tally.curve(name, bool(suffix), figures, weights)
                metrics.curves.append(curve._replace(replicates=replicates["ap"]))
                figures["threshold"] = self._thresholds.get(name, np.nan) / MAX_SCORE
                ends_of = intervals(replicates, figures)
                for form in (suffix,) if stranded else forms:
                    entry |= {f"{key}{form}": _plain(value) for key, value in figures.items()}
                    entry |= {f"{key}{form}_ci": ends for key, ends in ends_of.items()}
            metrics.classes[name] = entry
        return metrics


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value


def _absence(forms: Mapping[str, Tally]) -> dict[str, Any]:
    """Count the called bases of a class without true bases."""
    entry: dict[str, Any] = {}
    for suffix, tally in forms.items():
        called, bases = int(tally.called[:, 1].sum()), int(tally.histogram.negatives.sum())
        entry[f"called_bases{suffix}"] = called
        entry[f"bases{suffix}"] = bases
        entry[f"called_per_mb{suffix}"] = called * 1e6 / bases if bases else None
    return entry


def evaluate_blocks(
    blocks: Iterable[Block],
    labels_of: Callable[[str], NDArray[np.unsignedinteger]],
    classes: Sequence[MotifClass],
    thresholds: Mapping[str, int],
    *,
    calls: CallSettings | None = None,
    min_score: int | None = None,
    regions: Callable[[str], NDArray[np.int64]] | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> Report:
    """Compute the metrics of a stream of scores; memory grows with the longest contig only.

    Parameters
    ----------
    blocks : iterable of Block
    labels_of : function from a contig's name to labels (L,)
        Bits in the order of `classes`. Bases with the ignore bit do not count, nor do bases of
        code 4.
    classes : sequence of MotifClass
        In the order of the network's outputs.
    thresholds : mapping of str to int
        Per class, the integer score, 1 to 1000, at or above which a base is called. Nothing is
        called of a class without a threshold.
    calls : CallSettings, optional
        How calls are made from the scores. By default, no calls are made.
    min_score : int, optional
        Scores below this count as 0 for calls, as if calls were made from a track with this
        `--min-score`. Default: `default_min_score` of the rules of `calls`.
    regions : function from a contig's name to (n, 2) int64, optional
        Sorted disjoint intervals to evaluate. Truth and calls are cut at their ends.
    replicates, seed : int
        Of the bootstrap.
    """
    base = Evaluation(classes, thresholds, replicates=replicates, seed=seed)
    contig = _CurrentContig(labels_of, regions)
    counted = _count_bases(blocks, contig, base)
    sites = CallEvaluation(classes)
    if calls is None:
        deque(counted, maxlen=0)
    else:
        outputs = Architecture(tuple(classes)).outputs
        if min_score is None:
            min_score = default_min_score(calls.rules.values())
        runs = find_runs(counted, min_score=min_score, regions=regions)
        # All calls of a contig come before the first block of the next contig is requested.
        for rows in find_calls(runs, outputs, calls):
            sites.add(_by_output(rows, len(outputs)), contig.truth)
    figures = base.finish()
    metrics: dict[str, Any] = {"classes": figures.classes, "calls": {}, "absent": figures.absent}
    if calls is not None:
        metrics["calls"] = sites.finish(replicates, seed)
        for name, entry in figures.absent.items():
            entry["calls"] = sites.count(name)
    return Report(metrics, figures.curves)


class _CurrentContig:
    """Truth of the current contig; bases of code 4 are left out block by block."""

    def __init__(
        self,
        labels_of: Callable[[str], NDArray[np.unsignedinteger]],
        regions: Callable[[str], NDArray[np.int64]] | None,
    ) -> None:
        self._labels_of = labels_of
        self._regions = regions
        self.truth = Truth.of(np.empty(0, dtype=np.uint8))

    def begin(self, name: str) -> None:
        """Switch to another contig."""
        regions = None if self._regions is None else self._regions(name)
        self.truth = Truth.of(self._labels_of(name), regions=regions)


def _count_bases(
    blocks: Iterable[Block], contig: _CurrentContig, base: Evaluation
) -> Iterator[Block]:
    """Add the bases of each block to `base`, and pass the block on."""
    for block in blocks:
        if block.start == 0:
            contig.begin(block.name)
        span = slice(block.start, block.start + block.codes.size)
        truth = contig.truth
        truth.counted[span] &= block.codes < AMBIGUOUS
        base.add(block, truth.labels[span], truth.counted[span])
        yield block


def _by_output(rows: Rows, outputs: int) -> list[Intervals]:
    """Return the calls of each output: one sorted (n, 2) array per output."""
    spans = np.column_stack((rows.start, rows.end))
    return [spans[rows.output == output] for output in range(outputs)]


_COLUMNS = (
    ("AP", "ap", "{:.4f}"),
    ("95 %", "ap_ci", "{0[0]:.4f}-{0[1]:.4f}"),
    ("AP stranded", "ap_stranded", "{:.4f}"),
    ("AUROC", "auroc", "{:.4f}"),
    ("best F1", "best_f1", "{:.3f}"),
    ("precision", "precision", "{:.3f}"),
    ("recall", "recall", "{:.3f}"),
    ("MCC", "mcc", "{:.3f}"),
)
_CALL_COLUMNS = (("call F1", "f1", "{:.3f}"), ("boundary bp", "boundary_median_bp", "{:g}"))


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Format metrics as text for a terminal, with one row per class.

    Parameters
    ----------
    metrics : mapping
        Content of `metrics.json`.

    Returns
    -------
    table : str
        Lines, without a newline at the end. "-" stands for undefined values.

    Examples
    --------
    >>> print(metrics_table({"classes": {"REP": None}, "calls": {}, "absent": {}}))
    class  AP  95 %  AP stranded  AUROC  best F1  precision  recall  MCC  call F1  boundary bp
    REP     -     -            -      -        -          -       -    -        -            -
    """
    rows = [["class", *(title for title, _, _ in (*_COLUMNS, *_CALL_COLUMNS))]]
    for name, entry in metrics["classes"].items():
        row = [_cell(entry, key, style) for _, key, style in _COLUMNS]
        sites = metrics["calls"].get(name)
        row += [_cell(sites, key, style) for _, key, style in _CALL_COLUMNS]
        rows.append([name, *row])
    lines = aligned(rows)
    for name, entry in metrics["absent"].items():
        called, bases = entry["called_bases"], entry["bases"]
        lines.append(f"{name}: no true bases; {called} of {bases} bases are called")
    return "\n".join(lines)


def _cell(entry: Mapping[str, Any] | None, key: str, style: str) -> str:
    value = None if entry is None else entry.get(key)
    return "-" if value is None else style.format(value)
