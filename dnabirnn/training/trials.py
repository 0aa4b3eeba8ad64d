"""Short trainings of which only the validation is kept, to compare settings."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dnabirnn.engine import engine_of
from dnabirnn.errors import OptionError, TrainingError
from dnabirnn.training.finishing.calibration import scoring_windows
from dnabirnn.training.finishing.finish import VALIDATION_BP
from dnabirnn.training.held_out import hold_out
from dnabirnn.training.members import matrix_of, planned_members
from dnabirnn.training.processes import launch
from dnabirnn.training.start import begin
from dnabirnn.training.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightning_fabric import Fabric

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.evaluation import FittedMatrix
    from dnabirnn.motifs import ClassMotifs
    from dnabirnn.network import Architecture, Checkpoint
    from dnabirnn.training.fit import FitSettings
    from dnabirnn.training.processes import Hardware
    from dnabirnn.training.sampling import SamplingSettings

__all__ = ["Trials"]


class Trials:
    """Short trainings on one encoded set.

    Parameters
    ----------
    encoded : EncodedSet
    hardware : Hardware
        With one process.
    initial, matrix, separate
        As for `train_members`.

    Attributes
    ----------
    longest_window_bp : int
        Longest training window that the training sequence has room for.
    validation_bp : int
        Bases of validation sequence that each network is scored on.

    Raises
    ------
    OptionError
        There is no validation sequence, or there are several processes.
    """

    def __init__(
        self,
        encoded: EncodedSet,
        hardware: Hardware,
        *,
        initial: Checkpoint | None = None,
        matrix: bool | ClassMotifs = True,
        separate: bool = False,
    ) -> None:
        if encoded.whole_sequences:
            raise OptionError(
                f"--tune: {encoded.path} has labels of whole sequences, for which there is no "
                "tuning; leave it out"
            )
        if not len(encoded.split("val")):
            raise OptionError(
                f"--tune: {encoded.path} has no validation sequence to compare settings on; "
                "encode it again with --val-chroms, --split or --split-fractions"
            )
        if hardware.devices * hardware.nodes > 1:
            raise OptionError(
                "--tune: works with one process; leave out --devices and --nodes, or tune first "
                "and give the chosen settings to the training on several devices"
            )
        with _silent():
            self._encoded, _ = hold_out(encoded, 1)
        self._hardware = hardware
        self._initial = initial
        self._matrix = matrix
        self._separate = separate
        self._fitted: dict[int, list[FittedMatrix | None]] = {}
        self._fabric: Fabric | None = None
        intervals = self._encoded.split("train")
        self.longest_window_bp = int((intervals[:, 1] - intervals[:, 0]).max(initial=0))
        contigs = Validation(self._encoded, VALIDATION_BP).contigs
        self.validation_bp = sum(len(contig.codes) for contig in contigs)

    def average_precision(
        self, architecture: Architecture, sampling: SamplingSettings, settings: FitSettings
    ) -> dict[str, float | None] | None:
        """Train and return the average precision of each class on validation sequence.

        It is that of the last weights, before calibration and without the matrix unless the network
        starts from it. It is None for a class without truth.

        Returns
        -------
        average_precision : dict, or None
            None if the training diverges.
        """
        self._fabric = self._fabric or launch(self._hardware)
        members = planned_members(self._encoded, architecture, sampling, 1, self._separate)
        found: dict[str, float | None] = {}
        with _silent():
            for number, (encoded, shape, own) in enumerate(members):
                begun = begin(
                    encoded,
                    shape,
                    own,
                    settings,
                    self._hardware,
                    self._initial,
                    matrix=matrix_of(self._matrix, self._encoded, members[number]),
                    fitted=self._fitted.get(number),
                    fabric=self._fabric,
                )
                self._fitted[number] = begun.matrices
                fit = begun.fit
                reach_bp = fit.network.architecture.matrix_reach_bp
                window = scoring_windows(fit.window_bp, reach_bp)[-1]
                try:
                    while fit.step < fit.steps:
                        fit.advance()
                    found |= Validation(encoded, VALIDATION_BP).average_precision(
                        engine_of(fit.network, begun.maps), window, self._hardware.threads
                    )
                except TrainingError:
                    return None
                finally:
                    fit.close()
        return found


@contextmanager
def _silent() -> Iterator[None]:
    """Hold messages back that the training itself will repeat, apart from errors."""
    loggers = [logging.getLogger(f"dnabirnn.{name}") for name in ("training", "evaluation")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
