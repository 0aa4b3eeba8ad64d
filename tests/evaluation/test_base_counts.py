"""Counts of bases: against a count of each base by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dnabirnn.evaluation.base_counts import BaseCounter
from dnabirnn.evaluation.bootstrap import COARSE, GROUPS
from dnabirnn.evaluation.metrics import BINS, bin_of
from dnabirnn.labels.bits import class_bits, label_dtype
from dnabirnn.motif_classes import MotifClass

SHORT = (MotifClass("IS", False), MotifClass("REP", True))
CUTS = {"IS": np.float32(0.7), "REP": np.float32(0.4)}
EDGES = [0, 1e-45, 1e-30, 1.8e-12, 1.82e-12, 0.4, 0.5, 0.7, 1 - 2**-24, 1]


def counter_of(classes, block_bp=100):
    cuts = [
        CUTS.get(name, np.float32(0.5)) for name, stranded in classes for _ in "+-"[: 1 + stranded]
    ]
    return BaseCounter(classes, cuts, block_bp)


def stretch(length, classes, seed):
    """Scores, labels in runs, and what counts; some scores are at the edges of bins."""
    rng = np.random.default_rng(seed)
    outputs = sum(1 + stranded for _, stranded in classes)
    scores = rng.random((length, outputs), dtype=np.float32) ** 8
    at_edge = rng.random(scores.shape) < 0.2
    scores[at_edge] = rng.choice(np.array(EDGES, dtype=np.float32), at_edge.sum())
    bits = np.array([0, *(class_bits(k, s) for k in range(len(classes)) for s in "+-.")], np.uint64)
    labels = np.repeat(rng.choice(bits, length // 7 + 1) | rng.choice(bits, length // 7 + 1), 7)
    counted = np.repeat(rng.random(length // 31 + 1) < 0.7, 31)
    return scores, labels[:length].astype(label_dtype(len(classes))), counted[:length]


def plain_items(classes, contigs, block_bp=100):
    """Every item: class, form, number of its block, probability and truth; and the blocks."""
    items, seen = [], 0
    for scores, labels, counted in contigs:
        numbers = {}
        for i in np.flatnonzero(counted).tolist():
            number = seen + numbers.setdefault(i // block_bp, len(numbers))
            column = 0
            for k, (name, stranded) in enumerate(classes):
                strands = "+-" if stranded else "."
                truth = [bool(int(labels[i]) & class_bits(k, strand)) for strand in strands]
                p = scores[i, column : column + len(strands)].tolist()
                items += [(name, "by_strand", number, *item) for item in zip(p, truth, strict=True)]
                items.append((name, "blind", number, max(p), any(truth)))
                column += len(strands)
        seen += len(numbers)
    return items, seen


def assert_counts(counter, classes, contigs):
    items, blocks = plain_items(classes, contigs)
    assert counter.blocks == blocks
    for name, tallies in counter.tallies().items():
        for form, tally in tallies._asdict().items():
            by_bin = np.zeros((2, BINS), dtype=np.int64)
            by_score = np.zeros((GROUPS, 2, COARSE), dtype=np.int64)
            called = np.zeros((GROUPS, 2), dtype=np.int64)
            for _, _, number, p, positive in (item for item in items if item[:2] == (name, form)):
                place = int(bin_of(np.array(p, dtype=np.float32)))
                by_bin[1 - positive, place] += 1
                by_score[number % GROUPS, 1 - positive, place * COARSE // BINS] += 1
                if p >= CUTS.get(name, 0.5):
                    called[number % GROUPS] += (positive, 1)
            np.testing.assert_array_equal(tally.histogram.positives, by_bin[0])
            np.testing.assert_array_equal(tally.histogram.negatives, by_bin[1])
            np.testing.assert_array_equal(tally.by_score, by_score)
            np.testing.assert_array_equal(tally.called, called)


def add_in_pieces(counter, contigs, places):
    for scores, labels, counted in contigs:
        for start, end in zip([0, *places], [*places, counted.size], strict=True):
            piece = slice(start, end)
            counter.add(start, scores[piece], labels[piece], counted[piece])


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 399), max_size=8).map(sorted), st.integers(0, 99))
def test_every_base_is_counted_wherever_the_stream_is_cut(places, seed):
    contigs = [stretch(400, SHORT, seed), stretch(430, SHORT, seed + 1)]
    counter = counter_of(SHORT)
    add_in_pieces(counter, contigs, places)
    assert_counts(counter, SHORT, contigs)


@pytest.mark.parametrize("classes", [1, 4, 8, 16], ids=["uint8", "uint16", "uint32", "uint64"])
def test_labels_of_every_type(classes):
    several = tuple(MotifClass(f"c{k}", k % 3 != 1) for k in range(classes))
    contigs = [stretch(600, several, seed=classes)]
    counter = counter_of(several)
    add_in_pieces(counter, contigs, [])
    assert_counts(counter, several, contigs)


def test_blocks_beyond_the_groups_go_round():
    contigs = [stretch(3, SHORT, seed) for seed in range(GROUPS + 400)]
    counter = counter_of(SHORT)
    add_in_pieces(counter, contigs, [])
    assert counter.blocks > GROUPS
    assert_counts(counter, SHORT, contigs)


def test_a_long_run_of_one_label_is_counted_whole():
    scores, labels, _ = stretch(3000, SHORT, seed=1)
    contigs = [(scores, np.zeros_like(labels), np.ones(3000, dtype=np.bool_))]
    counter = counter_of(SHORT, block_bp=2000)
    add_in_pieces(counter, contigs, [])
    assert counter.blocks == 2
    for tallies in counter.tallies().values():
        assert tallies.blind.histogram.negatives.sum() == 3000


def test_nothing_is_counted_of_an_empty_contig():
    counter = counter_of(SHORT)
    add_in_pieces(counter, [stretch(0, SHORT, seed=0)], [])
    assert counter.blocks == 0
