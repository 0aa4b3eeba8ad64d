"""`dnabirnn hub`: tracks to a track hub of the UCSC browser, and a session of IGV."""

from __future__ import annotations

import click

from dnabirnn.cli import options

__all__ = ["hub"]


@click.command()
@click.argument("tracks", nargs=-1, required=True, metavar="TRACKS...")
@click.option("-o", "--out", required=True, metavar="DIR", help="Folder that the tracks lie in.")
@click.option("--genome", required=True, metavar="NAME", help="The assembly, in UCSC's words: hs1.")
@options.email
def hub(tracks: tuple[str, ...], out: str, genome: str, email: str | None) -> None:
    """Write what browsers need to show tracks.

    TRACKS are bigWig and bigBed files in the folder: scores and calls of one assembly.
    """
    from dnabirnn.tracks import write_hub

    write_hub(tracks, out, genome, email=email)
