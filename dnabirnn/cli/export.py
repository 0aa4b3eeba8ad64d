"""`dnabirnn export`: export a model to ONNX, or its matrices to MEME's format."""

from __future__ import annotations

import logging

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.output_names import check_ending
from dnabirnn.errors import OptionError

__all__ = ["export"]

logger = logging.getLogger(__name__)


@command(
    """Export a model to ONNX, or its position weight matrices to MEME's motif format.

    The ONNX model reads base codes and returns calibrated probabilities. Needs the package onnx:
    pip install "dnabirnn[onnx]".
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
    help="ONNX file to write; - for standard output. A name that ends in .meme or .meme.gz gets "
    "the position weight matrices of the model.",
)
@options.prior
def export(model: str, out: str, priors: tuple[tuple[str, float], ...]) -> None:
    """Run `dnabirnn export`."""
    from dnabirnn.network import load_checkpoint, write_onnx

    options.check_apart([out], [model])
    checkpoint = load_checkpoint(model)
    if not out.lower().removesuffix(".gz").endswith(".meme"):
        check_ending("-o", out, "an ONNX file", ".onnx")
        write_onnx(checkpoint.with_prior(dict(priors)), out)
        return
    from dnabirnn.motifs import write_class_motifs

    if priors:
        raise OptionError(f"--prior: {out} has no probabilities of classes; leave it out")
    count = write_class_motifs(checkpoint, model, out)
    logger.info("%s: %d motifs", out, count)
