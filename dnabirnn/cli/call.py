"""`dnabirnn call`: a track of scores to intervals."""

from __future__ import annotations

from typing import Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.tracks import endings

__all__ = ["call"]


@click.command()
@click.argument("scores")
@options.model
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="CALLS",
    help=f"Ends in {endings(calls=True)}, text with .gz at the end for bgzip; - for BED on "
    "standard output.",
)
@options.form
@options.so_type
@options.index
@click.option(
    "--sizes", metavar="FILE", help="Lengths of the contigs for bigBed: chrom.sizes or .fai."
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
    """Call intervals from a track of scores.

    SCORES is a per-base BED that `dnabirnn score` wrote, or - for standard input. An empty one, as
    of a shard without contigs, gives empty calls.
    """
    from dnabirnn.network import load_checkpoint
    from dnabirnn.scoring import call_track
    from dnabirnn.tracks import Target, read_sizes, track_format

    options.check_apart([out], [scores, model, sizes])
    target = Target(out, track_format(out, form, calls=True), index, so_type)
    lengths = None if sizes is None else read_sizes(sizes)
    checkpoint = load_checkpoint(model)
    settings = options.call_settings(checkpoint, calls, wanted=True)
    with ProgressBar("called", quiet=quiet) as progress:
        call_track(
            scores,
            target,
            checkpoint.architecture.outputs,
            settings,
            progress.add,
            sizes=lengths,
        )
