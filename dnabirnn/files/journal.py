"""Journal of the files that a run reads and writes.

`noting` starts a journal; the functions `note_...` add to it from anywhere inside, without passing
it along. Provenance lists the outputs of a run from it, and estimates use the sizes. Outputs get
their final names only if the files that were read are still as they were (`check_read`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from dnabirnn.errors import DnabirnnError, ProvenanceError
from dnabirnn.files.remote import RemoteState, is_address, remote_state

__all__ = [
    "FileState",
    "Noted",
    "check_read",
    "check_state",
    "note_read",
    "note_scratch",
    "note_written",
    "noting",
]


_PathLike: TypeAlias = "str | os.PathLike[str]"


class FileState(NamedTuple):
    """What changes if a file is written or replaced.

    Only states that were looked up by the path are compared: some network file systems answer
    differently for an open file.
    """

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    def is_of(self, other: FileState | RemoteState) -> bool:
        """Return whether two states are of one file that has not changed in between.

        A file that is written has another size or time. A copy that got its name, even with the
        same time, has another inode and another time of its status. Each of these two alone means
        nothing: FUSE (sshfs, rclone) and some mounts number their files anew whenever they have
        forgotten them, and the time of the status changes with permissions and links.
        """
        if not isinstance(other, FileState):
            return False
        replaced = self.inode != other.inode and self.ctime_ns != other.ctime_ns
        return self[:2] == other[:2] and not replaced


@dataclass
class Noted:
    """The files that were written.

    Attributes
    ----------
    paths : set of Path
        Outputs (files and folders) that have got their final names.
    scratch_bytes : int
        Total size of scratch files, which existed only until the outputs were complete.
    read : dict of str to FileState or RemoteState
        Regular files and addresses that are read, as they were before they were opened.
    """

    paths: set[Path] = field(default_factory=set)
    scratch_bytes: int = 0
    read: dict[str, FileState | RemoteState] = field(default_factory=dict)


_NOTED: ContextVar[Noted | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[Noted]:
    """Record the files that are written inside the block."""
    noted = Noted()
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def note_written(path: Path) -> None:
    """Record an output that has got its final name."""
    noted = _NOTED.get()
    if noted is not None:
        noted.paths.add(path)
        # A file that the run itself replaces, such as the log of an earlier run, may change.
        for name in [name for name in noted.read if os.path.realpath(name) == str(path)]:
            del noted.read[name]


def note_scratch(size_bytes: int) -> None:
    """Record the size of a scratch file, which is removed when the outputs are complete."""
    noted = _NOTED.get()
    if noted is not None:
        noted.scratch_bytes += size_bytes


def note_read(
    path: _PathLike, error: type[DnabirnnError] = ProvenanceError
) -> FileState | RemoteState | None:
    """Record the state of a file before it is opened to be read.

    Parameters
    ----------
    path : str or PathLike
    error : class
        Exception to raise if the file has changed since it was first recorded.

    Returns
    -------
    state : FileState, RemoteState or None
        None for a stream, which cannot be looked at again, and for a file that does not exist.
    """
    try:
        state = _state(path)
    except (OSError, ValueError):
        return None
    noted = _NOTED.get()
    if state is None or noted is None:
        return state
    if not noted.read.setdefault(os.fspath(path), state).is_of(state):
        raise _changed(path, error)
    return state


def check_state(
    path: _PathLike,
    state: FileState | RemoteState | None,
    error: type[DnabirnnError] = ProvenanceError,
) -> None:
    """Raise `error` if a path is no longer the file, or the file no longer as it was.

    A file that cannot be looked up for another reason than that it is gone, such as a network that
    fails for a moment, is not taken to have changed.

    Parameters
    ----------
    path : str or PathLike
    state : FileState, RemoteState or None
        As returned by `note_read`.
    error : class
    """
    if state is None:
        return
    try:
        now = _state(path)
    except (FileNotFoundError, NotADirectoryError):
        now = None
    except OSError:
        return
    if now is None or not state.is_of(now):
        raise _changed(path, error)


def check_read() -> None:
    """Raise ProvenanceError if a file has changed since it was recorded."""
    noted = _NOTED.get()
    if noted is not None:
        for name, state in list(noted.read.items()):
            check_state(name, state)


def _state(path: _PathLike) -> FileState | RemoteState | None:
    """Return the state of a path; None if it is not a regular file."""
    if os.fspath(path) == "-":
        return None
    if is_address(path):
        return remote_state(os.fspath(path))
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileState(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _changed(path: _PathLike, error: type[DnabirnnError]) -> DnabirnnError:
    return error(
        f"{path}: changed while it was read; wait until nothing writes it, and run the command "
        "again"
    )
