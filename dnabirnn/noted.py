"""What a run has written, for who wants to tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

__all__ = ["note_written", "noting"]

_WRITTEN: ContextVar[set[Path] | None] = ContextVar("written", default=None)


@contextmanager
def noting() -> Iterator[set[Path]]:
    """Note what files and folders get their names inside, for who wants to tell of them."""
    written: set[Path] = set()
    token = _WRITTEN.set(written)
    try:
        yield written
    finally:
        _WRITTEN.reset(token)


def note_written(path: Path) -> None:
    """Say that an output is there."""
    written = _WRITTEN.get()
    if written is not None:
        written.add(path)
