"""`dnabirnn export`: a model for other languages and runtimes."""

from __future__ import annotations

import click

from dnabirnn.cli import options

__all__ = ["export"]


@click.command()
@click.argument("model")
@click.option(
    "-o", "--out", required=True, metavar="FILE", help="ONNX file to write; - is standard output."
)
@options.prior
def export(model: str, out: str, priors: tuple[tuple[str, float], ...]) -> None:
    """Write a model as ONNX, for ONNX Runtime and whatever else reads it.

    Codes of bases go in, calibrated probabilities come out. Needs the package onnx: pip install
    'dnabirnn[onnx]'.
    """
    from dnabirnn.network import load_checkpoint, write_onnx

    options.check_apart([out], [model])
    write_onnx(load_checkpoint(model).with_prior(dict(priors)), out)
