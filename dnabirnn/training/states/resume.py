"""The state of a training run, kept beside the model until it is written.

`MODEL.resume/` holds a safetensors file of arrays, and `state.json`, which names that file. The
JSON is replaced last and atomically, so a run that is killed at any moment leaves a complete state.

A run that trains several networks keeps the states of each in a folder of its own,
`MODEL.resume/member-1/` and so on, until the model is written.

A run that tunes its settings first keeps the results of the short trainings in
`MODEL.resume/tuning/results.json`, until the model is written.

`MODEL.resume/lock` is locked with `flock` for as long as a training writes this model, however it
ends. Another training of the model is an error. The same training, such as one that outlived the
Snakemake that started it, is waited for. Without `flock`, as on some network file systems, two
trainings may work on one model: each then finds a complete state or none.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from dnabirnn.errors import OutputError
from dnabirnn.files import load_arrays, look, parse_json, read_json, temporary_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.files import PathLike

__all__ = ["TUNING", "ResumeFolder", "State"]

logger = logging.getLogger(__name__)

_STEM = "state"
_LOCK = "lock"
_LONGEST_NOTE = 400
_MOST_TRIES = 100
_SECONDS_BETWEEN_TRIES = 0.5
_TRIES_WITHOUT_NOTE = 10
"""A lock that has no note yet gets one at once, unless the disk is full."""
_MEMBERS = "member-*"
TUNING = "tuning"
"""Folder for the results of the tuning."""
_RESULTS = "results.json"
_OURS = re.compile(r"(state|results)\.json(\.tmp)?|step-\d+\.safetensors(\.tmp)?")


def _check(plain: Any) -> None:
    """Raise ValueError for values that a state cannot have."""
    numbers = (plain["best_ap"], *plain["losses"], *(row["seconds"] for row in plain["log"]))
    if not all(isinstance(number, int | float) for number in numbers):
        raise ValueError("losses, or seconds in the log, are not numbers")
    if not isinstance(plain["step"], int) or plain["step"] < 0:
        raise ValueError("the step is not a number")
    if not isinstance(plain["falls_from"], int | None):
        raise ValueError("falls_from is not a number")


def _progress(plain: Any) -> int:
    """Return the number of steps of a state, or that of results."""
    return len(plain["results"]) if "results" in plain else int(plain["plain"]["step"])


class State(NamedTuple):
    """Arrays by name, and JSON values."""

    arrays: dict[str, NDArray[np.float32]]
    plain: dict[str, Any]


class _HeldError(Exception):
    """Another process holds the lock; `note` is what it wrote into the file."""

    def __init__(self, note: bytes) -> None:
        super().__init__(note)
        self.digest, _, rest = note.decode("utf-8", "replace").partition(" ")
        process, _, host = rest.partition(" ")
        self.where = f" (process {process} on {host})" if host else ""


class ResumeFolder:
    """The states of the run that writes a model.

    Parameters
    ----------
    model_path : str or PathLike
        The folder is this path followed by `.resume`. A symbolic link is followed.
    digest : str
        Digest of everything that determines the bytes of the model. A state with another digest
        cannot be used.
    """

    def __init__(self, model_path: PathLike, digest: str) -> None:
        self.model_path = model_path
        file = os.path.realpath(model_path) if os.path.islink(model_path) else model_path
        self.path = Path(f"{os.fspath(file)}.resume")
        self.digest = digest
        self._json = self.path / "state.json"

    def of_member(self, number: int) -> ResumeFolder:
        """Return the folder, within this one, of a network (from 1) of a run that trains several.

        Its states have the digest of the whole run.
        """
        return self.within(_MEMBERS.replace("*", str(number)))

    def of_tuning(self) -> ResumeFolder:
        """Return the folder, within this one, of the tuning, which has a lock of its own."""
        return self.within(TUNING)

    def within(self, name: str) -> ResumeFolder:
        """Return the folder of this name within this one; this one again if the name is empty."""
        if not name:
            return self
        folder = ResumeFolder(self.model_path, self.digest)
        folder.path = self.path / name
        folder._json = folder.path / (_RESULTS if name == TUNING else "state.json")
        return folder

    def contents(self) -> dict[str, bytes]:
        """Return the files of the states and results of all networks, by name with `/`.

        Raises
        ------
        OutputError
            A file cannot be read.
        """
        folders = [self.path, *self.path.glob(_MEMBERS), self.path / TUNING]
        try:
            return {
                file.relative_to(self.path).as_posix(): file.read_bytes()
                for folder in folders
                if folder.is_dir()
                for file in folder.iterdir()
                if _OURS.fullmatch(file.name) and file.suffix != ".tmp"
            }
        except OSError as error:
            raise OutputError(
                f"{self.path}: the state of training cannot be read ({error.strerror}); run the "
                "same command again"
            ) from error

    def is_of_this_run(self, files: Mapping[str, bytes]) -> bool:
        """Return whether files are a state, or results, with the digest of this folder."""
        try:
            return bool(parse_json(files[self._json.name])["digest"] == self.digest)
        except (KeyError, TypeError, ValueError):
            return False

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write the files of a state or of results of this run, unless later ones are here.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        try:
            given, own = parse_json(files[self._json.name]), read_json(self._json)
            if own["digest"] == self.digest and _progress(own) >= _progress(given):
                return
        except (OSError, KeyError, TypeError, ValueError):
            pass  # `load` says what is wrong with the state that is used
        last = self._json.name
        with self._writing():
            self._write({self.path / name: files[name] for name in sorted(files, key=last.__eq__)})
            _remove(self.path, keep=tuple(files))

    def load_results(self) -> list[Any]:
        """Return the results that were kept last under the same digest, or none."""
        try:
            plain = read_json(self._json)
            if plain["digest"] == self.digest:
                return list(plain["results"])
            reason = "they are from other data, settings or versions"
        except (OSError, KeyError, TypeError, ValueError) as cause:
            reason = str(cause)
        if self._json.exists():
            logger.warning(
                "%s: the results cannot be used (%s); starting again", self._json, reason
            )
        return []

    def keep_results(self, results: list[Any]) -> None:
        """Keep results, which are JSON values, in place of the previous ones.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        text = json.dumps({"digest": self.digest, "results": results})
        with self._writing():
            self._write({self._json: text.encode()})

    @contextmanager
    def locked(self, *, may_wait: bool) -> Iterator[bool]:
        """Let no other training write the model inside; yield whether one had to be waited for.

        Parameters
        ----------
        may_wait : bool
            Wait for the same training in another process to end. If False, it is an error, as
            another training always is.

        Raises
        ------
        OutputError
            Another training writes the model.
        """
        waited, file, without_note = False, None, 0
        try:
            while True:
                try:
                    file = self._lock()
                    break
                except _HeldError as held:
                    without_note = 0 if held.digest else without_note + 1
                    self._check_same(held, may_wait and without_note < _TRIES_WITHOUT_NOTE)
                    if not waited and held.digest:
                        logger.warning(
                            "%s: the same training already runs%s; waiting for it to end",
                            self.model_path,
                            held.where,
                        )
                        waited = True
                    time.sleep(_SECONDS_BETWEEN_TRIES)
            yield waited
        finally:
            if file is not None:
                self._unlock(file)

    def _lock(self) -> IO[bytes] | None:
        """Return the locked file, or None where files cannot be locked."""
        try:
            import fcntl
        except ImportError:
            return None
        path = self.path / _LOCK
        for _ in range(_MOST_TRIES):
            try:
                self.path.mkdir(exist_ok=True, parents=self.path.name == TUNING)
                file = path.open("a+b", buffering=0)
            except FileNotFoundError:  # another process has just removed the folder
                continue
            except OSError:  # a full disk, or a file of another user
                return None
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    raise FileNotFoundError
            except BlockingIOError as error:
                with file:
                    file.seek(0)
                    raise _HeldError(file.read(_LONGEST_NOTE)) from error
            except FileNotFoundError:  # another process has just removed the file
                file.close()
                continue
            except OSError:  # a file system without `flock`
                self._unlock(file)
                return None
            with suppress(OSError):
                file.truncate(0)
                file.write(f"{self.digest} {os.getpid()} {socket.gethostname()}".encode())
            return file
        return None

    def _unlock(self, file: IO[bytes]) -> None:
        # Removed while it is locked: whoever has it open looks whether it is still there.
        with suppress(OSError):
            (self.path / _LOCK).unlink()
        file.close()
        with suppress(OSError):
            self.path.rmdir()
            if self.path.name == TUNING:
                self.path.parent.rmdir()

    def _check_same(self, held: _HeldError, may_wait: bool) -> None:
        """Raise OutputError unless the process that holds the lock is one to wait for."""
        if may_wait and held.digest in ("", self.digest):  # empty: about to be written
            return
        raise OutputError(
            f"{self.model_path}: another `dnabirnn train` is writing this model{held.where}; wait "
            "for it to end, or give another name"
        )

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
        files = {self.path / name: save(dict(arrays)), self._json: text.encode()}
        with self._writing():
            try:
                self._write(files)
            except FileNotFoundError:  # another process has finished and removed the folder
                self._write(files)
            _remove(self.path, keep=(name, self._json.name))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.path}: the state of training cannot be kept ({error.strerror}); free "
                "disk space, or train in one part with --resume never"
            ) from error

    def _write(self, files: Mapping[Path, bytes]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        # All temporary names share one stem, so that saving the next state removes files that a
        # killed process left behind.
        for file, data in files.items():
            temporary = temporary_path(self.path / _STEM)
            try:
                temporary.write_bytes(data)
                os.replace(temporary, file)
            finally:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove states and results of all networks, and the folder if it is then empty."""
        with suppress(OSError):
            for folder in (*self.path.glob(_MEMBERS), self.path / TUNING):
                _clear(folder)
        self.clear_state()

    def clear_state(self) -> None:
        """Remove the states of this folder itself, and the folder if it is then empty."""
        _clear(self.path)


def _clear(folder: Path) -> None:
    """Remove the states of a folder, and the folder if it is then empty."""
    with suppress(OSError):
        temporary_path(folder / _STEM)
        _remove(folder, keep=())
        folder.rmdir()


def _remove(folder: Path, keep: tuple[str, ...]) -> None:
    for file in folder.iterdir():
        if _OURS.fullmatch(file.name) and file.name not in keep:
            file.unlink(missing_ok=True)
