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
    WORDS,
    CallLengths,
    Checkpoint,
    LogOddsMap,
    SequenceRule,
    SequenceScores,
    Words,
    load_checkpoint,
    log_odds_of_any,
    word_numbers,
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


PATTERNS = ("1111111", "111010111")


@pytest.fixture
def with_words(checkpoint: Checkpoint) -> Checkpoint:
    weights = np.random.default_rng(0).normal(size=(1, 2, WORDS)).astype(np.float32)
    assert checkpoint.sequences is not None
    scores = dataclasses.replace(checkpoint.sequences, words=Words(PATTERNS, weights))
    return dataclasses.replace(checkpoint, sequences=scores)


def test_round_trip_of_words(with_words: Checkpoint, tmp_path: Path) -> None:
    with_words.save(tmp_path / "m.safetensors")
    loaded = load_checkpoint(tmp_path / "m.safetensors")
    assert loaded.description()["format_version"] == 5
    assert loaded.to_bytes() == with_words.to_bytes()
    assert loaded.weights.keys() == with_words.weights.keys()
    assert loaded.sequences is not None
    assert loaded.sequences.words is not None
    assert with_words.sequences is not None
    assert with_words.sequences.words is not None
    assert loaded.sequences.words.patterns == PATTERNS
    np.testing.assert_array_equal(
        loaded.sequences.words.weights, with_words.sequences.words.weights
    )


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (["1111111", "1111110"], "is no pattern of words"),
        (["111111"], "is no pattern of words"),
        (["111x1111"], "is no pattern of words"),
        (["111" + "0" * 2000 + "1" + "0" * 2000 + "111"], "a pattern of 4007 bp"),
        (["1111111"], "words has shape"),
        (7, "description is damaged"),
    ],
)
def test_damaged_words(
    with_words: Checkpoint, tmp_path: Path, patterns: object, message: str
) -> None:
    with_words.save(tmp_path / "m.safetensors")
    changed_model(lambda plain: plain["whole_sequences"].update(words=patterns))(
        tmp_path / "changed.safetensors"
    )
    with pytest.raises(ModelFileError, match=message):
        load_checkpoint(tmp_path / "changed.safetensors")


def test_every_word_has_a_number_that_its_reverse_complement_has_too() -> None:
    every = np.stack(np.unravel_index(np.arange(4**7), (4,) * 7), axis=1).astype(np.uint8)
    numbers = word_numbers(every, "1111111")[:, 0]
    assert sorted(numbers.tolist()) == sorted([*range(WORDS)] * 2)
    np.testing.assert_array_equal(word_numbers((3 - every)[:, ::-1], "1111111")[:, 0], numbers)
    spaced = np.random.default_rng(0).integers(4, size=(4**7, 9)).astype(np.uint8)
    spaced[:, [0, 1, 2, 4, 6, 7, 8]] = every
    np.testing.assert_array_equal(word_numbers(spaced, "111010111")[:, 0], numbers)


def test_sums_of_words_in_all_stretches(with_words: Checkpoint) -> None:
    assert with_words.sequences is not None
    assert with_words.sequences.words is not None
    words = with_words.sequences.words
    codes = np.random.default_rng(1).integers(4, size=40).astype(np.uint8)
    codes[20] = 4
    found = words.sums(codes, 25)
    assert found.shape == (16, 1)
    for start in range(16):
        part = codes[start : start + 25]
        expected = 0.0
        for number, pattern in enumerate(PATTERNS):
            for word in word_numbers(part, pattern).tolist():
                expected += 0.0 if word == WORDS else float(words.weights[0, number, word])
        assert found[start, 0] == pytest.approx(expected)
    opposite = np.where(codes < 4, 3 - codes, codes)[::-1].astype(np.uint8)
    np.testing.assert_allclose(words.sums(opposite, 25)[::-1], found, atol=1e-9)
    assert words.sums(codes[:5], 5).tolist() == [[0.0]]
