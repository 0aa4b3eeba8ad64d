"""`dnabirnn score`: FASTA to tracks and calls."""

from __future__ import annotations

import logging
from typing import Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.progress import Progress
from dnabirnn.errors import OptionError

__all__ = ["score"]

logger = logging.getLogger(__name__)


@click.command()
@options.fasta
@options.model
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="OUT",
    help="Per-base .bed or .bedgraph, .gz at the end for bgzip; - for BED on standard output.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["dna-brnn"]),
    help="Write calls in place of scores, as dna-brnn does: BED4, the number of the class in "
    "column 4.",
)
@click.option("--calls", "calls_out", metavar="BED", help="Write calls too, in the same pass.")
@click.option(
    "--min-score",
    type=int,
    metavar="N",
    help="Leave rows below N thousandths out; 0 keeps all.  "
    "[default: 100, or the lowest threshold if lower]",
)
@click.option("--single-base", is_flag=True, help="A row a base, not a run.")
@click.option("--shard", metavar="I-of-N", help="Only this part of the contigs: 1-of-8.")
@options.regions
@options.calls
@options.threads
@options.device
@options.engine
@options.precision
@options.prior
@click.pass_obj
def score(
    quiet: bool,
    /,
    fasta: tuple[str, ...],
    model: str,
    out: str,
    form: str | None,
    calls_out: str | None,
    min_score: int | None,
    single_base: bool,
    shard: str | None,
    regions: str | None,
    threads: int,
    device: str,
    engine: str,
    precision: str,
    priors: tuple[tuple[str, float], ...],
    **calls: Any,
) -> None:
    """Score every base of FASTA files.

    FASTA may be plain, gzip or bgzip, or - for standard input.
    """
    from dnabirnn.genome import score_genome
    from dnabirnn.intervals import Regions
    from dnabirnn.labelbed import score_labels
    from dnabirnn.model import load
    from dnabirnn.shards import Shard

    if form is not None:
        for option, given in (
            ("--calls", calls_out is not None),
            ("--min-score", min_score is not None),
            ("--single-base", single_base),
        ):
            if given:
                raise OptionError(f"{option}: is of tracks of scores, and --format {form} has none")
    options.check_apart([out, calls_out], [*fasta, model, regions])
    part = None if shard is None else Shard.parse(shard)
    loaded = load(
        model,
        device=device,
        engine=engine,
        threads=threads,
        precision=precision,
        priors=dict(priors),
    )
    settings = options.call_settings(
        loaded.checkpoint, calls, wanted=calls_out is not None or form is not None
    )
    wanted = None if regions is None else Regions.read(regions)
    logger.info("scoring on %s, threads: %d", loaded.engine.device, threads)
    with Progress("scored", quiet=quiet) as progress:
        if form is not None:
            score_labels(
                loaded,
                fasta,
                out,
                settings,
                shard=part,
                regions=wanted,
                progress=progress.add,
            )
            return
        score_genome(
            loaded,
            fasta,
            out,
            calls_out=calls_out,
            calls=settings,
            min_score=min_score,
            single_base=single_base,
            shard=part,
            regions=wanted,
            progress=progress.add,
        )
