"""`dnabirnn score`: score FASTA files, and call intervals."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.assessment_options import assessment_of, with_assessment
from dnabirnn.cli.command import command, option
from dnabirnn.cli.look_ahead import look_ahead
from dnabirnn.cli.output_names import check_ending
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError
from dnabirnn.tracks import TrackFormat, endings, track_format

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.scoring import Found
    from dnabirnn.tracks import Target

__all__ = ["score"]

logger = logging.getLogger(__name__)

_DNA_BRNN = "dna-brnn"
"""A format that holds calls only."""


@command(
    """Score every base of FASTA files.

    FASTA files may be plain, gzip or bgzip; FASTQ, GenBank and 2bit are also read, and - is
    standard input. Inputs can also be https://, s3:// and gs:// addresses. With
    --calls, intervals are called from the scores in the same pass.
    """,
    "dnabirnn score genome.fa -m model.safetensors -o scores.bed --calls calls.bed",
)
@options.fasta
@options.name_prefix
@options.model
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="OUT",
    help=f"Per-base scores, in a file ending in {endings()}. Text formats may end in .gz, for "
    "bgzip. bedGraph and bigWig write one file per class and strand. - writes BED to standard "
    "output.",
)
@option(
    "--format",
    "form",
    group=options.OUTPUT,
    type=click.Choice([*options.SCORE_FORMATS, _DNA_BRNN]),
    help="Format of the scores. dna-brnn writes calls instead of scores, as dna-brnn does: BED4 "
    "with the number of the class in column 4.  [default: from the file name]",
)
@option(
    "--calls",
    "calls_out",
    group=options.OUTPUT,
    metavar="CALLS",
    help=f"Also write calls, to a file ending in {endings(calls=True)}.",
)
@option(
    "--calls-format",
    group=options.OUTPUT,
    type=click.Choice(options.CALL_FORMATS),
    help="Format of the calls.  [default: from the file name]",
)
@option(
    "--per-sequence",
    "sequences_out",
    group=options.OUTPUT,
    metavar="TSV",
    help="Also write one row per record: its class, the probability, and where its site is. For "
    "models that learned labels of whole sequences.",
)
@option(
    "--write-sizes",
    "sizes_out",
    group=options.OUTPUT,
    metavar="SIZES",
    help="Also write the length of each contig, including those of other shards, to a file ending "
    "in .sizes: name and length, separated by a tab.",
)
@options.so_type
@options.index
@option(
    "--hub",
    "hub_folder",
    group=options.OUTPUT,
    metavar="DIR",
    help="Also make the folder of the bigWig and bigBed outputs a UCSC track hub.",
)
@option(
    "--genome",
    group=options.OUTPUT,
    metavar="NAME",
    help="With --hub: UCSC name of the assembly, such as hs1.",
)
@options.email
@option(
    "--min-score",
    group=options.OUTPUT,
    type=int,
    metavar="N",
    help="Leave out rows with a score below N, in thousandths; 0 keeps all rows.  "
    "[default: 100, or the lowest threshold if that is lower]",
)
@option(
    "--single-base",
    group=options.OUTPUT,
    is_flag=True,
    help="Write one row per base.  [default: one row per run of bases with equal score]",
)
@option(
    "--shard",
    group=options.INPUT,
    metavar="I-of-N",
    help="Score only part I of N of the contigs, such as 1-of-8. Parts have about equal numbers of "
    "bases; join the outputs with `dnabirnn merge`.",
)
@options.regions
@options.chrom_alias
@options.circular
@options.calls
@with_assessment
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
    sequences_out: str | None,
    sizes_out: str | None,
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
    qvalue: bool,
    decoys: str | None,
    decoy_share: float | None,
    decoy_seed: int | None,
    max_q: float | None,
    max_evalue: float | None,
    periods: bool,
    **calls: Any,
) -> None:
    """Run `dnabirnn score`."""
    from dnabirnn.scoring import (
        SCORING_REMEDIES,
        ScoringPlan,
        check_sequences,
        load,
        score_genome,
        score_labels,
    )
    from dnabirnn.sequences import Circular, Shard, prefixed
    from dnabirnn.tracks import Target, targets

    further = [calls_out, sequences_out, sizes_out]
    options.check_apart([out, *further], [*fasta, model, regions, chrom_alias])
    if sizes_out is not None:
        check_ending("--write-sizes", sizes_out, "contig lengths", ".sizes")
    if sequences_out is not None:
        check_ending("--per-sequence", sequences_out, "a table", ".tsv", ".txt")
    files = prefixed(fasta, name_prefixes)
    if chrom_alias is not None and regions is None:
        raise OptionError("--chrom-alias: only applies to --regions; give --regions too")
    as_labels = form == _DNA_BRNN
    if as_labels:
        _check_labels(
            {
                "--calls": calls_out,
                "--calls-format": calls_format,
                "--per-sequence": sequences_out,
                "--write-sizes": sizes_out,
                "--so-type": so_type,
                "--index": index or None,
                "--hub": hub_folder,
                "--min-score": min_score,
                "--single-base": single_base or None,
                "--qvalue": qvalue or None,
                "--periods": periods or None,
            }
        )
        track, called = Target(out, TrackFormat.BED), None
    else:
        track, called = targets(out, form, calls_out, calls_format, index, so_type)
    if hub_folder is not None:
        _check_hub([track] if called is None else [track, called], hub_folder, genome)
    for name, value in (("--genome", genome), ("--email", email)):
        if value is not None and hub_folder is None:
            raise OptionError(f"{name}: only applies to a track hub; add --hub")
    part = None if shard is None else Shard.parse(shard)
    assessment = assessment_of(
        files,
        qvalue=qvalue,
        decoys=decoys,
        share=decoy_share,
        seed=decoy_seed,
        max_q=max_q,
        max_evalue=max_evalue,
    )
    loaded = load(
        model,
        device=device,
        engine=engine,
        threads=threads,
        precision=precision,
        priors=dict(priors),
    )
    if not as_labels:  # formats with one file per output have other names
        options.check_apart(track.files(loaded.outputs), [*fasta, model, regions, chrom_alias])
    settings = options.call_settings(
        loaded.checkpoint, calls, wanted=calls_out is not None or as_labels
    )
    wanted = None if regions is None else _read_regions(regions, chrom_alias, files)
    circles = None if circular is None else Circular(circular)

    def write(
        paths: Sequence[PathLike], to: Target, calls_to: Target | None, **given: Any
    ) -> Found:
        if as_labels:
            return score_labels(loaded, paths, to.path, settings, **given)
        return score_genome(
            loaded,
            paths,
            to,
            calls_out=calls_to,
            calls=settings,
            min_score=min_score,
            single_base=single_base,
            assessment=assessment,
            periods=periods,
            **given,
        )

    logger.info("scoring on %s, threads: %d", loaded.engine.device, threads)
    parts: dict[str, Any] = {"shard": part, "regions": wanted, "circular": circles}
    if sequences_out is not None:
        check_sequences(loaded.checkpoint)
    with ProgressBar("surveyed", quiet=quiet) as progress:
        assessed = assessment is not None
        plan = ScoringPlan(
            loaded, files, track, called, write, **parts, progress=progress.add, assessed=assessed
        )
        go_on = look_ahead(plan, SCORING_REMEDIES, dry_run=dry_run)
    if not go_on:
        return
    with ProgressBar("scored", quiet=quiet) as progress:
        for name, path in (("sequences_out", sequences_out), ("sizes_out", sizes_out)):
            if path is not None:
                parts[name] = path
        found = write(files, track, called, **parts, progress=progress.add)
    if hub_folder is not None and genome is not None:
        from dnabirnn.tracks import write_hub

        written = track.files(loaded.outputs) + ([] if called is None else called.files([]))
        write_hub(written, hub_folder, genome, email=email)
        found.files.append(os.path.join(hub_folder, "hub.txt"))
    for line in found.lines():
        logger.info("%s", line)


def _check_labels(given: Mapping[str, object]) -> None:
    """Raise for options without effect on the dna-brnn format."""
    for name, value in given.items():
        if value is not None:
            raise OptionError(
                f"{name}: only applies to tracks of scores, which --format {_DNA_BRNN} does not "
                "write"
            )


def _read_regions(
    regions: str, chrom_alias: str | None, fasta: Sequence[PathLike]
) -> Regions | None:
    """Read regions, with the names of the sequences."""
    from dnabirnn.intervals import Regions

    wanted = Regions.read(regions)
    if chrom_alias is None:
        return wanted
    from dnabirnn.labels import read_aliases

    return read_aliases(chrom_alias, fasta).regions(wanted)


def _check_hub(shown: Sequence[Target], folder: str, genome: str | None) -> None:
    """Raise for outputs that a hub cannot show."""
    from dnabirnn.tracks import check_hub

    check_hub([target.path for target in shown], folder, genome)
    for number, target in enumerate(shown):
        if track_format(target.path, calls=number > 0) is not target.form:
            raise OptionError(
                f"--hub: {target.path} is written as {target.form.traits.title}, but a hub needs "
                "the usual file name ending of that format; change the name"
            )
