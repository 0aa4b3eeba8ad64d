"""`dnabirnn review`: list calls and labels that disagree most."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import label_options, options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.output_names import check_ending
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.cli.streams import tell
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["review"]

logger = logging.getLogger(__name__)


@command(
    """List the calls and labels that disagree most, to improve labels.

    Rows are confident calls without a label, labels whose other strand fits better, and labels
    without evidence, those with the most evidence first. Look at them, change the actions in column
    9 or delete rows, and train with `dnabirnn encode --corrections`.
    """,
    "dnabirnn review genome.fa --labels sites.bed -m sites.safetensors -o review.bed "
    "--session browser",
)
@options.fasta
@options.name_prefix
@label_options.labels
@options.model
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="BED",
    help="Review to write: BED6 with the columns reason, evidence and action; - for standard "
    "output.",
)
@option(
    "--top",
    group=options.OUTPUT,
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Largest number of rows.",
)
@option(
    "--session",
    group=options.OUTPUT,
    metavar="DIR",
    help="Also write sessions of IGV and JBrowse 2 with the review and the labels to this folder.",
)
@options.circular
@options.exclude
@label_options.negatives
@options.chrom_alias
@label_options.reading
@options.ignore_classes
@options.calls
@options.threads
@options.device
@options.engine
@options.precision
@options.prior
@click.pass_obj
def review(
    quiet: bool,
    /,
    fasta: tuple[str, ...],
    name_prefixes: tuple[str, ...],
    labels: tuple[str, ...],
    model: str,
    out: str,
    top: int,
    session: str | None,
    circular: tuple[str, ...] | None,
    exclude: str | None,
    negatives: str | None,
    chrom_alias: str | None,
    reading: Mapping[str, Any],
    ignore_classes: tuple[str, ...],
    threads: int,
    device: str,
    engine: str,
    precision: str,
    priors: tuple[tuple[str, float], ...],
    **calls: Any,
) -> None:
    """Run `dnabirnn review`."""
    from dnabirnn.evaluation import review_genome, review_text
    from dnabirnn.files import check_target, is_stream, write_text
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import load_truth, read_aliases
    from dnabirnn.scoring import load
    from dnabirnn.sequences import Circular, prefixed
    from dnabirnn.tracks import can_show, write_sessions

    options.check_apart([out], [*fasta, *labels, model, exclude, negatives, chrom_alias])
    check_target(out)
    check_ending("-o", out, "a review", ".bed")
    if session is not None and (is_stream(out) or len(fasta) > 1):
        raise OptionError(
            "--session: shows one review of one assembly; write the review to a file, and give one "
            "FASTA"
        )
    files = prefixed(fasta, name_prefixes)
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
    excluded = None if exclude is None else Regions.read(exclude, may_be_empty=True)
    if chrom_alias is not None:
        aliases = read_aliases(chrom_alias, files)
        truth, excluded = aliases.labels(truth), aliases.regions(excluded)
    logger.info("scoring on %s, threads: %d", loaded.engine.device, threads)
    with ProgressBar("reviewed", quiet=quiet) as progress:
        found = review_genome(
            loaded,
            files,
            truth,
            calls=options.call_settings(loaded.checkpoint, calls, wanted=True),
            priors=dict(priors),
            exclude=excluded,
            circular=None if circular is None else Circular(circular),
            progress=progress.add,
        )
    shown = found.head(top)
    write_text(out, review_text(shown))
    if session is not None:
        place = ""
        for chrom, start, end in shown.select("chrom", "start", "end").head(1).iter_rows():
            place = f"{chrom}:{max(1, start - 200)}-{end + 200}"
        write_sessions([out, *filter(can_show, labels)], session, fasta[0], place=place)
    if not quiet:
        counts = found["reason"].value_counts().sort("reason").rows()
        words = ", ".join(f"{count} {reason}" for reason, count in counts) or "no rows"
        tell(f"{words}; {shown.height} of {found.height} rows written")
