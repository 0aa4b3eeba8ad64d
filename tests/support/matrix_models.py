"""Models that read nothing but a matrix, and sequence with sites of it."""

from __future__ import annotations

import numpy as np
from random_models import random_checkpoint

from dnabirnn.alphabet import reverse_complement
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import MatrixShape
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.scoring_window import ScoringWindow


def log_odds_of(word: np.ndarray, share: float = 0.9) -> np.ndarray:
    """Log-odds (W, 4) of a motif whose columns have the bases of a word with this share."""
    shares = np.full((len(word), 4), (1 - share) / 3)
    shares[np.arange(len(word)), word] = share
    return np.log(shares / 0.25)


def matrix_checkpoint(*matrices: np.ndarray, stranded: bool = True) -> Checkpoint:
    """A model with a class for each matrix: A, B and so on."""
    classes = tuple(MotifClass("ABC"[n], stranded) for n in range(len(matrices)))
    shapes = tuple(MatrixShape(len(one), 0) for one in matrices)
    checkpoint = random_checkpoint(classes, scoring=ScoringWindow(400, 60), matrices=shapes)
    weights = {
        name: np.zeros_like(weight) if name.startswith("head.") else weight
        for name, weight in checkpoint.weights.items()
    }
    for number, matrix in enumerate(matrices):
        weights[f"matrix.{number}.log_odds"] = matrix.astype(np.float32)
        weights[f"matrix.{number}.map"] = np.array([1, -5, -4], np.float32)
        weights[f"matrix.{number}.scale"] = np.ones(1, np.float32)
    checkpoint.weights.clear()
    checkpoint.weights.update(weights)
    return checkpoint


def with_sites(
    matrix: np.ndarray, count: int, apart_bp: int = 100, seed: int = 0
) -> tuple[np.ndarray, list[tuple[int, int, str]]]:
    """Sequence with sites drawn from a matrix, on random strands, and these sites."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, count * apart_bp, dtype=np.uint8)
    shares = np.exp(matrix) / np.exp(matrix).sum(axis=1, keepdims=True)
    sites = []
    for first in range(0, count * apart_bp, apart_bp):
        start = first + int(rng.integers(20, apart_bp - len(matrix) - 20))
        drawn = [int(rng.choice(4, p=column)) for column in shares]
        site, strand = np.array(drawn, np.uint8), "+-"[int(rng.integers(2))]
        codes[start : start + len(site)] = site if strand == "+" else reverse_complement(site)
        sites.append((start, start + len(site), strand))
    return codes, sites
