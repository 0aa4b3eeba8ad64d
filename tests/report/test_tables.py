"""Captions of the tables of a report."""

from __future__ import annotations

from typing import Any

import pytest

from dnabirnn.report.tables import class_table, key_table

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
