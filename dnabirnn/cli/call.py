"""`dnabirnn call`: a track of scores to intervals."""

from __future__ import annotations

from typing import Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.progress import Progress

__all__ = ["call"]


@click.command()
@click.argument("scores")
@options.model
@click.option(
    "-o", "--out", required=True, metavar="BED", help="Calls, BED6; - for standard output."
)
@options.calls
@click.pass_obj
def call(quiet: bool, /, scores: str, model: str, out: str, **calls: Any) -> None:
    """Call intervals from a track of scores.

    SCORES is a per-base BED that `dnabirnn score` wrote, or - for standard input. An empty one, as
    of a shard without contigs, gives empty calls.
    """
    from dnabirnn.checkpoint import load_checkpoint
    from dnabirnn.genome import call_track

    options.check_apart([out], [scores, model])
    checkpoint = load_checkpoint(model)
    settings = options.call_settings(checkpoint, calls, wanted=True)
    with Progress("called", quiet=quiet) as progress:
        call_track(scores, out, checkpoint.architecture.outputs, settings, progress.add)
