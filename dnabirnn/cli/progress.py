"""Progress: a bar on a terminal, otherwise a log line every 30 seconds."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Any, Self

__all__ = ["ProgressBar"]

logger = logging.getLogger("dnabirnn")

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BEFORE_BAR = 2.0


class ProgressBar:
    """Count bases that are finished.

    Parameters
    ----------
    what : str
        What is done to the bases, such as "scored".
    total_bp : int, optional
        Total number of bases, if known.
    quiet : bool
        Show nothing.
    unit : str
        What is counted instead of bases, such as "rows".
    """

    def __init__(
        self, what: str, total_bp: int | None = None, quiet: bool = False, unit: str = ""
    ) -> None:
        self._what, self._unit = what, unit
        self._total_bp = total_bp
        self._done_bp = 0
        self._started = self._logged = time.monotonic()
        self._bar: Any = None
        self._quiet = quiet
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                desc=what,
                total=total_bp,
                unit=f" {unit}" if unit else "b",
                unit_scale=True,
                delay=_SECONDS_BEFORE_BAR,
                leave=False,
                dynamic_ncols=True,
            )

    def __enter__(self) -> Self:
        if self._bar is not None:
            for handler in logger.handlers:
                handler.addFilter(self._make_room)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            for handler in logger.handlers:
                handler.removeFilter(self._make_room)
            # What follows starts on a line of its own: the bar is removed in the end, and stays as
            # it is after an error.
            self._bar.leave = error is not None
            self._bar.close()
        seconds = time.monotonic() - self._started
        long = seconds > _SECONDS_BEFORE_BAR and self._done_bp
        if error is None and not self._quiet and long:
            logger.info("%s", self._line(seconds))

    def add(self, bases: int, note: str = "") -> None:
        """Add finished bases; `note` is shown beside the bar or in the line."""
        self._done_bp += bases
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(bases)
        elif not self._quiet and time.monotonic() - self._logged > _SECONDS_BETWEEN_LINES:
            self._logged = time.monotonic()
            line = self._line(self._logged - self._started)
            logger.info("%s", f"{line}; {note}" if note else line)

    def to(self, bases: int, note: str = "") -> None:
        """Set the number of finished bases."""
        self.add(bases - self._done_bp, note)

    def total(self, total_bp: int) -> None:
        """Change the total number of bases."""
        self._total_bp = total_bp
        if self._bar is not None:
            self._bar.total = total_bp

    def say(self, line: str) -> None:
        """Show a line above the bar."""
        if self._bar is not None:
            self._bar.write(f"dnabirnn: {line}", file=sys.stderr)
            self._bar.delay = 0  # it has been drawn
        elif not self._quiet:
            logger.info("%s", line)

    def _make_room(self, record: logging.LogRecord) -> bool:
        """Remove the bar before a message is printed; it is drawn again with the next bases."""
        self._bar.clear()
        return True

    def _line(self, seconds: float) -> str:
        if self._unit:
            rate = self._done_bp / max(seconds, 1e-9)
            done = f"{self._what} {self._done_bp:,} {self._unit}"
            return f"{done} in {seconds:.0f} s ({rate:,.0f} per second)"
        share = f" of {self._total_bp / 1e6:.1f}" if self._total_bp else ""
        rate = self._done_bp / 1e6 / max(seconds, 1e-9)
        return (
            f"{self._what} {self._done_bp / 1e6:.1f}{share} Mb in {seconds:.0f} s ({rate:.2f} Mb/s)"
        )
