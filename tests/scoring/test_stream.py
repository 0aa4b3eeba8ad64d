"""The stream of scores: mirror, invariance, order, regions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from random_models import random_checkpoint, random_codes

from dnabirnn.alphabet import AMBIGUOUS, PADDING, reverse_complement
from dnabirnn.engine.choose import make_engine
from dnabirnn.errors import ScoreError
from dnabirnn.network.architecture import Cell
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.network.torch_network import Network, load_weights, to_probabilities
from dnabirnn.scoring.grid import Piece, lay, stitch
from dnabirnn.scoring.stream import score
from dnabirnn.tracks.block import Block

SHAPES = [
    {"cell": cell, "layers": layers, "exclusive": exclusive}
    for cell, layers, exclusive in itertools.product(Cell, (1, 2), (False, True))
]
SHAPES += [{"cell": cell, "kmer": 5} for cell in Cell]
LENGTHS = (0, 1, 2, 59, 60, 61, 119, 120, 121, 333, 1000)


class Sequence(NamedTuple):
    name: str
    codes: np.ndarray


@pytest.fixture(params=["fused", "torch"], autouse=True)
def engine_name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test runs with each engine."""
    monkeypatch.setitem(globals(), "ENGINE", request.param)
    return str(request.param)


ENGINE = ""


def blocks_of(checkpoint: Checkpoint, contigs: list[Sequence], **options: object) -> list[Block]:
    engine = make_engine(checkpoint, ENGINE, "cpu")
    outputs = len(checkpoint.architecture.outputs)
    return list(score(contigs, engine, checkpoint.scoring_window, outputs, **options))  # type: ignore[arg-type]


def scores_of(
    checkpoint: Checkpoint, contigs: list[Sequence], **options: object
) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {}
    for block in blocks_of(checkpoint, contigs, **options):
        found.setdefault(block.name, []).append(block.probabilities)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def mirrored(checkpoint: Checkpoint, scores: np.ndarray) -> np.ndarray:
    swapped = {"+": "-", "-": "+", ".": "."}
    outputs = checkpoint.architecture.outputs
    return scores[::-1, [outputs.index(o._replace(strand=swapped[o.strand])) for o in outputs]]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reverse_complement_of_a_contig_scores_as_its_mirror(shape: dict[str, object]) -> None:
    checkpoint = random_checkpoint(**shape)  # type: ignore[arg-type]
    rng = np.random.default_rng(3)
    contigs = [Sequence(f"c{n}", random_codes(rng, n)) for n in LENGTHS]
    opposite = [Sequence(name, reverse_complement(codes)) for name, codes in contigs]
    ours, theirs = scores_of(checkpoint, contigs), scores_of(checkpoint, opposite)
    for name, scores in ours.items():
        np.testing.assert_array_equal(theirs[name], mirrored(checkpoint, scores))


def naive_scores(checkpoint: Checkpoint, codes: np.ndarray) -> np.ndarray:
    """One window at a time, alone, unpadded."""
    network = Network(checkpoint.architecture)
    load_weights(network, checkpoint.scoring_weights())
    kept = []
    for window in lay(len(codes), checkpoint.scoring_window):
        with torch.inference_mode():
            logits = network(torch.from_numpy(codes[None, window.start : window.end]))
            p = to_probabilities(logits, checkpoint.architecture)[0].clamp(1e-6, 1 - 1e-6).numpy()
        part = p[window.keep_start - window.start : window.keep_end - window.start]
        kept.append(Piece(window.keep_start, part))
    pieces = stitch(kept, len(codes), checkpoint.scoring_window)
    joined = np.concatenate([piece.scores for piece in pieces])
    joined[codes == AMBIGUOUS] = 0
    return joined


@pytest.mark.parametrize("shape", SHAPES[::3], ids=str)
def test_stream_gives_what_single_windows_give(shape: dict[str, object]) -> None:
    # With larger weights the network's states are chaotic, and rounding grows along a window.
    checkpoint = random_checkpoint(spread=0.25, **shape)  # type: ignore[arg-type]
    rng = np.random.default_rng(5)
    contigs = [Sequence(f"c{n}", random_codes(rng, n)) for n in LENGTHS if n]
    for name, scores in scores_of(checkpoint, contigs).items():
        expected = naive_scores(checkpoint, dict(contigs)[name])
        np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_neighbours_threads_and_order_change_no_bit() -> None:
    checkpoint = random_checkpoint(hidden=32, scoring=ScoringWindow(200, 30))
    rng = np.random.default_rng(6)
    sizes = [*rng.integers(1, 900, size=60), 40_000]
    contigs = [Sequence(f"c{i}", random_codes(rng, int(n))) for i, n in enumerate(sizes)]
    alone = {c.name: scores_of(checkpoint, [c])[c.name] for c in contigs}
    for threads, order in ((1, contigs), (3, contigs), (2, contigs[::-1])):
        together = scores_of(checkpoint, order, threads=threads)
        assert list(together) == [c.name for c in order]
        for name, scores in alone.items():
            np.testing.assert_array_equal(together[name], scores)


def test_blocks_cover_each_contig_once_in_order() -> None:
    checkpoint = random_checkpoint()
    contigs = [Sequence(f"c{n}", random_codes(np.random.default_rng(n), n)) for n in LENGTHS]
    blocks = blocks_of(checkpoint, contigs, threads=2)
    for (name, codes), of_contig in zip(
        contigs, (list(g) for _, g in itertools.groupby(blocks, lambda b: b.name)), strict=True
    ):
        assert {block.name for block in of_contig} == {name}
        assert [block.last for block in of_contig] == [False] * (len(of_contig) - 1) + [True]
        starts = np.cumsum([0, *(len(block.codes) for block in of_contig)])
        assert [block.start for block in of_contig] == starts[:-1].tolist()
        np.testing.assert_array_equal(np.concatenate([b.codes for b in of_contig]), codes)
        assert all(b.probabilities.shape == (len(b.codes), 3) for b in of_contig)


def test_ambiguous_bases_score_zero_and_nothing_is_nan() -> None:
    checkpoint = random_checkpoint()
    codes = random_codes(np.random.default_rng(8), 500, ambiguous=0.3)
    scores = scores_of(checkpoint, [Sequence("c", codes)])["c"]
    assert np.isfinite(scores).all()
    assert (scores[codes == AMBIGUOUS] == 0).all()
    assert (scores[codes != AMBIGUOUS] > 0).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 90)), max_size=5))
def test_wanted_regions_have_the_scores_of_the_whole(regions: list[tuple[int, int]]) -> None:
    checkpoint = random_checkpoint()
    codes = random_codes(np.random.default_rng(9), 777)
    inside = np.zeros(777, dtype=bool)
    for start, size in regions:
        inside[start : start + size] = True
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False)).reshape(-1, 2)
    whole = scores_of(checkpoint, [Sequence("c", codes)])["c"]
    part = scores_of(checkpoint, [Sequence("c", codes)], wanted=lambda name: edges)["c"]
    np.testing.assert_array_equal(part[inside], whole[inside])


class CountingEngine:
    """Scores are the place in the window; counts what it is asked for."""

    device = "test"

    def __init__(self, windows: int) -> None:
        self.windows = windows
        self.shapes: list[tuple[int, ...]] = []
        self.real_rows = 0

    def workers(self, threads: int) -> int:
        return threads

    def batch_windows(self, length_bp: int) -> int:
        return self.windows

    def score(self, codes: np.ndarray) -> np.ndarray:
        self.shapes.append(codes.shape)
        self.real_rows += int((codes[:, 0] != PADDING).sum())
        return np.zeros((*codes.shape, 1), dtype=np.float32)


def test_short_contigs_share_batches_of_few_shapes() -> None:
    engine = CountingEngine(windows=64)
    rng = np.random.default_rng(10)
    contigs = [
        Sequence(f"c{i}", np.zeros(n, np.uint8))
        for i, n in enumerate(rng.integers(200, 2000, 5000))
    ]
    scoring = ScoringWindow(2000, 100)
    blocks = list(score(contigs, engine, scoring, 1))
    assert [b.name for b in blocks] == [c.name for c in contigs]
    padded = sum(rows * length for rows, length in engine.shapes)
    assert padded < 1.25 * sum(len(c.codes) for c in contigs)
    assert len(set(engine.shapes)) < 20


def test_a_short_contig_does_not_hold_back_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnabirnn.scoring.stream._WAITING_SCORES", 5_000)
    engine = CountingEngine(windows=4)
    read = []

    def contigs():
        for name, size in (("short", 30), ("long", 100_000)):
            read.append(name)
            yield Sequence(name, np.zeros(size, np.uint8))

    stream = score(contigs(), engine, ScoringWindow(200, 20), 1)
    assert next(stream).name == "short"
    assert engine.real_rows < 100
    assert sum(len(b.codes) for b in stream) == 100_000


def test_windows_outside_the_wanted_regions_are_not_scored() -> None:
    engine = CountingEngine(windows=4)
    wanted = np.array([[5_000, 5_010]])
    list(
        score(
            [Sequence("c", np.zeros(100_000, np.uint8))],
            engine,
            ScoringWindow(200, 20),
            1,
            wanted=lambda name: wanted,
        )
    )
    assert 1 <= engine.real_rows <= 2


def test_an_engine_that_fails_stops_the_stream() -> None:
    class Broken(CountingEngine):
        def score(self, codes: np.ndarray) -> np.ndarray:
            raise RuntimeError("no")

    stream = score([Sequence("c", np.zeros(900, np.uint8))], Broken(2), ScoringWindow(200, 20), 1)
    with pytest.raises(RuntimeError, match="no"):
        list(stream)


def test_a_score_that_is_no_number_stops_the_stream_and_tells_its_place() -> None:
    class Broken(CountingEngine):
        def score(self, codes: np.ndarray) -> np.ndarray:
            scores = super().score(codes)
            scores[:, 50] = np.nan
            return scores

    contig = Sequence("chr7", np.zeros(900, np.uint8))
    with pytest.raises(ScoreError, match=r"'chr7', base 50 \(0-based\): the score is not a finite"):
        list(score([contig], Broken(2), ScoringWindow(200, 20), 1))


def test_weights_beyond_float32_are_an_error() -> None:
    checkpoint = random_checkpoint()
    largest = np.sign(checkpoint.weights["head.weight"]) * np.finfo(np.float32).max
    huge = dict(checkpoint.weights) | {"head.weight": largest}
    with pytest.raises(ScoreError, match="weights are too large"):
        scores_of(
            replace(checkpoint, weights=huge),
            [Sequence("c", (np.arange(300) % 4).astype(np.uint8))],
        )


def test_threads_of_torch_stay_as_the_caller_set_them() -> None:
    before = torch.get_num_threads()
    scores_of(random_checkpoint(), [Sequence("c", np.zeros(300, np.uint8))], threads=2)
    assert torch.get_num_threads() == before


def test_position_in_the_batch_changes_no_bit() -> None:
    checkpoint = random_checkpoint(hidden=32, layers=2)
    engine = make_engine(checkpoint, ENGINE, "cpu")
    rows = engine.batch_windows(300)
    codes = np.random.default_rng(11).integers(0, 5, (rows, 300)).astype(np.uint8)
    order = np.random.default_rng(12).permutation(rows)
    np.testing.assert_array_equal(engine.score(codes)[order], engine.score(codes[order]))


@pytest.mark.parametrize("cell", list(Cell))
@pytest.mark.parametrize("hidden", [7, 32])
@pytest.mark.parametrize("exclusive", [False, True])
def test_every_row_of_a_batch_gets_the_same_bits(cell: Cell, hidden: int, exclusive: bool) -> None:
    checkpoint = random_checkpoint(cell=cell, hidden=hidden, exclusive=exclusive)
    engine = make_engine(checkpoint, ENGINE, "cpu")
    for length in (32, 48, 80, 176, 304, 512, 720, 1008, 1072, 1488):
        window = random_codes(np.random.default_rng(length), length)
        scores = engine.score(np.tile(window, (engine.batch_windows(length), 1)))
        np.testing.assert_array_equal(scores, np.broadcast_to(scores[:1], scores.shape))
