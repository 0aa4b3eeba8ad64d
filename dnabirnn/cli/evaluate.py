"""`dnabirnn evaluate`: scores and calls against labels."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import label_options as reading_options, options
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnabirnn.evaluation import Baseline, Report
    from dnabirnn.scoring import Model

__all__ = ["evaluate"]

logger = logging.getLogger(__name__)


@click.command()
@options.fasta
@options.name_prefix
@reading_options.labels
@options.model
@click.option("-o", "--out", required=True, metavar="JSON", help="Metrics; - for standard output.")
@click.option(
    "--plots/--no-plots",
    default=True,
    show_default=True,
    help="Precision-recall and reliability curves beside the metrics, as PNG and SVG.",
)
@click.option(
    "--baseline",
    metavar="DIR",
    help="Encoded set from whose training sites to learn the matrix to compare with.",
)
@click.option("--curves", metavar="JSON", help="Points of all curves.")
@options.regions
@options.circular
@options.exclude
@reading_options.negatives
@options.chrom_alias
@reading_options.reading
@options.ignore_classes
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the bootstrap.")
@options.calls
@options.threads
@options.device
@options.engine
@options.precision
@options.prior
@click.pass_obj
def evaluate(
    quiet: bool,
    /,
    fasta: tuple[str, ...],
    name_prefixes: tuple[str, ...],
    labels: tuple[str, ...],
    model: str,
    out: str,
    plots: bool,
    baseline: str | None,
    curves: str | None,
    regions: str | None,
    circular: tuple[str, ...] | None,
    exclude: str | None,
    negatives: str | None,
    chrom_alias: str | None,
    reading: Mapping[str, Any],
    ignore_classes: tuple[str, ...],
    seed: int,
    threads: int,
    device: str,
    engine: str,
    precision: str,
    priors: tuple[tuple[str, float], ...],
    **calls: Any,
) -> None:
    """Hold a model's scores and calls against labels.

    Writes metrics with 95 % intervals from a bootstrap, and curves. With --baseline, the same for
    the position weight matrices that the training sites give.
    """
    from dnabirnn.encoded import splits_of
    from dnabirnn.evaluation import evaluate_baseline, evaluate_genome, metrics_table
    from dnabirnn.files import check_target, is_stream, listed
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import load_truth, read_aliases
    from dnabirnn.scoring import load
    from dnabirnn.sequences import Circular, prefixed

    inputs = [*fasta, *labels, model, regions, exclude, negatives, chrom_alias]
    options.check_apart([out, curves], inputs)
    files = prefixed(fasta, name_prefixes)
    for path in (out, curves):
        if path is not None:
            check_target(path)
    if curves is not None and os.path.realpath(curves) == os.path.realpath(out):
        raise OptionError(f"--curves {curves}: is the name of the metrics; give another")
    if baseline is not None and any(map(is_stream, fasta)):
        raise OptionError(
            "--baseline: reads the FASTA twice, which standard input and pipes do not allow"
        )
    loaded = load(
        model,
        device=device,
        engine=engine,
        threads=threads,
        precision=precision,
        priors=dict(priors),
    )
    truth = load_truth(
        labels,
        loaded.checkpoint.architecture.classes,
        ignore_classes=ignore_classes,
        negatives=None if negatives is None else Regions.read(negatives),
        **reading,
    )
    wanted = None if regions is None else Regions.read(regions)
    excluded = None if exclude is None else Regions.read(exclude, may_be_empty=True)
    aliases = None if chrom_alias is None else read_aliases(chrom_alias, files)
    if aliases is not None:
        truth, wanted = aliases.labels(truth), aliases.regions(wanted)
        excluded = aliases.regions(excluded)
    # First, since it is soon known whether it can be had.
    learned = None if baseline is None else _learn(baseline, loaded)
    digests: dict[str, str] = {}
    logger.info("scoring on %s, threads: %d", loaded.engine.device, threads)
    with ProgressBar("evaluated", quiet=quiet) as progress:
        report = evaluate_genome(
            loaded,
            files,
            truth,
            calls=options.call_settings(loaded.checkpoint, calls, wanted=True),
            regions=wanted,
            exclude=excluded,
            circular=None if circular is None else Circular(circular),
            seed=seed,
            digests=digests,
            progress=progress.add,
        )
    read = {"fasta": digests, "labels": truth.digests}
    read |= {"negatives": truth.negatives.digests} if truth.negatives is not None else {}
    read |= {"regions": wanted.digests} if wanted is not None else {}
    read |= {"exclude": excluded.digests} if excluded is not None else {}
    read |= {"chrom_alias": aliases.digests} if aliases is not None else {}
    report.metrics["inputs"] = {kind: listed(own) for kind, own in read.items()}
    report.metrics["reading"] = dict(truth.origin.told)
    report.metrics["splits"] = [] if wanted is None else splits_of(wanted.frame["name"])
    other = None
    if learned is not None:
        mask = loaded.checkpoint.mask
        with ProgressBar("scanned", quiet=quiet) as progress:
            other = evaluate_baseline(
                learned,
                files,
                truth,
                mask=mask,
                regions=wanted,
                exclude=excluded,
                seed=seed,
                progress=progress.add,
            )
        report.metrics["baseline"] = other.metrics["classes"]
    _write(report, other, out, curves, plots)
    if quiet:
        return
    click.echo(metrics_table(report.metrics), err=True)
    if other is not None:
        click.echo(f"\nposition weight matrix:\n{metrics_table(other.metrics)}", err=True)


def _learn(encoded: str, model: Model) -> Baseline:
    """Learn the matrices of the model's classes."""
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.evaluation import learn_baseline

    return learn_baseline(EncodedSet.open(encoded), model.checkpoint.architecture.classes)


def _write(
    report: Report, baseline: Report | None, out: str, curves: str | None, plots: bool
) -> None:
    from dnabirnn.files import OutputFiles, is_stream
    from dnabirnn.report import precision_recall_figure, reliability_figure, save

    with OutputFiles() as outputs:
        text = json.dumps(report.metrics, indent=2, sort_keys=True, allow_nan=False)
        outputs.open(out).write(f"{text}\n".encode())
        if curves is not None:
            drawn = {
                "network": [curve.plain() for curve in report.curves],
                "baseline": [curve.plain() for curve in baseline.curves] if baseline else [],
            }
            text = json.dumps(drawn, sort_keys=True, allow_nan=False)
            outputs.open(curves).write(f"{text}\n".encode())
        if not plots or is_stream(out):
            return
        figures = {
            "precision_recall": precision_recall_figure(report.curves),
            "reliability": reliability_figure(report.curves),
        }
        for name, figure in figures.items():
            for form in ("png", "svg"):
                target = f"{out.removesuffix('.json')}.{name}.{form}"
                save(figure, outputs.open(target), form)
