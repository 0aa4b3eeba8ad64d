"""`dnabirnn models`: list the models that come with dnabirnn."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.output_names import check_ending
from dnabirnn.errors import OptionError, OutputError

if TYPE_CHECKING:
    from dnabirnn.network import Checkpoint

__all__ = ["models"]


@command(
    """List the models that come with dnabirnn.

    Prints one row per model: its name, its classes, and what it is for. With NAME, prints the
    details of that model: training data, metrics, thresholds, limits and licence.

    Wherever a command takes -m MODEL, the name of a model listed here can be given.
    """,
    "dnabirnn models\ndnabirnn models satellites\n"
    "dnabirnn score assembly.fa -m satellites -o scores.bed --calls calls.bed",
)
@click.argument("name", required=False)
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    metavar="MODEL",
    help="Write the model NAME to this file.",
)
def models(name: str | None, out: str | None) -> None:
    """Run `dnabirnn models`."""
    from dnabirnn.files import is_compressed
    from dnabirnn.network import load_checkpoint, shipped_models

    shipped = shipped_models()
    if name is not None and name not in shipped:
        raise OptionError(
            f"{name}: not a model that comes with dnabirnn; choose one of {', '.join(shipped)}"
        )
    if out is not None:
        if name is None:
            raise OptionError(
                f"-o {out}: give the name of the model to write, one of {', '.join(shipped)}"
            )
        if is_compressed(out):
            raise OutputError(
                f"{out}: a model cannot be compressed; give a file name that ends in .safetensors"
            )
        check_ending("-o", out, "a model file", ".safetensors")
        load_checkpoint(shipped[name]).save(out)
        return
    if name is not None:
        click.echo(_details(name, load_checkpoint(shipped[name])))
        return
    rows = [("model", "classes", "use")]
    for title, path in shipped.items():
        checkpoint = load_checkpoint(path)
        rows.append((title, _classes(checkpoint), checkpoint.card.get("for", "")))
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for title, classes, use in rows:
        click.echo(f"{title:{widths[0]}}  {classes:{widths[1]}}  {use}".rstrip())


def _classes(checkpoint: Checkpoint) -> str:
    return ", ".join(motif_class.name for motif_class in checkpoint.architecture.classes)


def _details(name: str, checkpoint: Checkpoint) -> str:
    """Return the model card as text."""
    lines = [f"{name}: {_classes(checkpoint)}"]
    for key, text in checkpoint.card.items():
        lines.append(textwrap.indent(textwrap.fill(f"{key}: {text}", 88), "  "))
    return "\n".join(lines)
