"""Calls against truth: tables, a search of all matchings, mirror images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dnabirnn.evaluation.bootstrap import GROUPS, draw
from dnabirnn.evaluation.matching import CallMatches, counted_intervals, match_calls
from dnabirnn.labels.bits import runs


def intervals(*pairs):
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def pairs_of(calls, truth, **options):
    matches = match_calls(intervals(*calls), intervals(*truth), **options)
    return list(zip(matches.calls.tolist(), matches.truth.tolist(), strict=True))


@st.composite
def disjoint(draw, even=False, most=6):
    """Sorted intervals that do not overlap but may touch; of even ends, halves are common."""
    steps = draw(st.lists(st.integers(0, 5), max_size=2 * most))
    steps = [max(step, 1) if i % 2 else step for i, step in enumerate(steps)]
    ends = np.cumsum(steps[: len(steps) // 2 * 2], dtype=np.int64) * (2 if even else 1)
    return ends.reshape(-1, 2)


def naive_eligible(calls, truth, share):
    for i, (a, b) in enumerate(calls):
        for j, (c, d) in enumerate(truth):
            shared = min(b, d) - max(a, c)
            if shared > 0 and shared >= share * (b - a) and shared >= share * (d - c):
                yield i, j


def errors_of(calls, truth, pairs):
    return sorted(int(error) for i, j in pairs for error in np.abs(calls[i] - truth[j]).tolist())


def best_of_all_matchings(calls, truth, share):
    """The most pairs, then the smallest sum of errors, then the smallest errors."""
    eligible = list(naive_eligible(calls, truth, share))
    best = (0, 0, [])
    for size in range(1, min(len(calls), len(truth)) + 1):
        for pairs in itertools.combinations(eligible, size):
            if len({i for i, _ in pairs}) == size == len({j for _, j in pairs}):
                errors = errors_of(calls, truth, pairs)
                best = min(best, (-size, sum(errors), errors))
    return best


def mirrored(parts, length=1000):
    return length - parts[::-1, ::-1]


# --- pairs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "truth", "expected"),
    [
        ([], [], []),
        ([(0, 10)], [], []),
        ([], [(0, 10)], []),
        ([(0, 10)], [(0, 10)], [(0, 0)]),
        ([(0, 10)], [(10, 20)], []),
        ([(0, 10)], [(5, 15)], [(0, 0)]),  # exactly half of both
        ([(0, 10)], [(6, 16)], []),
        ([(0, 10)], [(0, 20)], [(0, 0)]),  # exactly half of the truth
        ([(0, 10)], [(0, 21)], []),
        ([(0, 10)], [(0, 5), (5, 10)], [(0, 0)]),  # both halves: one only
        ([(0, 10)], [(0, 5), (5, 11)], [(0, 0)]),  # errors 0 + 5 against 5 + 1
        ([(0, 10)], [(-1, 5), (5, 10)], [(0, 1)]),
        ([(0, 4), (4, 8)], [(2, 6)], [(0, 0)]),
        ([(0, 4), (4, 8)], [(2, 6), (6, 10)], [(0, 0), (1, 1)]),  # a chain of three: two pairs
        ([(0, 3), (10, 13)], [(0, 3), (4, 9), (10, 13)], [(0, 0), (1, 2)]),
    ],
)
def test_pairs(calls, truth, expected):
    assert pairs_of(calls, truth) == expected


@pytest.mark.parametrize("share", [0.5, 0.6, 1.0])
@settings(max_examples=60)
@given(data=st.data())
def test_pairs_are_the_best_of_all_matchings(share, data):
    calls, truth = data.draw(disjoint()), data.draw(disjoint())
    matches = match_calls(calls, truth, share)
    pairs = list(zip(matches.calls.tolist(), matches.truth.tolist(), strict=True))
    assert set(pairs) <= set(naive_eligible(calls, truth, share))
    errors = errors_of(calls, truth, pairs)
    assert (-len(pairs), sum(errors), errors) == best_of_all_matchings(calls, truth, share)


@given(disjoint(even=True, most=30), disjoint(even=True, most=30))
def test_the_mirror_image_has_as_many_pairs_and_the_same_errors(calls, truth):
    direct, opposite = CallMatches(), CallMatches()
    direct.add([calls], [truth])
    opposite.add([mirrored(calls)], [mirrored(truth)])
    figures, mirrored_figures = (matches.finish() for matches in (direct, opposite))
    for entry in (figures, mirrored_figures):
        # Of pairs that do equally well, either may be taken, and lie to either side.
        (entry or {}).pop("boundary_shift_bp", None)
    assert figures == mirrored_figures


def test_a_long_chain_of_halves():
    calls = intervals(*((4 * i, 4 * i + 4) for i in range(500)))
    matches = match_calls(calls, calls[:-1] + 2)
    np.testing.assert_array_equal(matches.calls.size, 499)
    assert len(set(matches.calls.tolist())) == len(set(matches.truth.tolist())) == 499


def test_an_overlap_below_one_half_is_refused():
    with pytest.raises(ValueError, match=r"min_overlap 0\.4"):
        match_calls(intervals((0, 1)), intervals((0, 1)), 0.4)


# --- what counts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "kept"),
    [((0, 4), True), ((2, 6), True), ((3, 6), False), ((4, 8), False), ((6, 10), True)],
)
def test_an_interval_counts_with_half_of_its_bases(interval, kept):
    counted = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1, 1], dtype=np.bool_)
    assert len(counted_intervals(intervals(interval), counted)) == kept


def test_no_intervals_to_count():
    assert counted_intervals(intervals(), np.ones(5, dtype=np.bool_)).shape == (0, 2)


# --- figures -------------------------------------------------------------------------------------


def test_figures():
    matches = CallMatches()
    matches.add([intervals((0, 10), (20, 30), (50, 60))], [intervals((1, 10), (20, 36))])
    matches.add([intervals()], [intervals((5, 9))])
    figures = matches.finish()
    assert figures["precision"] == pytest.approx(2 / 3)
    assert figures["recall"] == pytest.approx(2 / 3)
    assert figures["f1"] == pytest.approx(2 / 3)
    assert figures["boundary_median_bp"] == 0.5  # of 0, 0, 1, 6
    assert figures["boundary_mean_bp"] == 7 / 4
    assert (figures["calls"], figures["truth"], figures["matched"]) == (3, 3, 2)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=12))
def test_truth_that_overlaps_or_touches_is_one(starts_and_lengths):
    parts = intervals(*sorted((start, start + length) for start, length in starts_and_lengths))
    mask = np.zeros(60, dtype=np.bool_)
    for start, end in parts:
        mask[start:end] = True
    matches = CallMatches()
    matches.add([runs(mask)], [parts])
    assert matches.calls == matches.truth == matches.matched


def test_truth_that_touches_is_one():
    matches = CallMatches()
    matches.add([intervals((0, 10))], [intervals((0, 3), (3, 10))])
    assert matches.finish()["f1"] == 1


def test_a_class_without_truth_has_no_figures():
    matches = CallMatches()
    matches.add([intervals((0, 10))], [intervals()])
    assert matches.finish() is None
    assert matches.calls == 1


def test_a_class_without_calls():
    matches = CallMatches()
    matches.add([intervals()], [intervals((0, 10))])
    figures = matches.finish()
    assert figures["precision"] is None
    assert figures["precision_ci"] is figures["recall_ci"] is None
    assert figures["boundary_median_bp"] is None
    assert figures["boundary_mean_bp"] is None
    assert figures["boundary_p90_bp"] is None
    assert figures["boundary_shift_bp"] is None
    assert figures["recall"] == figures["f1"] == 0
    matches.add([intervals()], [intervals((0, 10))])
    figures = matches.finish()
    assert figures["precision_ci"] is None
    assert figures["recall_ci"] == figures["f1_ci"] == [0, 0]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=20))
def test_the_median_is_that_of_the_errors(shifts):
    matches = CallMatches()
    for shift in shifts:
        matches.add([intervals((100, 200))], [intervals((100 + shift, 200))])
    errors = shifts + [0] * len(shifts)
    assert matches.boundary_quantile_bp(0.5) == np.median(errors)
    assert (matches.finish(replicates=0) or {})["boundary_p90_bp"] == np.mean(
        [np.quantile(errors, 0.9, method=side) for side in ("lower", "higher")]
    )
    assert matches.finish(replicates=0)["boundary_mean_bp"] == np.mean(errors)


def test_errors_beyond_a_million_are_counted_there():
    matches = CallMatches()
    matches.add([intervals((0, 10_000_000))], [intervals((1_500_000, 12_000_000))])
    assert matches.boundary_quantile_bp(0.5) == 1_000_000
    assert matches.finish()["boundary_mean_bp"] == 1_750_000


BLOCK = 10_000


def sites_of(random, blocks, sites_a_block=None):
    """Sites of a contig, 1 kb apart: 0 a pair, 1 a call, 2 truth; and what to add for them.

    A site of truth begins just before its block's end now and then, its call beyond it.
    """
    kinds, places, calls, truth = [], [], [], []
    for block in range(blocks):
        mostly = random.integers(3)  # what is near is alike
        wanted = random.integers(0, 9) if sites_a_block is None else sites_a_block
        for place in np.sort(random.choice(10, wanted, replace=False)):
            kind = mostly if random.random() < 0.7 else random.integers(3)
            start = block * BLOCK + 1000 * int(place) + 998
            if kind != 1:
                truth.append((start, start + 200))
            if kind != 2:
                calls.append((start + 2 * (kind == 0), start + 200))
            kinds.append(kind)
            places.append(block)
    return np.array(kinds), np.array(places), intervals(*calls), intervals(*truth)


def shares_of(counts):
    pairs, lone, missed = counts
    return {
        "precision": pairs / (pairs + lone),
        "recall": pairs / (pairs + missed),
        "f1": 2 * pairs / (2 * pairs + lone + missed),
    }


def percentiles(replicates):
    return {
        name: np.percentile([one[name] for one in replicates], [2.5, 97.5])
        for name in ("precision", "recall", "f1")
    }


def test_intervals_of_confidence_are_those_of_a_plain_bootstrap_of_blocks():
    random = np.random.default_rng(0)
    matches = CallMatches()
    blocks = []
    for contig_blocks in (30, 0, 25, 1):
        kinds, places, calls, truth = sites_of(random, contig_blocks)
        matches.add([calls], [truth])
        blocks += [np.bincount(kinds[places == b], minlength=3) for b in np.unique(places)]
    figures = matches.finish(replicates=4000, seed=3)
    assert figures == matches.finish(replicates=4000, seed=3)
    assert figures["f1_ci"] != matches.finish(replicates=4000, seed=4)["f1_ci"]
    blocks = np.array(blocks)
    total = blocks.sum(axis=0)
    assert (figures["matched"], figures["calls"], figures["truth"]) == (
        total[0],
        total[0] + total[1],
        total[0] + total[2],
    )
    expected = percentiles(
        [shares_of(blocks[random.choice(len(blocks), len(blocks))].sum(0)) for _ in range(4000)]
    )
    for name, ends in expected.items():
        assert figures[f"{name}_ci"] == pytest.approx(ends, abs=0.015)


def test_intervals_of_clustered_sites_are_wider_than_those_of_single_sites():
    random = np.random.default_rng(1)
    matches = CallMatches()
    kinds, _, calls, truth = sites_of(random, 60, sites_a_block=8)
    matches.add([calls], [truth])
    figures = matches.finish()
    by_site = percentiles(
        [shares_of(np.bincount(random.choice(kinds, kinds.size), minlength=3)) for _ in range(1000)]
    )
    for name, (low, high) in by_site.items():
        assert np.diff(figures[f"{name}_ci"]) > 1.5 * (high - low)


def test_intervals_of_lone_sites_are_those_of_single_sites():
    random = np.random.default_rng(2)
    matches = CallMatches()
    kinds, _, calls, truth = sites_of(random, 300, sites_a_block=1)
    matches.add([calls], [truth])
    figures = matches.finish(replicates=4000)
    by_site = percentiles(
        [shares_of(np.bincount(random.choice(kinds, kinds.size), minlength=3)) for _ in range(4000)]
    )
    for name, ends in by_site.items():
        assert figures[f"{name}_ci"] == pytest.approx(ends, abs=0.015)


@pytest.mark.parametrize("contigs", [1, 40], ids=["one contig", "many contigs"])
def test_blocks_are_dealt_to_groups_in_turn(contigs):
    """Draw the same groups, and count their sites one by one."""
    random = np.random.default_rng(3)
    matches, groups, kinds, seen = CallMatches(), [], [], 0
    for _ in range(contigs):
        own, places, calls, truth = sites_of(random, 1600 // contigs)
        matches.add([calls], [truth])
        used, number = np.unique(places, return_inverse=True)
        groups.append((seen + number) % GROUPS)
        kinds.append(own)
        seen += used.size
    assert seen > 2 * GROUPS
    groups, kinds = np.concatenate(groups), np.concatenate(kinds)
    expected = percentiles(
        [
            shares_of(np.bincount(kinds, weights=weights[groups], minlength=3))
            for weights in draw(seen, 50, 7)
        ]
    )
    figures = matches.finish(replicates=50, seed=7)
    for name, ends in expected.items():
        assert figures[f"{name}_ci"] == pytest.approx(ends, abs=1e-12)


def test_both_strands_lie_in_the_same_blocks():
    matches = CallMatches()
    matches.add([intervals((0, 10)), intervals()], [intervals(), intervals((9999, 10_050))])
    assert matches.finish()["f1_ci"] is None
    other = CallMatches()
    other.add([intervals((0, 10)), intervals()], [intervals(), intervals((10_000, 10_050))])
    assert other.finish()["f1_ci"] == [0, 0]


@pytest.mark.parametrize(("begin", "blocks"), [(9_999, 1), (10_000, 2)])
def test_a_pair_lies_where_its_truth_starts(begin, blocks):
    matches = CallMatches()
    matches.add(
        [intervals((5_000, 5_100), (10_001, 10_100))], [intervals((5_000, 5_100), (begin, 10_100))]
    )
    assert (matches.finish()["f1_ci"] is None) == (blocks == 1)


def test_contigs_are_blocks_of_their_own():
    matches = CallMatches()
    for _ in range(2):
        assert matches.finish() is None or matches.finish()["f1_ci"] is None
        matches.add([intervals((0, 10))], [intervals((0, 10))])
    assert matches.finish()["f1_ci"] == [1, 1]


def test_no_interval_where_most_replicates_are_undefined():
    matches = CallMatches()
    matches.add([intervals((0, 10))], [intervals((0, 10))])
    for _ in range(9):
        matches.add([intervals()], [intervals((0, 10))])
    found = {seed: matches.finish(1, seed)["precision_ci"] for seed in range(20)}
    for seed, interval in found.items():
        assert interval == ([1, 1] if draw(10, 1, seed)[0, 0] else None)
    assert None in found.values()


def test_no_replicates_no_intervals():
    matches = CallMatches()
    for _ in range(2):
        matches.add([intervals((0, 10))], [intervals((0, 10))])
    assert matches.finish(replicates=0)["f1_ci"] is None


# --- whole contigs -------------------------------------------------------------------------------


def test_shifts_have_a_sign_and_are_told_by_strand() -> None:
    matches = CallMatches()
    plus, minus = np.array([[100, 120], [200, 230]]), np.array([[100, 130]])
    matches.add([plus + np.array([1, 3]), minus - 2], [plus, minus])
    figures = matches.finish(0) or {}
    assert figures["boundary_shift_bp"] == 2
    assert figures["boundary_shift_minus_bp"] == -2
    assert figures["boundary_mean_bp"] == 2
