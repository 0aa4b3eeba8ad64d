"""Parts of a training, each of which ends with a state that the next one continues from."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from dnabirnn.errors import OptionError, TrainingError
from dnabirnn.training.states.kept_state import save_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnabirnn.files import PathLike
    from dnabirnn.training.states.kept_state import KeptState
    from dnabirnn.training.states.resume import ResumeFolder

__all__ = ["TrainingPaused", "check_parts", "leaving", "pause_of"]


class TrainingPaused(Exception):  # noqa: N818, it is not an error
    """A part of a training is done, and its state is written."""


def check_parts(until: float, state: KeptState | None, *, resume: bool) -> None:
    """Raise OptionError for a part of a run that cannot be; parameters as for `train`."""
    if not 0 < until <= 1:
        raise OptionError(f"--until {until}: must be more than 0 and at most 1")
    for option, given in (("--until", until < 1), ("--continue-from", state is not None)):
        if given and not resume:
            raise OptionError(f"{option}: needs the state of training; leave out --resume never")


def pause_of(until: float, planned_steps: int, number: int = 1, members: int = 1) -> int | None:
    """Return the number of steps of network `number`, from 1, at which a run pauses, if it does.

    Examples
    --------
    >>> pause_of(0.25, 100), pause_of(1.0, 100)
    (25, None)
    >>> [pause_of(0.5, 100, number, 3) for number in (1, 2, 3)]
    [None, 50, 1]
    """
    share = until * members - (number - 1)
    return None if until >= 1 or share > 1 else max(1, round(share * planned_steps))


@contextmanager
def leaving(folder: ResumeFolder, path: PathLike, *, resume: bool) -> Iterator[None]:
    """Leave no states behind when a run ends: with a model, as a part, or because it diverges.

    Only the process that leads a run does this.

    Parameters
    ----------
    folder : ResumeFolder
    path : str or PathLike
        File to write the state of a part to.
    resume : bool
        Whether the run keeps states. Those of an earlier run stay if one without states diverges.

    Raises
    ------
    OutputError
        The state of a part cannot be written.
    """
    try:
        yield
    except TrainingError:
        # The same run would diverge again at the same step: its states are of no use.
        if resume:
            folder.clear()
        raise
    except TrainingPaused:
        save_state(folder, path)
        folder.clear()
        raise
    folder.clear()
