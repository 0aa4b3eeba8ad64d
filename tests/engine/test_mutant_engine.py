"""Changed windows from kept states: what whole passes over the changed windows give, to the bit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from random_models import combined, random_checkpoint, random_codes

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.engine.choose import make_engine
from dnabirnn.engine.kernels.vectors import LANES
from dnabirnn.engine.mutant_engine import MutantEngine, Mutants, make_mutant_engine
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Cell, MatrixShape
from dnabirnn.network.checkpoint import Checkpoint

A, B = MotifClass("A", True), MotifClass("B", False)
MATRICES = (MatrixShape(7, 1), MatrixShape(4, 0))


def changed(codes: np.ndarray, at: int, removed: int, new: list[int]) -> np.ndarray:
    """A window with a change, which may lie outside it."""
    length = len(codes)
    begin, end = min(max(at, 0), length), min(max(at + removed, 0), length)
    return np.array([*codes[:begin], *(new if 0 <= at < length else []), *codes[end:]], np.uint8)


def expected_changes(
    checkpoint: Checkpoint, codes: np.ndarray, at: int, removed: int, new: list[int], reach: int
) -> np.ndarray:
    """Changes of the log-odds by whole passes: (reach + n + reach, O)."""
    engine = make_engine(checkpoint, "fused", "cpu")
    after = changed(codes, at, removed, new)
    before, now = engine.log_odds(codes[None])[0], engine.log_odds(after[None])[0]
    first = int(checkpoint.architecture.exclusive)
    found = np.zeros((2 * reach + len(new), before.shape[1] - first), np.float32)
    for column in range(len(found)):
        base = at - reach + column
        if column >= reach + len(new):
            base += removed - len(new)
        elif column - reach >= removed:
            continue  # a new base in place of none
        if not 0 <= base < len(codes):
            continue
        place = base if column < reach else base + len(after) - len(codes)
        if column < reach + len(new) and column >= reach:
            place = base
        if after[place] < AMBIGUOUS:
            found[column] = (now[place] - before[base])[first:]
    return found


def check(checkpoint: Checkpoint, *, length: int = 45, new: int = 1, reach: int = 9) -> None:
    rng = np.random.default_rng(length)
    codes = random_codes(rng, length)
    engine = make_mutant_engine(make_engine(checkpoint, "fused", "cpu"))
    assert engine is not None
    others = [random_codes(rng, n) for n in (3, length + 21)]
    kept = engine.keep([others[0], codes, others[1]])[1]
    mutants = Mutants(engine, new, reach)
    low = np.full(LANES, mutants.margin)
    high = np.full(LANES, mutants.columns - mutants.margin)
    changes = []
    for first in range(-4, length + 4, LANES):
        mutants.at[:] = np.arange(first, first + LANES)
        mutants.removed[:] = 1 if new else rng.integers(1, 5, LANES)
        mutants.codes[:] = rng.integers(0, 4, (new, LANES))
        mutants.begin()
        mutants.add([(kept, 0)], low, high)
        within = mutants.log_odds[mutants.margin : mutants.columns - mutants.margin]
        for lane in range(LANES):
            where = int(mutants.at[lane]), int(mutants.removed[lane])
            wanted = expected_changes(
                checkpoint, codes, *where, mutants.codes[:, lane].tolist(), reach
            )
            np.testing.assert_array_equal(within[..., lane], wanted, err_msg=f"{where}")
            changes.append(wanted)
    assert np.std(changes) > 1e-3


@pytest.mark.parametrize("cell", list(Cell))
@pytest.mark.parametrize("kmer", [1, 5])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("exclusive", [False, True])
def test_changes_are_those_of_whole_passes(
    cell: Cell, kmer: int, tied: bool, exclusive: bool
) -> None:
    checkpoint = random_checkpoint(
        cell=cell, kmer=kmer, tied=tied, exclusive=exclusive, hidden=6, spread=0.3
    )
    if cell.normalized and not tied:
        assert make_mutant_engine(make_engine(checkpoint, "fused", "cpu")) is None
        return
    check(checkpoint)
    check(checkpoint, new=0)


@pytest.mark.parametrize("new", [0, 1])
def test_matrices_and_several_networks(new: int) -> None:
    check(random_checkpoint(kmer=3, matrices=MATRICES, spread=0.3), new=new)
    members = [
        random_checkpoint(kmer=3, hidden=5, seed=1),
        random_checkpoint(cell=Cell.LSTM, seed=2, spread=0.3),
        random_checkpoint(cell=Cell.GRU_LN, seed=3, matrices=(None, MatrixShape(9, 2))),
    ]
    check(combined(members), new=new)
    apart = [random_checkpoint((A,), kmer=3), random_checkpoint((B,), cell=Cell.LSTM, seed=2)]
    check(combined(apart, (A, B)), new=new)


@pytest.mark.parametrize(
    ("reach", "length"), [(1, 5), (80, 5), (1, 45), (2, 45), (80, 45), (2, 600)]
)
def test_short_and_long_reach(reach: int, length: int) -> None:
    # 600 bases are more than the steps between two copies of the states.
    check(random_checkpoint(cell=Cell.LSTM, kmer=5, spread=0.3), reach=reach, length=length)


def test_columns_that_are_not_asked_for_stay_zero() -> None:
    checkpoint, rng = random_checkpoint(kmer=3, spread=0.3), np.random.default_rng(0)
    engine = MutantEngine(make_engine(checkpoint, "fused", "cpu"))  # type: ignore[arg-type]
    codes = rng.integers(0, 4, 200).astype(np.uint8)
    kept = engine.keep([codes])[0]
    whole, parts = Mutants(engine, 1, 20), Mutants(engine, 1, 20)
    for one in (whole, parts):
        one.at[:] = 60 + np.arange(LANES)
        one.removed[:] = 1
        one.codes[0] = (codes[one.at] + 1) % 4
        one.begin()
    begin, end = whole.margin, whole.columns - whole.margin
    whole.add([(kept, 0)], np.full(LANES, begin), np.full(LANES, end))
    cuts = np.sort(rng.integers(begin, end + 1, (4, LANES)), axis=0)
    cuts[0], cuts[-1] = begin, end
    for low, high in itertools.pairwise(cuts):
        before = parts.log_odds.copy()
        parts.add([(kept, 0)], low, high)
        columns = np.arange(parts.columns)[:, None]
        outside = (columns < low) | (columns >= high)
        same = (parts.log_odds == before).all(axis=1)
        assert same[outside].all()
    np.testing.assert_array_equal(parts.log_odds, whole.log_odds)
    np.testing.assert_array_equal(parts.probabilities, whole.probabilities)


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x.astype(np.float64)))


@pytest.mark.parametrize("exclusive", [False, True])
def test_bases_of_two_windows_have_the_mean_of_the_probabilities(exclusive: bool) -> None:
    checkpoint = random_checkpoint(exclusive=exclusive, spread=0.3, seed=4)
    fused, rng = make_engine(checkpoint, "fused", "cpu"), np.random.default_rng(1)
    engine = make_mutant_engine(fused)
    assert engine is not None
    contig = rng.integers(0, 4, 90).astype(np.uint8)
    starts = (0, 30)
    windows = engine.keep([contig[:60], contig[30:]])
    reach = 12
    mutants = Mutants(engine, 1, reach)
    mutants.at[:] = 40 + np.arange(LANES) % 12
    mutants.removed[:] = 1
    mutants.codes[0] = (contig[mutants.at] + 1) % 4
    mutants.begin()
    # Both windows keep bases 35 to 55.
    low = np.maximum(35 - mutants.at + mutants.flank, mutants.margin)
    high = np.minimum(55 - mutants.at + mutants.flank, mutants.columns - mutants.margin)
    mutants.add(list(zip(windows, starts, strict=True)), low, high)
    for lane in range(LANES):
        at, sums = int(mutants.at[lane]), []
        for codes in (contig, changed(contig, at, 1, mutants.codes[:, lane].tolist())):
            p = np.zeros((90, 4 if exclusive else 3))
            for start in starts:
                z = fused.log_odds(codes[None, start : start + 60])[0].astype(np.float64)
                odds = np.exp(z)
                own = odds / odds.sum(axis=1, keepdims=True) if exclusive else logistic(z)
                p[start : start + 60] += own / 2
            sums.append(p)
        first = int(exclusive)
        against = [p[:, :1] if exclusive else 1 - p for p in sums]
        for column in range(low[lane], high[lane]):
            base = at - mutants.flank + column
            before, now = (
                np.log(p[base, first:] / a[base]) for p, a in zip(sums, against, strict=True)
            )
            change = sums[1][base, first:] - sums[0][base, first:]
            np.testing.assert_allclose(mutants.log_odds[column, :, lane], now - before, atol=2e-5)
            np.testing.assert_allclose(mutants.probabilities[column, :, lane], change, atol=2e-6)


def test_largest_changes() -> None:
    engine = make_mutant_engine(make_engine(random_checkpoint(kmer=3), "fused", "cpu"))
    assert engine is not None
    mutants, rng = Mutants(engine, 1, 6), np.random.default_rng(3)
    # Few different values, so that many are equal.
    mutants.probabilities[:] = rng.integers(-3, 4, mutants.probabilities.shape) / 8
    mutants.log_odds[:] = rng.normal(size=mutants.log_odds.shape)
    mutants.probabilities[:, 0, :4] = 0
    out = np.zeros(6 * engine.outputs * LANES, np.float32)
    mutants.extremes(out)
    found = out.reshape(2, 3, engine.outputs, LANES)
    center = mutants.flank
    columns = range(mutants.margin, mutants.columns - mutants.margin)
    for o, lane, (side, sign) in itertools.product(
        range(engine.outputs), range(LANES), enumerate((1, -1))
    ):
        p, change = sign * mutants.probabilities[:, o, lane], sign * mutants.log_odds[:, o, lane]
        best = max(columns, key=lambda c: (p[c], -abs(c - center), change[c]))
        wanted = (p[best], best, sign * change[best]) if p[best] > 0 else (0, center, 0)
        assert tuple(found[side, :, o, lane]) == tuple(np.float32(wanted))


def test_kept_bytes_are_those_that_are_kept() -> None:
    checkpoint = random_checkpoint(cell=Cell.LSTM, hidden=8)
    engine = make_mutant_engine(make_engine(checkpoint, "fused", "cpu"))
    assert engine is not None
    (kept,) = engine.keep([np.zeros(1000, np.uint8)])
    held = kept.log_odds.nbytes + sum(a.nbytes for one in kept.networks for a in one)
    assert held == pytest.approx(engine.kept_bytes(1000), rel=0.01)


def test_other_engines_score_whole_windows() -> None:
    assert make_mutant_engine(make_engine(random_checkpoint(), "torch", "cpu")) is None
    assert make_mutant_engine(make_engine(random_checkpoint(layers=2), "fused", "cpu")) is None


@pytest.mark.parametrize("exclusive", [False, True])
def test_log_odds_of_both_engines_agree_and_give_the_probabilities(exclusive: bool) -> None:
    rng = np.random.default_rng(5)
    for checkpoint in (
        random_checkpoint(exclusive=exclusive, layers=2, spread=0.3),
        combined([random_checkpoint(exclusive=exclusive, seed=n, spread=0.3) for n in range(2)]),
    ):
        codes = random_codes(rng, 32 * 50, ambiguous=0).reshape(32, 50)
        fused, other = (make_engine(checkpoint, name, "cpu") for name in ("fused", "torch"))
        log_odds = fused.log_odds(codes)
        assert log_odds.shape == (32, 50, 3 + exclusive)
        np.testing.assert_allclose(log_odds, other.log_odds(codes), atol=2e-5)
        odds = np.exp(log_odds.astype(np.float64))
        p = odds[..., 1:] / odds.sum(axis=2, keepdims=True) if exclusive else logistic(log_odds)
        np.testing.assert_allclose(fused.score(codes), p.clip(1e-6, 1 - 1e-6), atol=1e-6)
