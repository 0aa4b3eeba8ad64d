"""`dnabirnn models`: what ships."""

from __future__ import annotations

import textwrap

import click

__all__ = ["models"]


@click.command()
def models() -> None:
    """List the models that come with dnabirnn.

    Each is used by its name: dnabirnn score assembly.fa -m NAME -o scores.bed --calls calls.bed
    """
    from dnabirnn.checkpoint import load_checkpoint
    from dnabirnn.shipped import shipped_models

    for name, path in shipped_models().items():
        checkpoint = load_checkpoint(path)
        classes = ", ".join(motif_class.name for motif_class in checkpoint.architecture.classes)
        click.echo(f"{name}: {classes}")
        for key, text in checkpoint.card.items():
            click.echo(textwrap.indent(textwrap.fill(f"{key}: {text}", 88), "  "))
