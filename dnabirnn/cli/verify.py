"""`dnabirnn verify`: check whether the files of a run have changed."""

from __future__ import annotations

import click

from dnabirnn.cli.command import command
from dnabirnn.errors import ProvenanceError
from dnabirnn.names import printable

__all__ = ["verify"]


@command(
    """Check whether the files of a run have changed.

    FILE is a provenance file, written with --provenance. Prints one row per input and output file:
    kind, path and state (same, changed or missing; unknown for an address that does not answer).
    """,
    "dnabirnn verify provenance.json",
)
@click.argument("provenance", metavar="FILE")
def verify(provenance: str) -> None:
    """Run `dnabirnn verify`."""
    from dnabirnn.files import verify as findings

    wrong = 0
    click.echo("kind\tpath\tstate")
    for kind, path, state in findings(provenance):
        click.echo(f"{kind}\t{printable(path)}\t{state}")
        wrong += state in ("changed", "missing")
    if wrong:
        raise ProvenanceError(
            f"{provenance}: {wrong} files have changed or are missing; create or download them "
            "again"
        )
