"""The table of strongest effects: positions, distances and signs."""

from __future__ import annotations

import numpy as np

from dnabirnn.explanation.importance import SiteEffects
from dnabirnn.motif_classes import Output
from dnabirnn.report.effects import effect_table
from dnabirnn.report.region import View
from dnabirnn.report.sites import Example


def example(log_odds, effects=True):
    """Bases 100 to 108, ACGTACGT, with a site at 102 to 105."""
    log_odds = np.array(log_odds, np.float32)
    gain, loss = np.full((8, 4), 0.25, np.float32), np.full((8, 4), 0.5, np.float32)
    importance = -log_odds.sum(axis=1) / 3
    found = SiteEffects(100, 0, (102, 105), importance, log_odds, gain, loss)
    view = View(
        chrom="chr1",
        start=100,
        end=108,
        class_name="M",
        outputs=(Output("M", "-"),),
        codes=np.arange(8, dtype=np.uint8) % 4,
        probabilities=None,
        truth=(),
        calls=(),
        counted=np.ones(8, np.bool_),
        thresholds={},
        effects=found if effects else None,
    )
    site = {"chrom": "chr1", "start": 102, "end": 105, "class": "M", "strand": "-"}
    return Example("best", "chr1", 100, 108, site), view


def test_the_strongest_of_both_directions():
    log_odds = np.zeros((8, 4))
    log_odds[1, 3], log_odds[3, 0], log_odds[6, 0] = -4, -6, 2.5
    table = effect_table([example(log_odds)])
    assert [cell.text for cell in table.rows[0]] == [
        *("M -", "chr1:102-105"),
        *("103 T>A", "0", "\N{MINUS SIGN}6.0", "0.500"),
        *("106 G>A", "+2", "+2.5", "0.250"),
    ]
    log_odds[3, 0] = np.nan
    table = effect_table([example(log_odds)])
    assert [cell.text for cell in table.rows[0]][2:4] == ["101 C>T", "\N{MINUS SIGN}1"]


def test_a_direction_without_effects_is_empty():
    table = effect_table([example(np.zeros((8, 4)))])
    assert [cell.text for cell in table.rows[0]][2:] == ["\N{EN DASH}"] * 8


def test_no_table_without_effects():
    assert effect_table([]) is None
    assert effect_table([example(np.zeros((8, 4)), effects=False)]) is None
