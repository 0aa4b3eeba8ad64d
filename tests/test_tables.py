"""Tables of a report: what they say of the figures in them."""

from __future__ import annotations

from typing import Any

from dnabirnn.tables import key_table

FIGURES = {"ap": 0.9, "bases": 100, "positives": 10}


def told(**more: Any) -> dict[str, Any]:
    """Metrics of one class, with what more there is to tell."""
    return {"classes": {"M": FIGURES}, "calls": {}, "absent": {}, "baseline": {}} | more


def test_a_call_shares_half_of_itself_and_half_of_the_site() -> None:
    assert "a labelled site share half of each." in key_table({"m": told()}).caption
