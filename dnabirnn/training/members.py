"""A run that trains several networks, one after the other, for one model.

An ensemble is networks that differ in their seed. Classes that are trained apart have one network
each, for which the bases of the other classes are background. Both can be combined.

Each network is trained as `dnabirnn.training.train` would train it alone. Its log-odds are then
brought from training windows to the sequence (`prior_shift`), so that those of several networks can
be averaged. Calibration, scoring window, thresholds and metrics are those of the mean.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from dnabirnn.errors import OptionError
from dnabirnn.network import (
    Architecture,
    Ensemble,
    EnsembleNetwork,
    LogOddsMap,
    Member,
    joined_weights,
    load_weights,
    mapped_weights,
    weights_of,
)
from dnabirnn.training.defaults import (
    default_architecture,
    default_dropout,
    default_mutation_rate,
    default_window_bp,
)
from dnabirnn.training.finishing.calibration import scoring_windows
from dnabirnn.training.finishing.finish import VALIDATION_BP, finish
from dnabirnn.training.finishing.stacking import stacked
from dnabirnn.training.fit import FitSettings
from dnabirnn.training.held_out import hold_out
from dnabirnn.training.log import TrainingLog
from dnabirnn.training.processes import Hardware
from dnabirnn.training.run_settings import (
    check_plan,
    check_whole_sequences,
    digest_of,
    made_by_other,
    plan_of,
)
from dnabirnn.training.sampling import Prevalence, Sampler, SamplingSettings
from dnabirnn.training.sequences.sampling import SequenceSampler
from dnabirnn.training.start import begin
from dnabirnn.training.states.parts import check_parts, leaving, pause_of
from dnabirnn.training.states.resume import ResumeFolder
from dnabirnn.training.teacher import check_teacher
from dnabirnn.training.training_run import TrainingProgress, run_of, train
from dnabirnn.training.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.evaluation import FittedMatrix
    from dnabirnn.files import PathLike
    from dnabirnn.motifs import ClassMotifs
    from dnabirnn.network import Checkpoint
    from dnabirnn.training.start import Begun
    from dnabirnn.training.states.kept_state import KeptState
    from dnabirnn.training.training_run import Run

__all__ = ["PlannedMember", "matrix_of", "planned_members", "train_members"]

logger = logging.getLogger(__name__)


class PlannedMember(NamedTuple):
    """A network to train: its data, shape, and sampling with its seed."""

    encoded: EncodedSet
    architecture: Architecture
    sampling: SamplingSettings


class _Trained(NamedTuple):
    """A trained network, whose log-odds are those of the sequence."""

    bases: int
    member: Member
    prevalence: Prevalence
    matrices: list[FittedMatrix | None]


def planned_members(
    encoded: EncodedSet,
    architecture: Architecture,
    sampling: SamplingSettings,
    ensemble: int,
    separate: bool,
) -> list[PlannedMember]:
    """Return the networks of a run; parameters as for `train_members`.

    Raises
    ------
    OptionError
        There is no network to train, or exclusive classes would be trained apart.
    """
    if ensemble < 1:
        raise OptionError(f"--ensemble {ensemble}: must be 1 or more")
    if separate and architecture.exclusive:
        raise OptionError(
            "--separate: --exclusive classes share one softmax, so that they are trained together; "
            "leave out one of the two"
        )
    seeds = [replace(sampling, seed=sampling.seed + number) for number in range(ensemble)]
    if not separate or len(architecture.classes) == 1:
        return [PlannedMember(encoded, architecture, one) for one in seeds]
    return [
        PlannedMember(encoded.only(each.name), replace(architecture, classes=(each,)), one)
        for each in architecture.classes
        for one in seeds
    ]


def matrix_of(
    matrix: bool | ClassMotifs, encoded: EncodedSet, member: PlannedMember
) -> bool | ClassMotifs:
    """Return `matrix` of `train_members` for the classes of one network."""
    if isinstance(matrix, bool):
        return matrix
    return matrix.of([encoded.classes.index(each) for each in member.architecture.classes])


def train_members(
    encoded: EncodedSet,
    model_path: PathLike,
    architecture: Architecture | None = None,
    sampling: SamplingSettings | None = None,
    settings: FitSettings | None = None,
    *,
    ensemble: int = 1,
    separate: bool = False,
    hardware: Hardware | None = None,
    initial: Checkpoint | None = None,
    teacher: Checkpoint | None = None,
    priors: Mapping[str, float] | None = None,
    matrix: bool | ClassMotifs = True,
    validations: int = 10,
    tuning: Mapping[str, Any] | None = None,
    resume: bool = True,
    state: KeptState | None = None,
    until: float = 1.0,
    log_path: PathLike | None = None,
    report: Callable[[TrainingProgress], None] | None = None,
) -> Checkpoint:
    """Train one or several networks and write one model.

    Parameters
    ----------
    encoded, model_path, architecture, sampling, settings
        As for `train`.
    ensemble : int
        Number of networks with all classes, whose log-odds are averaged. Their seeds are that of
        `sampling`, this plus 1, and so on.
    separate : bool
        Train `ensemble` networks for each class, instead of for all of them.
    hardware, initial, teacher, priors, matrix, validations, tuning, resume, state, log_path, report
        As for `train`. Each network has states to resume from. A teacher teaches one network only.
    until : float
        As for `train`, as a share of the steps of all networks.

    Returns
    -------
    checkpoint : Checkpoint
        The model that was written; with one network, that of `train`.

    Raises
    ------
    EncodedSetError, OptionError, DeviceError, TrainingError, OutputError, TrainingPaused
        As for `train`, and `planned_members`.
    KeyboardInterrupt, SystemExit
        Of a signal. A note says at which step of which network the run stopped, and what is kept.
    """
    architecture = architecture or default_architecture(encoded)
    sampling = sampling or SamplingSettings(
        default_window_bp(encoded), mutation_rate=default_mutation_rate(encoded)
    )
    settings = settings or FitSettings(dropout=default_dropout(encoded))
    hardware = hardware or Hardware()
    priors = dict(priors or {})
    members = planned_members(encoded, architecture, sampling, ensemble, separate)
    check_teacher(teacher, encoded, architecture, len(members))
    if len(members) == 1:
        return train(
            encoded,
            model_path,
            architecture,
            sampling,
            settings,
            hardware=hardware,
            initial=initial,
            teacher=teacher,
            priors=priors,
            matrix=matrix,
            validations=validations,
            tuning=tuning,
            resume=resume,
            state=state,
            until=until,
            log_path=log_path,
            report=report,
        )
    check_parts(until, state, resume=resume)
    check_whole_sequences(encoded, architecture, teacher, priors, matrix)
    check_plan(encoded, model_path, architecture, validations, priors)
    encoded, held_out = hold_out(encoded, sampling.window_bp)
    members = planned_members(encoded, architecture, sampling, ensemble, separate)
    own = [matrix_of(matrix, encoded, member) for member in members]
    first = begin(*members[0], settings, hardware, initial, matrix=own[0])
    fabric = first.fabric
    plan = plan_of(
        encoded,
        architecture,
        sampling,
        settings,
        hardware,
        initial,
        priors,
        matrix,
        validations,
        fabric,
        first.fused,
        tuning,
    )
    plan |= {
        "fit": settings.to_json(len(members[0].architecture.classes)),
        "ensemble": ensemble,
        "separate": separate,
    }
    if held_out:
        plan["held_out"] = [list(piece) for piece in held_out]
    folder = ResumeFolder(model_path, digest_of(plan))
    leads = fabric.is_global_zero
    with folder.locked(may_wait=fabric.world_size == 1) if leads else nullcontext() as waited:
        if state is not None and leads:
            state.restore(folder)
        fabric.barrier()  # only now may a process remove an old state
        if waited and resume and (made := made_by_other(model_path, plan, log_path)):
            folder.clear()
            return made
        if leads and not resume:
            folder.clear()
        log, trained, checkpoint, done = None, [], None, 0
        with leaving(folder, model_path, resume=resume) if leads else nullcontext():
            for number, member in enumerate(members, 1):
                begun = first
                if number > 1:
                    one = own[number - 1]
                    begun = begin(*member, settings, hardware, initial, matrix=one, fabric=fabric)
                names = ", ".join(name for name, _ in member.architecture.classes)
                logger.info("network %d of %d: %s", number, len(members), names)
                log = TrainingLog(log_path if leads else None, log)
                states = folder.of_member(number)
                fit = begun.fit
                left = (len(members) - number) * fit.schedule.planned_steps * fit.step_bp
                shown = report and _part(report, done, left)
                run = run_of(
                    begun,
                    settings,
                    member.encoded,
                    states,
                    log,
                    hardware,
                    validations,
                    resume,
                    shown,
                    pause_of(until, fit.schedule.planned_steps, number, len(members)),
                )
                _run(run, number, len(members), resume=resume)
                done += fit.trained_bases
                if leads:
                    trained.append(_trained(run, begun))
            if leads:
                checkpoint = _finished(trained, encoded, sampling, plan, hardware, fabric.device)
                checkpoint.save(model_path)
        checkpoint = fabric.broadcast(checkpoint)
    assert checkpoint is not None
    return checkpoint


def _part(
    report: Callable[[TrainingProgress], None], before: int, after: int
) -> Callable[[TrainingProgress], None]:
    """Return a function that reports the progress of one network as part of the whole run.

    `before` and `after` are the bases of the networks before, and those planned for the rest.
    """

    def report_part(now: TrainingProgress) -> None:
        total = before + now.total_bases + after
        report(now._replace(bases=before + now.bases, total_bases=total))

    return report_part


def _run(run: Run, number: int, members: int, *, resume: bool) -> None:
    """Train a network, or continue; its last state is kept until the model is written."""
    try:
        if resume:
            run.restore()
        run.go()
        run.keep()
    except (KeyboardInterrupt, SystemExit) as stop:
        note = run.stop()
        if number > 1 and run.keeps_states and run.kept is None:
            note = (
                f"interrupted at step {run.fit.step} of {run.fit.steps}; the networks before are "
                f"kept in {run.folder.path.parent}; run the same command again to continue"
            )
        stop.add_note(f"network {number} of {members}: {note}")
        raise


def _trained(run: Run, begun: Begun) -> _Trained:
    """Return a network with its best weights, and its log-odds brought to the sequence."""
    network = run.network().eval()
    shape = network.architecture
    shortest = scoring_windows(run.fit.window_bp, shape.matrix_reach_bp)[-1]
    if isinstance(run.validation, Validation):
        network = stacked(network, run.maps, begun.matrices, run.validation, shortest, run.threads)
    weights = mapped_weights(network.architecture, weights_of(network), run.maps)
    member = Member(network.architecture, weights)
    return _Trained(run.fit.trained_bases, member, begun.prevalence, begun.matrices)


def _finished(
    trained: Sequence[_Trained],
    encoded: EncodedSet,
    sampling: SamplingSettings,
    plan: Mapping[str, object],
    hardware: Hardware,
    device: torch.device,
) -> Checkpoint:
    """Return the model of several networks."""
    members = [one.member for one in trained]
    done = {"trained_bases": [one.bases for one in trained]}
    shape = Ensemble(encoded.classes, tuple(member.architecture for member in members))
    with torch.random.fork_rng(devices=[]):  # its first weights are random
        network = EnsembleNetwork(shape)
    load_weights(network, joined_weights(members))
    whole = encoded.whole_sequences
    return finish(
        network.to(device),
        [LogOddsMap(1.0, 0.0)] * len(encoded.classes),
        encoded,
        SequenceSampler(encoded, sampling) if whole else Sampler(encoded, sampling),
        Validation(encoded, VALIDATION_BP),
        _mean_prevalence(trained, shape),
        _matrices(trained, shape),
        {**plan, **done},
        hardware.threads,
    )


def _mean_prevalence(trained: Sequence[_Trained], shape: Ensemble) -> Prevalence:
    """Return the shares of the classes, as means over the networks that have them."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name, _ in shape.classes}
    for _, (architecture, _), (sequence, sampled), _ in trained:
        for number, (name, _) in enumerate(architecture.classes):
            found[name].append((sequence[number], sampled[number]))
    return Prevalence(*np.array([np.mean(shares, axis=0) for shares in found.values()]).T)


def _matrices(trained: Sequence[_Trained], shape: Ensemble) -> list[FittedMatrix | None]:
    """Return the matrix of each class, which is the same for all networks that have the class."""
    found: dict[str, FittedMatrix | None] = {}
    for _, (architecture, _), _, matrices in trained:
        found |= dict(zip((name for name, _ in architecture.classes), matrices, strict=False))
    return [found.get(name) for name, _ in shape.classes]
