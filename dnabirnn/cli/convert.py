"""`dnabirnn convert`: convert a model of dna-brnn."""

from __future__ import annotations

import logging

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.output_names import check_ending

__all__ = ["convert"]

logger = logging.getLogger(__name__)


@command(
    "Convert a dna-brnn model (.knm) to a dnabirnn model.",
    "dnabirnn convert attcc-alpha.knm -o attcc-alpha.safetensors",
)
@click.argument("model")
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="MODEL",
    help="Model file to write.",
)
@options.comma_list(
    "--classes",
    group=options.INPUT,
    help="Names of the labels of the dna-brnn model, starting with label 1. Can be repeated.  "
    "[default: the names for the published attcc-alpha.knm]",
)
def convert(model: str, out: str, classes: tuple[str, ...] | None) -> None:
    """Run `dnabirnn convert`."""
    from dnabirnn.errors import OutputError
    from dnabirnn.files import check_target, is_compressed, is_stream
    from dnabirnn.network import convert as converted

    if is_stream(out) or is_compressed(out):
        raise OutputError(
            f"{out}: a model cannot be compressed or written to a stream; give a file name that "
            "ends in .safetensors"
        )
    check_target(out)
    options.check_apart([out], [model])
    check_ending("-o", out, "a model file", ".safetensors")
    checkpoint = converted(model, classes)
    checkpoint.save(out)
    names = ", ".join(
        f"{number} = {motif_class.name}"
        for number, motif_class in enumerate(checkpoint.architecture.classes, 1)
    )
    logger.info("%s: %s", out, names)
