from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from services import Service, serving

from dnabirnn.architecture import Architecture, Cell, MotifClass
from dnabirnn.checkpoint import Checkpoint, weight_shapes
from dnabirnn.logodds import LogOddsMap
from dnabirnn.rules import CallRule
from dnabirnn.windows import ScoringWindow

# How long an example takes says more of the machine's other work than of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real sequences, where there is one."""
    folder = os.environ.get("DNABIRNN_DATA")
    if not folder:
        pytest.skip("DNABIRNN_DATA names no folder of real data")
    return Path(folder)


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
    return Checkpoint(
        architecture=architecture,
        weights=weights,
        training_window_bp=20,
        scoring_window=scoring or ScoringWindow(60, 10),
        mask=mask,
        maps=tuple(LogOddsMap(1.0, 0.1 * i) for i in range(len(classes))),
        calls={name: CallRule(threshold, 1, 0) for name, _ in classes},
    )


@pytest.fixture
def service() -> Iterator[Service]:
    """A web service on this machine."""
    with serving() as made:
        yield made


@pytest.fixture
def make_checkpoint() -> Callable[..., Checkpoint]:
    return random_checkpoint


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12345)


def random_codes(rng: np.random.Generator, length: int, ambiguous: float = 0.03) -> np.ndarray:
    p = [(1 - ambiguous) / 4] * 4 + [ambiguous]
    return rng.choice(5, size=length, p=p).astype(np.uint8)


CELLS = tuple(Cell)
