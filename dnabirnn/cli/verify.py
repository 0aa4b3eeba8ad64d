"""`dnabirnn verify`: whether files are still those of a run."""

from __future__ import annotations

import click

from dnabirnn.errors import ProvenanceError
from dnabirnn.names import printable

__all__ = ["verify"]


@click.command()
@click.argument("provenance", metavar="FILE")
def verify(provenance: str) -> None:
    """Check that what a run read and wrote is as it was.

    FILE is what --provenance wrote. Prints a row a file: input or output, path, and whether it is
    the same, changed or missing.
    """
    from dnabirnn.files import verify as findings

    wrong = 0
    click.echo("kind\tpath\tstate")
    for kind, path, state in findings(provenance):
        click.echo(f"{kind}\t{printable(path)}\t{state}")
        wrong += state in ("changed", "missing")
    if wrong:
        raise ProvenanceError(
            f"{provenance}: {wrong} of the files are no longer those of the run; make or fetch "
            "them again"
        )
