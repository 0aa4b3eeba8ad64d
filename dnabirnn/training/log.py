"""The log of a training run."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING, Any

from dnabirnn.files import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnabirnn.files import PathLike
    from dnabirnn.training.fit import Fit

__all__ = ["TrainingLog"]


class TrainingLog:
    """The CSV log: a row now and then; time is the only thing that differs between runs."""

    def __init__(self, path: PathLike | None) -> None:
        self.rows: list[dict[str, Any]] = []
        self._path = path
        self._started = time.monotonic()

    def restore(self, rows: list[dict[str, Any]]) -> None:
        """Rows of the run that goes on; its seconds count on from the last."""
        self.rows = rows
        if rows:
            self._started = time.monotonic() - rows[-1]["seconds"]

    def add(self, fit: Fit, loss: float, validation: Mapping[str, float | None]) -> None:
        """Add a row, and write the file anew: it is small, and so is always whole."""
        row = {
            "step": fit.step,
            "bases": fit.step * fit.step_bp,
            "learning_rate": fit.learning_rate,
            "loss": loss,
            "seconds": round(time.monotonic() - self._started, 1),
        }
        self.rows.append(row | {f"ap_{name}": ap for name, ap in validation.items()})
        if self._path is None:
            return
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self._path, text.getvalue())
