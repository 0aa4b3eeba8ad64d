"""Journal of the files that a run has written.

`noting` starts a journal; `note_written` and `note_scratch` add to it from anywhere inside, without
passing it along. Provenance lists the outputs of a run from it, and estimates use the sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Noted", "note_scratch", "note_written", "noting"]


@dataclass
class Noted:
    """The files that were written.

    Attributes
    ----------
    paths : set of Path
        Outputs (files and folders) that have got their final names.
    scratch_bytes : int
        Total size of scratch files, which existed only until the outputs were complete.
    """

    paths: set[Path] = field(default_factory=set)
    scratch_bytes: int = 0


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


def note_scratch(size_bytes: int) -> None:
    """Record the size of a scratch file, which is removed when the outputs are complete."""
    noted = _NOTED.get()
    if noted is not None:
        noted.scratch_bytes += size_bytes
