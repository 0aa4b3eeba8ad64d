"""`dnabirnn info`: what a model is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from dnabirnn.errors import ModelFileError
from dnabirnn.names import printable

if TYPE_CHECKING:
    from dnabirnn.network import Checkpoint

__all__ = ["info"]


@click.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="All that the file holds, as JSON.")
def info(model: str, as_json: bool) -> None:
    """Show what a model is, and how good."""
    from dnabirnn.network import load_checkpoint

    checkpoint = load_checkpoint(model)
    if as_json:
        click.echo(json.dumps(checkpoint.description(), indent=2, sort_keys=True))
    else:
        try:
            lines = _lines(checkpoint)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"{model}: the model's description of its training is damaged "
                f"({type(error).__name__}: {error}); see what there is with --json"
            ) from error
        click.echo("\n".join(map(printable, lines)))


def _lines(checkpoint: Checkpoint) -> list[str]:
    shape, window = checkpoint.architecture, checkpoint.scoring_window
    weights = sum(array.size for array in checkpoint.weights.values())
    layers = "1 layer" if shape.layers == 1 else f"{shape.layers} layers"
    lines = [
        f"network          {shape.cell.value}, {layers} of {shape.hidden} units a direction, "
        f"{'strand-tied' if shape.tied else 'untied'}, "
        f"{'exclusive' if shape.exclusive else 'overlapping'} classes, {weights:,} weights",
        f"outputs          {', '.join(f'{o.class_name} {o.strand}' for o in shape.outputs)}",
        f"training window  {checkpoint.training_window_bp:,} bp",
        f"scoring window   {window.length_bp:,} bp, {window.halo_bp:,} bp halo on each side",
        f"mask             {checkpoint.mask}",
    ]
    lines += _training(checkpoint)
    if not checkpoint.training:
        lines += [f"{key:16} {text}" for key, text in checkpoint.card.items()]
    for name, rule in checkpoint.calls.items():
        figures = checkpoint.metrics.get("classes", {}).get(name)
        lines.append(
            f"class {name}: threshold {rule.threshold / 1000:.3f}, calls of {rule.min_length_bp:,} "
            f"bp or more, gaps up to {rule.merge_gap_bp:,} bp"
        )
        if figures is not None:
            lines.append(
                f"  on {checkpoint.metrics['split']}: AP {figures['ap_stranded']:.4f}, best F1 "
                f"{figures['best_f1_stranded']:.4f} (each strand's bases as their own; "
                f"{figures['positives']:,} positive)"
            )
    return lines


def _training(checkpoint: Checkpoint) -> list[str]:
    told = checkpoint.training
    if not told:
        return []
    fit, sampling = told["fit"], told["sampling"]
    files = [file for kind in sorted(told["inputs"]) for file in told["inputs"][kind]]
    inputs = ", ".join(f"{file['name']} ({file['sha256'][:12]})" for file in files)
    versions = ", ".join(f"{name} {number}" for name, number in sorted(told["versions"].items()))
    lines = [
        f"trained on       {inputs}",
        f"                 encoded set {told['data'][:12]}; {fit['bases'] / 1e6:g} Mb of windows, "
        f"learning rate {fit['learning_rate']:g}, positive share "
        f"{sampling['positive_share']:g}, seed {sampling['seed']}",
        f"                 with {versions} on {told['device']}",
    ]
    for name, share in told["prevalence"].items():
        lines.append(
            f"prevalence       {name}: {share['sequence']:.3g} of the training sequence (a strand)"
        )
    return lines
