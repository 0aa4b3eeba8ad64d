"""Models with random weights, and random sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture, Cell, Ensemble
from dnabirnn.network.call_rules import CallRule
from dnabirnn.network.checkpoint import Checkpoint, joined_weights, weight_shapes
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.scoring_window import ScoringWindow

CELLS = tuple(Cell)


def random_checkpoint(
    classes: tuple[MotifClass, ...] = (MotifClass("A", True), MotifClass("B", False)),
    *,
    seed: int = 0,
    scoring: ScoringWindow | None = None,
    threshold: int = 500,
    mask: str = "none",
    spread: float = 0.5,
    **shape: object,
) -> Checkpoint:
    """A model with random weights, whose probabilities spread over much of 0 to 1."""
    architecture = Architecture(classes, **({"hidden": 8} | shape))  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    weights = {
        name: rng.normal(0, 2.0 if name == "head.weight" else spread, size).astype(np.float32)
        for name, size in weight_shapes(architecture).items()
    }
    for name in weights:
        if name.endswith(".map"):  # slope, lower limit and shift of a matrix's score
            weights[name] = np.array([rng.uniform(0.2, 1), rng.normal(), rng.normal()], np.float32)
    return Checkpoint(
        architecture=architecture,
        weights=weights,
        training_window_bp=20,
        scoring_window=scoring or ScoringWindow(60, 10),
        mask=mask,
        maps=tuple(LogOddsMap(1.0, 0.1 * i) for i in range(len(classes))),
        calls={name: CallRule(threshold, 1, 0) for name, _ in classes},
    )


def random_codes(rng: np.random.Generator, length: int, ambiguous: float = 0.03) -> np.ndarray:
    p = [(1 - ambiguous) / 4] * 4 + [ambiguous]
    return rng.choice(5, size=length, p=p).astype(np.uint8)


def combined(
    checkpoints: Sequence[Checkpoint], classes: tuple[MotifClass, ...] | None = None
) -> Checkpoint:
    """A model whose members are the networks of other models, with the settings of the first.

    Without classes, all members have all of them. Calibration is that of the first member that has
    the class.
    """
    classes = classes or checkpoints[0].architecture.classes
    members = [one.members[0] for one in checkpoints]
    maps = {
        name: log_odds
        for one in reversed(checkpoints)
        for (name, _), log_odds in zip(one.architecture.classes, one.maps, strict=True)
    }
    calls = {name: rule for one in reversed(checkpoints) for name, rule in one.calls.items()}
    return replace(
        checkpoints[0],
        architecture=Ensemble(classes, tuple(shape for shape, _ in members)),
        weights=joined_weights(members),
        maps=tuple(maps[name] for name, _ in classes),
        calls={name: calls[name] for name, _ in classes},
    )
