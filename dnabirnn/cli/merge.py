"""`dnabirnn merge`: shards of one output to the whole."""

from __future__ import annotations

import click

from dnabirnn.cli import options

__all__ = ["merge"]


@click.command()
@click.argument("shards", nargs=-1, required=True, metavar="SHARDS...")
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="OUT",
    help="Of the shards' format; text with .gz at the end for bgzip, - for standard output.",
)
@options.form
@options.index
def merge(shards: tuple[str, ...], out: str, form: str | None, index: bool) -> None:
    """Join the shards of one output.

    SHARDS are what `dnabirnn score --shard` wrote, or calls of it, in the order of their numbers:
    of one format and one output, compressed or not.
    """
    from dnabirnn.tracks import merge_shards

    options.check_apart([out], shards)
    merge_shards(shards, out, form=form, index=index)
