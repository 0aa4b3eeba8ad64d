"""`dnabirnn hub`: write a UCSC track hub and an IGV session."""

from __future__ import annotations

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option

__all__ = ["hub"]


@command(
    """Write a UCSC track hub and an IGV session.

    TRACKS are bigWig and bigBed files of scores and calls of one assembly. They must be in the
    output folder.
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
    help="Folder of the tracks, which becomes the hub.",
)
@option(
    "--genome",
    group=options.OUTPUT,
    required=True,
    metavar="NAME",
    help="UCSC name of the assembly, such as hs1.",
)
@options.email
def hub(tracks: tuple[str, ...], out: str, genome: str, email: str | None) -> None:
    """Run `dnabirnn hub`."""
    from dnabirnn.tracks import write_hub

    write_hub(tracks, out, genome, email=email)
