"""What a run has written, for who wants to tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Noted", "note_scratch", "note_written", "noting"]


@dataclass
class Noted:
    """What was written.

    Attributes
    ----------
    paths : set of Path
        Files and folders that got their names.
    scratch_bytes : int
        Of files that lay beside them until they were whole.
    """

    paths: set[Path] = field(default_factory=set)
    scratch_bytes: int = 0


_NOTED: ContextVar[Noted | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[Noted]:
    """Note what is written inside, for who wants to tell of it."""
    noted = Noted()
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def note_written(path: Path) -> None:
    """Say that an output is there."""
    noted = _NOTED.get()
    if noted is not None:
        noted.paths.add(path)


def note_scratch(size_bytes: int) -> None:
    """Say how large a file was that is gone once the outputs are there."""
    noted = _NOTED.get()
    if noted is not None:
        noted.scratch_bytes += size_bytes
