"""The reach of a search: how far from a target bases matter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.discovery.contributions import explain_targets
from dnabirnn.discovery.targets import choose_targets
from dnabirnn.sequences import checked_contigs

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from numpy.typing import NDArray

    from dnabirnn.explanation import Sites
    from dnabirnn.files import PathLike
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular, Contig

__all__ = ["contigs_around", "measure_context"]

_SAMPLE = 30
"""Targets of each class."""
_LONGEST_BP = 200
_SEQUENCE_BP = 100
_SHARE = 0.99
_STEP_BP = 10


def contigs_around(
    sites: Sites,
    model: Model,
    fasta: Sequence[PathLike],
    reach_bp: int | None,
    circular: Circular | None = None,
) -> Callable[[], Iterable[Contig]]:
    """Return a function that reads the contigs for `find_motifs`.

    Of files with an index, only the bases around the sites are read.

    Parameters
    ----------
    sites : Sites
    model : Model
    fasta : sequence of str or PathLike
    reach_bp : int, optional
        As for `find_motifs`.
    circular : Circular, optional

    Raises
    ------
    LabelError, OptionError, FastaError
        When the contigs are read: the inputs do not fit together, or cannot be read.
    """
    most = _LONGEST_BP if reach_bp is None else reach_bp
    needed = sites.needed(most, model.checkpoint.scoring_window.length_bp, circular or ())
    return lambda: checked_contigs(model.contigs(*fasta, needed=needed), fasta, [sites, circular])


def measure_context(
    contigs: Callable[[], Iterable[Contig]],
    model: Model,
    intervals: Callable[[str, int], NDArray[np.int64]],
    circular: Container[str] = (),
) -> int:
    """Return the distance from targets within which nearly all importance lies.

    It is measured on a sample of targets, up to 200 bases: the shortest distance, in tens of bases,
    that has 99 % of the importance there, without signs. If the model learned labels of whole
    sequences, it is the length of these, up to 100 bases: bases matter inside the targets.

    Parameters
    ----------
    contigs : callable
        Returns the contigs. Called twice.
    model : Model
    intervals : callable, (contig, output) -> ndarray (n, 2) int64
    circular : container of str
        Names of circular contigs.

    Returns
    -------
    reach_bp : int
    """
    if model.checkpoint.sequences is not None:
        return min(_SEQUENCE_BP, model.checkpoint.sequences.length_bp)
    longest = max(1, min(_LONGEST_BP, model.checkpoint.scoring_window.length_bp - 1))
    sample, _ = choose_targets(contigs(), intervals, model.outputs, longest, _SAMPLE, circular)
    by_distance: list[list[float]] = [[] for _ in range(longest + 1)]
    for one in explain_targets(contigs(), model, sample, longest, circular):
        sizes = np.abs(one.contributions).sum(axis=1).tolist()
        width = len(sizes) - 2 * longest
        for place, size in enumerate(sizes):
            by_distance[max(longest - place, place - longest - width + 1, 0)].append(size)
    # The sums do not depend on the order of the targets.
    sums = np.array([math.fsum(own) for own in by_distance])
    within = int(np.argmax(np.cumsum(sums) >= _SHARE * sums.sum()))
    return min(longest, max(_STEP_BP, -(-within // _STEP_BP) * _STEP_BP))
