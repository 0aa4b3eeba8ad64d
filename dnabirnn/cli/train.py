"""`dnabirnn train`: an encoded set to a model."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.look_ahead import look_ahead
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import DnabirnnError, OptionError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnabirnn.training import TrainingProgress

__all__ = ["train"]

logger = logging.getLogger(__name__)


PRESETS: dict[str, dict[str, Any]] = {
    "fast": {"hidden": 16},
    "default": {},
    "accurate": {"hidden": 64, "bases": "60M", "mutate": 0.05},
}
"""Options by the name of a preset; those that are given count more."""


def _take_preset(ctx: click.Context, param: click.Parameter, value: str) -> str:
    ctx.default_map = PRESETS[value]
    return value


@click.command()
@click.argument("encoded", metavar="DIR")
@click.option("-o", "--out", required=True, metavar="MODEL", help="Model file to write.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="default",
    show_default=True,
    is_eager=True,
    expose_value=False,
    callback=_take_preset,
    help="Options by name: fast has 16 units, accurate 64, twice the bases and more mutation.",
)
@click.option(
    "--cell",
    type=click.Choice(["gru", "gru-ln", "lstm", "rnn"]),
    default="gru",
    show_default=True,
    help="Kind of recurrent cell.",
)
@click.option("--hidden", type=int, default=32, show_default=True, help="Units a direction.")
@click.option("--layers", type=int, default=1, show_default=True, help="Recurrent layers.")
@click.option("--untied", is_flag=True, help="Weights of its own for the reverse direction.")
@click.option("--exclusive", is_flag=True, help="At most one class a base: a softmax.")
@click.option("--window", type=int, default=200, show_default=True, help="Training window in bp.")
@click.option(
    "--batch",
    type=int,
    default=64,
    show_default=True,
    help="Windows a step; every 32 keep a core busy.",
)
@click.option(
    "--bases",
    type=options.BASES,
    default="30M",
    show_default=True,
    help="Bases of training windows in all.",
)
@click.option("--lr", type=float, default=8e-3, show_default=True, help="Highest learning rate.")
@click.option("--weight-decay", type=float, default=0.01, show_default=True, help="Of AdamW.")
@click.option("--clip", type=float, default=1.0, show_default=True, help="Largest gradient norm.")
@click.option("--dropout", type=float, default=0.1, show_default=True, help="Before the head.")
@click.option(
    "--positive-share",
    type=float,
    default=0.5,
    show_default=True,
    help="Share of the windows that hold a labelled base.",
)
@click.option(
    "--mutate",
    type=float,
    default=0.02,
    show_default=True,
    help="Share of the bases of training windows that are replaced at random.",
)
@click.option("--init", metavar="MODEL", help="Model to start from.")
@options.prior
@click.option(
    "--validations", type=int, default=10, show_default=True, help="Times to score validation."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@click.option(
    "--resume",
    type=click.Choice(["auto", "never"]),
    default="auto",
    show_default=True,
    help="Go on from where the same run was stopped; with never, no state is kept.",
)
@click.option("--log", metavar="CSV", help="Log of losses.  [default: MODEL with .log.csv]")
@options.threads
@options.device
@options.engine
@click.option("--devices", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True)
@options.precision
@options.dry_run
@click.pass_obj
def train(
    quiet: bool,
    /,
    encoded: str,
    out: str,
    cell: str,
    hidden: int,
    layers: int,
    untied: bool,
    exclusive: bool,
    window: int,
    batch: int,
    bases: int,
    lr: float,
    weight_decay: float,
    clip: float,
    dropout: float,
    positive_share: float,
    mutate: float,
    init: str | None,
    priors: tuple[tuple[str, float], ...],
    validations: int,
    seed: int,
    resume: str,
    log: str | None,
    threads: int,
    device: str,
    engine: str,
    devices: int,
    nodes: int,
    precision: str,
    dry_run: bool,
) -> None:
    """Train a model on an encoded set."""
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.files import check_target
    from dnabirnn.network import Architecture, Cell, load_checkpoint
    from dnabirnn.training import (
        TRAINING_REMEDIES,
        FitSettings,
        Hardware,
        SamplingSettings,
        TrainingPlan,
        train as fit,
    )

    # Of several processes, which Fabric starts with this variable, one speaks.
    follows = os.environ.get("LOCAL_RANK", "0") != "0"
    if follows:
        quiet = True
        logging.getLogger("dnabirnn").setLevel(logging.ERROR)
    # How many processes there are we tell ourselves, unless we are to be quiet.
    logging.getLogger("lightning_fabric.utilities").setLevel(logging.WARNING)
    log = log or f"{out.removesuffix('.safetensors')}.log.csv"
    for path in (out, log):
        check_target(path)
    if os.path.realpath(log) == os.path.realpath(out):
        raise OptionError(f"--log {log}: is the model's name; give another")
    options.check_apart([log], [init])
    data = EncodedSet.open(encoded)
    parts: dict[str, Any] = {
        "architecture": Architecture(
            data.classes, Cell(cell), hidden, layers, not untied, exclusive
        ),
        "sampling": SamplingSettings(window, batch, positive_share, seed, mutate),
        "settings": FitSettings(bases, lr, weight_decay, clip, dropout),
        "hardware": Hardware(device, devices, nodes, precision, threads, engine),
        "initial": None if init is None else load_checkpoint(init),
        "priors": dict(priors),
        "validations": validations,
    }
    plan = TrainingPlan(data, out, **parts)
    if not (not dry_run if follows else look_ahead(plan, TRAINING_REMEDIES, dry_run=dry_run)):
        return
    with ProgressBar("trained", bases, quiet) as progress, _one_speaks(follows):

        def report(now: TrainingProgress) -> None:
            progress.to(now.bases, f"loss {now.loss:.4f}")
            if now.validation_ap is not None:
                progress.say(
                    f"{now.bases / 1e6:.1f} Mb: loss {now.loss:.4f}, "
                    f"validation AP {now.validation_ap:.4f}"
                )

        checkpoint = fit(
            data,
            out,
            **parts,
            resume=resume == "auto",
            log_path=log,
            report=report,
        )
    for name, figures in checkpoint.metrics["classes"].items():
        logger.info(
            "%s: AP %.4f, best F1 %.4f on %s",
            name,
            figures["ap_stranded"],
            figures["best_f1_stranded"],
            checkpoint.metrics["split"],
        )


@contextmanager
def _one_speaks(follows: bool) -> Iterator[None]:
    """End a process that follows another without a word where the other tells what is wrong."""
    from dnabirnn.training import LEFT_ALONE

    try:
        yield
    except (DnabirnnError, RuntimeError) as error:
        left_alone = isinstance(error, RuntimeError) and _is_left_alone(error)
        if follows and (isinstance(error, DnabirnnError) or left_alone):
            click.get_current_context().exit(1)
        if left_alone:
            raise TrainingError(LEFT_ALONE) from error
        raise


def _is_left_alone(error: RuntimeError) -> bool:
    """Whether gloo or NCCL says that another process has ended."""
    words = str(error).lower()
    ends = ("closed by peer", "reset by peer", "closed by remote peer", "broken pipe")
    return any(end in words for end in ends)
