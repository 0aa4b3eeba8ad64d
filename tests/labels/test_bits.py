"""Labels as bits, against naive oracles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.labels.bits import (
    IGNORE_BIT,
    IGNORED,
    ClassTable,
    LabelRows,
    class_bits,
    intervals_of,
    label_dtype,
    output_masks,
    overlaps,
    paint,
    reverse_labels,
    runs,
    targets,
)
from dnabirnn.motif_classes import MAX_CLASSES, MotifClass
from dnabirnn.network.architecture import Architecture

CLASSES = (MotifClass("a", True), MotifClass("b", False), MotifClass("c", True))
TABLE = ClassTable(CLASSES, ("gap",))


@pytest.mark.parametrize(
    ("count", "dtype"),
    [
        (1, "u1"),
        (3, "u1"),
        (4, "<u2"),
        (7, "<u2"),
        (8, "<u4"),
        (15, "<u4"),
        (16, "<u8"),
        (31, "<u8"),
    ],
)
def test_smallest_type(count, dtype):
    assert label_dtype(count) == np.dtype(dtype)
    assert ClassTable((MotifClass("x", True),) * count).dtype == np.dtype(dtype)
    top = class_bits(count - 1, "-")
    assert int(np.array(top, dtype=dtype)) == top


def test_bits_do_not_collide():
    bits = [IGNORE_BIT] + [class_bits(c, s) for c in range(MAX_CLASSES) for s in "+-"]
    assert bits == [1 << i for i in range(63)]
    assert class_bits(5, ".") == class_bits(5, "+") | class_bits(5, "-")
    assert class_bits(IGNORED, "-") == IGNORE_BIT


intervals = st.tuples(
    st.integers(0, 30), st.integers(0, 10), st.integers(-1, 2), st.sampled_from("+-")
)


def rows_of(items):
    strand = {1: "."}
    bits = [class_bits(number, strand.get(number, s)) for _, _, number, s in items]
    starts = np.array([start for start, *_ in items], dtype=np.int64)
    lengths = np.array([n for _, n, *_ in items], dtype=np.int64)
    return LabelRows(starts, starts + lengths, np.array(bits, dtype=np.uint64))


@given(st.lists(intervals, max_size=10))
def test_paint_and_back(items):
    rows = rows_of(items)
    labels = paint(rows, 40, TABLE)
    assert labels.dtype == TABLE.dtype
    naive = [0] * 40
    for start, end, bit in zip(*(column.tolist() for column in rows), strict=True):
        for place in range(start, end):
            naive[place] |= bit
    assert labels.tolist() == naive

    spans = [(bit, intervals_of(labels, bit)) for bit in (1 << np.arange(7)).tolist()]
    back = LabelRows(
        np.concatenate([s[:, 0] for _, s in spans]),
        np.concatenate([s[:, 1] for _, s in spans]),
        np.repeat(np.array([b for b, _ in spans], np.uint64), [len(s) for _, s in spans]),
    )
    np.testing.assert_array_equal(paint(back, 40, TABLE), labels)


@given(st.lists(st.booleans(), max_size=30))
def test_runs(mask):
    spans = runs(np.array(mask, dtype=bool))
    assert spans.dtype == np.int64
    assert spans.shape == (len(spans), 2)
    covered = [any(s <= i < e for s, e in spans.tolist()) for i in range(len(mask))]
    assert covered == mask
    flat = spans.ravel()
    assert (flat[1:] > flat[:-1]).all()


def test_masks_are_in_the_order_of_the_outputs():
    outputs = Architecture(CLASSES).outputs
    assert len(output_masks(CLASSES)) == len(outputs)
    for mask, (name, strand) in zip(output_masks(CLASSES), outputs, strict=True):
        number = [c.name for c in CLASSES].index(name)
        assert mask == class_bits(number, strand)


@given(st.lists(st.integers(0, 127), min_size=1, max_size=8))
def test_targets_and_overlaps(values):
    labels = np.array(values, dtype=np.uint8)
    truth = targets(labels, CLASSES)
    naive = [[bool(value & mask) for mask in output_masks(CLASSES)] for value in values]
    assert truth.tolist() == naive
    assert truth.dtype == np.bool_
    assert overlaps(labels, CLASSES).tolist() == [sum(row) > 1 for row in naive]
    np.testing.assert_array_equal(targets(labels[None], CLASSES), truth[None])  # (1, L, O)


def test_either_bit_of_an_unstranded_class_counts():
    labels = np.array([class_bits(1, "+"), class_bits(1, "-"), class_bits(1, ".")], np.uint8)
    assert targets(labels, CLASSES)[:, 2].all()
    assert not overlaps(labels, CLASSES).any()


def test_the_last_of_31_classes():
    classes = [MotifClass(str(i), True) for i in range(MAX_CLASSES)]
    labels = np.array([class_bits(30, "-"), class_bits(30, "+") | 1], dtype=np.uint64)
    truth = targets(labels, classes)
    assert truth.shape == (2, 62)
    assert np.argwhere(truth).tolist() == [[0, 61], [1, 60]]


@given(st.data(), st.integers(1, MAX_CLASSES))
def test_labels_of_the_opposite_strand(data: st.DataObject, classes: int) -> None:
    """+ and - change places at every base, and a second turn undoes the first."""
    dtype = label_dtype(classes)
    most = (1 << (1 + 2 * classes)) - 1
    labels = np.array(data.draw(st.lists(st.integers(0, most), max_size=20)), dtype=dtype)
    turned = reverse_labels(labels)
    assert turned.dtype == dtype
    for base, opposite in zip(labels.tolist(), turned[::-1].tolist(), strict=True):
        assert base & IGNORE_BIT == opposite & IGNORE_BIT
        for number in range(classes):
            plus, minus = class_bits(number, "+"), class_bits(number, "-")
            assert bool(base & plus) == bool(opposite & minus)
            assert bool(base & minus) == bool(opposite & plus)
    assert reverse_labels(turned).tolist() == labels.tolist()
