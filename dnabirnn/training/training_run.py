"""A training run: from an encoded set to a model, resumed where it was interrupted."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.engine import engine_of
from dnabirnn.errors import OutputError
from dnabirnn.network import (
    Architecture,
    Checkpoint,
    LogOddsMap,
    load_weights,
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
from dnabirnn.training.fit import Fit, FitSettings
from dnabirnn.training.held_out import hold_out
from dnabirnn.training.log import TrainingLog
from dnabirnn.training.processes import Hardware, Signals
from dnabirnn.training.run_settings import (
    check_plan,
    check_whole_sequences,
    digest_of,
    made_by_other,
    plan_of,
)
from dnabirnn.training.sampling import Sampler, SamplingSettings
from dnabirnn.training.schedule import LEAST_GAIN, no_longer_improves
from dnabirnn.training.sequences.validation import SequenceValidation
from dnabirnn.training.start import begin
from dnabirnn.training.states.parts import TrainingPaused, check_parts, leaving, pause_of
from dnabirnn.training.states.resume import ResumeFolder
from dnabirnn.training.teacher import check_teacher, taught_by, teach
from dnabirnn.training.validation import Validation, mean_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lightning_fabric import Fabric
    from numpy.typing import NDArray

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.files import PathLike
    from dnabirnn.motifs import ClassMotifs
    from dnabirnn.network import Network
    from dnabirnn.training.start import Begun
    from dnabirnn.training.states.kept_state import KeptState

__all__ = [
    "Run",
    "TrainingProgress",
    "run_of",
    "train",
]

logger = logging.getLogger(__name__)

_LOG_ROWS = 100
_SECONDS_BETWEEN_STATES = 15.0
_BEST = "best/"


class TrainingProgress(NamedTuple):
    """Progress of a fit; `total_bases` falls if it ends early."""

    bases: int
    total_bases: int
    loss: float
    validation_ap: float | None


def train(
    encoded: EncodedSet,
    model_path: PathLike,
    architecture: Architecture | None = None,
    sampling: SamplingSettings | None = None,
    settings: FitSettings | None = None,
    *,
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
    """Train a network and write the model.

    The weights with the best average precision on validation sequence are kept (mean over the
    classes that are labelled there). Thresholds and the scoring window are chosen on the same
    sequence.

    Parameters
    ----------
    encoded : EncodedSet
    model_path : str or PathLike
        Model file. Until it is written, the state to resume from is kept beside it.
    architecture : Architecture, optional
        With the classes of `encoded`. By default, `default_architecture`.
    sampling : SamplingSettings, optional
        By default, with windows of `default_window_bp` and `default_mutation_rate`.
    settings : FitSettings, optional
    hardware : Hardware, optional
    initial : Checkpoint, optional
        Model to start from, with the same cell, hidden size, layers and tying, and with the
        same k-mers or none.
    teacher : Checkpoint, optional
        Model with the classes of `encoded` that the network learns from, beside the labels; see
        `dnabirnn.training.teacher`.
    priors : mapping of class name to float, optional
        Expected share of bases per strand that belong to a class in the sequence that the model
        will score, if it differs from the share in validation sequence.
    matrix : bool or ClassMotifs
        Start classes with few training sites from position weight matrices of these sites, or all
        classes that have a motif from its matrix. With `initial`, the network has the matrices of
        that model, so that motifs cannot be given as well.
    validations : int
        Number of times to score validation sequence.
    tuning : mapping, optional
        How the settings were chosen, as plain values for the model file (`dnabirnn.tuning`).
    resume : bool
        Continue from the state of an interrupted run with the same settings. The result has the
        same bytes as that of a run without interruption. If False, no state is kept.
    state : KeptState, optional
        State to continue from, unless there is a later one beside the model.
    until : float
        Share of the planned steps, more than 0. If it is less than 1, the run stops there, or where
        it ends early. Its state is then written to `model_path`, in place of a model.
    log_path : str or PathLike, optional
        CSV file of losses and validation metrics.
    report : callable, optional
        Called from time to time with the progress.

    Returns
    -------
    checkpoint : Checkpoint
        The model that was written.

    Raises
    ------
    EncodedSetError, OptionError
        Data and settings do not fit together.
    DeviceError
        The machine does not have the device.
    TrainingError
        A loss, weight or validation score is not finite. The state of the run is removed.
    OutputError
        The model cannot be written, or another training is writing it.
    TrainingPaused
        The run has reached `until`, and its state is written.
    KeyboardInterrupt, SystemExit
        Of a signal. A note says at which step the run stopped, and what is kept.
    """
    check_parts(until, state, resume=resume)
    architecture = architecture or default_architecture(encoded)
    sampling = sampling or SamplingSettings(
        default_window_bp(encoded), mutation_rate=default_mutation_rate(encoded)
    )
    settings = settings or FitSettings(dropout=default_dropout(encoded))
    hardware = hardware or Hardware()
    priors = dict(priors or {})
    check_whole_sequences(encoded, architecture, teacher, priors, matrix)
    check_plan(encoded, model_path, architecture, validations, priors)
    check_teacher(teacher, encoded, architecture)
    encoded, held_out = hold_out(encoded, sampling.window_bp)
    begun = begin(encoded, architecture, sampling, settings, hardware, initial, matrix=matrix)
    fabric = begun.fabric
    plan = plan_of(
        encoded,
        begun.fit.network.architecture,
        sampling,
        settings,
        hardware,
        initial,
        priors,
        matrix,
        validations,
        fabric,
        begun.fused,
        tuning,
    )
    if teacher is not None:
        plan["teacher"] = taught_by(teacher)
    if held_out:
        plan["held_out"] = [list(piece) for piece in held_out]
    run = run_of(
        begun,
        settings,
        encoded,
        ResumeFolder(model_path, digest_of(plan)),
        TrainingLog(log_path if fabric.is_global_zero else None),
        hardware,
        validations,
        resume,
        report,
        pause_of(until, begun.fit.schedule.planned_steps),
    )
    # Other processes of this run would wait for the one that waits, but not for long.
    with (
        run.folder.locked(may_wait=fabric.world_size == 1) if run.leads else nullcontext() as waited
    ):
        if state is not None and run.leads:
            state.restore(run.folder)
        fabric.barrier()  # only now may a process remove an old state
        if waited and resume and (made := made_by_other(model_path, plan, log_path)):
            run.folder.clear()
            return made
        if resume:
            run.restore()
        else:
            run.folder.clear()
        checkpoint = None
        with leaving(run.folder, model_path, resume=resume) if run.leads else nullcontext():
            try:
                if teacher is not None and run.fit.step < run.fit.steps:
                    assert isinstance(begun.sampler, Sampler), "labels are those of bases"
                    teach(
                        begun.sampler,
                        teacher,
                        run.fit.network.architecture,
                        begun.prevalence,
                        model_path,
                        hardware,
                        str(fabric.device),
                    )
                run.go()
                if run.leads:
                    checkpoint = finish(
                        run.network(),
                        run.maps,
                        encoded,
                        begun.sampler,
                        run.validation,
                        begun.prevalence,
                        begun.matrices,
                        plan | {"trained_bases": [run.fit.trained_bases]},
                        run.threads,
                    )
                    checkpoint.save(model_path)
            except (KeyboardInterrupt, SystemExit) as stop:
                stop.add_note(run.stop())
                raise
        checkpoint = fabric.broadcast(checkpoint)
    assert checkpoint is not None
    return checkpoint


def run_of(
    begun: Begun,
    settings: FitSettings,
    encoded: EncodedSet,
    folder: ResumeFolder,
    log: TrainingLog,
    hardware: Hardware,
    validations: int,
    resume: bool,
    report: Callable[[TrainingProgress], None] | None,
    pause_at: int | None,
) -> Run:
    """Return the run of a fit to its best weights; parameters as for `train` and `Run`."""
    fabric, sampling = begun.fabric, begun.sampler.settings
    logger.info(
        "training on %s (%s, threads: %d, processes: %d): %d steps of %d windows of %d bp",
        fabric.device,
        "fused" if begun.fused else "torch",
        hardware.threads,
        fabric.world_size,
        begun.fit.steps,
        sampling.batch_windows,
        sampling.window_bp,
    )
    validation: Validation | SequenceValidation
    if encoded.whole_sequences:
        validation = SequenceValidation(encoded, sampling.window_bp, VALIDATION_BP)
    else:
        validation = Validation(encoded, VALIDATION_BP)
    return Run(
        fabric=fabric,
        fit=begun.fit,
        validation=validation,
        ends_early=settings.ends_early and validation.split == "val",
        maps=begun.maps,
        folder=folder,
        validations=validations,
        threads=hardware.threads,
        log=log,
        report=report if fabric.is_global_zero else None,
        leads=fabric.is_global_zero,
        keeps_states=resume and fabric.is_global_zero,
        pause_at=pause_at,
    )


@dataclass
class Run:
    """A fit in progress, with its best weights so far.

    It pauses, if `pause_at` is given, after that number of steps, or after the last step if there
    are fewer.
    """

    fabric: Fabric
    fit: Fit
    validation: Validation | SequenceValidation
    ends_early: bool
    maps: tuple[LogOddsMap, ...]
    folder: ResumeFolder
    validations: int
    threads: int
    log: TrainingLog
    report: Callable[[TrainingProgress], None] | None
    leads: bool
    keeps_states: bool
    pause_at: int | None = None
    best_ap: float = -1.0
    best: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    saved: float = 0.0
    kept: int | None = None
    signals: Signals = field(default_factory=Signals)

    def go(self) -> None:
        """Run the remaining steps; raise TrainingPaused if that is not all of them."""
        fit, self.saved = self.fit, time.monotonic()
        planned = fit.schedule.planned_steps
        every = max(1, planned // _LOG_ROWS)
        validations = min(self.validations, planned)
        if fit.step == 0 and any(fit.network.architecture.matrices) and self.leads:
            # The matrices by themselves: what is learned must be better to be kept.
            mean = mean_of(self._average_precision())
            if mean is not None:
                self.best_ap, self.best = mean, weights_of(fit.network)
        validate_at = {round(planned * k / validations) for k in range(1, validations + 1)}
        with self.signals.received():
            try:
                while True:
                    # After an interruption, the last row of the log may be missing.
                    validate = fit.step in validate_at or fit.step == fit.steps
                    if self.log.step < fit.step and (validate or fit.step % every == 0):
                        found = self._average_precision() if validate and self.leads else {}
                        with self.signals.held():
                            self._note(found, validate)
                    if self.keeps_states and self._is_time_to_save():
                        self._save()
                    if self.pause_at is not None and fit.step >= min(self.pause_at, fit.steps):
                        self.keep()
                        raise TrainingPaused
                    if fit.step == fit.steps:
                        return
                    with self.signals.held():
                        self.losses.append(fit.advance())
            finally:
                fit.close()

    def network(self) -> Network:
        """Return the network with its best weights."""
        load_weights(self.fit.network, self.best or weights_of(self.fit.network))
        return self.fit.network

    def keep(self) -> None:
        """Keep the state of the present step."""
        if self.keeps_states and self.kept != self.fit.step:
            self._save()

    def stop(self) -> str:
        """Keep the state of an interrupted run if it is whole; return what is kept, as text."""
        step, steps = self.fit.step, self.fit.steps
        if self.keeps_states and self.signals.whole and step not in (0, self.kept):
            with suppress(OutputError):
                self._save()
        if not self.keeps_states:
            kept = "nothing is kept, because of --resume never"
        elif self.kept is None:
            kept = "nothing is kept yet; run the same command again to start again"
        else:
            kept = (
                f"the state of step {self.kept} is kept in {self.folder.path}; run the same "
                "command again to continue"
            )
        return f"interrupted at step {step} of {steps}; {kept}"

    def restore(self) -> None:
        """Continue from the state of an interrupted run, if there is one."""
        state = self.folder.load(self.fit.state_shapes(), _BEST)
        if state is None:
            self.folder.clear_state()
            return
        arrays = {name: a for name, a in state.arrays.items() if not name.startswith(_BEST)}
        self.fit.restore(arrays, state.plain["step"], state.plain["falls_from"])
        self.best = {
            name.removeprefix(_BEST): a
            for name, a in state.arrays.items()
            if name.startswith(_BEST)
        }
        self.best_ap, self.losses = state.plain["best_ap"], state.plain["losses"]
        self.log.restore(state.plain["log"])
        self.kept = self.fit.step
        logger.info(
            "continuing from step %d of %d (%s)", self.fit.step, self.fit.steps, self.folder.path
        )

    def _save(self) -> None:
        arrays = self.fit.state() | {_BEST + name: array for name, array in self.best.items()}
        plain = {
            "step": self.fit.step,
            "falls_from": self.fit.schedule.falls_from,
            "best_ap": self.best_ap,
            "losses": self.losses,
            "log": self.log.rows,
        }
        self.folder.save(self.fit.step, arrays, plain)
        self.kept, self.saved = self.fit.step, time.monotonic()

    def _is_time_to_save(self) -> bool:
        late = time.monotonic() - self.saved > _SECONDS_BETWEEN_STATES
        return late and self.fit.step not in (0, self.kept)

    def _average_precision(self) -> dict[str, float | None]:
        network = self.fit.network
        window = scoring_windows(self.fit.window_bp, network.architecture.matrix_reach_bp)[-1]
        engine = engine_of(network, self.maps)
        return self.validation.average_precision(engine, window, self.threads)

    def _note(self, validation: dict[str, float | None], validated: bool) -> None:
        fit, loss = self.fit, float(np.mean(self.losses))
        mean = mean_of(validation) if validation else None
        if mean is not None and mean > self.best_ap:
            self.best_ap, self.best = mean, weights_of(fit.network)
        self.losses = []
        self.log.add(fit, loss, validation)
        if validated and self.ends_early and fit.schedule.can_shorten(fit.step):
            self._shorten()
        if self.report is not None:
            self.report(
                TrainingProgress(fit.step * fit.step_bp, fit.steps * fit.step_bp, loss, mean)
            )

    def _shorten(self) -> None:
        """Shorten the rest of the fit if validation no longer improves."""
        fit, planned = self.fit, self.fit.schedule.planned_steps
        # The validations are those of the leader.
        if not self.fabric.broadcast(no_longer_improves(self.log.validated(), planned)):
            return
        fit.shorten()
        logger.info(
            "validation AP no longer rises by more than %g: the learning rate falls from step %d "
            "on, and training ends at step %d of %d",
            LEAST_GAIN,
            fit.step,
            fit.steps,
            planned,
        )
