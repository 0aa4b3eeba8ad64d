"""Scoring windows: average precision on validation sequence, and bases computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnabirnn.encoded import EncodedSet
from dnabirnn.engine import make_engine
from dnabirnn.network import ScoringWindow, load_checkpoint
from dnabirnn.training import Validation, mean_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["windows"]

LENGTHS_BP = (500, 1000, 2000, 4000, 8000)
HALOS_BP = (0, 25, 50, 100, 150, 200, 300)


def windows(tasks: Sequence[tuple[Path, Path]], threads: int) -> Iterator[dict[str, Any]]:
    """Yield one row per task, window length and halo.

    Parameters
    ----------
    tasks : sequence of (Path, Path)
        Encoded sets, each with the model trained on it.
    threads : int
    """
    for encoded_path, model_path in tasks:
        validation = Validation(EncodedSet.open(encoded_path), 4_000_000)
        engine = make_engine(load_checkpoint(model_path), "auto", "cpu")
        for length in LENGTHS_BP:
            for halo in HALOS_BP:
                if 2 * halo >= length:
                    continue
                window = ScoringWindow(length, halo)
                found = validation.average_precision(engine, window, threads)
                yield {
                    "task": model_path.stem,
                    "length_bp": length,
                    "halo_bp": halo,
                    "computed_per_kept": length / window.core_bp,
                    "ap": mean_of(found),
                    **{f"ap_{name}": ap for name, ap in found.items()},
                }
