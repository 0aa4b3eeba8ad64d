"""Memory, disk and time of a training run, estimated from a few steps."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.engine import engine_of, find_device, make_engine, trains_fused
from dnabirnn.network import weight_shapes
from dnabirnn.resources import Estimate
from dnabirnn.training.finishing.calibration import scoring_windows
from dnabirnn.training.finishing.finish import VALIDATION_BP
from dnabirnn.training.fit import SLICE_WINDOWS
from dnabirnn.training.members import PlannedMember, matrix_of, planned_members
from dnabirnn.training.run_settings import check_plan, check_whole_sequences
from dnabirnn.training.start import begin
from dnabirnn.training.teacher import check_teacher
from dnabirnn.training.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.files import PathLike
    from dnabirnn.motifs import ClassMotifs
    from dnabirnn.network import Architecture, Checkpoint
    from dnabirnn.training.fit import Fit, FitSettings
    from dnabirnn.training.processes import Hardware
    from dnabirnn.training.sampling import SamplingSettings

__all__ = ["TRAINING_REMEDIES", "TrainingPlan"]

TRAINING_REMEDIES = {
    "memory": "free some, or give fewer --threads, --hidden or --layers, or a shorter --window",
    "disk": "free some space, or write to another disk",
}

# Python and its libraries, validation scores, and the pages of the encoded set held in memory.
_PROGRAM_BYTES = 500_000_000
# Memory per base of the compiled kernels, relative to that of torch.
_FUSED_SHARE = 0.5
# CUDA libraries. Windows are in device memory, as many at a time as fit.
_CUDA_BYTES = 3_000_000_000
# On disk: the model, and two states to resume from, as a new one is written before the old one is
# removed. A state holds the weights, two moments and the best weights. Memory needs about as many.
_COPIES_OF_WEIGHTS = 1 + 2 * 4
_FLOAT_BYTES = 4
# On disk, per base and output: the answers of a teacher, as 16-bit numbers.
_ANSWER_BYTES = 2
_WARM_STEPS = 3
_SECONDS = 2.0
_REHEARSED_BP = 400_000


@dataclass
class TrainingPlan:
    """A planned run. Its attributes are the parameters of `training.train_members`, and one more.

    Attributes
    ----------
    until : float
        Share of the steps that are done, of all networks.
    tuning_minutes : float
        Nominal time of the tuning before the run; 0 without. With tuning, `architecture`,
        `sampling` and `settings` are those that need the most memory and time.
    """

    encoded: EncodedSet
    model_path: PathLike
    architecture: Architecture
    sampling: SamplingSettings
    settings: FitSettings
    hardware: Hardware
    initial: Checkpoint | None = None
    teacher: Checkpoint | None = None
    priors: Mapping[str, float] = field(default_factory=dict)
    matrix: bool | ClassMotifs = True
    validations: int = 10
    ensemble: int = 1
    separate: bool = False
    until: float = 1.0
    tuning_minutes: float = 0.0
    bound_tells_all = True

    def bound(self) -> Estimate:
        """Return the memory and disk space of the run, computed from its settings alone."""
        bases = SLICE_WINDOWS * self.sampling.window_bp
        slices = -(-self.sampling.batch_windows // SLICE_WINDOWS)
        at_once = min(self.hardware.threads, slices) * bases
        memory = _PROGRAM_BYTES
        if find_device(self.hardware.device).type != "cpu":
            memory += _CUDA_BYTES
        else:
            fused = trains_fused(
                self.hardware.engine, "cpu", self.hardware.precision, self.architecture.cell
            )
            share = _FUSED_SHARE if fused else 1
            memory += round(share * at_once * self.architecture.bytes_a_base(training=True))
        shapes = weight_shapes(self.architecture).values()
        weights = sum(math.prod(shape) for shape in shapes) * _FLOAT_BYTES
        weights *= len(self._members())
        memory += _COPIES_OF_WEIGHTS * weights
        disk = _COPIES_OF_WEIGHTS * weights
        if self.teacher is not None:
            answers = _ANSWER_BYTES * len(self.architecture.outputs) * len(self.encoded.codes)
            disk += answers * self.hardware.devices
        folder = Path(os.path.realpath(self.model_path)).parent
        return Estimate(memory * self.hardware.devices, {folder: disk})

    def total_bases(self) -> int:
        """Return the bases of the training windows of all networks, at most."""
        return sum(
            self.settings.bases_of(len(member.architecture.classes)) for member in self._members()
        )

    def _members(self) -> list[PlannedMember]:
        return planned_members(
            self.encoded, self.architecture, self.sampling, self.ensemble, self.separate
        )

    def check(self) -> None:
        """Raise for data and settings that do not fit together; see `run_settings.check_plan`."""
        check_whole_sequences(
            self.encoded, self.architecture, self.teacher, self.priors, self.matrix
        )
        check_plan(self.encoded, self.model_path, self.architecture, self.validations, self.priors)
        check_teacher(self.teacher, self.encoded, self.architecture, len(self._members()))

    def estimate(self) -> Estimate:
        """Return an estimate with time: do a few steps and score some validation sequence.

        Raises
        ------
        DnabirnnError
            Any error that the run itself would raise before its first step.
        """
        started = time.monotonic()
        self.check()
        members = self._members()  # each takes about as long as the first
        matrix = matrix_of(self.matrix, self.encoded, members[0])
        alone = replace(self.hardware, devices=1, nodes=1)
        begun = begin(*members[0], self.settings, alone, self.initial, matrix=matrix)
        fit = begun.fit
        try:
            for _ in range(min(_WARM_STEPS, fit.steps)):
                fit.advance()
            begin_s = time.monotonic() - started
            step_s = _mean_seconds(fit.advance, fit.steps)
        finally:
            fit.close()
        processes = self.hardware.devices * self.hardware.nodes
        window = scoring_windows(self.sampling.window_bp)[-1]
        part = Validation(members[0].encoded, _REHEARSED_BP)
        engine = engine_of(fit.network, begun.maps)

        def validate() -> None:
            part.average_precision(engine, window, self.hardware.threads)

        validate()  # loads the kernels
        rate = _bases(part) / _mean_seconds(validate, 1)
        if self.teacher is not None:
            begin_s += self._taught_s(self.teacher, part)
        seconds = begin_s + fit.steps * step_s / processes + self._validated_bp(fit) / rate
        seconds *= self.until * len(members)
        return self.bound()._replace(seconds=seconds + 60 * self.tuning_minutes)

    def _taught_s(self, teacher: Checkpoint, part: Validation) -> float:
        """Return the seconds in which a teacher scores the training sequence."""
        hardware = self.hardware
        engine = make_engine(teacher, hardware.engine, hardware.device, hardware.precision)

        def ask() -> None:
            part.average_precision(engine, teacher.scoring_window, hardware.threads)

        ask()  # loads the kernels
        lengths = np.diff(self.encoded.split("train"))
        return float(lengths.sum()) * _mean_seconds(ask, 1) / _bases(part)

    def _validated_bp(self, fit: Fit) -> int:
        """Return the total number of validation bases scored during and after the fit."""
        some, every = Validation(self.encoded, VALIDATION_BP), Validation(self.encoded)
        windows = scoring_windows(self.sampling.window_bp) if every.split == "val" else []
        often = min(self.validations, fit.steps) + len(windows)
        often += 2 + self.architecture.exclusive  # the maps, and thresholds of calls
        return often * _bases(some) + (1 + bool(self.priors)) * _bases(every)


def _bases(validation: Validation) -> int:
    return sum(len(contig.codes) for contig in validation.contigs)


def _mean_seconds(function: Callable[[], object], most: int) -> float:
    """Return the mean seconds of a call, from at most `most` calls within about two seconds."""
    begun, calls, spent = time.monotonic(), 0, 0.0
    while calls < max(most, 1) and (not calls or spent < _SECONDS):
        function()
        calls += 1
        spent = time.monotonic() - begun
    return spent / calls
