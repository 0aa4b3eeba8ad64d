"""Letters stand on each other, the highest on top."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from dnabirnn.drawing import _bottoms, draw_letters, empty, letter_shape

columns = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 5), st.just(4)), elements=st.integers(-9, 9).map(float)
)


@given(columns)
def test_letters_of_a_column_do_not_overlap(heights):
    bottoms = _bottoms(heights)
    for column, below in zip(heights, bottoms, strict=True):
        spans = sorted(
            (min(low, low + tall), max(low, low + tall))
            for tall, low in zip(column, below, strict=True)
            if tall
        )
        for (_, end), (start, _) in pairwise(spans):
            assert start == end or (end <= 0 <= start)
        if spans:
            assert spans[0][0] == min(0, column[column < 0].sum())
            assert spans[-1][1] == max(0, column[column > 0].sum())


@given(columns)
def test_the_highest_letter_is_farthest_from_zero(heights):
    for column, below in zip(heights, _bottoms(heights), strict=True):
        tall = int(np.abs(column).argmax())
        same_side = np.sign(column) == np.sign(column[tall])
        assert abs(below[tall]) <= np.abs(column[same_side]).sum() - abs(column[tall]) + 1e-9


def test_columns_without_height_draw_nothing():
    axes = empty((2, 1)).add_axes((0, 0, 1, 1))
    draw_letters(axes, np.array([[0, np.nan, 0, 0]]))
    assert not axes.collections
    assert axes.get_ylim()[0] < axes.get_ylim()[1]


def test_shapes_are_outlines():
    assert len(letter_shape("A").vertices) > 8
