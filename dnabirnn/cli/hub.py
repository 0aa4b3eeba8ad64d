"""`dnabirnn hub`: write a UCSC track hub, and sessions of IGV and JBrowse 2."""

from __future__ import annotations

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.errors import OptionError

__all__ = ["hub"]


@command(
    """Write a UCSC track hub, and sessions of IGV and JBrowse 2.

    TRACKS are files of scores and calls of one assembly. For an assembly that UCSC has (--genome),
    they are bigWig and bigBed in the output folder. For any other assembly (--fasta), only the
    sessions are written, and tracks may also be BED or GFF3, and lie anywhere.
    """,
    "dnabirnn hub web/scores.*.bw web/calls.bb -o web --genome hs1",
)
@click.argument("tracks", nargs=-1, required=True, metavar="TRACKS...")
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="DIR",
    help="Folder of the hub or of the sessions.",
)
@option(
    "--genome",
    group=options.OUTPUT,
    metavar="NAME",
    help="UCSC name of the assembly, such as hs1.",
)
@option(
    "--fasta",
    group=options.INPUT,
    metavar="FASTA",
    help="Sequences of an assembly that UCSC lacks, in place of --genome: FASTA or 2bit.",
)
@option(
    "--importance",
    group=options.INPUT,
    multiple=True,
    metavar="BIGWIG",
    help="Importance of bases, from `dnabirnn explain`; a hub draws it as letters. Can be "
    "repeated.",
)
@options.email
def hub(
    tracks: tuple[str, ...],
    out: str,
    genome: str | None,
    fasta: str | None,
    importance: tuple[str, ...],
    email: str | None,
) -> None:
    """Run `dnabirnn hub`."""
    from dnabirnn.tracks import write_hub, write_sessions

    if (genome is None) == (fasta is None):
        raise OptionError(
            "--genome and --fasta: give one of them, the name of the assembly at UCSC or its "
            "sequences"
        )
    if genome is not None:
        write_hub(tracks, out, genome, email=email, importance=importance)
    elif fasta is not None:
        if email is not None:
            raise OptionError("--email: only applies to a track hub; remove it")
        write_sessions(tracks, out, fasta, importance=importance)
