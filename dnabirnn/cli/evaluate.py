"""`dnabirnn evaluate`: scores and calls against labels."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.progress import Progress

if TYPE_CHECKING:
    from dnabirnn.evaluation import Report

__all__ = ["evaluate"]

logger = logging.getLogger(__name__)


@click.command()
@options.fasta
@options.labels
@options.model
@click.option("-o", "--out", required=True, metavar="JSON", help="Metrics; - for standard output.")
@click.option(
    "--plots/--no-plots",
    default=True,
    show_default=True,
    help="Precision-recall and reliability curves beside the metrics, as PNG and SVG.",
)
@options.regions
@options.class_name
@options.ignore_classes
@options.span
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the bootstrap.")
@options.calls
@options.threads
@options.device
@options.engine
@click.pass_obj
def evaluate(
    quiet: bool,
    /,
    fasta: tuple[str, ...],
    labels: tuple[str, ...],
    model: str,
    out: str,
    plots: bool,
    regions: str | None,
    class_name: str | None,
    ignore_classes: tuple[str, ...],
    span: bool,
    seed: int,
    threads: int,
    device: str,
    engine: str,
    **calls: Any,
) -> None:
    """Hold a model's scores and calls against labels.

    Writes metrics with 95 % intervals from a bootstrap, and curves.
    """
    from dnabirnn.evaluation import metrics_table
    from dnabirnn.genome import evaluate_genome
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import load_truth
    from dnabirnn.model import load
    from dnabirnn.outputs import check_target

    options.check_apart([out], [*fasta, *labels, model, regions])
    check_target(out)
    loaded = load(model, device=device, engine=engine, threads=threads)
    truth = load_truth(
        labels,
        loaded.checkpoint.architecture.classes,
        class_name=class_name,
        ignore_classes=ignore_classes,
        span=span,
    )
    wanted = None if regions is None else Regions.read(regions)
    logger.info("scoring on %s, threads: %d", loaded.engine.device, threads)
    with Progress("evaluated", quiet=quiet) as progress:
        report = evaluate_genome(
            loaded,
            fasta,
            truth,
            calls=options.call_settings(loaded.checkpoint, calls, wanted=True),
            regions=wanted,
            seed=seed,
            progress=progress.add,
        )
    _write(report, out, plots)
    if not quiet:
        click.echo(metrics_table(report.metrics), err=True)


def _write(report: Report, out: str, plots: bool) -> None:
    from dnabirnn.outputs import Outputs, is_stream
    from dnabirnn.plots import precision_recall_figure, reliability_figure, save

    with Outputs() as outputs:
        text = json.dumps(report.metrics, indent=2, sort_keys=True, allow_nan=False)
        outputs.open(out).write(f"{text}\n".encode())
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
