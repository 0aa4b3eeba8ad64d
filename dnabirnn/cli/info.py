"""`dnabirnn info`: show a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.errors import ModelFileError
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.names import printable
from dnabirnn.tuning import TUNED_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnabirnn.network import Checkpoint, Member, Pooling

__all__ = ["info"]


@command(
    """Show a model: its network, classes, training data and metrics.

    MODEL is a model file or the name of a model listed by `dnabirnn models`.
    """,
    "dnabirnn info model.safetensors",
)
@click.argument("model")
@option(
    "--json",
    "as_json",
    group=options.OUTPUT,
    is_flag=True,
    help="Print the full description as JSON.",
)
def info(model: str, as_json: bool) -> None:
    """Run `dnabirnn info`."""
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
                f"({type(error).__name__}: {error}); see the raw description with --json"
            ) from error
        click.echo("\n".join(map(printable, lines)))


def _lines(checkpoint: Checkpoint) -> list[str]:
    window, outputs = checkpoint.scoring_window, checkpoint.architecture.outputs
    lines = [
        *_networks(checkpoint.members, checkpoint.architecture.exclusive),
        f"outputs          {', '.join(f'{o.class_name} {o.strand}' for o in outputs)}",
        f"training window  {checkpoint.training_window_bp:,} bp",
        f"scoring window   {window.length_bp:,} bp, {window.halo_bp:,} bp halo on each side",
        f"mask             {checkpoint.mask}",
    ]
    lines += _training(checkpoint)
    lines += _tuning(checkpoint.training.get("tuning"))
    if not checkpoint.training:
        lines += [f"{key:16} {text}" for key, text in checkpoint.card.items()]
    for name, _ in checkpoint.architecture.classes:
        if checkpoint.sequences is not None:
            lines += _whole_sequences(checkpoint, name)
            continue
        rule = checkpoint.calls.get(name)
        figures = checkpoint.metrics.get("classes", {}).get(name)
        lines.append(
            f"class {name}: no threshold and no calls, because the model has not learned it"
            if rule is None
            else f"class {name}: threshold {rule.threshold / MAX_SCORE:.3f}, calls of at least "
            f"{rule.min_length_bp:,} bp, gaps up to {rule.merge_gap_bp:,} bp merged"
            + (
                ""
                if rule.least_evidence is None
                else f", by evidence of {rule.least_evidence / 1000:,g} nats and more"
            )
            + _ranking(checkpoint.poolings.get(name))
        )
        if figures is not None:
            lines.append(
                f"  on {checkpoint.metrics['split']}: AP {figures['ap_stranded']:.4f}, best F1 "
                f"{figures['best_f1_stranded']:.4f} (per strand; "
                f"{figures['positives']:,} positive)"
            )
    return lines


def _ranking(pooling: Pooling | None) -> str:
    """Return how the evidence of calls is pooled; nothing for the plain sum."""
    return "" if pooling is None or pooling.kind == "sum" else ", ranked by mean score"


def _whole_sequences(checkpoint: Checkpoint, name: str) -> list[str]:
    """Return lines about a class of a model that learned labels of whole sequences."""
    sequences, figures = checkpoint.sequences, checkpoint.metrics["classes"][name]
    assert sequences is not None
    words = []
    if sequences.words is not None:
        patterns = ", ".join(sequences.words.patterns)
        alone = _figure(figures.get("auroc_without_words"))
        words = [f"  with weights of words ({patterns}); AUROC of the network alone {alone}"]
    return [
        f"class {name}: of whole sequences of {sequences.length_bp:,} bp, threshold "
        f"{sequences.rules[name].threshold:.3f}; scores of bases are not calibrated",
        f"  on {checkpoint.metrics['split']}: AUROC {_figure(figures['auroc'])}, AP "
        f"{_figure(figures['ap'])}, MCC {_figure(figures['mcc'])} "
        f"({figures['sequences']:,} sequences, {figures['positives']:,} positive)",
        *words,
    ]


def _networks(members: list[Member], exclusive: bool) -> list[str]:
    """Return a line per network, and for several networks one about all of them."""
    kind = f"{'exclusive' if exclusive else 'overlapping'} classes"
    lines = []
    for number, (shape, arrays) in enumerate(members, 1):
        weights = sum(array.size for array in arrays.values())
        layers = "1 layer" if shape.layers == 1 else f"{shape.layers} layers"
        kmers = "" if shape.kmer == 1 else f"{shape.kmer}-mers, "
        names = ", ".join(name for name, _ in shape.classes)
        lines.append(
            f"{'network' if len(members) == 1 else f'network {number}':16} "
            f"{shape.cell.value}, {layers} of {shape.hidden} hidden units per "
            f"direction, {'strand-tied' if shape.tied else 'untied'}, "
            f"{kind if len(members) == 1 else f'of {names}'}, {kmers}{weights:,} weights"
        )
    if len(members) == 1:
        return lines
    return [f"networks         {len(members)}, log-odds averaged, {kind}", *lines]


def _training(checkpoint: Checkpoint) -> list[str]:
    training = checkpoint.training
    if not training:
        return []
    fit, sampling = training["fit"], training["sampling"]
    files = [file for kind in sorted(training["inputs"]) for file in training["inputs"][kind]]
    inputs = ", ".join(f"{file['name']} ({file['sha256'][:12]})" for file in files)
    versions = ", ".join(
        f"{name} {number}" for name, number in sorted(training["versions"].items())
    )
    lines = [
        f"trained on       {inputs}",
        f"                 encoded set {training['data'][:12]}; {_megabases(training)} of "
        f"windows, learning rate {fit['learning_rate']:g}, positive share "
        f"{sampling['positive_share']:g}, seed {sampling['seed']}",
        f"                 with {versions} on {training['device']}",
    ]
    for name, share in training["prevalence"].items():
        lines.append(
            f"prevalence       {name}: {share['sequence']:.3g} of the bases of the training "
            f"sequence, per strand"
        )
    return lines


def _megabases(training: Mapping[str, Any]) -> str:
    """Return the bases of the windows of each network, and those planned if it ended early."""
    planned = training["fit"]["bases"]
    done = training.get("trained_bases", [planned])
    if min(done) >= planned:
        return f"{planned / 1e6:g} Mb"
    return f"{', '.join(f'{bases / 1e6:.3g}' for bases in done)} of {planned / 1e6:g} Mb"


def _tuning(record: Mapping[str, Any] | None) -> list[str]:
    """Return a line for each combination of settings that was tried, by round."""
    if record is None:
        return []
    same = record["chosen"] == record["defaults"]
    lines = [
        f"tuned            {record['minutes']:g} nominal minutes; "
        f"{'the defaults were kept' if same else 'better settings were chosen'}: "
        f"{_options(record['chosen'])}"
    ]
    for number, of in enumerate(record["rounds"], 1):
        bases = of["bases"] / 1e6
        lines.append(f"  round {number}, {bases:.3g} Mb of windows each; validation AP:")
        for one in of["tried"]:
            classes = ", ".join(f"{name} {_figure(ap)}" for name, ap in (one["ap"] or {}).items())
            mean = f"{_figure(one['mean_ap']):6}"
            lines.append(f"    {mean}  {_options(one)}{f'  ({classes})' * bool(classes)}")
    return lines


def _options(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{option} {settings[name]:g}" for name, option in TUNED_OPTIONS.items())


def _figure(ap: float | None) -> str:
    return "none" if ap is None else f"{ap:.4f}"
