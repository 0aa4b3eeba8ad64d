"""Regions and whole sequences as targets: the part of each that has the site of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.scoring import best_interval, log_odds_of, score_sequences
from dnabirnn.tracks import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig

__all__ = ["best_intervals", "rows_of"]

_SITE_BP = 8
"""Shortest best interval, as for labels of whole sequences."""


def best_intervals(
    contigs: Iterable[Contig],
    model: Model,
    regions: Callable[[str, int], NDArray[np.int64]],
    circular: Container[str] = (),
) -> Callable[[str, int], NDArray[np.int64]]:
    """Find the targets of each class in regions.

    If the model learned labels of whole sequences, a region has a class if its probability reaches
    the threshold of the class. Its target is the region, or as much of it around the best interval
    of `score --per-sequence` as the sequences that the model is calibrated for are long.

    Otherwise, the target is the interval of one strand with the largest sum of log-odds, compared
    with those of the threshold of calls. The region has the class if this sum is above 0.

    Parameters
    ----------
    contigs : iterable of Contig
    model : Model
    regions : callable, (contig, output) -> ndarray (n, 2) int64
        The same for all outputs.
    circular : container of str
        Names of circular contigs.

    Returns
    -------
    intervals : callable, (contig, output) -> ndarray (n, 2) int64
    """
    find = _sequence_best if model.checkpoint.sequences is not None else _base_best
    found: dict[tuple[str, int], list[tuple[int, int]]] = {}
    blocks = model.blocks(contigs, wanted=lambda name: regions(name, 0), circular=circular)
    for _, region in rows_of(blocks, lambda name: regions(name, 0)):
        for output, start, end in find(region, model):
            key = (region.name, output)
            found.setdefault(key, []).append((region.start + start, region.start + end))

    def intervals(name: str, output: int) -> NDArray[np.int64]:
        return np.array(found.get((name, output), []), np.int64).reshape(-1, 2)

    return intervals


def rows_of(
    blocks: Iterable[Block], regions: Callable[[str], NDArray[np.int64]]
) -> Iterator[tuple[int, Block]]:
    """Yield the number of each region of a contig, with its scores as one block."""
    parts: dict[int, list[Block]] = {}
    for block in blocks:
        intervals = regions(block.name)
        end = block.start + len(block.codes)
        near = np.flatnonzero((intervals[:, 0] < end) & (intervals[:, 1] > block.start))
        for number in near.tolist():
            first, last = np.clip(intervals[number], block.start, end) - block.start
            own = slice(int(first), int(last))
            parts.setdefault(number, []).append(
                block._replace(
                    start=block.start + int(first),
                    probabilities=block.probabilities[own],
                    codes=block.codes[own],
                )
            )
        done = [n for n in parts if block.last or intervals[n, 1] <= end]
        for number in sorted(done):
            some = parts.pop(number)
            yield (
                number,
                Block(
                    block.name,
                    some[0].start,
                    np.concatenate([one.probabilities for one in some]),
                    np.concatenate([one.codes for one in some]),
                    last=True,
                ),
            )


def _sequence_best(region: Block, model: Model) -> Iterator[tuple[int, int, int]]:
    """Yield output, start and end of the target of each class that a sequence has."""
    scores, classes = model.checkpoint.sequences, model.checkpoint.architecture.classes
    assert scores is not None
    alone = region._replace(start=0)
    for one in score_sequences([alone], classes, scores.site_bp, scores.length_bp, scores.words):
        probabilities = scores.probabilities(one.log_odds[None])[0]
        for best, probability, (name, _) in zip(one.best, probabilities, classes, strict=True):
            if best is not None and probability >= scores.rules[name].threshold:
                output = model.outputs.index((name, best.strand))
                yield output, *_around(best.start, best.end, len(region.codes), scores.length_bp)


def _around(start: int, end: int, length: int, wanted: int) -> tuple[int, int]:
    """Return an interval with bases on both sides, about `wanted` bases of `length`.

    Examples
    --------
    >>> _around(40, 48, 100, 30), _around(2, 10, 100, 30), _around(2, 10, 20, 30)
    ((29, 59), (0, 30), (0, 20))
    """
    flank = max(0, -((end - start - wanted) // 2))
    size = end - start + 2 * flank
    first = min(max(0, start - flank), max(0, length - size))
    return first, min(length, first + size)


def _base_best(region: Block, model: Model) -> Iterator[tuple[int, int, int]]:
    """Yield the same, from the thresholds of calls."""
    log_odds = log_odds_of(region)
    for name, _ in model.checkpoint.architecture.classes:
        rule = model.checkpoint.calls.get(name)
        if rule is None:
            continue
        threshold = min(rule.threshold, MAX_SCORE - 1) / MAX_SCORE
        above = log_odds - np.log(threshold / (1 - threshold))
        outputs = [n for n, output in enumerate(model.outputs) if output.class_name == name]
        found = [best_interval(above[:, output], _SITE_BP) for output in outputs]
        sums = [above[first:last, n].sum() for n, (first, last) in zip(outputs, found, strict=True)]
        best = int(np.argmax(sums))
        if sums[best] > 0:
            yield outputs[best], *found[best]
