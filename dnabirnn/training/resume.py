"""The state of a training run, kept beside the model until it is written.

`MODEL.resume/` holds a safetensors file of arrays, and `state.json`, which names that file. The
JSON is replaced last and atomically, so a run that is killed at any moment leaves a complete state.
Another process may work on the same run, such as one that outlived the Snakemake that started it:
each then finds a complete state or none.
"""

from __future__ import annotations

import json
import logging
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dnabirnn.errors import OutputError
from dnabirnn.files import load_arrays, look, read_json, temporary_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.files import PathLike

__all__ = ["ResumeFolder", "State"]

logger = logging.getLogger(__name__)

_STEM = "state"
_OURS = re.compile(r"state\.json(\.tmp)?|step-\d+\.safetensors(\.tmp)?")


def _check(plain: Any) -> None:
    """Raise ValueError for values that a state cannot have."""
    numbers = (plain["best_ap"], *plain["losses"], *(row["seconds"] for row in plain["log"]))
    if not all(isinstance(number, int | float) for number in numbers):
        raise ValueError("losses, or seconds in the log, are not numbers")
    if not isinstance(plain["step"], int) or plain["step"] < 0:
        raise ValueError("the step is not a number")


class State(NamedTuple):
    """Arrays by name, and JSON values."""

    arrays: dict[str, NDArray[np.float32]]
    plain: dict[str, Any]


class ResumeFolder:
    """The states of the run that writes a model.

    Parameters
    ----------
    model_path : str or PathLike
        The folder is this path followed by `.resume`.
    digest : str
        Digest of everything that determines the bytes of the model. A state with another digest
        cannot be used.
    """

    def __init__(self, model_path: PathLike, digest: str) -> None:
        self.path = Path(f"{os.fspath(model_path)}.resume")
        self.digest = digest
        self._json = self.path / "state.json"

    def load(self, shapes: Mapping[str, tuple[int, ...]], best: str) -> State | None:
        """Return the last state of this run, or None if there is no usable state.

        Parameters
        ----------
        shapes : mapping of str to tuple of int
            Arrays of a state. Further arrays, whose names begin with `best`, are weights.
        best : str
        """
        try:
            plain = read_json(self._json)
            if plain["digest"] != self.digest:
                logger.warning(
                    "%s: this state is from other data, settings or versions; starting again",
                    self.path,
                )
                return None
            # Only the name: a state names a file of its own folder.
            file = self.path / Path(plain["arrays"]).name
            found = look(file).shapes
            own = {name: shape for name, shape in found.items() if not name.startswith(best)}
            _check(plain["plain"])
            if own != shapes:
                raise ValueError("arrays do not fit the network")
            return State(load_arrays(file, found), plain["plain"])
        except (OSError, KeyError, TypeError, ValueError) as cause:
            if self._json.exists():
                logger.warning(
                    "%s: the state cannot be used (%s); starting again", self.path, cause
                )
            return None

    def save(self, number: int, arrays: Mapping[str, NDArray[np.float32]], plain: Any) -> None:
        """Keep a state in place of the previous one.

        Parameters
        ----------
        number : int
            Number of finished steps; larger than that of the previous state.
        arrays : mapping of str to ndarray
        plain : JSON value

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        from safetensors.numpy import save

        name = f"step-{number}.safetensors"
        text = json.dumps({"digest": self.digest, "arrays": name, "plain": plain})
        try:
            try:
                self._write(name, save(dict(arrays)), text)
            except FileNotFoundError:  # another process has finished and removed the folder
                self._write(name, save(dict(arrays)), text)
            self._remove(keep=(name, self._json.name))
        except OSError as error:
            raise OutputError(
                f"{self.path}: the state of training cannot be kept ({error.strerror}); free "
                "disk space, or train with --resume never"
            ) from error

    def _write(self, name: str, arrays: bytes, text: str) -> None:
        self.path.mkdir(exist_ok=True)
        # All temporary names share one stem, so that saving the next state removes files that a
        # killed process left behind.
        for file, data in ((self.path / name, arrays), (self._json, text.encode())):
            temporary = temporary_path(self.path / _STEM)
            try:
                temporary.write_bytes(data)
                os.replace(temporary, file)
            finally:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the states, and the folder if it is then empty."""
        with suppress(OSError):
            temporary_path(self.path / _STEM)
            self._remove(keep=())
            self.path.rmdir()

    def _remove(self, keep: tuple[str, ...]) -> None:
        for file in self.path.iterdir():
            if _OURS.fullmatch(file.name) and file.name not in keep:
                file.unlink(missing_ok=True)
