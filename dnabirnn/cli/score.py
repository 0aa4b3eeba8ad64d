"""`dnabirnn score`: FASTA to tracks and calls."""

from __future__ import annotations

import logging
from typing import Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.progress import Progress
from dnabirnn.errors import OptionError
from dnabirnn.formats import FORMAT_NAMES, endings

__all__ = ["score"]

logger = logging.getLogger(__name__)


@click.command()
@options.fasta
@options.name_prefix
@options.model
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="OUT",
    help=f"Per-base scores; ends in {endings()}, text with .gz at the end for bgzip; - for BED on "
    "standard output.",
)
@options.form
@click.option(
    "--calls",
    "calls_out",
    metavar="CALLS",
    help=f"Write calls too, in the same pass; ends in {endings(calls=True)}.",
)
@click.option(
    "--calls-format",
    type=click.Choice(FORMAT_NAMES),
    help="What calls are written as.  [default: by the end of the name]",
)
@options.so_type
@options.index
@click.option(
    "--hub",
    "hub_folder",
    metavar="DIR",
    help="Make the folder of the outputs, bigWig and bigBed, a track hub of the UCSC browser.",
)
@click.option("--genome", metavar="NAME", help="For --hub: the assembly, as UCSC names it: hs1.")
@options.email
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
@options.chrom_alias
@options.circular
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
    name_prefixes: tuple[str, ...],
    model: str,
    out: str,
    form: str | None,
    calls_out: str | None,
    calls_format: str | None,
    so_type: str | None,
    index: bool,
    hub_folder: str | None,
    genome: str | None,
    email: str,
    min_score: int | None,
    single_base: bool,
    shard: str | None,
    regions: str | None,
    chrom_alias: str | None,
    circular: tuple[str, ...] | None,
    threads: int,
    device: str,
    engine: str,
    precision: str,
    priors: tuple[tuple[str, float], ...],
    **calls: Any,
) -> None:
    """Score every base of FASTA files.

    FASTA may also be FASTQ or GenBank, plain, gzip or bgzip, - for standard input, or 2bit.
    """
    from dnabirnn.aliases import read_aliases
    from dnabirnn.circular import Circular
    from dnabirnn.genome import score_genome
    from dnabirnn.hub import check_hub, write_hub
    from dnabirnn.intervals import Regions
    from dnabirnn.model import load
    from dnabirnn.records import prefixed
    from dnabirnn.shards import Shard
    from dnabirnn.writing import targets

    options.check_apart([out, calls_out], [*fasta, model, regions, chrom_alias])
    files = prefixed(fasta, name_prefixes)
    if chrom_alias is not None and regions is None:
        raise OptionError("--chrom-alias: translates names of regions; give --regions too")
    track, called = targets(out, form, calls_out, calls_format, index, so_type)
    if hub_folder is not None:
        check_hub([out] if called is None else [out, called.path], hub_folder, genome)
    elif genome is not None:
        raise OptionError("--genome: is for a hub, and none is asked for; add --hub")
    part = None if shard is None else Shard.parse(shard)
    loaded = load(
        model,
        device=device,
        engine=engine,
        threads=threads,
        precision=precision,
        priors=dict(priors),
    )
    settings = options.call_settings(loaded.checkpoint, calls, wanted=calls_out is not None)
    wanted = None if regions is None else Regions.read(regions)
    if chrom_alias is not None:
        wanted = read_aliases(chrom_alias, files).regions(wanted)
    logger.info("scoring on %s, threads: %d", loaded.engine.device, threads)
    with Progress("scored", quiet=quiet) as progress:
        score_genome(
            loaded,
            files,
            track,
            calls_out=called,
            calls=settings,
            min_score=min_score,
            single_base=single_base,
            shard=part,
            regions=wanted,
            circular=None if circular is None else Circular(circular),
            progress=progress.add,
        )
    if hub_folder is not None and genome is not None:
        written = track.files(loaded.outputs) + ([] if called is None else called.files([]))
        write_hub(written, hub_folder, genome, email=email)
