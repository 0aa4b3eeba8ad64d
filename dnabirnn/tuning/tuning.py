"""Tuning of a training, from its settings to those it is run with."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from dnabirnn.errors import OptionError
from dnabirnn.training import ResumeFolder, Trials, digest_of, trial_plan
from dnabirnn.tuning.budget import rounds_of
from dnabirnn.tuning.candidates import TUNED_OPTIONS, Candidate, drawn, grid
from dnabirnn.tuning.race import choose, race

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.files import PathLike
    from dnabirnn.motifs import ClassMotifs
    from dnabirnn.network import Architecture, Checkpoint
    from dnabirnn.training import FitSettings, Hardware, KeptState, SamplingSettings
    from dnabirnn.tuning.budget import Rounds
    from dnabirnn.tuning.race import Figures, Tried

__all__ = ["Tuned", "Tuning"]

logger = logging.getLogger(__name__)


class Tuned(NamedTuple):
    """Chosen settings, and what was tried, as plain values for the model file."""

    architecture: Architecture
    sampling: SamplingSettings
    settings: FitSettings
    record: dict[str, Any]


class Tuning:
    """Choice of training window, mutation, hidden units and learning rate on validation sequence.

    Parameters
    ----------
    encoded, hardware, initial, matrix, separate
        As for `dnabirnn.training.train_members`. An ensemble is tuned as one network.
    architecture, sampling, settings
        With the defaults of what is tuned.
    minutes : float
        Nominal time, which is converted to a number of bases (`dnabirnn.tuning.budget`).
    fixed : collection of str
        Names of settings, as in `TUNED_OPTIONS`, that are not tuned. With `initial`, `hidden` is
        not.

    Raises
    ------
    OptionError
        There is no validation sequence, the time is too short, there is nothing to tune, or there
        are several processes.
    """

    def __init__(
        self,
        encoded: EncodedSet,
        architecture: Architecture,
        sampling: SamplingSettings,
        settings: FitSettings,
        hardware: Hardware,
        *,
        minutes: float,
        fixed: Collection[str] = (),
        initial: Checkpoint | None = None,
        matrix: bool | ClassMotifs = True,
        separate: bool = False,
    ) -> None:
        self._given = (architecture, sampling, settings)
        self._minutes = minutes
        self._fixed = sorted({*fixed, "hidden"} if initial is not None else set(fixed))
        if set(self._fixed) >= set(TUNED_OPTIONS):
            raise OptionError(
                "--tune: nothing to choose; leave out one of "
                f"{', '.join(TUNED_OPTIONS.values())}{' (--init sets --hidden)' * bool(initial)}"
            )
        self._trials = Trials(encoded, hardware, initial=initial, matrix=matrix, separate=separate)
        self._candidates = grid(
            Candidate.of(*self._given), self._fixed, self._trials.longest_window_bp
        )
        classes = len(architecture.classes)
        networks = classes if separate else 1
        self._rounds = rounds_of(
            minutes,
            self._candidates,
            architecture.layers,
            networks,
            self._trials.validation_bp,
            settings.bases_of(classes // networks),
        )
        self._first = drawn(self._candidates, self._rounds.candidates[0], sampling.seed)
        plan = trial_plan(encoded, architecture, sampling, settings, hardware, initial, matrix)
        plan |= {
            "tried": [one.to_json() for one in self._first],
            **self._rounds._asdict(),
            "separate": separate,
        }
        self._digest = digest_of(plan)

    def largest(self) -> tuple[Architecture, SamplingSettings, FitSettings]:
        """Return settings that need as much memory and time as any that may be chosen."""
        candidate = Candidate(
            window_bp=max(one.window_bp for one in self._candidates),
            mutation_rate=max(one.mutation_rate for one in self._candidates),
            hidden=max(one.hidden for one in self._candidates),
            learning_rate=self._candidates[0].learning_rate,
        )
        return candidate.apply(*self._given)

    def run(
        self, model_path: PathLike, *, resume: bool = True, state: KeptState | None = None
    ) -> Tuned:
        """Choose the settings.

        Parameters
        ----------
        model_path : str or PathLike
            Model that is trained afterwards.
        resume : bool
            Keep results beside the model, and use those of an interrupted run.
        state : KeptState, optional
            State of a run whose results are used, unless there are more beside the model.

        Raises
        ------
        OutputError
            Another training is writing the model, or results cannot be kept.
        KeyboardInterrupt, SystemExit
            Of a signal. A note says what is kept.
        """
        defaults = self._first[0]
        logger.info(
            "tuning: rounds of %s settings, on %s Mb each; the defaults are %s",
            ", ".join(map(str, self._rounds.candidates)),
            ", ".join(f"{bases / 1e6:.1f}" for bases in self._rounds.bases),
            defaults.text(),
        )
        if resume:
            folder = ResumeFolder(model_path, self._digest).of_tuning()
            with folder.locked(may_wait=True):
                if state is not None:
                    state.restore_results(folder)
                found = _resumed(folder, self._first, self._rounds, self._measure)
        else:
            found = race(self._first, self._rounds, self._measure)
        chosen = choose(found[-1])
        record = {
            "minutes": self._minutes,
            "fixed": self._fixed,
            "defaults": defaults.to_json(),
            "chosen": chosen.to_json(),
            "rounds": [
                {"bases": bases, "tried": [one.to_json() for one in tried]}
                for bases, tried in zip(self._rounds.bases, found, strict=True)
            ],
        }
        return Tuned(*chosen.apply(*self._given), record)

    def _measure(self, candidate: Candidate, bases: int) -> Figures:
        shape, sampling, settings = candidate.apply(*self._given)
        return self._trials.average_precision(shape, sampling, replace(settings, bases=bases))


def _resumed(
    folder: ResumeFolder,
    first: Sequence[Candidate],
    rounds: Rounds,
    measure: Callable[[Candidate, int], Figures],
) -> list[list[Tried]]:
    """Return the race with the results that were kept; further ones are kept as well."""
    kept = folder.load_results()
    if not all(map(_is_figures, kept)):
        kept = []
    done = 0

    def measured(candidate: Candidate, bases: int) -> Figures:
        nonlocal done
        if done == len(kept):
            kept.append(measure(candidate, bases))
            folder.keep_results(kept)
        done += 1
        found: Figures = kept[done - 1]
        return found

    try:
        return race(first, rounds, measured)
    except (KeyboardInterrupt, SystemExit) as stop:
        stop.add_note(
            f"interrupted while tuning; {len(kept)} results are kept in {folder.path}; run the "
            "same command again to continue"
        )
        raise


def _is_figures(value: object) -> bool:
    if not isinstance(value, dict):
        return value is None
    return all(ap is None or isinstance(ap, float) for ap in value.values())
