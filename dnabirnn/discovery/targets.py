"""Targets: the intervals whose scores are explained."""

from __future__ import annotations

import hashlib
import heapq
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import reverse_complement

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.motif_classes import Output
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig

__all__ = ["Target", "around", "choose_targets", "outputs_of"]

_LONGEST_BP = 1_000
"""Longest target. Of a longer interval, the middle is explained."""


class Target(NamedTuple):
    """An interval whose score is explained.

    Attributes
    ----------
    contig : str
    start, end : int
        0-based, half-open.
    output : int
        Output of the model whose log-odds are summed over the interval.
    """

    contig: str
    start: int
    end: int
    output: int


def around(codes: Codes, start: int, end: int, circular: bool) -> Codes:
    """Return the bases of an interval that may go beyond the contig, where they are of code 4.

    Examples
    --------
    >>> around(np.array([0, 1, 2], np.uint8), -1, 5, circular=False).tolist()
    [4, 0, 1, 2, 4, 4]
    >>> around(np.array([0, 1, 2], np.uint8), -1, 5, circular=True).tolist()
    [2, 0, 1, 2, 0, 1]
    """
    places = np.arange(start, end)
    if circular:
        return codes[places % len(codes)]
    inside = (places >= 0) & (places < len(codes))
    found = np.full(len(places), 4, np.uint8)
    found[inside] = codes[places[inside]]
    return found


def choose_targets(
    contigs: Iterable[Contig],
    intervals: Callable[[str, int], NDArray[np.int64]],
    outputs: Sequence[Output],
    reach_bp: int,
    max_targets: int,
    circular: Container[str] = (),
) -> tuple[list[Target], dict[str, int]]:
    """Return the targets, or of each class a sample if there are more than `max_targets`.

    The sample consists of the targets whose bases have the smallest digests. So it does not depend
    on the order of the contigs, and is the same on the opposite strand.

    Parameters
    ----------
    contigs : iterable of Contig
    intervals : callable, (contig, output) -> ndarray (n, 2) int64
    outputs : sequence of Output
    reach_bp : int
        Bases on either side that are part of the digest.
    max_targets : int
    circular : container of str
        Names of circular contigs.

    Returns
    -------
    targets : list of Target
        In the order of the contigs, then by start, end and output.
    totals : dict of class name to int
        Targets of each class before sampling.
    """
    classes = list(dict.fromkeys(output.class_name for output in outputs))
    # By class, a heap of the smallest digests: the largest of them comes first.
    kept: list[list[tuple[int, int, Target]]] = [[] for _ in classes]
    totals = [0] * len(classes)
    order: dict[str, int] = {}
    for contig in contigs:
        order[contig.name] = len(order)
        for number, output in enumerate(outputs):
            of_class = classes.index(output.class_name)
            for start, end in np.clip(
                intervals(contig.name, number), 0, len(contig.codes)
            ).tolist():
                if start >= end:
                    continue
                start, end = _middle(start, end)
                bases = around(
                    contig.codes, start - reach_bp, end + reach_bp, contig.name in circular
                )
                target = Target(contig.name, start, end, number)
                entry = (-_digest(bases, output.strand), totals[of_class], target)
                totals[of_class] += 1
                if len(kept[of_class]) < max_targets:
                    heapq.heappush(kept[of_class], entry)
                else:
                    heapq.heappushpop(kept[of_class], entry)
    found = [entry[-1] for heap in kept for entry in heap]
    found.sort(key=lambda one: (order[one.contig], *one[1:]))
    return found, dict(zip(classes, totals, strict=True))


def _middle(start: int, end: int) -> tuple[int, int]:
    """Return an interval, or its middle if it is too long, at equal distances from both ends."""
    cut = max(0, -((_LONGEST_BP - (end - start)) // 2))
    return start + cut, end - cut


def _digest(bases: Codes, strand: str) -> int:
    """Return a number from the bases of a target, read on its strand if it has one."""
    ways = [bases] if strand == "+" else [reverse_complement(bases)]
    if strand == ".":
        ways.append(bases)
    return min(
        int.from_bytes(hashlib.blake2b(way.tobytes(), digest_size=8).digest(), "big")
        for way in ways
    )


def outputs_of(model: Model, output: int) -> list[int]:
    """Return all outputs of the class of an output."""
    name = model.outputs[output].class_name
    return [n for n, one in enumerate(model.outputs) if one.class_name == name]
