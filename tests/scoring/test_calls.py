"""Calls against their definition, base by base; their mirror image; stream against track."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings, strategies as st

from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import Output
from dnabirnn.network.call_rules import CallMethod, CallRule, CallSettings
from dnabirnn.network.evidence import (
    EvidenceScale,
    Pooling,
    PoolingKind,
    base_log_odds,
)
from dnabirnn.scoring import runs
from dnabirnn.scoring.calls import Caller, _kept, calls_frame, evidence_of, find_calls
from dnabirnn.scoring.runs import find_runs
from dnabirnn.tracks import read as readback
from dnabirnn.tracks.block import Block
from dnabirnn.tracks.read import read_scores
from dnabirnn.tracks.rows import Rows
from dnabirnn.tracks.schema import ROW_SCHEMA
from dnabirnn.tracks.text import BedTrack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

PLUS = (Output("m", "+"),)
BOTH = (Output("m", "+"), Output("m", "-"), Output("a", "."))
METHODS = list(CallMethod)


class Call(NamedTuple):
    start: int
    end: int
    score: int


def threshold_segments(scores: Sequence[int], threshold: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for place, score in enumerate(scores):
        if score >= threshold:
            if found and found[-1][1] == place:
                found[-1] = (found[-1][0], place + 1)
            else:
                found.append((place, place + 1))
    return found


def maximal_segments(scores: Sequence[int], threshold: int) -> list[tuple[int, int]]:
    """Those with no proper prefix or suffix of sum 0 or less, and in no longer one of these."""
    sums = [0]
    for score in scores:
        sums.append(sums[-1] + 2 * (score - threshold) + 1)
    longest = {}
    for start in range(len(scores)):
        highest = sums[start]
        for end in range(start + 1, len(sums)):
            if sums[end] <= sums[start]:
                break
            if sums[end] > highest:
                highest = sums[end]
                longest[start] = end
    found: list[tuple[int, int]] = []
    for start, end in longest.items():
        if not found or end > max(stop for _, stop in found):
            found.append((start, end))
    return found


def base_weights(scores: Sequence[int], rule: CallRule) -> list[int]:
    """Evidence of each base less that of a base at the threshold, from logarithms."""

    def log_odds(score: float) -> int:
        p = min(max(score, 0.5), 999.5) / 1000
        return round(1000 * (math.log(p) - math.log(1 - p)))

    floor = min(100, rule.threshold)
    low, at = log_odds(0), log_odds(rule.threshold)
    return [log_odds(s) - at if s >= floor else min(low - at, -1) for s in scores]


def evidence_segments(scores: Sequence[int], rule: CallRule) -> list[tuple[int, int]]:
    """The longest stretches that rise by K, never fall by K, start lowest and end highest."""
    sums = [0]
    for weight in base_weights(scores, rule):
        sums.append(sums[-1] + weight)
    k = 10_000 if rule.least_evidence is None else rule.least_evidence
    found: list[tuple[int, int]] = []
    for start in range(len(scores)):
        highest, longest = sums[start], None
        for end in range(start + 1, len(sums)):
            if sums[end] < sums[start] or highest - sums[end] >= max(k, 1):
                break
            highest = max(highest, sums[end])
            if sums[end] == highest and highest - sums[start] >= k:
                longest = end
        if longest is not None and (not found or longest > found[-1][1]):
            found.append((start, longest))
    return found


def pieces_between(scores: Sequence[int], most_absent: int) -> list[tuple[int, int]]:
    """What lies between stretches of more than so many scores of 0."""
    stretches = [(start, end) for start, end in zero_runs(scores) if end - start > most_absent]
    edges = [0, *(edge for stretch in stretches for edge in stretch), len(scores)]
    return list(zip(edges[::2], edges[1::2], strict=True))


def zero_runs(scores: Sequence[int]) -> list[tuple[int, int]]:
    return threshold_segments([score == 0 for score in scores], 1)


def naive(scores: Sequence[int], rule: CallRule, method: CallMethod) -> list[Call]:
    """Calls of one output; a base without a row scores 0."""

    def find(part: Sequence[int]) -> list[tuple[int, int]]:
        if method is CallMethod.EVIDENCE:
            return evidence_segments(part, rule)
        search = threshold_segments if method is CallMethod.THRESHOLD else maximal_segments
        return search(part, rule.threshold)

    segments = [
        (begin + start, begin + end)
        for begin, stop in pieces_between(scores, rule.merge_gap_bp)
        for start, end in find(scores[begin:stop])
    ]
    joined: list[tuple[int, int]] = []
    for start, end in segments:
        if joined and start - joined[-1][1] <= rule.merge_gap_bp:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    calls = []
    for start, end in joined:
        total, length = sum(scores[start:end]), end - start
        if length >= rule.min_length_bp:
            calls.append(Call(start, end, int((2 * total + length) // (2 * length))))
    return calls


def blocks(scores: NDArray[np.int16], cuts: Sequence[int] = (), name: str = "c") -> Iterator[Block]:
    """Blocks of a contig (L, O); -1 is code 4."""
    length = len(scores)
    codes = np.where((scores < 0).any(axis=1), 4, 0).astype(np.uint8)
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < length}), length]
    for start, end in pairwise(edges):
        known = codes[start:end, None] < 4  # the network gives 0 where the code is 4
        probabilities = np.where(known, scores[start:end] / 1000, 0).astype(np.float32)
        yield Block(name, start, probabilities, codes[start:end], end == length)


def calls_of(
    rows: Iterable[Rows], settings: CallSettings, outputs: Sequence[Output] = PLUS
) -> list[Call]:
    found = []
    for calls in find_calls(rows, outputs, settings):
        found += [
            Call(*map(int, values))
            for values in zip(calls.start, calls.end, calls.score, strict=True)
        ]
    return found


def settings_of(rule: CallRule, method: CallMethod) -> CallSettings:
    return CallSettings({"m": rule, "a": rule}, method)


def column(scores: Sequence[int]) -> NDArray[np.int16]:
    return np.array(scores, dtype=np.int16).reshape(-1, 1)


# Scores near the threshold of 500, so that sums tie and dips are bridged.
NEAR = st.sampled_from([497, 498, 499, 500, 501, 502])
FAR = st.sampled_from([-1, 0, 100, 250, 499, 500, 900, 1000])
# Stretches of one score, so that absent ones are shorter and longer than the gaps of the rules.
STRETCHES = st.lists(st.tuples(NEAR | FAR | st.just(-1), st.integers(1, 8)), max_size=10).map(
    lambda parts: [score for score, length in parts for _ in range(length)]
)
SCORES = st.lists(NEAR, max_size=40) | st.lists(NEAR | FAR, max_size=40) | STRETCHES
RULES = st.builds(
    CallRule,
    threshold=st.sampled_from([1, 250, 500, 501, 1000]),
    min_length_bp=st.sampled_from([0, 1, 2, 5]),
    merge_gap_bp=st.sampled_from([0, 1, 2, 5]),
    # The weights of scores near the threshold of 500 are multiples of 4 millinats.
    least_evidence=st.sampled_from([None, 0, 1, 4, 8, 2000, 8000]),
)
CUTS = st.lists(st.integers(1, 40), max_size=8)


@settings(max_examples=300)
@given(
    scores=SCORES,
    rule=RULES,
    method=st.sampled_from(METHODS),
    cuts=CUTS,
    size=st.integers(1, 60),
    single=st.booleans(),
)
@example([501, 499, 501], CallRule(500), CallMethod.MSS, [], 60, False)
@example([500, 499, 500], CallRule(500), CallMethod.MSS, [1, 2], 60, False)
@example([501, 499, 501, 498, 500], CallRule(500, 0, 0, 4), CallMethod.EVIDENCE, [1, 2], 60, False)
@example([500, 500, 900, 250, 900], CallRule(500, 0, 0, 0), CallMethod.EVIDENCE, [3], 60, False)
def test_calls_are_those_of_the_definition(
    scores: list[int],
    rule: CallRule,
    method: CallMethod,
    cuts: list[int],
    size: int,
    single: bool,
) -> None:
    with mock.patch.multiple(runs, _SLICE_SCORES=size, _STRETCH_SCORES=size):
        rows = find_runs(blocks(column(scores), cuts), min_score=1, single_base=single)
        found = calls_of(rows, settings_of(rule, method))
    assert found == naive([max(0, s) for s in scores], rule, method)


@given(
    scores=STRETCHES, rule=RULES, method=st.sampled_from(METHODS), least=st.sampled_from([1, 100])
)
def test_no_call_bridges_more_absent_bases_than_the_gap(
    scores: list[int], rule: CallRule, method: CallMethod, least: int
) -> None:
    present = [score if score >= least else 0 for score in scores]
    rows = find_runs(blocks(column(scores)), min_score=least)
    for start, end, _ in calls_of(rows, settings_of(rule, method)):
        inside = present[start:end]
        assert min(inside[0], inside[-1]) >= rule.threshold
        assert all(stop - begin <= rule.merge_gap_bp for begin, stop in zero_runs(inside))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gap", [0, 3, 10])
@pytest.mark.parametrize("seed", range(20))
def test_long_contigs(seed: int, gap: int, method: CallMethod) -> None:
    random = np.random.default_rng(seed)
    # A walk around the threshold: deep stacks of candidates and many joins.
    walk = np.cumsum(random.normal(scale=60, size=1500)) + random.normal(scale=150, size=1500)
    scores = np.clip(500 + walk - np.convolve(walk, np.ones(200) / 200, "same"), 0, 1000)
    scores = scores.astype(np.int16)
    for start in random.integers(0, 1500, 8):
        scores[start : start + random.integers(1, 60)] = 0
    rule = CallRule(500, merge_gap_bp=gap, least_evidence=3000)
    rows = find_runs(blocks(column(scores), random.integers(1, 1500, seed)), min_score=100)
    expected = naive(np.where(scores < 100, 0, scores).tolist(), rule, method)
    assert calls_of(rows, settings_of(rule, method)) == expected
    assert len(expected) > 3


@given(scores=SCORES, rule=RULES, method=st.sampled_from(METHODS), cuts=CUTS)
def test_calls_of_the_reverse_are_mirrored(
    scores: list[int], rule: CallRule, method: CallMethod, cuts: list[int]
) -> None:
    chosen = settings_of(rule, method)
    forward = calls_of(find_runs(blocks(column(scores), cuts), min_score=100), chosen)
    backward = calls_of(find_runs(blocks(column(scores[::-1]), cuts), min_score=100), chosen)
    length = len(scores)
    assert forward == [Call(length - end, length - start, s) for start, end, s in backward[::-1]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("edge", range(1, 12))
@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (11, 12), (0, 12), (3, 9), (5, 6), (0, 6), (6, 12)]
)
def test_a_call_keeps_its_ends_wherever_a_block_ends(
    start: int, end: int, edge: int, method: CallMethod
) -> None:
    scores = np.zeros((12, 3), dtype=np.int16)
    for output in range(3):
        scores[start:end, output] = 700 + output
    rows = find_runs(blocks(scores, [edge]), min_score=100)
    rule = CallRule(500, least_evidence=500)
    (calls,) = find_calls(rows, BOTH, settings_of(rule, method))
    assert bed([calls]) == (
        f"c\t{start}\t{end}\ta\t702\t.\n"
        f"c\t{start}\t{end}\tm\t700\t+\n"
        f"c\t{start}\t{end}\tm\t701\t-\n"
    )


@pytest.mark.parametrize(
    ("scores", "rule", "method", "expected"),
    [
        # a call never begins or ends on an absent base, but may bridge one
        ([-1, 900, -1, 900, -1], CallRule(500, 1, 1), "threshold", [(1, 4, 600)]),
        ([-1, 900, -1, 900, -1], CallRule(500, 1, 0), "threshold", [(1, 2, 900), (3, 4, 900)]),
        ([900, 0, 0, 900], CallRule(500, 1, 1), "threshold", [(0, 1, 900), (3, 4, 900)]),
        ([900, 0, 0, 900], CallRule(500, 1, 2), "threshold", [(0, 4, 450)]),
        # the length counts after joining
        ([900, 0, 900, 0, 0, 900], CallRule(500, 3, 1), "threshold", [(0, 3, 600)]),
        # half a point is rounded up
        ([500, 501], CallRule(500), "threshold", [(0, 2, 501)]),
        ([501, 501, 500], CallRule(500), "threshold", [(0, 3, 501)]),
        ([501, 500, 500], CallRule(500), "threshold", [(0, 3, 500)]),
        # a base on the threshold speaks for the class, one below against it
        ([499, 500, 499], CallRule(500), "threshold", [(1, 2, 500)]),
        ([499, 500, 499], CallRule(500), "mss", [(1, 2, 500)]),
        # weights 3 -1 3: bridged; 1 -1 1: not, since its prefix sums to 0
        ([501, 499, 501], CallRule(500), "mss", [(0, 3, 500)]),
        ([500, 499, 500], CallRule(500), "mss", [(0, 1, 500), (2, 3, 500)]),
        # 3 -3 5: the prefix 3 -3 sums to 0
        ([501, 498, 502], CallRule(500), "mss", [(0, 1, 501), (2, 3, 502)]),
        ([502, 498, 501], CallRule(500), "mss", [(0, 1, 502), (2, 3, 501)]),
        # what lies between two calls is joined by the gap alone
        ([500, 499, 500], CallRule(500, 1, 1), "mss", [(0, 3, 500)]),
        # weights 1501 -499 1501: an absent base is bridged up to the gap, a low score always
        ([1000, -1, 1000], CallRule(250), "mss", [(0, 1, 1000), (2, 3, 1000)]),
        ([1000, -1, 1000], CallRule(250, 1, 1), "mss", [(0, 3, 667)]),
        ([1000, -1, 0, 1000], CallRule(250, 1, 1), "mss", [(0, 1, 1000), (3, 4, 1000)]),
        ([1000, -1, 0, 1000], CallRule(250, 1, 2), "mss", [(0, 4, 500)]),
        ([1000, 1, 1, 1000], CallRule(250), "mss", [(0, 4, 501)]),
        ([1000, -1, 1, -1, 1000], CallRule(250, 1, 1), "mss", [(0, 5, 400)]),
        ([0] * 5, CallRule(1), "mss", []),
        ([1] * 5, CallRule(1), "mss", [(0, 5, 1)]),
        ([1000] * 5, CallRule(1000), "threshold", [(0, 5, 1000)]),
        ([], CallRule(1), "threshold", []),
    ],
)
def test_cases(
    scores: list[int], rule: CallRule, method: str, expected: list[tuple[int, int, int]]
) -> None:
    rows = find_runs(blocks(column(scores)), min_score=1)
    assert calls_of(rows, settings_of(rule, CallMethod(method))) == expected


def bed(rows: Iterable[Rows]) -> str:
    file = io.BytesIO()
    track = BedTrack(file, BOTH)
    for piece in rows:
        track.add(piece)
    track.close()
    return file.getvalue().decode()


@given(
    contigs=st.lists(
        st.lists(
            st.tuples(
                st.tuples(*[st.sampled_from([-1, 0, 99, 100, 499, 500, 501, 1000])] * 3),
                st.sampled_from([1, 1, 1, 4, 8]),
            ),
            max_size=20,
        ).map(lambda parts: [scores for scores, length in parts for _ in range(length)]),
        max_size=3,
    ),
    rule=RULES,
    method=st.sampled_from(METHODS),
    least=st.sampled_from([1, 100, 500]),
    cuts=CUTS,
    single=st.booleans(),
)
def test_calls_of_the_stream_are_those_of_the_track(
    tmp_path_factory: pytest.TempPathFactory,
    contigs: list[list[tuple[int, int, int]]],
    rule: CallRule,
    method: CallMethod,
    least: int,
    cuts: list[int],
    single: bool,
) -> None:
    genome = [
        block
        for i, scores in enumerate(contigs)
        for block in blocks(np.array(scores, dtype=np.int16).reshape(-1, 3), cuts, f"c{i}")
    ]
    chosen = settings_of(rule, method)
    path = tmp_path_factory.getbasetemp() / "scores.bed"
    path.write_text(bed(find_runs(genome, min_score=least, single_base=single)))
    with mock.patch.object(readback, "_READ_BYTES", 100):
        from_track = bed(find_calls(read_scores(path, BOTH), BOTH, chosen))
    from_stream = bed(find_calls(find_runs(genome, min_score=least), BOTH, chosen))
    # as while a bedGraph is written, which holds every score
    from_all = (rows.at_least(least) for rows in find_runs(genome, min_score=0))
    assert from_track == from_stream == bed(find_calls(from_all, BOTH, chosen))


def test_calls_come_contig_by_contig() -> None:
    caller = Caller(PLUS, settings_of(CallRule(500), CallMethod.THRESHOLD))
    pieces = [
        *find_runs(blocks(column([900, 900, 0]), [2], "x"), min_score=1),
        *find_runs(blocks(column([]), name="none"), min_score=1),
        *find_runs(blocks(column([0, 900, 900]), name="y"), min_score=1),
    ]
    found = [caller.add(piece) for piece in pieces]
    names = [calls.chrom for calls in found if calls is not None]
    assert found[0] is None
    assert names == ["x", "none", "y"]
    assert bed(calls for calls in found if calls is not None) == (
        "x\t0\t2\tm\t900\t+\ny\t1\t3\tm\t900\t+\n"
    )


def test_each_class_has_its_own_rule() -> None:
    scores = np.full((4, 3), 600, dtype=np.int16)
    rows = list(find_runs(blocks(scores), min_score=1))
    strict = CallSettings({"m": CallRule(601), "a": CallRule(600)})
    assert bed(find_calls(rows, BOTH, strict)) == "c\t0\t4\ta\t600\t.\n"
    assert bed(find_calls(rows, BOTH, CallSettings({"a": CallRule(1, 5)}))) == ""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0,), "threshold 0:"),
        ((1001,), r"threshold 1\.001: must be from 0\.001 to 1"),
        ((500, -1), "--min-length -1"),
        ((500, 1, -1), "--merge-gap -1"),
    ],
)
def test_a_rule_that_cannot_be(values: tuple[int, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        CallRule(*values)


def test_table_of_calls() -> None:
    rows = find_runs(
        [
            *blocks(np.array([[900, 0, 900]] * 2, dtype=np.int16), name="x"),
            *blocks(np.array([[0, 600, 0]], dtype=np.int16), name="y"),
        ],
        min_score=1,
    )
    calls = find_calls(rows, BOTH, settings_of(CallRule(500), CallMethod.MSS))
    table = calls_frame(calls, BOTH)
    assert table.schema == pl.Schema([*ROW_SCHEMA.items(), ("evidence", pl.Int64)])
    assert table.rows() == [
        ("x", 0, 2, "a", 900, ".", 4394),
        ("x", 0, 2, "m", 900, "+", 4394),
        ("y", 0, 1, "m", 600, "-", 405),
    ]


def test_table_of_no_calls() -> None:
    assert calls_frame([], BOTH).schema == pl.Schema([*ROW_SCHEMA.items(), ("evidence", pl.Int64)])


POOLINGS = st.builds(Pooling, st.sampled_from(PoolingKind), st.integers(1, 50))
EVIDENCE_SCALES = st.builds(
    EvidenceScale,
    prior=st.sampled_from([-6000, 0]),
    absent=st.sampled_from([-9000, -500]),
    floor=st.just(100),
    pooling=POOLINGS,
)


@given(
    scores=SCORES,
    rule=RULES,
    method=st.sampled_from(METHODS),
    scale=EVIDENCE_SCALES,
    cuts=CUTS,
    least=st.sampled_from([1, 50]),
)
def test_evidence_is_pooled_from_the_bases_of_a_call(
    scores: list[int],
    rule: CallRule,
    method: CallMethod,
    scale: EvidenceScale,
    cuts: list[int],
    least: int,
) -> None:
    chosen = CallSettings({"m": rule}, method, {"m": scale})
    weights = base_log_odds() - scale.prior
    floor = min(100, rule.threshold)
    told = [int(weights[s]) if s >= floor else scale.absent for s in scores]
    lowest = min(least, floor)

    def of(values: list[int], cuts: list[int], least: int) -> list[tuple[int, int, int]]:
        rows = find_runs(blocks(column(values), cuts), min_score=least)
        return [
            (int(start), int(end), int(evidence))
            for calls in find_calls(rows, PLUS, chosen)
            for start, end, evidence in zip(calls.start, calls.end, evidence_of(calls), strict=True)
        ]

    def pooled(start: int, end: int) -> int:
        kind, typical_bp = scale.pooling
        if kind is PoolingKind.MEAN:
            present = [score if score >= lowest else 0 for score in scores[start:end]]
            return int(typical_bp * weights[math.floor(sum(present) / len(present) + 0.5)])
        return sum(told[start:end])

    found = of(scores, cuts, min(least, floor))
    assert [evidence for *_, evidence in found] == [pooled(s, e) for s, e, _ in found]
    size = len(scores)
    mirrored = of(scores[::-1], [], min(least, floor))
    assert found == [(size - end, size - start, e) for start, end, e in mirrored[::-1]]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30), st.integers(0, 4)), max_size=9))
def test_calls_that_exclude_each_other_are_kept_by_evidence(
    calls: list[tuple[int, int, int]],
) -> None:
    table = np.array(sorted(calls), dtype=np.int64).reshape(-1, 3)
    start, end, evidence = table[:, 0], table[:, 0] + table[:, 1], table[:, 2]
    kept = _kept(start, end, evidence)
    for number in range(start.size):
        rivals = kept & (evidence > evidence[number])
        covered = {
            base
            for first, last in zip(start[rivals].tolist(), end[rivals].tolist(), strict=True)
            for base in range(first, last)
        }
        own = set(range(int(start[number]), int(end[number])))
        assert kept[number] == (2 * len(own & covered) < len(own))


def test_an_exclusive_model_keeps_the_strand_with_more_evidence() -> None:
    scores = np.zeros((60, 3), dtype=np.int16)
    scores[5:50, 0], scores[10:30, 1], scores[52:58, 1] = 900, 700, 700
    rule = CallRule(500, 3, 4)
    found = {
        exclusive: [
            (BOTH[o], int(s))
            for calls in find_calls(
                find_runs(blocks(scores), min_score=100),
                BOTH,
                CallSettings({"m": rule}, exclusive=exclusive),
            )
            for o, s in zip(calls.output.tolist(), calls.start, strict=True)
        ]
        for exclusive in (False, True)
    }
    assert found[False] == [(BOTH[0], 5), (BOTH[1], 10), (BOTH[1], 52)]
    assert found[True] == [(BOTH[0], 5), (BOTH[1], 52)]


def test_sums_are_exact_on_the_longest_contigs() -> None:
    # 4 Gb at 1000 sums to 4e12, past 32 bits.
    length = 4_000_000_000
    one = np.array([0], dtype=np.uint8)
    rows = Rows(
        "c", one, np.array([0]), np.array([length]), np.array([999], dtype=np.int16), 0, True
    )
    for method in METHODS:
        assert calls_of([rows], settings_of(CallRule(500), method)) == [Call(0, length, 999)]
