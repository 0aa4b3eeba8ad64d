"""`dnabirnn export`: export a model to ONNX."""

from __future__ import annotations

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.output_names import check_ending

__all__ = ["export"]


@command(
    """Export a model to ONNX.

    The ONNX model reads base codes and returns calibrated probabilities. Needs the package onnx:
    pip install ".[onnx]" in the folder of the source code.
    """,
    "dnabirnn export model.safetensors -o model.onnx",
)
@click.argument("model")
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="FILE",
    help="ONNX file to write; - for standard output.",
)
@options.prior
def export(model: str, out: str, priors: tuple[tuple[str, float], ...]) -> None:
    """Run `dnabirnn export`."""
    from dnabirnn.network import load_checkpoint, write_onnx

    options.check_apart([out], [model])
    check_ending("-o", out, "an ONNX file", ".onnx")
    write_onnx(load_checkpoint(model).with_prior(dict(priors)), out)
