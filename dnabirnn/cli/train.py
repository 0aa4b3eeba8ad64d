"""`dnabirnn train`: train a model on an encoded set."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.look_ahead import look_ahead
from dnabirnn.cli.output_names import check_ending
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.cli.training_messages import (
    follows_another,
    one_reports,
    say_figures,
    says_what_is_kept,
)
from dnabirnn.errors import OptionError
from dnabirnn.network import DEFAULT_KMER, Cell

if TYPE_CHECKING:
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.training import TrainingProgress
    from dnabirnn.tuning import Tuning

__all__ = ["train"]

logger = logging.getLogger(__name__)

_NETWORK = "Network"
_FITTING = "Training"

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {"hidden": 16},
    "default": {},
    "accurate": {"hidden": 64},
}
"""Defaults of options by preset; options that are given override them."""
_TWICE_THE_BASES = ("accurate",)
"""Presets that train on twice the default number of bases."""


_TUNED_PARTS = ("architecture", "sampling", "settings")


def _take_preset(ctx: click.Context, param: click.Parameter, value: str) -> str:
    ctx.default_map = PRESETS[value]
    return value


@command(
    """Train a model on an encoded set.

    DIR is a folder that `dnabirnn encode` wrote. An interrupted run continues where it stopped when
    the same command is run again. With --until and --continue-from, a training can be done in
    several jobs, on machines that share no files; the model has the same bytes.
    """,
    "dnabirnn train sites.enc -o sites.safetensors\n"
    "dnabirnn train sites.enc -o half.state --until 0.5\n"
    "dnabirnn train sites.enc -o sites.safetensors --continue-from half.state",
)
@click.argument("encoded", metavar="DIR")
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="MODEL",
    help="Model file to write, usually ending in .safetensors.",
)
@option(
    "--log",
    group=options.OUTPUT,
    metavar="CSV",
    help="Training log to write.  [default: MODEL with .log.csv in place of .safetensors]",
)
@option(
    "--preset",
    group=_NETWORK,
    type=click.Choice(list(PRESETS)),
    default="default",
    show_default=True,
    is_eager=True,
    callback=_take_preset,
    help="Set of defaults: fast (16 hidden units), default (32), or accurate (64 hidden units, "
    "twice the bases). Options that are given override it.",
)
@option(
    "--cell",
    group=_NETWORK,
    type=click.Choice(sorted(cell.value for cell in Cell)),
    default="gru",
    show_default=True,
    help="Recurrent cell. gru-ln is the cell of dna-brnn.",
)
@option(
    "--hidden",
    group=_NETWORK,
    type=int,
    default=32,
    show_default=True,
    help="Hidden units per direction.",
)
@option(
    "--layers",
    group=_NETWORK,
    type=int,
    help="Number of recurrent layers.  [default: 1; 2 for labels of whole sequences]",
)
@option(
    "--kmer",
    group=_NETWORK,
    type=int,
    help="Length of the k-mer around each base that the first layer also reads, an odd number from "
    f"1 to 7; 1 reads the base alone.  [default: {DEFAULT_KMER}; 1 for labels of whole sequences]",
)
@option(
    "--untied",
    group=_NETWORK,
    is_flag=True,
    help="Use separate weights for the reverse direction.  [default: both strands share weights]",
)
@option(
    "--exclusive",
    group=_NETWORK,
    is_flag=True,
    help="Allow at most one class per base, with a softmax.  [default: classes may overlap]",
)
@option(
    "--matrix",
    group=_NETWORK,
    default="auto",
    show_default=True,
    metavar="auto|none|FILE",
    help="auto: start classes with fewer than 400 training sites, and fewer than 10,000 bases in "
    "them, from the position weight matrix of these sites, and learn what the context adds. none: "
    "start from random weights alone. FILE: start each class from the motif of its name in this "
    "file, in JASPAR, HOMER, HOCOMOCO, MEME, TRANSFAC or a similar format; others from random "
    "weights.",
)
@option(
    "--ensemble",
    group=_NETWORK,
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Number of networks to train, with different seeds, one after the other. The model scores "
    "with the mean of their log-odds. Training and scoring take this many times as long.",
)
@option(
    "--separate",
    group=_NETWORK,
    is_flag=True,
    help="Train a separate network for each class; the model has all of them. Training and scoring "
    "take as many times as long as there are classes.  [default: one network for all classes]",
)
@option(
    "--init",
    group=_NETWORK,
    metavar="MODEL",
    help="Start from the weights of this model.  [default: random weights]",
)
@option(
    "--teacher",
    group=_FITTING,
    metavar="MODEL",
    help="Learn from the probabilities that this model gives to the training sequence, as well as "
    "from the labels; ignored bases count too. It must have the same classes, and should have "
    "several networks or more hidden units.  [default: learn from the labels]",
)
@option(
    "--window",
    group=_FITTING,
    type=int,
    help="Length of a training window in bases.  [default: 400 if most classes have short sites, "
    "and at least 400 of them for training, else 200; for labels of whole sequences, their median "
    "length, up to 500]",
)
@option(
    "--batch",
    group=_FITTING,
    type=int,
    default=64,
    show_default=True,
    help="Number of windows per step. Each CPU core works on 32 windows at a time.",
)
@option(
    "--bases",
    group=_FITTING,
    type=options.BASES,
    help="Number of bases to train each network on, over all windows: exactly this many.  "
    "[default: 20M, and 10M per class of the network, from 30M to 80M; fewer if validation no "
    "longer improves]",
)
@option(
    "--lr",
    group=_FITTING,
    type=float,
    default=8e-3,
    show_default=True,
    help="Maximum learning rate of the one-cycle schedule.",
)
@option(
    "--weight-decay",
    group=_FITTING,
    type=float,
    default=0.01,
    show_default=True,
    help="Weight decay of AdamW.",
)
@option(
    "--clip",
    group=_FITTING,
    type=float,
    default=1.0,
    show_default=True,
    help="Maximum norm of the gradient; larger gradients are scaled down.",
)
@option(
    "--dropout",
    group=_FITTING,
    type=float,
    help="Dropout rate between layers and before the head.  [default: 0.1; 0.2 for labels of whole "
    "sequences]",
)
@option(
    "--positive-share",
    group=_FITTING,
    type=float,
    default=0.5,
    show_default=True,
    help="Share of windows, 0 to 1, that are drawn to contain a labelled base.",
)
@option(
    "--mutate",
    group=_FITTING,
    type=float,
    help="Share of bases in training windows, 0 to 0.75, that are replaced by another base; less "
    "inside sites shorter than 40 bp.  [default: 0.1; 0 for labels of whole sequences]",
)
@option(
    "--tune",
    group=_FITTING,
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="First choose --window, --mutate, --hidden and --lr, as far as they are not given, by "
    "short trainings that are compared on validation sequence. MINUTES is nominal, about "
    "the time on one CPU core, so that the result does not depend on the machine.  "
    "[default: no tuning]",
)
@option(
    "--validations",
    group=_FITTING,
    type=int,
    default=10,
    show_default=True,
    help="Number of times to score validation sequence during training.",
)
@option(
    "--seed",
    group=_FITTING,
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Random seed. The same seed gives the same model.",
)
@option(
    "--resume",
    group=_FITTING,
    type=click.Choice(["auto", "never"]),
    default="auto",
    show_default=True,
    help="auto continues an interrupted run; never starts from scratch and keeps no state.",
)
@option(
    "--until",
    group=_FITTING,
    type=float,
    default=1.0,
    metavar="SHARE",
    help="Stop after this share of the training, more than 0 and less than 1, and write its state "
    "to the file named by --out, in place of a model. --tune comes first.  [default: train to the "
    "end]",
)
@option(
    "--continue-from",
    "state",
    group=_FITTING,
    metavar="STATE",
    help="Continue from a file that --until wrote, with the same DIR and options. A state of other "
    "data, options or versions is not used, with a warning.  [default: start from the beginning]",
)
@options.prior
@options.threads
@options.device
@options.engine
@options.precision
@option(
    "--devices",
    group=options.COMPUTING,
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of devices per node (GPUs, or CPU processes).",
)
@option(
    "--nodes",
    group=options.COMPUTING,
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of nodes (hosts).",
)
@options.dry_run
@click.pass_obj
@says_what_is_kept
def train(
    quiet: bool,
    /,
    encoded: str,
    out: str,
    preset: str,
    cell: str,
    hidden: int,
    layers: int | None,
    kmer: int | None,
    untied: bool,
    exclusive: bool,
    window: int | None,
    batch: int,
    bases: int | None,
    lr: float,
    weight_decay: float,
    clip: float,
    dropout: float | None,
    positive_share: float,
    mutate: float | None,
    matrix: str,
    ensemble: int,
    separate: bool,
    tune: float | None,
    init: str | None,
    teacher: str | None,
    priors: tuple[tuple[str, float], ...],
    validations: int,
    seed: int,
    resume: str,
    until: float,
    state: str | None,
    log: str | None,
    threads: int,
    device: str,
    engine: str,
    devices: int,
    nodes: int,
    precision: str,
    dry_run: bool,
) -> None:
    """Run `dnabirnn train`."""
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.files import check_target, is_compressed
    from dnabirnn.motifs import read_class_motifs
    from dnabirnn.network import Architecture, load_checkpoint
    from dnabirnn.training import (
        TRAINING_REMEDIES,
        FitSettings,
        Hardware,
        SamplingSettings,
        TrainingPaused,
        TrainingPlan,
        check_parts,
        default_dropout,
        default_kmer,
        default_layers,
        default_mutation_rate,
        default_window_bp,
        load_state,
        train_members as fit,
    )

    follows = follows_another()
    if follows:  # only the first process prints messages
        quiet = True
        logging.getLogger("dnabirnn").setLevel(logging.ERROR)
    # Fabric also logs the number of processes.
    logging.getLogger("lightning_fabric.utilities").setLevel(logging.WARNING)
    ends = until == 1
    log = log or (f"{out.removesuffix('.safetensors')}.log.csv" if ends else None)
    written = [path for path in (out, log) if path is not None]
    for path in written:
        check_target(path)
    if log is not None and os.path.realpath(log) == os.path.realpath(out):
        raise OptionError(f"--log {log}: is also the model file; give another name")
    motif_file = None if matrix in ("auto", "none") else matrix
    if log is not None:
        options.check_apart([log], [init])
        check_ending("--log", log, "a training log", ".csv")
    options.check_apart(written, [motif_file, teacher, state])
    if not is_compressed(out):  # which is an error
        kind = ("a model file", ".safetensors") if ends else ("a state of training", ".state")
        check_ending("-o", out, *kind)
    data = EncodedSet.open(encoded)
    names = [name for name, _ in data.classes]
    parts: dict[str, Any] = {
        "architecture": Architecture(
            data.classes,
            Cell(cell),
            hidden,
            default_layers(data) if layers is None else layers,
            not untied,
            exclusive,
            default_kmer(data) if kmer is None else kmer,
        ),
        "sampling": SamplingSettings(
            default_window_bp(data) if window is None else window,
            batch,
            positive_share,
            seed,
            default_mutation_rate(data) if mutate is None else mutate,
        ),
        "settings": FitSettings(
            bases,
            lr,
            weight_decay,
            clip,
            default_dropout(data) if dropout is None else dropout,
            scale=2 if preset in _TWICE_THE_BASES else 1,
        ),
        "hardware": Hardware(device, devices, nodes, precision, threads, engine),
        "initial": None if init is None else load_checkpoint(init),
        "teacher": None if teacher is None else load_checkpoint(teacher),
        "priors": dict(priors),
        "validations": validations,
        "matrix": matrix == "auto" if motif_file is None else read_class_motifs(motif_file, names),
        "ensemble": ensemble,
        "separate": separate,
    }
    kept = None if state is None else load_state(state)
    check_parts(until, kept, resume=resume == "auto")
    tuning = None if tune is None else _tuning(data, parts, tune)
    plan = TrainingPlan(data, out, **parts, until=until)
    if tuning is not None:
        largest: dict[str, Any] = dict(zip(_TUNED_PARTS, tuning.largest(), strict=True))
        plan = replace(plan, **largest, tuning_minutes=tune or 0.0)
    if not (not dry_run if follows else look_ahead(plan, TRAINING_REMEDIES, dry_run=dry_run)):
        return
    if tuning is not None:
        plan.check()
        chosen = tuning.run(out, resume=resume == "auto", state=kept)
        parts |= dict(zip((*_TUNED_PARTS, "tuning"), chosen, strict=True))
    with ProgressBar("trained", plan.total_bases(), quiet) as progress, one_reports(follows):

        def report(now: TrainingProgress) -> None:
            progress.total(now.total_bases)
            progress.to(now.bases, f"loss {now.loss:.4f}")
            if now.validation_ap is not None:
                progress.say(
                    f"{now.bases / 1e6:.1f} Mb: loss {now.loss:.4f}, "
                    f"validation AP {now.validation_ap:.4f}"
                )

        try:
            checkpoint = fit(
                data,
                out,
                **parts,
                resume=resume == "auto",
                state=kept,
                until=until,
                log_path=log,
                report=report,
            )
        except TrainingPaused:
            logger.info("%s: the state of training; give it to --continue-from", out)
            return
    say_figures(checkpoint)


def _tuning(data: EncodedSet, parts: dict[str, Any], minutes: float) -> Tuning:
    """Return the tuning of all settings that are not given."""
    from dnabirnn.tuning import TUNED_OPTIONS, Tuning

    context = click.get_current_context()
    fixed = [
        name
        for name, given in TUNED_OPTIONS.items()
        if context.get_parameter_source(given.removeprefix("--"))
        not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    ]
    names = ("hardware", "initial", "matrix", "separate")
    used = {name: parts[name] for name in (*_TUNED_PARTS, *names)}
    return Tuning(data, **used, minutes=minutes, fixed=fixed)
