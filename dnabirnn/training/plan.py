"""What training takes, told by a rehearsal of some steps."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dnabirnn.engine import engine_of, find_device, trains_fused
from dnabirnn.network import weight_shapes
from dnabirnn.resources import Estimate
from dnabirnn.training.calibration import scoring_windows
from dnabirnn.training.finish import VALIDATION_BP
from dnabirnn.training.fit import SLICE_WINDOWS
from dnabirnn.training.training_run import begin, check_plan
from dnabirnn.training.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.files import PathLike
    from dnabirnn.network import Architecture, Checkpoint
    from dnabirnn.training.fit import Fit, FitSettings
    from dnabirnn.training.processes import Hardware
    from dnabirnn.training.sampling import SamplingSettings

__all__ = ["TRAINING_REMEDIES", "TrainingPlan"]

TRAINING_REMEDIES = {
    "memory": "free some, or give fewer --threads, --hidden or --layers, or a shorter --window",
    "disk": "make room, or write elsewhere",
}

# Python and its libraries, validation scores, and what lies in memory of the encoded set.
_PROGRAM_BYTES = 500_000_000
# What kernels keep for a base, over what torch does.
_FUSED_SHARE = 0.5
# CUDA's libraries; windows lie on the device, as many as it takes.
_CUDA_BYTES = 3_000_000_000
# On disk a model, and the state to resume from: weights, two moments and the best weights, the new
# one beside the old. In memory about as many.
_COPIES_OF_WEIGHTS = 1 + 2 * 4
_FLOAT_BYTES = 4
_WARM_STEPS = 3
_SECONDS = 2.0
_REHEARSED_BP = 400_000


@dataclass
class TrainingPlan:
    """A run of `train` that is to come; attributes are the parameters of `training.train`."""

    encoded: EncodedSet
    model_path: PathLike
    architecture: Architecture
    sampling: SamplingSettings
    settings: FitSettings
    hardware: Hardware
    initial: Checkpoint | None = None
    priors: Mapping[str, float] = field(default_factory=dict)
    validations: int = 10
    bound_tells_all = True

    def bound(self) -> Estimate:
        """What the run takes of memory and disk, by its settings alone."""
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
        memory += _COPIES_OF_WEIGHTS * weights
        folder = Path(os.path.realpath(self.model_path)).parent
        return Estimate(memory * self.hardware.devices, {folder: _COPIES_OF_WEIGHTS * weights})

    def estimate(self) -> Estimate:
        """What the run will take: a few steps are done, and some validation sequence is scored.

        Raises
        ------
        DnabirnnError
            Whatever the run itself would raise before its first step.
        """
        started = time.monotonic()
        check_plan(self.encoded, self.model_path, self.architecture, self.validations, self.priors)
        alone = replace(self.hardware, devices=1, nodes=1)
        begun = begin(
            self.encoded, self.architecture, self.sampling, self.settings, alone, self.initial
        )
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
        part = Validation(self.encoded, _REHEARSED_BP)
        engine = engine_of(fit.network, begun.maps)

        def validate() -> None:
            part.average_precision(engine, window, self.hardware.threads)

        validate()  # kernels are loaded now
        rate = _bases(part) / _mean_seconds(validate, 1)
        seconds = begin_s + fit.steps * step_s / processes + self._validated_bp(fit) / rate
        return self.bound()._replace(seconds=seconds)

    def _validated_bp(self, fit: Fit) -> int:
        """Bases that are scored in all, to follow the fit and to finish the model."""
        some, every = Validation(self.encoded, VALIDATION_BP), Validation(self.encoded)
        windows = scoring_windows(self.sampling.window_bp) if every.split == "val" else []
        often = min(self.validations, fit.steps) + len(windows)
        often += 2 + self.architecture.exclusive  # the maps, and thresholds of calls
        return often * _bases(some) + (1 + bool(self.priors)) * _bases(every)


def _bases(validation: Validation) -> int:
    return sum(len(contig.codes) for contig in validation.contigs)


def _mean_seconds(function: Callable[[], object], most: int) -> float:
    """Seconds of a function that is called up to so often, for about two seconds."""
    begun, calls, spent = time.monotonic(), 0, 0.0
    while calls < max(most, 1) and (not calls or spent < _SECONDS):
        function()
        calls += 1
        spent = time.monotonic() - begun
    return spent / calls
