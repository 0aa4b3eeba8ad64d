"""Lines out of blocks of bytes, however these are cut."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, strategies as st

import dnabirnn.intervals.text
from dnabirnn.errors import LabelError
from dnabirnn.intervals.text import first_error, text_frames, whole_number


@given(
    st.lists(st.text("aé\t #\r", max_size=6), max_size=12), st.integers(1, 9), st.integers(1, 30)
)
def test_lines_are_the_same_however_the_file_is_cut(lines, step, gathered):
    text = "\n".join(lines)
    data = text.encode()
    blocks = [data[i : i + step] for i in range(0, len(data), step)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dnabirnn.intervals.text, "_GATHERED_BYTES", gathered)
        frames = list(text_frames(blocks, "x", "BED"))
    rows = [row for frame in frames for row in frame.rows()]
    expected = [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    assert rows == [(line, number) for number, line in enumerate(expected, 1)]


def test_a_byte_order_mark_is_not_part_of_the_first_line():
    (frame,) = text_frames(["\ufeffa\n\ufeffb".encode()], "x", "BED")
    assert frame["text"].to_list() == ["a", "\ufeffb"]


@pytest.mark.parametrize("data", [b"a\xff\1\n", b"a\0b\n", b"PK\3\4\xff"])
def test_what_is_not_text(data):
    with pytest.raises(LabelError, match=r"x\.bed: not a text file; give BED"):
        list(text_frames([b"first\n", data], "x.bed", "BED"))


def test_the_first_wrong_row_is_reported():
    frame = pl.DataFrame({"a": ["1", "x", "-2", "{y}"], "line": [3, 5, 6, 9]}).with_columns(
        n=whole_number("a")
    )
    checks = {"{a} is negative": pl.col("n") < 0, "{a!r} is not a number": pl.col("n").is_null()}
    with pytest.raises(LabelError, match=r"^f, line 5: 'x' is not a number$"):
        first_error(frame, checks, "f")
    with pytest.raises(LabelError, match=r"^f, line 9: '\{y\}' is not a number$"):
        first_error(frame[3:], checks, "f")
    first_error(frame[:1], checks, "f")
