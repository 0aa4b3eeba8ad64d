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
    """What changes if a file is written or replaced."""

    inode: int
    size_bytes: int
    mtime_ns: int


@dataclass
class Noted:
    """The files that were written.

    Attributes
    ----------
    paths : set of Path
        Outputs (files and folders) that have got their final names.
    scratch_bytes : int
        Total size of scratch files, which existed only until the outputs were complete.
    read : dict of str to FileState
        Regular files that have been opened to be read, by path, as they were then.
    """

    paths: set[Path] = field(default_factory=set)
    scratch_bytes: int = 0
    read: dict[str, FileState] = field(default_factory=dict)


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
    path: _PathLike, descriptor: int | None = None, error: type[DnabirnnError] = ProvenanceError
) -> FileState | None:
    """Record the state of a file that is opened to be read.

    Parameters
    ----------
    path : str or PathLike
    descriptor : int, optional
        Descriptor of the open file; by default, the path is looked up.
    error : class
        Exception to raise if the file has changed since it was first recorded.

    Returns
    -------
    state : FileState or None
        None for a stream, which cannot be looked at again, and for a file that does not exist.
    """
    state = _state(path, descriptor)
    noted = _NOTED.get()
    if state is None or noted is None:
        return state
    if noted.read.setdefault(os.fspath(path), state) != state:
        raise _changed(path, error)
    return state


def check_state(
    path: _PathLike, state: FileState | None, error: type[DnabirnnError] = ProvenanceError
) -> None:
    """Raise `error` if a path is no longer the file, or the file no longer as it was.

    Parameters
    ----------
    path : str or PathLike
    state : FileState or None
        As returned by `note_read`.
    error : class
    """
    if state is not None and _state(path) != state:
        raise _changed(path, error)


def check_read() -> None:
    """Raise ProvenanceError if a file has changed since it was recorded."""
    noted = _NOTED.get()
    if noted is not None:
        for name, state in noted.read.items():
            check_state(name, state)


def _state(path: _PathLike, descriptor: int | None = None) -> FileState | None:
    if os.fspath(path) == "-":
        return None
    try:
        found = os.stat(path) if descriptor is None else os.fstat(descriptor)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileState(found.st_ino, found.st_size, found.st_mtime_ns)


def _changed(path: _PathLike, error: type[DnabirnnError]) -> DnabirnnError:
    return error(
        f"{path}: changed while it was read; wait until nothing writes it, and run the command "
        "again"
    )
