"""Whole genomes evaluated, from file to file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnabirnn.evaluation.evaluate import evaluate_blocks
from dnabirnn.evaluation.truth import LabelledContigs
from dnabirnn.network import default_min_score
from dnabirnn.scoring import watched
from dnabirnn.sequences import checked_contigs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnabirnn.evaluation.baseline import Baseline
    from dnabirnn.evaluation.evaluate import Report
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Labels
    from dnabirnn.network import CallSettings
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular


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
    progress: Callable[[int], None] = lambda bases: None,
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
    contigs = LabelledContigs(fasta, labels, model.checkpoint.mask, exclude, digests)
    naming = [labels, labels.negatives, regions, exclude, circular]
    checked = checked_contigs(contigs, fasta, naming)
    wanted = None if regions is None else regions.of
    return evaluate_blocks(
        watched(model.blocks(checked, wanted, circular or ()), progress),
        contigs.labels_of,
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
    progress: Callable[[int], None] = lambda bases: None,
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
    contigs = LabelledContigs(fasta, labels, mask, exclude)
    return evaluate_blocks(
        watched(baseline.blocks(contigs, wanted), progress),
        contigs.labels_of,
        labels.classes,
        baseline.thresholds,
        regions=wanted,
        seed=seed,
    )
