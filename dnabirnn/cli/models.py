"""`dnabirnn models`: what ships."""

from __future__ import annotations

import textwrap

import click

from dnabirnn.errors import OptionError

__all__ = ["models"]


@click.command()
@click.argument("name", required=False)
@click.option("-o", "--out", metavar="MODEL", help="File to write the model of that name to.")
def models(name: str | None, out: str | None) -> None:
    """List the models that come with dnabirnn, or tell of one.

    Each is used by its name: dnabirnn score assembly.fa -m NAME -o scores.bed --calls calls.bed
    """
    from dnabirnn.network import load_checkpoint, shipped_models

    shipped = shipped_models()
    if name is not None and name not in shipped:
        raise OptionError(f"{name}: no model that ships; there are {', '.join(shipped)}")
    if out is not None:
        if name is None:
            raise OptionError(f"-o {out}: name the model to write: {', '.join(shipped)}")
        load_checkpoint(shipped[name]).save(out)
        return
    for title, path in shipped.items():
        if name in (None, title):
            checkpoint = load_checkpoint(path)
            classes = ", ".join(each.name for each in checkpoint.architecture.classes)
            click.echo(f"{title}: {classes}")
            for key, text in checkpoint.card.items():
                click.echo(textwrap.indent(textwrap.fill(f"{key}: {text}", 88), "  "))
