"""`dnabirnn convert`: another tool's model as one of ours."""

from __future__ import annotations

import logging

import click

from dnabirnn.cli import options

__all__ = ["convert"]

logger = logging.getLogger(__name__)


@click.command()
@click.argument("model")
@click.option("-o", "--out", required=True, metavar="MODEL", help="File to write.")
@click.option(
    "--classes",
    type=options.COMMA_LIST,
    help="Names of its labels, from 1 on.  [default: those of the published attcc-alpha.knm]",
)
def convert(model: str, out: str, classes: tuple[str, ...] | None) -> None:
    """Convert a model of dna-brnn (.knm)."""
    from dnabirnn.errors import OutputError
    from dnabirnn.files import check_target, is_compressed, is_stream
    from dnabirnn.network import convert as converted

    if is_stream(out) or is_compressed(out):
        raise OutputError(
            f"{out}: a model is written to a file, uncompressed; name it .safetensors"
        )
    check_target(out)
    options.check_apart([out], [model])
    checkpoint = converted(model, classes)
    checkpoint.save(out)
    names = ", ".join(
        f"{number} = {motif_class.name}"
        for number, motif_class in enumerate(checkpoint.architecture.classes, 1)
    )
    logger.info("%s: %s", out, names)
