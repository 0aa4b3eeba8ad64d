"""`dnabirnn merge`: merge the shards of one output."""

from __future__ import annotations

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option

__all__ = ["merge"]


@command(
    """Merge the shards of one output.

    SHARDS are files that `dnabirnn score`, `mutate` or `variants` wrote with --shard, in the order
    of their shard numbers. All have the same format and belong to the same output; each may be
    compressed or not.
    """,
    "dnabirnn merge scores.1.bed.gz scores.2.bed.gz scores.3.bed.gz -o scores.bed.gz",
)
@click.argument("shards", nargs=-1, required=True, metavar="SHARDS...")
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="OUT",
    help="Merged file, in the format of the shards. Text formats may end in .gz, for bgzip; - for "
    "standard output.",
)
@options.merge_form
@options.index
def merge(shards: tuple[str, ...], out: str, form: str | None, index: bool) -> None:
    """Run `dnabirnn merge`."""
    from dnabirnn.tracks import merge_shards

    options.check_apart([out], shards)
    merge_shards(shards, out, form=form, index=index)
