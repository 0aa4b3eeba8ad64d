"""Effects are those of scoring the changed sequence from scratch, by whatever method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from random_models import combined, random_checkpoint, random_codes

from dnabirnn.alphabet import AMBIGUOUS, reverse_complement
from dnabirnn.engine.mutant_engine import make_mutant_engine
from dnabirnn.errors import ScoreError
from dnabirnn.explanation.changes import Changes, mapped
from dnabirnn.explanation.edits import substitutions
from dnabirnn.explanation.kept_states import KeptStates
from dnabirnn.explanation.layout import Layout
from dnabirnn.explanation.model import Model
from dnabirnn.explanation.stream import EffectBlock, Mutagenesis, effects
from dnabirnn.explanation.whole_windows import WholeWindows
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Cell, MatrixShape
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.sequences.survey import Stretch

WINDOW = ScoringWindow(60, 10)
LENGTHS = (1, 5, 60, 61, 90, 150, 333)
SHAPES = {
    "gru": {"kmer": 3},
    "lstm": {"cell": Cell.LSTM},
    "rnn untied": {"cell": Cell.RNN, "tied": False},
    "gru-ln": {"cell": Cell.GRU_LN},
    "exclusive": {"exclusive": True, "kmer": 5},
    "matrix": {"matrices": (MatrixShape(7, 1), None)},
    "two layers": {"layers": 2},
    "dna-brnn": {"cell": Cell.GRU_LN, "tied": False, "exclusive": True},
}


def checkpoint_of(shape: str) -> Checkpoint:
    checkpoint = random_checkpoint(scoring=WINDOW, spread=0.3, **SHAPES[shape])
    if not checkpoint.architecture.exclusive:
        return checkpoint
    # No class that leaves the others and the background next to nothing.
    return replace(checkpoint, maps=(LogOddsMap(0.3, 0.0), LogOddsMap(0.2, 0.1)))


def model_of(checkpoint: Checkpoint, engine: str = "fused", threads: int = 1) -> Model:
    return Model(checkpoint, device="cpu", engine=engine, threads=threads)


def log_odds(p: np.ndarray, exclusive: bool) -> np.ndarray:
    """Log-odds; NaN where 1 - p has too few digits, since p is float32."""
    against = 1 - p.sum(axis=1, keepdims=True) if exclusive else 1 - p
    some = (against > 0.01) & (p > 1e-5)
    return np.log(p, where=some, out=np.full_like(p, np.nan)) - np.log(np.maximum(against, 1e-9))


def check_substitutions(model: Model, codes: np.ndarray, reach: int, circular: bool) -> None:
    """Compare some substitutions with scores of the changed sequence."""
    exclusive, length = model.checkpoint.architecture.exclusive, len(codes)
    found = model.effects(codes, reach=reach, profiles=True, circular=circular).substitutions
    before = model.score(codes, circular=circular).astype(np.float64)
    compared = 0
    for at in range(0, length, 7):
        for base in range(4):
            if codes[at] == AMBIGUOUS:
                assert np.isnan(found.gain[at, base]).all()
                continue
            changed = codes.copy()
            changed[at] = base
            after = model.score(changed, circular=circular).astype(np.float64)
            change = log_odds(after, exclusive) - log_odds(before, exclusive)
            distances = np.arange(-reach, reach + 1)
            places = (at + distances) % length if circular else at + distances
            inside = (places >= 0) & (places < length)
            if circular:
                inside &= np.abs(distances) <= (length - 1) // 2
            inside[inside] = codes[places[inside]] < AMBIGUOUS
            profile = found.profiles[at, base]
            assert (profile[~inside] == 0).all()
            error = np.abs(profile[inside] - change[places[inside]])
            compared += np.isfinite(error).sum()
            assert np.nanmax(error, initial=0) < 1e-4
            of_p = np.zeros((len(distances), before.shape[1]))
            of_p[inside] = (after - before)[places[inside]]
            np.testing.assert_allclose(found.gain[at, base], of_p.max(axis=0).clip(0), atol=1e-5)
            np.testing.assert_allclose(
                found.loss[at, base], -of_p.min(axis=0).clip(None, 0), atol=1e-5
            )
            for size, distance, sign in (
                (found.gain, found.gain_distance, 1),
                (found.loss, found.loss_distance, -1),
            ):
                for output in range(before.shape[1]):
                    column = distance[at, base, output] + reach
                    largest = size[at, base, output]
                    if largest > 0:
                        assert sign * of_p[column, output] == pytest.approx(largest, abs=1e-5)
                    else:
                        assert column == reach
    assert compared > 5 * length or length < 10


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("circular", [False, True])
def test_effects_are_those_of_scoring_again(shape: str, circular: bool) -> None:
    model = model_of(checkpoint_of(shape))
    slow = shape in ("two layers", "dna-brnn")
    rng = np.random.default_rng(len(shape))
    for length in (90, 150) if slow else LENGTHS:
        check_substitutions(model, random_codes(rng, length), 13, circular)


def test_effects_of_several_networks() -> None:
    first, second = MotifClass("A", True), MotifClass("B", False)
    members = [
        random_checkpoint((first,), kmer=3, scoring=WINDOW, spread=0.3),
        random_checkpoint((second,), cell=Cell.LSTM, scoring=WINDOW, spread=0.3, seed=1),
        random_checkpoint((second,), scoring=WINDOW, spread=0.3, seed=2),
    ]
    model = model_of(combined(members, (first, second)))
    check_substitutions(model, random_codes(np.random.default_rng(0), 140), 13, False)


def test_deletions_in_one_window_are_those_of_the_shorter_contig() -> None:
    length, reach, longest = 50, 12, 4
    codes = random_codes(np.random.default_rng(1), length, ambiguous=0)
    model = model_of(random_checkpoint(scoring=ScoringWindow(100, 10), spread=0.3, kmer=3))
    found = model.effects(codes, reach=reach, deletions=longest, profiles=True).deletions
    assert found.gain.shape == (length, longest, 3)
    assert found.profiles.shape == (length, longest, 2 * reach, 3)
    before = model.engine.log_odds(codes[None])[0]
    for at in range(length):
        for size in range(1, longest + 1):
            profile = found.profiles[at, size - 1]
            if at + size > length:
                assert np.isnan(profile).all()
                continue
            shorter = np.delete(codes, slice(at, at + size))
            after = model.engine.log_odds(shorter[None])[0]
            expected = np.zeros_like(profile)
            for column, distance in enumerate((*range(-reach, 0), *range(1, reach + 1))):
                base = at + distance if distance < 0 else at + size - 1 + distance
                if 0 <= base < length:
                    expected[column] = after[base - size * (base > at)] - before[base]
            np.testing.assert_array_equal(profile, expected)
            best = found.gain_distance[at, size - 1]
            columns = np.where(best < 0, best + reach, best + reach - 1)
            some = found.gain[at, size - 1] > 0
            np.testing.assert_array_equal(
                expected[columns, range(3)][some], found.gain_log_odds[at, size - 1][some]
            )


def check_same(one: Changes, other: Changes, *, exact: bool) -> None:
    for name, a, b in zip(Changes._fields, one, other, strict=True):
        if exact:
            np.testing.assert_array_equal(a, b, err_msg=name)
        elif not name.endswith("distance"):  # nearly equal changes may be in either order
            np.testing.assert_allclose(a, b, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("engine", ["fused", "torch"])
@pytest.mark.parametrize("circular", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_both_methods_agree(engine: str, circular: bool, exclusive: bool) -> None:
    checkpoint = random_checkpoint(scoring=WINDOW, spread=0.3, kmer=3, exclusive=exclusive)
    fast, slow = model_of(checkpoint), model_of(checkpoint, engine)
    rng = np.random.default_rng(2)
    for length in (61, 90, 150):
        codes = random_codes(rng, length)
        settings = {"reach": 15, "deletions": 3, "circular": circular, "profiles": True}
        found = fast.effects(codes, **settings)
        layout = Layout(Stretch("", codes), circular, WINDOW)
        whole = WholeWindows(slow.engine, checkpoint.architecture, WINDOW.length_bp)
        edits = substitutions(codes, 0, length)
        expected = whole.changes(layout, edits, layout.reach_bp(15), profiles=True)
        own = mapped(lambda array, e=edits: array[e.at, e.codes[:, 0]], found.substitutions)
        check_same(own, expected, exact=False)
        if engine == "torch":
            of_torch = slow.effects(codes, **settings)
            check_same(found.substitutions, of_torch.substitutions, exact=False)
            check_same(found.deletions, of_torch.deletions, exact=False)


def mirrored(changes: Changes, places: tuple[slice, ...], swap: list[int]) -> Changes:
    """Changes of the opposite strand, in the order of this one."""
    found = mapped(lambda array: array[places][..., swap], changes)
    return found._replace(
        gain_distance=-found.gain_distance,
        loss_distance=-found.loss_distance,
        profiles=found.profiles[:, :, ::-1],
    )


@pytest.mark.parametrize(
    "shape", [name for name in SHAPES if name not in ("rnn untied", "dna-brnn")]
)
@pytest.mark.parametrize("circular", [False, True])
def test_the_opposite_strand_is_the_exact_mirror(shape: str, circular: bool) -> None:
    model, rng = model_of(checkpoint_of(shape)), np.random.default_rng(4)
    swap = [1, 0, 2]
    for length in (60, 143):
        codes = random_codes(rng, length)
        settings = {"reach": 11, "profiles": True, "circular": circular, "deletions": 2}
        one = model.effects(codes, **settings)
        other = model.effects(reverse_complement(codes), **settings)
        flipped = (slice(None, None, -1), slice(None, None, -1))
        check_same(one.substitutions, mirrored(other.substitutions, flipped, swap), exact=True)
        for size in (1, 2):
            # A deletion that begins at base i of the mirror ends before base L - i here.
            own, theirs = (
                mapped(lambda a, n=size, e=length - size + 1: a[:e, n - 1 : n], each.deletions)
                for each in (one, other)
            )
            flip = (slice(None, None, -1),)
            check_same(own, mirrored(theirs, flip, swap), exact=True)
        importance = model.importance(codes, 20, 31, reach=11, circular=circular)
        start = length - 31
        of_mirror = model.importance(
            reverse_complement(codes), start, start + 11, reach=11, circular=circular
        )
        np.testing.assert_array_equal(importance, of_mirror[::-1][:, swap])


def blocks_of(model: Model, contigs: list[Stretch], **settings: object) -> Iterator[EffectBlock]:
    return effects(contigs, model, Mutagenesis(9, 2, profiles=True), **settings)  # type: ignore[arg-type]


def joined(blocks: Iterator[EffectBlock]) -> dict[str, Changes]:
    found: dict[str, list[Changes]] = {}
    for block in blocks:
        both = mapped(
            lambda *arrays: (
                np.concatenate(arrays, axis=1)
                if arrays[0].ndim == 3
                else np.concatenate([a[:, :, :18] for a in arrays], axis=1)
            ),
            block.substitutions,
            block.deletions,
        )
        found.setdefault(block.name, []).append(both)
    return {
        name: mapped(lambda *arrays: np.concatenate(arrays), *each) for name, each in found.items()
    }


@pytest.mark.parametrize("shape", ["gru", "two layers"])
def test_effects_depend_on_nothing_but_the_contig(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(6)
    sizes = (0, 1, 40, 130, 61) if shape == "two layers" else (0, 1, 40, 700, 61, 250)
    contigs = [Stretch(f"c{n}", random_codes(rng, n)) for n in sizes]
    checkpoint = checkpoint_of(shape)
    whole = joined(blocks_of(model_of(checkpoint), contigs))
    assert list(whole) == [contig.name for contig in contigs if len(contig.codes)]
    turned = joined(blocks_of(model_of(checkpoint, threads=3), contigs[::-1]))
    monkeypatch.setattr("dnabirnn.explanation.stream.RESULT_BYTES", 1 << 16)
    monkeypatch.setattr("dnabirnn.explanation.stream.KEPT_BYTES", 1)
    cut = joined(blocks_of(model_of(checkpoint, threads=2), contigs))
    for name, changes in whole.items():
        check_same(changes, turned[name], exact=True)
        check_same(changes, cut[name], exact=True)
        length = len(changes.gain)
        intervals = np.array([[2, 9], [20, 21], [30, length - 3]])
        intervals = intervals[intervals[:, 0] < np.minimum(intervals[:, 1], length)]
        some = joined(
            block
            for block in blocks_of(
                model_of(checkpoint),
                contigs,
                wanted=lambda n, _, i=intervals, k=name: i[: len(i) * (n == k)],
            )
        )
        places = np.concatenate([np.zeros(0, int), *(np.arange(*one) for one in intervals)])
        places = places[places < length]
        if len(places):
            own = mapped(lambda array, p=places: array[p], changes)
            check_same(some[name], own, exact=True)
        else:
            assert name not in some


def test_kept_states_compute_edits_that_lie_apart() -> None:
    checkpoint, rng = checkpoint_of("gru"), np.random.default_rng(7)
    model, codes = model_of(checkpoint), random_codes(rng, 400, ambiguous=0)
    edits = substitutions(codes, 0, 400)
    some = edits.part(np.sort(rng.choice(len(edits), 70, replace=False)))
    layout = Layout(Stretch("", codes), False, WINDOW)
    engine = make_mutant_engine(model.engine)
    assert engine is not None
    method = KeptStates(engine, ((layout, window) for window in layout.windows(0, 400, 9)))
    found = method.changes(layout, some, 9, profiles=True)
    whole = model.effects(codes, reach=9, profiles=True).substitutions
    check_same(found, mapped(lambda a: a[some.at, some.codes[:, 0]], whole), exact=True)


@pytest.mark.parametrize("layers", [1, 2])
def test_weights_that_are_too_large(layers: int) -> None:
    checkpoint = random_checkpoint(layers=layers)
    weights = {name: weight * np.float32(1e38) for name, weight in checkpoint.weights.items()}
    model = model_of(replace(checkpoint, weights=weights))
    codes = random_codes(np.random.default_rng(0), 50)
    with np.errstate(all="ignore"), pytest.raises(ScoreError, match="are not finite numbers"):
        model.effects(codes, reach=5)
