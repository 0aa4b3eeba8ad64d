"""`dnabirnn score`: FASTA to tracks and calls."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.look_ahead import look_ahead
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError
from dnabirnn.tracks import FORMAT_NAMES, TrackFormat, endings, track_format

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.tracks import Target

__all__ = ["score"]

logger = logging.getLogger(__name__)

_LABELS = "dna-brnn"
"""The format that holds calls alone."""


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
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMAT_NAMES, _LABELS]),
    help="What scores are written as; dna-brnn: calls in place of scores, as dna-brnn prints them, "
    "BED4 with the number of the class in column 4.  [default: by the end of the name]",
)
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
@options.dry_run
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
    email: str | None,
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
    dry_run: bool,
    **calls: Any,
) -> None:
    """Score every base of FASTA files.

    FASTA may also be FASTQ or GenBank, plain, gzip or bgzip, - for standard input, or 2bit.
    """
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import read_aliases
    from dnabirnn.scoring import SCORING_REMEDIES, ScoringPlan, load, score_genome, score_labels
    from dnabirnn.sequences import Circular, Shard, prefixed
    from dnabirnn.tracks import Target, targets, write_hub

    options.check_apart([out, calls_out], [*fasta, model, regions, chrom_alias])
    files = prefixed(fasta, name_prefixes)
    if chrom_alias is not None and regions is None:
        raise OptionError("--chrom-alias: translates names of regions; give --regions too")
    as_labels = form == _LABELS
    if as_labels:
        _check_labels(
            {
                "--calls": calls_out,
                "--calls-format": calls_format,
                "--so-type": so_type,
                "--index": index or None,
                "--hub": hub_folder,
                "--min-score": min_score,
                "--single-base": single_base or None,
            }
        )
        track, called = Target(out, TrackFormat.BED), None
    else:
        track, called = targets(out, form, calls_out, calls_format, index, so_type)
    if hub_folder is not None:
        _check_hub([track] if called is None else [track, called], hub_folder, genome)
    for option, value in (("--genome", genome), ("--email", email)):
        if value is not None and hub_folder is None:
            raise OptionError(f"{option}: is for a hub, and none is asked for; add --hub")
    part = None if shard is None else Shard.parse(shard)
    loaded = load(
        model,
        device=device,
        engine=engine,
        threads=threads,
        precision=precision,
        priors=dict(priors),
    )
    if not as_labels:  # a file an output has a name of its own
        options.check_apart(track.files(loaded.outputs), [*fasta, model, regions, chrom_alias])
    settings = options.call_settings(
        loaded.checkpoint, calls, wanted=calls_out is not None or as_labels
    )
    wanted = None if regions is None else Regions.read(regions)
    if chrom_alias is not None:
        wanted = read_aliases(chrom_alias, files).regions(wanted)
    circles = None if circular is None else Circular(circular)

    def write(paths: Sequence[PathLike], to: Target, calls_to: Target | None, **given: Any) -> None:
        if as_labels:
            score_labels(loaded, paths, to.path, settings, **given)
            return
        score_genome(
            loaded,
            paths,
            to,
            calls_out=calls_to,
            calls=settings,
            min_score=min_score,
            single_base=single_base,
            **given,
        )

    logger.info("scoring on %s, threads: %d", loaded.engine.device, threads)
    parts: dict[str, Any] = {"shard": part, "regions": wanted, "circular": circles}
    with ProgressBar("looked at", quiet=quiet) as progress:
        plan = ScoringPlan(loaded, files, track, called, write, **parts, progress=progress.add)
        go_on = look_ahead(plan, SCORING_REMEDIES, dry_run=dry_run)
    if not go_on:
        return
    with ProgressBar("scored", quiet=quiet) as progress:
        write(files, track, called, **parts, progress=progress.add)
    if hub_folder is not None and genome is not None:
        written = track.files(loaded.outputs) + ([] if called is None else called.files([]))
        write_hub(written, hub_folder, genome, email=email)


def _check_labels(given: Mapping[str, object]) -> None:
    """Raise for options that calls in dna-brnn's format have no use for."""
    for option, value in given.items():
        if value is not None:
            raise OptionError(f"{option}: is of tracks of scores, and --format {_LABELS} has none")


def _check_hub(shown: Sequence[Target], folder: str, genome: str | None) -> None:
    """Raise for what a hub cannot show."""
    from dnabirnn.tracks import check_hub

    check_hub([target.path for target in shown], folder, genome)
    for number, target in enumerate(shown):
        if track_format(target.path, calls=number > 0) is not target.form:
            raise OptionError(
                f"--hub: {target.path} is to be {target.form.traits.title}, and a hub tells "
                "formats by the ends of names; end it accordingly"
            )
