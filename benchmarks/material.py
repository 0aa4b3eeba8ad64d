"""Real data, and random genomes and models for benchmarks; a seed determines these."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from dnabirnn.motif_classes import MotifClass
from dnabirnn.network import (
    DEFAULT_KMER,
    Architecture,
    CallRule,
    Cell,
    Checkpoint,
    LogOddsMap,
    MatrixShape,
    ScoringWindow,
    weight_shapes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["NETWORKS", "data_folder", "model_of", "write_genome"]

_LINE_BP = 80


def data_folder() -> Path:
    """Return the folder of real data, which the environment variable DNABIRNN_DATA names."""
    place = os.environ.get("DNABIRNN_DATA", "")
    if not os.path.isdir(place):
        raise click.UsageError(
            f"DNABIRNN_DATA={place}: there is no such folder; set it to that of the data"
            if place
            else "DNABIRNN_DATA is not set; set it to the folder of the data"
        )
    return Path(place)


def write_genome(path: Path, lengths: Sequence[int], seed: int = 0) -> Path:
    """Write a FASTA of random contigs c0, c1, ... of these lengths, in bases."""
    random = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACGT", np.uint8)
    with path.open("wb") as file:
        for number, length in enumerate(lengths):
            file.write(b">c%d\n" % number)
            lines = -(-length // _LINE_BP)
            text = np.full((lines, _LINE_BP + 1), ord("\n"), np.uint8)
            bases = np.zeros(lines * _LINE_BP, np.uint8)
            bases[:length] = letters[random.integers(0, 4, length, dtype=np.uint8)]
            text[:, :_LINE_BP] = bases.reshape(lines, _LINE_BP)
            file.write(text.tobytes().replace(b"\0", b""))
    return path


def model_of(
    cell: Cell = Cell.GRU,
    hidden: int = 32,
    layers: int = 1,
    classes: int = 1,
    *,
    kmer: int = 1,
    bias: float = -6.0,
    columns: int = 0,
    length_bp: int = 4000,
    halo_bp: int = 150,
    seed: int = 0,
) -> Checkpoint:
    """Return a tied model with random weights, as before training: stranded classes M0, M1, ...

    With a bias of -6, hardly any base reaches a score of 100, as in a genome with few sites. With a
    bias of 0, the scores of neighbouring bases differ, and a track has rows for nearly every base.
    With `columns`, each class has a position weight matrix of so many.
    """
    motifs = tuple(MotifClass(f"M{i}", True) for i in range(classes))
    matrices = (MatrixShape(columns, 0),) * classes if columns else ()
    architecture = Architecture(motifs, cell, hidden, layers, kmer=kmer, matrices=matrices)
    random = np.random.default_rng(seed)
    weights = {
        name: random.uniform(-(hidden**-0.5), hidden**-0.5, shape).astype(np.float32)
        for name, shape in weight_shapes(architecture).items()
    }
    weights["head.bias"][:] = bias
    for number in range(len(matrices)):
        weights[f"matrix.{number}.map"][:] = (1, -10, 0)  # slope, lowest score, shift
        weights[f"matrix.{number}.log_odds"] -= 1
    return Checkpoint(
        architecture=architecture,
        weights=weights,
        training_window_bp=200,
        scoring_window=ScoringWindow(length_bp, halo_bp),
        mask="none",
        maps=(LogOddsMap(1.0, 0.0),) * classes,
        calls={name: CallRule(500, 10, 10) for name, _ in motifs},
    )


NETWORKS: Mapping[str, Callable[[], Checkpoint]] = {
    "bases alone": model_of,
    "5-mers and a matrix": lambda: model_of(kmer=DEFAULT_KMER, columns=20),
}
"""GRUs of 32 units by name: the smallest, and the default for a class with few sites."""
