"""Captions of the tables of a report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from random_models import random_checkpoint

from dnabirnn.network import CallMethod, CallSettings
from dnabirnn.network.call_rules import CallRule
from dnabirnn.report.material import NamedModel
from dnabirnn.report.tables import calls_fact, class_table, key_table, model_table

FIGURES = {"ap": 0.9, "bases": 100, "positives": 10}


def metrics(**more: Any) -> dict[str, Any]:
    """Return the metrics of one class, updated with `more`."""
    return {"classes": {"M": FIGURES}, "calls": {}, "absent": {}, "baseline": {}} | more


def test_a_call_shares_half_of_itself_and_half_of_the_site() -> None:
    caption = key_table({"m": metrics()}).caption
    assert "a labelled site overlap by at least half of each." in caption


@pytest.mark.parametrize(
    ("bases", "words"),
    [
        ({"train": 9, "val": 9, "test": 9}, "chosen on val; test is not used for training."),
        ({"train": 9, "val": 9, "test": 0}, "val; without a test split, figures of val are opt"),
        ({"train": 9, "val": 0, "test": 0}, "train; without a test split, figures of train are"),
        ({"train": 9, "val": 0, "test": 9}, "chosen on train; test is not used for training."),
    ],
)
def test_data_without_a_split_say_so(bases: dict[str, int], words: str) -> None:
    splits = {split: {"bases": number} for split, number in bases.items()}
    assert words in class_table({"summary": {"splits": splits, "classes": {}}}).caption


TRAINING: dict[str, Any] = {
    "fit": {"bases": 30_000_000, "learning_rate": 0.01, "weight_decay": 0, "dropout": 0},
    "sampling": {"window_bp": 400, "batch_windows": 64, "positive_share": 0.5, "seed": 3},
    "device": "cpu",
    "versions": {"torch": "2"},
}


def facts(**more: Any) -> dict[str, str]:
    """Return the table of a model whose record of the training is updated with `more`."""
    checkpoint = replace(random_checkpoint(), training=TRAINING | more)
    rows = model_table(NamedModel("m", checkpoint, "")).rows
    return {key.text: value.text for key, value in rows}


def test_the_bases_of_a_training_that_ended_early_are_given() -> None:
    assert facts()["training"].startswith("30 Mb, in windows of 400 bp, 64 windows")
    assert facts(trained_bases=[30_000_123])["training"].startswith("30 Mb, in windows")
    found = facts(trained_bases=[15_000_000, 30_000_000])["training"]
    assert "30 Mb, of which 15, 30 Mb were used, because validation no longer improved," in found


@pytest.mark.parametrize(
    ("least", "method", "words"),
    [
        (None, None, "probability of 0.640 or more, at"),
        (2000, None, "segments of maximum evidence, 2 nats or more above a probability of 0.640"),
        (2000, CallMethod.THRESHOLD, "probability of 0.640 or more, at"),
        (2000, CallMethod.MSS, "maximal scoring segments, probability of 0.640 or more, at"),
        (None, CallMethod.EVIDENCE, "evidence, 10 nats or more above"),
    ],
)
def test_the_rules_for_calls_name_their_method(
    least: int | None, method: CallMethod | None, words: str
) -> None:
    model = NamedModel("m", random_checkpoint(), "")
    name = model.checkpoint.architecture.classes[0].name
    calling = CallSettings({name: CallRule(640, 15, 0, least)}, method)
    assert words in calls_fact(calling, model)
    checkpoint = replace(model.checkpoint, calls=calling.rules)
    own = calls_fact(None, model._replace(checkpoint=checkpoint))
    assert ("segments of maximum evidence" in own) is (least is not None)


@pytest.mark.parametrize(
    ("ap", "words"),
    [
        (0.61234, "defaults 0.500, mean validation AP of the chosen settings 0.612"),
        (None, "mean validation AP of the defaults 0.500"),
    ],
)
def test_what_was_tuned_is_given(ap: float | None, words: str) -> None:
    defaults, other = {"window_bp": 200, "hidden": 32}, {"window_bp": 400, "hidden": 32}
    tried = [defaults | {"ap": {}, "mean_ap": 0.5}, other | {"ap": {}, "mean_ap": ap}]
    record = {
        "defaults": defaults,
        "chosen": other,
        "rounds": [{"bases": 1_000_000, "tried": tried}, {"bases": 3_000_000, "tried": tried}],
    }
    found = facts(tuning=record)["tuning"]
    assert found.startswith("2 combinations tried: window 400 of 200, 400; hidden 32 of 32; ")
    assert found.endswith(words)
    assert "after 3 Mb" in found
    assert "tuning" not in facts()
