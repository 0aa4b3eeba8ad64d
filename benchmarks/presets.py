"""Presets of `dnabirnn train`: accuracy and speed of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import seconds_of
from benchmarks.scored import Prepared
from dnabirnn.cli.train import PRESETS
from dnabirnn.scoring import load
from dnabirnn.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["TIMED_BP", "presets", "scoring"]

TIMED_BP = 4_000_000
"""Number of random bases scored to measure speed."""
_TASKS = ("rep", "satellites", "fly")
_OPTIONS = {"satellites": ("--exclusive",)}


def presets(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield one row per task, preset and class, for one seed; the speed is that of one thread."""
    for name in _TASKS:
        task, models = Prepared(name, folder), {}
        for preset in PRESETS:
            path = folder / f"{name}.{preset}.safetensors"
            seconds = task.train(path, ["--preset", preset, *_OPTIONS.get(name, ())])
            models[preset] = (path, seconds)
        times = seconds_of([scoring(path) for path, _ in models.values()], repeats=3)
        for (preset, (path, seconds)), time in zip(models.items(), times, strict=True):
            metrics = task.evaluate(path, task.places("test")[0]).metrics
            for class_name, entry in metrics["classes"].items():
                if entry is not None:
                    yield {
                        "task": name,
                        "preset": preset,
                        "class": class_name,
                        "ap": entry["ap"],
                        "ap_stranded": entry["ap_stranded"],
                        "mbs": TIMED_BP / time / 1e6,
                        "train_s": seconds,
                    }


def scoring(path: Path) -> Callable[[], object]:
    """Return a function that scores `TIMED_BP` random bases on one thread."""
    model = load(path, threads=1)
    codes = np.random.default_rng(0).integers(0, 4, TIMED_BP, dtype=np.uint8)
    record = Record("random", codes, None)

    def score() -> None:
        for _ in model.blocks([record]):
            pass

    return score
