"""`dnabirnn evaluate`: compare scores and calls with labels."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import label_options, options, sequence_options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.missing_packages import check_packages
from dnabirnn.cli.output_names import check_ending
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.cli.streams import tell
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnabirnn.encoded import LabelledSequences
    from dnabirnn.evaluation import Baseline
    from dnabirnn.scoring import Model

__all__ = ["evaluate"]

logger = logging.getLogger(__name__)


@command(
    """Compare a model's scores and calls with labels.

    Writes per-base and per-call metrics with 95 % confidence intervals from a block bootstrap, and
    precision-recall and reliability curves. With --baseline, also evaluates position weight
    matrices made from the training sites of an encoded set.

    For models that learned labels of whole sequences, the truth is given with --positives and
    --negatives, with --sequence-labels or with --held-out, and each sequence counts once.
    """,
    "dnabirnn evaluate genome.fa --labels sites.bed -m sites.safetensors -o metrics.json "
    "--regions test.bed",
)
@click.argument(
    "fasta", cls=sequence_options.FastaOrSequences, nargs=-1, required=True, metavar="FASTA..."
)
@options.name_prefix
@label_options.labels_or_sequences
@sequence_options.whole_sequences
@option(
    "--held-out",
    group=sequence_options.GROUP,
    is_eager=True,  # processed before FASTA
    metavar="DIR",
    help="Encoded set of such labels. Its test sequences are the truth, or its validation "
    "sequences if it has no test split.",
)
@options.model
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="JSON",
    help="Metrics file; - for standard output.",
)
@option(
    "--plots/--no-plots",
    group=options.OUTPUT,
    default=True,
    show_default=True,
    help="Write precision-recall and reliability curves as PNG and SVG beside the metrics file.",
)
@option(
    "--curves",
    group=options.OUTPUT,
    metavar="JSON",
    help="Also write the points of all curves to this file.",
)
@option(
    "--baseline",
    group=options.INPUT,
    metavar="DIR",
    help="Encoded set whose training sites the position weight matrices are made from.",
)
@options.regions
@options.circular
@options.exclude
@label_options.negatives_or_drawn
@label_options.corrections
@options.chrom_alias
@label_options.reading
@options.ignore_classes
@option(
    "--seed",
    group=options.COMPUTING,
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Random seed of the bootstrap.",
)
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
    whole: Mapping[str, Any],
    held_out: str | None,
    model: str,
    out: str,
    plots: bool,
    baseline: str | None,
    curves: str | None,
    regions: str | None,
    circular: tuple[str, ...] | None,
    exclude: str | None,
    negatives: str | None,
    corrections: str | None,
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
    """Run `dnabirnn evaluate`."""
    from dnabirnn.encoded import EncodedSet, held_out_sequences
    from dnabirnn.evaluation import evaluate_baseline, evaluate_genome, metrics_table
    from dnabirnn.files import check_target, is_stream
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import load_truth, read_aliases, read_corrections
    from dnabirnn.report import write_evaluation
    from dnabirnn.scoring import load
    from dnabirnn.sequences import Circular, prefixed

    inputs = [*fasta, *labels, model, regions, exclude, negatives, corrections, chrom_alias]
    options.check_apart([out, curves], inputs)
    if plots:
        check_packages("matplotlib")
    files = prefixed(fasta, name_prefixes)
    for name, path in (("-o", out), ("--curves", curves)):
        if path is not None:
            check_target(path)
            check_ending(name, path, "a JSON file", ".json")
    if curves is not None and os.path.realpath(curves) == os.path.realpath(out):
        raise OptionError(f"--curves {curves}: is also the metrics file; give another name")
    if baseline is not None and any(map(is_stream, fasta)):
        raise OptionError(
            "--baseline: reads the FASTA twice, which is not possible from standard input or a "
            "pipe; give a file"
        )
    loaded = load(
        model,
        device=device,
        engine=engine,
        threads=threads,
        precision=precision,
        priors=dict(priors),
    )
    others = {
        "--labels": labels,
        "--name-prefix": name_prefixes,
        "--curves": curves,
        "--baseline": baseline,
        "--regions": regions,
        "--circular": circular,
        "--exclude": exclude,
        "--chrom-alias": chrom_alias,
        "--ignore-classes": ignore_classes,
        **{f"--{name.replace('_', '-')}": value for name, value in calls.items()},
    }
    if held_out is not None:
        others |= {
            "FASTA": fasta,
            "--positives": whole["positives"],
            "--sequence-labels": whole["tables"],
            "--negative-label": whole["negative_label"],
            "--summits": whole["summits"],
            "--negatives": negatives,
            "--corrections": corrections,
            **label_options.given_reading(reading),
        }
        sequence_options.check_unused(others, "--held-out")
        sequences, split = held_out_sequences(EncodedSet.open(held_out))
        _of_sequences(loaded, sequences, out, seed, quiet, [split])
        return
    if sequence_options.are_given(whole, negatives):
        mask = loaded.checkpoint.mask
        sequences = sequence_options.read(
            whole, files, negatives, reading, others, mask=mask, seed=seed
        )
        _of_sequences(loaded, sequences, out, seed, quiet)
        return
    if not labels:
        raise OptionError(
            "no truth; give intervals with --labels FILE, or sequences with --positives FILE, "
            "--sequence-labels FILE or --held-out DIR"
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
    truth = truth if corrections is None else read_corrections(corrections).of(truth)
    # First, so that an unusable encoded set is reported before the genome is scored.
    learned = None if baseline is None else _learn(baseline, loaded)
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
            inputs={} if aliases is None else {"chrom_alias": aliases.digests},
            progress=progress.add,
        )
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
        report = report.with_baseline(other)
    write_evaluation(report, other, out, curves=curves, plots=plots)
    if quiet:
        return
    tell(metrics_table(report.metrics))
    if other is not None:
        tell(f"\nposition weight matrix:\n{metrics_table(other.metrics)}")


def _of_sequences(
    model: Model,
    sequences: LabelledSequences,
    out: str,
    seed: int,
    quiet: bool,
    splits: Sequence[str] = (),
) -> None:
    """Evaluate a model on whole sequences, and write the metrics."""
    from dnabirnn.evaluation import evaluate_sequences, sequence_metrics_table
    from dnabirnn.files import write_text

    logger.info("scoring on %s, threads: %d", model.engine.device, model.threads)
    with ProgressBar("evaluated", quiet=quiet) as progress:
        metrics = evaluate_sequences(
            model, sequences, splits=splits, seed=seed, progress=progress.add
        )
    write_text(out, f"{json.dumps(metrics, indent=2, sort_keys=True, allow_nan=False)}\n")
    if not quiet:
        tell(sequence_metrics_table(metrics))


def _learn(encoded: str, model: Model) -> Baseline:
    """Make the matrices of the model's classes."""
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.evaluation import learn_baseline

    return learn_baseline(EncodedSet.open(encoded), model.checkpoint.architecture.classes)
