"""`dnabirnn merge`: merge the shards of one output."""

from __future__ import annotations

import logging

import click

from dnabirnn.cli import options
from dnabirnn.cli.assessment_options import max_evalue as max_evalue_option, max_q as max_q_option
from dnabirnn.cli.command import command, option
from dnabirnn.errors import OptionError

__all__ = ["merge"]

logger = logging.getLogger(__name__)


@command(
    """Merge the shards of one output.

    SHARDS are files that `dnabirnn score`, `mutate` or `variants` wrote with --shard, in the order
    of their shard numbers. All have the same format and belong to the same output; each may be
    compressed or not. Tables of --per-sequence are merged too. Calls that were scored with
    --qvalue, which have a file of evidence beside each shard, get the E-values and q-values of the
    whole.
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
@max_q_option
@max_evalue_option
def merge(
    shards: tuple[str, ...],
    out: str,
    form: str | None,
    index: bool,
    max_q: float | None,
    max_evalue: float | None,
) -> None:
    """Run `dnabirnn merge`."""
    from dnabirnn.tracks import is_with_evidence, merge_shards

    options.check_apart([out], shards)
    if is_with_evidence(shards):
        from dnabirnn.scoring import Limits, merge_calls

        merged = merge_calls(shards, out, Limits(max_q, max_evalue), form=form, index=index)
        for line in merged.lines():
            logger.info("%s", line)
        return
    for name, value in (("--max-q", max_q), ("--max-evalue", max_evalue)):
        if value is not None:
            raise OptionError(
                f"{name}: {shards[0]} has no file of evidence beside it; score the shards with "
                "--qvalue"
            )
    merge_shards(shards, out, form=form, index=index)
