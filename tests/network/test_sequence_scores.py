"""Scores of whole sequences in the model file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import changed_model
from random_models import random_checkpoint

from dnabirnn.errors import ModelFileError
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network import (
    CallLengths,
    Checkpoint,
    LogOddsMap,
    SequenceRule,
    SequenceScores,
    load_checkpoint,
    log_odds_of_any,
)

RULE = SequenceRule(LogOddsMap(0.5, -1.0), 0.4)


@pytest.fixture
def checkpoint() -> Checkpoint:
    plain = random_checkpoint(classes=(MotifClass("M", True),))
    return dataclasses.replace(
        plain,
        calls={},
        unlearned={"M": CallLengths(8, 0)},
        sequences=SequenceScores(8, 100, {"M": RULE}),
    )


def test_round_trip(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "m.safetensors")
    loaded = load_checkpoint(tmp_path / "m.safetensors")
    assert loaded.sequences == checkpoint.sequences
    assert loaded.description()["format_version"] == 4
    assert loaded.to_bytes() == checkpoint.to_bytes()
    assert load_checkpoint("ecoli-rep").sequences is None


def of_class(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda plain: plain["whole_sequences"]["classes"]["M"].update({key: value})


@pytest.mark.parametrize(
    "damage",
    [
        lambda plain: plain["whole_sequences"].update({"site_bp": 0}),
        lambda plain: plain["whole_sequences"].update({"length_bp": 7}),
        lambda plain: plain["whole_sequences"].pop("classes"),
        lambda plain: plain.update({"whole_sequences": []}),
        of_class("slope", 0),
        of_class("slope", "x"),
        of_class("shift", 1e999),
        of_class("threshold", 1.5),
    ],
)
def test_damage(
    checkpoint: Checkpoint, tmp_path: Path, damage: Callable[[dict[str, Any]], object]
) -> None:
    checkpoint.save(tmp_path / "m.safetensors")
    changed_model(damage)(tmp_path / "changed.safetensors")
    with pytest.raises(ModelFileError, match="description is damaged"):
        load_checkpoint(tmp_path / "changed.safetensors")


def test_log_odds_of_any_site() -> None:
    p = np.array([0.2, 0.5, 0.9])
    none = math.prod(1 - p)
    found = log_odds_of_any(np.array([-np.log1p(-p).sum()]))
    assert found[0] == pytest.approx(math.log((1 - none) / none))
    assert np.isfinite(log_odds_of_any(np.array([-1.0, 0.0, 1e4]))).all()


def test_probabilities() -> None:
    scores = SequenceScores(8, 100, {"A": RULE, "B": SequenceRule(LogOddsMap(1.0, 0.0), 0.5)})
    found = scores.probabilities(np.array([[2.0, 0.0], [1e9, -1e9]]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [1.0, 0.0]], atol=1e-12)
