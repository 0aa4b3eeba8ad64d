"""`dnabirnn call`: call intervals from a track of scores."""

from __future__ import annotations

import logging
from typing import Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.tracks import endings

__all__ = ["call"]

logger = logging.getLogger(__name__)


@command(
    """Call intervals from a track of scores.

    SCORES is a per-base BED file that `dnabirnn score` wrote, or - for standard input. It may be
    empty, as for a shard without contigs.
    """,
    "dnabirnn call scores.bed -m model.safetensors -o calls.bed --threshold 0.8",
)
@click.argument("scores")
@options.model
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="CALLS",
    help=f"Output file, ending in {endings(calls=True)}. Text formats may end in .gz, for bgzip. - "
    "writes BED to standard output.",
)
@options.call_form
@options.so_type
@options.index
@option(
    "--sizes",
    group=options.OUTPUT,
    metavar="FILE",
    help="Contig lengths, needed for bigBed: a chrom.sizes or .fai file.",
)
@options.calls
@click.pass_obj
def call(
    quiet: bool,
    /,
    scores: str,
    model: str,
    out: str,
    form: str | None,
    so_type: str | None,
    index: bool,
    sizes: str | None,
    **calls: Any,
) -> None:
    """Run `dnabirnn call`."""
    from dnabirnn.network import load_checkpoint
    from dnabirnn.scoring import call_track
    from dnabirnn.tracks import Target, read_sizes, track_format

    options.check_apart([out], [scores, model, sizes])
    target = Target(out, track_format(out, form, calls=True), index, so_type)
    lengths = None if sizes is None else read_sizes(sizes)
    checkpoint = load_checkpoint(model)
    settings = options.call_settings(checkpoint, calls, wanted=True)
    with ProgressBar("called", quiet=quiet) as progress:
        found = call_track(
            scores,
            target,
            checkpoint.architecture.outputs,
            settings,
            progress.add,
            sizes=lengths,
        )
    for line in found.lines():
        logger.info("%s", line)
