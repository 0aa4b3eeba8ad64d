"""Whole genomes evaluated, from file to file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnabirnn.encoded import splits_of
from dnabirnn.evaluation.evaluate import evaluate_blocks
from dnabirnn.evaluation.truth import LabelledContigs
from dnabirnn.files import listed
from dnabirnn.network import default_min_score
from dnabirnn.scoring import bases_needed, watched
from dnabirnn.sequences import checked_contigs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    inputs: Mapping[str, Mapping[str, str]] | None = None,
    progress: Callable[[int], None] = lambda bases: None,
) -> Report:
    """Compare the scores and calls of FASTA files with labels.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    labels : Labels
        Labels of the model's classes; see `dnabirnn.labels.load_truth`.
    calls : CallSettings
    regions : Regions, optional
        Regions to evaluate. Outside them, scores count as 0 and there are no true sites.
    exclude : Regions, optional
        Bases that do not count.
    circular : Circular, optional
        Circular contigs, whose windows run across the origin.
    seed : int
        Seed of the bootstrap.
    inputs : mapping, optional
        SHA-256 digests by file name of further inputs, by kind, for the metrics. Those of the
        sequences, labels and regions are added.
    progress : callable
        Called with the size of each finished block, in bases.

    Returns
    -------
    report : Report
        `metrics` also holds `inputs` (names and digests), `reading` (how labels were read) and
        `splits` (names of the regions, if they are splits).

    Raises
    ------
    FastaError, LabelError
        An input cannot be read, or the inputs do not fit together.
    """
    digests: dict[str, str] = {}
    contigs = LabelledContigs(fasta, labels, model.checkpoint.mask, exclude, digests)
    naming = [labels, labels.negatives, regions, exclude, circular]
    checked = checked_contigs(contigs, fasta, naming)
    wanted = None if regions is None else regions.of
    report = evaluate_blocks(
        watched(model.blocks(checked, wanted, circular or ()), progress),
        contigs.labels_of,
        labels.classes,
        {name: rule.threshold for name, rule in calls.rules.items()},
        calls=calls,
        min_score=default_min_score([*model.checkpoint.calls.values(), *calls.rules.values()]),
        regions=wanted,
        seed=seed,
    )
    read: dict[str, Mapping[str, str]] = {"fasta": digests, "labels": labels.digests}
    own = {"negatives": labels.negatives, "regions": regions, "exclude": exclude}
    read |= {kind: intervals.digests for kind, intervals in own.items() if intervals is not None}
    read |= inputs or {}
    report.metrics["inputs"] = {kind: listed(of_kind) for kind, of_kind in read.items()}
    report.metrics["reading"] = dict(labels.origin.reading)
    named = regions is not None and "name" in regions.frame.columns
    report.metrics["splits"] = splits_of(regions.frame["name"]) if regions and named else []
    return report


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
    """Compare the scores of position weight matrices with labels, as `evaluate_genome` does.

    Parameters
    ----------
    baseline : Baseline
    fasta : sequence of str or PathLike
    labels : Labels
        Labels of the baseline's classes.
    mask : str
        Meaning of lower-case letters, as in the model to compare with.
    regions : Regions, optional
        Regions to evaluate.
    exclude : Regions, optional
        Bases that do not count.
    seed : int
        Seed of the bootstrap.
    progress : callable
        Called with the size of each finished block, in bases.

    Returns
    -------
    report : Report
        Metrics per base; no calls are made.

    Raises
    ------
    FastaError, LabelError
        An input cannot be read, or the inputs do not fit together.
    """
    wanted = None if regions is None else regions.of
    needed = bases_needed(wanted, baseline.reach_bp)
    contigs = LabelledContigs(fasta, labels, mask, exclude, needed=needed)
    return evaluate_blocks(
        watched(baseline.blocks(contigs, wanted), progress),
        contigs.labels_of,
        labels.classes,
        baseline.thresholds,
        regions=wanted,
        seed=seed,
    )
