"""The state of a training run, kept beside the model until it is written.

`MODEL.resume/` holds one safetensors file of arrays and `state.json`, which names it. The JSON is
replaced last and in one step, so that a run killed at any moment leaves a whole state.
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ResumeFolder", "State"]

logger = logging.getLogger(__name__)

_OURS = re.compile(r"state\.json(\.tmp)?|step-\d+\.safetensors(\.tmp)?")


class State(NamedTuple):
    """Arrays by name, and plain values."""

    arrays: dict[str, NDArray[np.float32]]
    plain: dict[str, Any]


class ResumeFolder:
    """States of the run that writes a model.

    Parameters
    ----------
    model_path : str or PathLike
        The folder is this path with `.resume` at its end.
    digest : str
        Of everything that decides the model's bytes: a state of another digest is of no use.
    """

    def __init__(self, model_path: str | os.PathLike[str], digest: str) -> None:
        self.path = Path(f"{os.fspath(model_path)}.resume")
        self.digest = digest
        self._json = self.path / "state.json"

    def load(self) -> State | None:
        """The last state of this very run; None where there is none that can be used."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            plain = json.loads(self._json.read_text("utf-8"))
            if plain["digest"] != self.digest:
                logger.warning(
                    "%s: a state of other data, settings or versions; starting afresh", self.path
                )
                return None
            # Only the name: a state names a file of its own folder.
            return State(load_file(self.path / Path(plain["arrays"]).name), plain["plain"])
        except (OSError, KeyError, TypeError, ValueError, SafetensorError):
            return None

    def save(self, number: int, arrays: Mapping[str, NDArray[np.float32]], plain: Any) -> None:
        """Keep a state in place of the last one.

        Parameters
        ----------
        number : int
            Steps done; larger than that of the last state.
        arrays : mapping of str to ndarray
        plain : JSON value

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        from safetensors.numpy import save

        try:
            self.path.mkdir(exist_ok=True)
            name = f"step-{number}.safetensors"
            (self.path / f"{name}.tmp").write_bytes(save(dict(arrays)))
            os.replace(self.path / f"{name}.tmp", self.path / name)
            text = json.dumps({"digest": self.digest, "arrays": name, "plain": plain})
            temporary = self.path / "state.json.tmp"
            temporary.write_text(text, "utf-8")
            os.replace(temporary, self._json)
            self._remove(keep=(name, self._json.name))
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot keep the state of training ({error.strerror}); free some "
                "space, or train with --resume never"
            ) from error

    def clear(self) -> None:
        """Remove the states, and the folder if nothing else is in it."""
        with suppress(OSError):
            self._remove(keep=())
            self.path.rmdir()

    def _remove(self, keep: tuple[str, ...]) -> None:
        for file in self.path.iterdir():
            if _OURS.fullmatch(file.name) and file.name not in keep:
                file.unlink()
