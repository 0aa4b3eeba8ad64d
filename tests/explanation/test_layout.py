"""Segments: every base of a contig in one, with the windows that keep it."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.explanation.layout import Layout
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.grid import lay
from dnabirnn.sequences.survey import Stretch

WINDOW = ScoringWindow(20, 3)


def layout_of(length: int, circular: bool) -> Layout:
    codes = (np.arange(length) * 7 % 4).astype(np.uint8)
    return Layout(Stretch("x", codes), circular, WINDOW)


@given(st.integers(1, 120), st.booleans(), st.integers(-9, 130), st.integers(-9, 130))
def test_segments_cover_an_interval_once(length: int, circular: bool, start: int, end: int) -> None:
    layout = layout_of(length, circular)
    windows = list(lay(len(layout.extended), WINDOW))
    segments = layout.segments(start, end)
    first, last = max(start, layout.flank_bp), min(end, layout.flank_bp + length)
    covered = [base for segment in segments for base in range(segment.start, segment.end)]
    assert covered == list(range(first, last))
    for segment in segments:
        for base in (segment.start, segment.end - 1):
            keeping = {w[:2] for w in windows if w.keep_start <= base < w.keep_end}
            assert {window[:2] for window in segment.windows} == keeping
            assert 1 <= len(segment.windows) <= 2


@pytest.mark.parametrize("length", [1, 2, 5, 39, 40, 77])
def test_copies_of_circular_contigs(length: int) -> None:
    layout = layout_of(length, circular=True)
    assert layout.flank_bp == 3
    for base in range(length):
        copies = [base + 3 + shift for shift in layout.shifts]
        inside = [place for place in copies if 0 <= place < len(layout.extended)]
        same = [p for p in range(len(layout.extended)) if (p - 3) % length == base]
        assert inside == same
    assert layout.repeats == (length < 40)
    assert layout.reach_bp(1000) == (length - 1) // 2
    assert layout_of(length, circular=False).reach_bp(1000) == 1000
    assert not layout_of(length, circular=False).repeats


def test_windows_through_which_changes_act() -> None:
    layout = layout_of(200, circular=True)
    windows = layout.windows(0, 1, 10)
    # The first base is beside the last one.
    assert any(window.start == 0 for window in windows)
    assert any(window.end == 206 for window in windows)
    linear = layout_of(200, circular=False)
    assert [window.start for window in linear.windows(0, 1, 10)] == [0]
