"""Log of a training run."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING, Any

from dnabirnn.files import write_text
from dnabirnn.training.validation import mean_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnabirnn.files import PathLike
    from dnabirnn.training.fit import Fit

__all__ = ["TrainingLog"]

_AP = "ap_"


class TrainingLog:
    """CSV log with a row at intervals. Between equal runs only the column `seconds` differs.

    Parameters
    ----------
    path : str or PathLike, optional
        By default, no file is written.
    earlier : TrainingLog, optional
        Log of the network that the same run trained before: this one continues it in the file.
    """

    def __init__(self, path: PathLike | None, earlier: TrainingLog | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self._path = path
        self._earlier = earlier
        self._started = time.monotonic()

    @property
    def step(self) -> int:
        """Step of the last row; 0 if there is none."""
        return int(self.rows[-1]["step"]) if self.rows else 0

    def validated(self) -> list[tuple[int, float]]:
        """Return step and mean average precision of each validation, of classes with truth."""
        found = []
        for row in self.rows:
            mean = mean_of({name: ap for name, ap in row.items() if name.startswith(_AP)})
            if mean is not None:
                found.append((int(row["step"]), mean))
        return found

    def restore(self, rows: list[dict[str, Any]]) -> None:
        """Start from the rows of an interrupted run; seconds continue from its last row."""
        self.rows = rows
        if rows:
            self._started = time.monotonic() - rows[-1]["seconds"]
            self._write()  # the file may be on another machine

    def add(self, fit: Fit, loss: float, validation: Mapping[str, float | None]) -> None:
        """Add a row and rewrite the whole file, so that it is complete at any time."""
        row = {
            "step": fit.step,
            "bases": fit.step * fit.step_bp,
            "learning_rate": fit.learning_rate,
            "loss": loss,
            "seconds": round(time.monotonic() - self._started, 1),
        }
        self.rows.append(row | {_AP + name: ap for name, ap in validation.items()})
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        rows = self._all_rows()
        columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self._path, text.getvalue())

    def _all_rows(self) -> list[dict[str, Any]]:
        """Return the rows of this log after those before it, whose counts it continues."""
        before = self._earlier._all_rows() if self._earlier else []
        if not before:
            return self.rows
        offset = {name: before[-1][name] for name in ("step", "bases", "seconds")}
        return before + [
            row | {name: round(row[name] + value, 1) for name, value in offset.items()}
            for row in self.rows
        ]
