"""Short forms of the long runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from endurance import Seen, cycles, lengths_of, score_long


def test_memory_stays_where_contigs_are_many(tmp_path: Path) -> None:
    seen = score_long(tmp_path, 30_000_000, 1_500, seconds=0.1)
    assert seen.is_steady(), seen
    assert (tmp_path / "calls.bed").exists()


def test_the_whole_work_again_and_again(tmp_path: Path) -> None:
    seen = cycles(tmp_path, 6)
    assert seen.is_steady(), seen


def test_growth_is_seen() -> None:
    assert not Seen([300_000_000 + 2_000_000 * n for n in range(50)]).is_steady()
    assert Seen([100, 200_000_000, *[300_000_000] * 40]).is_steady()


def test_lengths_add_up() -> None:
    lengths = lengths_of(1_000_000, 100)
    assert len(lengths) == 100
    assert min(lengths) >= 1
    assert sum(lengths) == pytest.approx(1_000_000, rel=1e-3)
