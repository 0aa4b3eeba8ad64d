"""evaluation.genome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.evaluation.evaluate import evaluate_blocks
from dnabirnn.labels import IGNORE_BIT
from dnabirnn.network import default_min_score
from dnabirnn.scoring import watched
from dnabirnn.sequences import checked_contigs, read_fasta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.evaluation.baseline import Baseline
    from dnabirnn.evaluation.evaluate import Report
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Labels
    from dnabirnn.network import CallSettings
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular, Record

    Progress = Callable[[int], None]

__all__ = ["evaluate_baseline", "evaluate_genome"]


def evaluate_genome(
    model: Model,
    fasta: Sequence[PathLike],
    labels: Labels,
    *,
    calls: CallSettings,
    regions: Regions | None = None,
    exclude: Regions | None = None,
    circular: Circular | None = None,
    seed: int = 0,
    digests: dict[str, str] | None = None,
    progress: Progress = lambda bases: None,
) -> Report:
    """Hold the scores and calls of FASTA files against labels.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    labels : Labels
        Of the model's classes, see `dnabirnn.labels.load.load_truth`.
    calls : CallSettings
    regions : Regions, optional
        Only what lies in these counts: outside them scores count as 0, and truth as none.
    exclude : Regions, optional
        What lies in these does not count.
    circular : Circular, optional
        Contigs across whose origin windows run.
    seed : int
        Of the bootstrap.
    digests : dict, optional
        As in `dnabirnn.read_fasta`.
    progress : callable
        Told the bases of each block that is done.

    Returns
    -------
    report : Report

    Raises
    ------
    FastaError, LabelError
        Inputs that cannot be read or do not fit one another.
    """
    truth = _Truth(fasta, labels, model.checkpoint.mask, exclude, digests)
    naming = [labels, labels.negatives, regions, exclude, circular]
    contigs = checked_contigs(truth, fasta, naming)
    wanted = None if regions is None else regions.of
    return evaluate_blocks(
        watched(model.blocks(contigs, wanted, circular or ()), progress),
        truth.labels_of,
        labels.classes,
        {name: rule.threshold for name, rule in calls.rules.items()},
        calls=calls,
        min_score=default_min_score([*model.checkpoint.calls.values(), *calls.rules.values()]),
        regions=wanted,
        seed=seed,
    )


def evaluate_baseline(
    baseline: Baseline,
    fasta: Sequence[PathLike],
    labels: Labels,
    *,
    mask: str = "none",
    regions: Regions | None = None,
    exclude: Regions | None = None,
    seed: int = 0,
    progress: Progress = lambda bases: None,
) -> Report:
    """Hold the scores of position weight matrices against labels, as `evaluate_genome` does.

    Parameters
    ----------
    baseline : Baseline
    fasta : sequence of str or PathLike
    labels : Labels
        Of the baseline's classes.
    mask : str
        What lower-case letters mean, as in the model that it is compared with.
    regions : Regions, optional
        Only what lies in these counts.
    exclude : Regions, optional
        What lies in these does not.
    seed : int
        Of the bootstrap.
    progress : callable
        Told the bases of each block that is done.

    Returns
    -------
    report : Report
        Of bases; no calls are made.

    Raises
    ------
    FastaError, LabelError
        Inputs that cannot be read or do not fit one another.
    """
    wanted = None if regions is None else regions.of
    truth = _Truth(fasta, labels, mask, exclude)
    return evaluate_blocks(
        watched(baseline.blocks(truth, wanted), progress),
        truth.labels_of,
        labels.classes,
        baseline.thresholds,
        regions=wanted,
        seed=seed,
    )


class _Truth:
    """Contigs, whose labels are kept from when a contig is read until they are asked for."""

    def __init__(
        self,
        fasta: Sequence[PathLike],
        labels: Labels,
        mask: str,
        exclude: Regions | None,
        digests: dict[str, str] | None = None,
    ) -> None:
        case, hard = mask == "loss", mask == "hard"
        self._records = read_fasta(*fasta, case=case, hard_mask=hard, digests=digests)
        self._labels = labels
        self._exclude = exclude
        self._waiting: dict[str, NDArray[np.unsignedinteger]] = {}

    def __iter__(self) -> Iterator[Record]:
        for record in self._records:
            length = len(record.codes)
            excluded = None if self._exclude is None else self._exclude.of(record.name)
            painted = self._labels.paint(record.name, length, excluded)
            if record.lower is not None:
                painted[record.lower] |= painted.dtype.type(IGNORE_BIT)
            self._waiting[record.name] = painted
            yield record

    def labels_of(self, name: str) -> NDArray[np.unsignedinteger]:
        """Labels (L,) of a contig that is being scored; asked for once."""
        return self._waiting.pop(name)
