"""Tables of a report: what they say of the figures in them."""

from __future__ import annotations

from typing import Any

import pytest

from dnabirnn.report.tables import class_table, key_table

FIGURES = {"ap": 0.9, "bases": 100, "positives": 10}


def told(**more: Any) -> dict[str, Any]:
    """Metrics of one class, with what more there is to tell."""
    return {"classes": {"M": FIGURES}, "calls": {}, "absent": {}, "baseline": {}} | more


def test_a_call_shares_half_of_itself_and_half_of_the_site() -> None:
    assert "a labelled site share half of each." in key_table({"m": told()}).caption


@pytest.mark.parametrize(
    ("bases", "words"),
    [
        ({"train": 9, "val": 9, "test": 9}, "chosen on val; test is not looked at."),
        ({"train": 9, "val": 9, "test": 0}, "val; there is no test, and figures of val are opt"),
        ({"train": 9, "val": 0, "test": 0}, "train; there is no test, and figures of train are"),
        ({"train": 9, "val": 0, "test": 9}, "chosen on train; test is not looked at."),
    ],
)
def test_data_without_a_split_say_so(bases: dict[str, int], words: str) -> None:
    splits = {split: {"bases": number} for split, number in bases.items()}
    assert words in class_table({"summary": {"splits": splits, "classes": {}}}).caption
