"""Kernels with products of bfloat16: their arithmetic, their forms, and where there are none."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import run, write_fasta, write_model
from hypothesis import given, strategies as st
from random_models import combined, random_checkpoint, random_codes

from benchmarks.forms import WIDTHS, environment, widest
from dnabirnn.alphabet import PADDING
from dnabirnn.compiled import kernel
from dnabirnn.engine import bf16, choose
from dnabirnn.engine.choose import make_engine
from dnabirnn.engine.fused_engine import FusedEngine, ScoringNetwork, _Buffers
from dnabirnn.engine.kernels import gru, lstm, vectors
from dnabirnn.engine.kernels.bf16.cells import BF16_CELLS
from dnabirnn.engine.kernels.bf16.pack import pack_tiles, rounded
from dnabirnn.engine.kernels.intrinsics import add_tile_product, begin_tiles, end_tiles
from dnabirnn.engine.kernels.layers import Gates
from dnabirnn.engine.kernels.vectors import LANES, TILE_PAIRS, TILE_ROWS, aligned
from dnabirnn.engine.mutant_engine import make_mutant_engine
from dnabirnn.engine.torch_engine import TorchEngine
from dnabirnn.network import members_of
from dnabirnn.network.architecture import Cell
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.scoring.self_check import selfcheck

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def available(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels run in their slow form, which is for tests, on processors without a fast one."""
    if vectors.AMX and (lack := bf16._refusal_of_amx()):
        pytest.skip(lack)
    monkeypatch.setattr(choose, "lack_of_bf16", lambda architecture: None)


# Numbers and products.


@given(st.lists(st.floats(width=32, min_value=-(2.0**127), max_value=2.0**127), min_size=1))
def test_numbers_are_rounded_as_by_torch(numbers: list[float]) -> None:
    given = np.array(numbers, np.float32)
    expected = torch.from_numpy(given).to(torch.bfloat16).view(torch.int16).numpy()
    np.testing.assert_array_equal(rounded(given), expected.view(np.uint16))


def test_the_largest_numbers_stay_finite() -> None:
    largest = np.finfo(np.float32).max
    assert rounded(np.array([largest, -largest], np.float32)).tolist() == [0x7F7F, 0xFF7F]


@kernel
def multiplied(weights: Any, states: Any, pairs: int, sums: Any) -> None:
    begin_tiles()
    add_tile_product(weights, 0, states, 0, pairs, sums, 0)
    end_tiles()


def widened(pairs: np.ndarray) -> np.ndarray:
    """The two numbers of each pair: (2, ...) float32."""
    bits = pairs.view(np.uint32)
    return np.stack([bits << 16, bits & 0xFFFF0000]).view(np.float32)


@pytest.mark.parametrize("pairs", [16, 48])
def test_a_product_is_that_of_numpy(available: None, pairs: int) -> None:
    """To the bit, but with AMX, which adds up even and odd numbers separately."""
    rng = np.random.default_rng(pairs)
    rows = rng.normal(size=(1, TILE_ROWS, 2 * pairs)).astype(np.float32)
    weights, states = pack_tiles(rows), aligned(pairs * LANES)
    states.view(np.uint16)[:] = rounded(rng.normal(size=2 * pairs * LANES).astype(np.float32))
    sums = aligned(TILE_ROWS * LANES)
    sums[:] = rng.normal(size=sums.size)
    expected = sums.reshape(TILE_ROWS, LANES).copy()
    even_w, odd_w = widened(weights.reshape(-1, TILE_ROWS, TILE_PAIRS))
    even_s, odd_s = widened(states.reshape(pairs, LANES))
    for pair in range(pairs):
        tile, column = divmod(pair, TILE_PAIRS)
        for w, s in ((odd_w, odd_s), (even_w, even_s)):
            # Products of bfloat16 are exact in float32, so this rounds once.
            expected += w[tile, :, column, None] * s[pair]
    multiplied(weights, states, pairs, sums)
    found = sums.reshape(TILE_ROWS, LANES)
    if vectors.AMX:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    else:
        np.testing.assert_array_equal(found, expected)


# A layer.


def nearest(numbers: np.ndarray) -> np.ndarray:
    """Numbers with the precision of a state in bfloat16."""
    bits = numbers.astype(np.float32).view(np.uint32) + np.uint32(0x8000)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)


def run_layer(
    cell: Cell,
    gates: Gates,
    codes: np.ndarray,
    below: np.ndarray | None,
    reverse: bool,
    of: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """States (L, H, W) of a direction; `of` rounds weights and states of products."""
    factors = {Cell.GRU: gru.FACTORS, Cell.LSTM: lstm.FACTORS, Cell.RNN: np.ones(1)}[cell]
    scaled = gates.scaled(factors)
    states, inputs = of(scaled.states), of(scaled.inputs) if below is not None else scaled.inputs
    bias = (scaled.input_bias + scaled.state_bias)[:, :, None]
    length, windows = codes.shape
    h = c = np.zeros((gates.states.shape[1], windows))
    found = np.zeros((length, *h.shape))
    for t in reversed(range(length)) if reverse else range(length):
        if below is None:
            one_hot = np.concatenate([inputs, np.zeros_like(inputs[:, :, :2])], axis=2)
            x = one_hot[:, :, codes[t]]
        else:
            x = inputs @ below[t]
        u = states @ of(h)
        if cell is Cell.RNN:
            h = np.tanh((x + u + bias)[0])
        elif cell is Cell.GRU:
            r, z = 1 / (1 + np.exp2((x + u + bias)[:2]))
            n = x[2] + scaled.input_bias[2, :, None] + r * (u[2] + scaled.state_bias[2, :, None])
            n = 2 / (1 + np.exp2(n)) - 1
            h = (1 - z) * n + z * h
        else:
            i, f, g, o = 1 / (1 + np.exp2(x + u + bias))
            c = np.where(codes[t] == PADDING, 0, f * c + i * (2 * g - 1))
            h = o * np.tanh(c)
        found[t] = h = np.where(codes[t] == PADDING, 0, h)
    return found


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("cell", list(BF16_CELLS))
def test_layers_are_those_of_numpy(available: None, cell: Cell, tied: bool) -> None:
    """Far nearer to states with rounded weights and states than to those without rounding."""
    rng, length = np.random.default_rng(3), 30
    checkpoint = random_checkpoint(cell=cell, layers=3, hidden=40, tied=tied, spread=0.2)
    (member,) = members_of(checkpoint.architecture, checkpoint.scoring_weights())
    network = ScoringNetwork(member, "bf16")
    assert network.hidden == 64
    codes = np.stack([random_codes(rng, length) for _ in range(LANES)], axis=1)
    codes[20:, 3] = PADDING
    buffers = _Buffers(network, length)
    network.run(codes.reshape(-1).copy(), length, buffers)
    # Features of the first and the second layer, in pairs.
    first, second = (
        np.moveaxis(widened(one.reshape(length, 2, 32, LANES)), 0, 3).reshape(length, 2, 64, LANES)
        for one in buffers.features
    )
    for layer, below, found in ((0, None, first), (1, first, second)):
        for reverse in (False, True):
            number = layer if tied else 2 * layer + reverse
            gates = Gates.of(member.weights, number, cell.gates, 64, first=not layer)
            read = below
            if reverse:
                gates = gates.of_reverse_complement(tied)
                read = None if below is None else below[:, ::-1]
            read = None if read is None else read.reshape(length, 128, LANES)
            shape = (cell, gates, codes, read, reverse)
            expected = nearest(run_layer(*shape, nearest))
            plain = run_layer(*shape, lambda numbers: numbers)
            error = np.abs(found[:, int(reverse)] - expected).mean()
            assert error < 0.05 * np.abs(found[:, int(reverse)] - plain).mean()


# Engines.


@pytest.mark.parametrize("cell", list(BF16_CELLS))
@pytest.mark.parametrize("kmer", [1, 5])
@pytest.mark.parametrize("layers", [1, 2])
def test_scores_are_close_to_those_of_float32(
    available: None, cell: Cell, kmer: int, layers: int
) -> None:
    rng = np.random.default_rng(0)
    for hidden, exclusive in ((5, False), (32, True), (70, False)):
        checkpoint = random_checkpoint(
            cell=cell,
            layers=layers,
            kmer=kmer,
            hidden=hidden,
            exclusive=exclusive,
            spread=0.5 / hidden**0.5,
        )
        codes = np.stack([random_codes(rng, 100) for _ in range(LANES + 3)])
        codes[2, 60:] = PADDING
        full = make_engine(checkpoint, device="cpu").score(codes)
        engine = make_engine(checkpoint, device="cpu", precision="bf16")
        assert isinstance(engine, FusedEngine)
        assert engine.precision == "bf16"
        assert 1e-5 < np.abs(engine.score(codes) - full)[codes != PADDING].max() < 0.03


@pytest.mark.parametrize("cell", list(BF16_CELLS))
@pytest.mark.parametrize("kmer", [1, 3])
def test_the_self_check_holds(available: None, cell: Cell, kmer: int) -> None:
    """Both strands, any neighbors, threads and parts: to the bit."""
    for layers in (1, 2):
        checkpoint = random_checkpoint(
            cell=cell, layers=layers, kmer=kmer, hidden=20, spread=0.1, seed=layers
        )
        checks = {one.name: one for one in selfcheck(checkpoint, device="cpu", precision="bf16")}
        assert [name for name, one in checks.items() if not one.holds] == []
        assert checks.pop("f32").difference > 1e-6
        assert {one.difference for one in checks.values()} == {0}


def test_several_networks_and_extreme_weights(available: None) -> None:
    checkpoints = [random_checkpoint(hidden=hidden, spread=30.0) for hidden in (4, 40)]
    engine = make_engine(combined(checkpoints), device="cpu", precision="bf16")
    scores = engine.score(np.zeros((3, 200), np.uint8))
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_changed_windows_are_scored_as_a_whole(available: None) -> None:
    engine = make_engine(random_checkpoint(), device="cpu", precision="bf16")
    assert make_mutant_engine(engine) is None


def test_features_in_pairs_take_half_the_memory(available: None) -> None:
    checkpoint = random_checkpoint(layers=2, hidden=32)
    full, pairs = (
        make_engine(checkpoint, device="cpu", precision=precision).memory_bytes(1000, 1)
        for precision in ("f32", "bf16")
    )
    assert full - pairs == 1000 * 32 * LANES * 4


# Forms.


def _environment(form: str) -> dict[str, str]:
    """Variables that make the kernels compile for a processor: "avx512", "avx2", "four", "amx".

    All but "amx" and "here" are without instructions for bfloat16.
    """
    if form == "here":
        return {}
    features = environment("avx512" if form == "amx" else form)["NUMBA_CPU_FEATURES"]
    kept = [one for one in features.split(",") if "bf16" not in one and "amx" not in one]
    if form == "amx":
        kept += ["+avx512f", "+avx512dq", "+avx512bw", "+avx512vl", "+amx-tile", "+amx-bf16"]
    return {"NUMBA_CPU_FEATURES": ",".join(kept)}


def printed(form: str, script: str) -> list[str]:
    """Lines that a script of `tests/support` prints with the kernels of a form."""
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(SUPPORT / script)],
        env=os.environ | _environment(form) | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@cache
def digests(form: str) -> list[str]:
    """Per model, a digest of its scores."""
    return printed(form, "bf16_digests.py")


@pytest.mark.parametrize("form", ["here", "avx512", "avx2"])
def test_all_forms_but_amx_give_the_same_bytes(form: str) -> None:
    if WIDTHS.get(form, 0) > widest():
        pytest.skip(f"this processor has no {form}")
    if form == "here" and (vectors.AMX or not vectors.AVX512_BF16):
        pytest.skip("this processor has AMX, or no AVX512-BF16")
    assert len(set(digests("four"))) == 12
    assert digests(form) == digests("four")


@pytest.mark.skipif(sys.platform != "linux", reason="AMX is used on Linux only")
@pytest.mark.skipif(
    os.uname().machine != "x86_64" if hasattr(os, "uname") else True, reason="another processor"
)
def test_kernels_compile_for_amx() -> None:
    """The machine code has the products of registers 0 and 1 with 2, 3 and 4, and can be kept."""
    for line in printed("amx", "bf16_for_amx.py"):
        found = json.loads(line)
        assert found.pop("complete")
        assert set(found) == {"cell", "ldtilecfg", "tileloadd", "tdpbf16ps", "tilestored"}
        assert all(found.values()), found


# Where it is not available.


class System:
    """The C library of a system that answers a request for AMX."""

    def __init__(self, answer: int, number: int = 0) -> None:
        self.answer, self.number, self.asked = answer, number, []  # type: ignore[var-annotated]

    def syscall(self, *arguments: int) -> int:
        self.asked.append(arguments)
        ctypes.set_errno(self.number)
        return self.answer


@pytest.fixture
def with_amx(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], None]]:
    """Set what the C library of a Linux with AMX is, or the error when it is loaded."""
    monkeypatch.setattr(vectors, "AMX", True)
    monkeypatch.setattr(sys, "platform", "linux")

    def answers(system: Any) -> None:
        def load(name: None, use_errno: bool) -> Any:
            if isinstance(system, OSError):
                raise system
            return system

        monkeypatch.setattr(ctypes, "CDLL", load)

    bf16._refusal_of_amx.cache_clear()
    choose._warn.cache_clear()
    yield answers
    bf16._refusal_of_amx.cache_clear()
    choose._warn.cache_clear()


def test_permission_is_asked_for_once(with_amx: Callable[[Any], None]) -> None:
    system = System(0)
    with_amx(system)
    shape = random_checkpoint().architecture
    assert bf16.lack_of_bf16(shape) is None
    assert bf16.lack_of_bf16(shape) is None
    assert bf16.bf16_instructions() == "AMX"
    assert system.asked == [(158, 0x1023, 18)]


@pytest.mark.parametrize(
    ("system", "lack"),
    [
        (System(-1, 95), "Linux refuses permission to use AMX (Operation not supported)"),
        (System(-1, 28), "Linux refuses permission to use AMX (No space left on device)"),
        (OSError("no library"), "this process cannot ask for permission to use AMX (no library)"),
        (object(), "this process cannot ask for permission to use AMX ("),
    ],
)
def test_a_refusal_means_f32_and_one_line(
    with_amx: Callable[[Any], None], caplog: pytest.LogCaptureFixture, system: Any, lack: str
) -> None:
    with_amx(system)
    checkpoint: Checkpoint = random_checkpoint()
    engines = [make_engine(checkpoint, device="cpu", precision="bf16") for _ in range(3)]
    codes = np.stack([random_codes(np.random.default_rng(0), 50)])
    expected = FusedEngine.of_checkpoint(checkpoint).score(codes)
    for engine in engines:
        assert engine.precision == "f32"
        np.testing.assert_array_equal(engine.score(codes), expected)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"--precision bf16: {lack}")
    assert line.endswith("; scores are computed in f32")


def test_amx_is_used_on_linux_only(
    with_amx: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert bf16.lack_of_bf16(random_checkpoint().architecture) == "AMX is used on Linux only"


def test_processors_and_cells_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "AMX", False)
    for has, lack in ((True, None), (False, "this processor has neither AMX nor AVX512-BF16")):
        monkeypatch.setattr(vectors, "AVX512_BF16", has)
        assert bf16.lack_of_bf16(random_checkpoint().architecture) == lack
        assert bf16.bf16_instructions() == ("AVX512-BF16" if has else None)
    other = random_checkpoint(cell=Cell.GRU_LN)
    assert bf16.lack_of_bf16(other.architecture) == "kernels of gru-ln have no bf16"
    both = combined([random_checkpoint(), other])
    assert bf16.lack_of_bf16(both.architecture) == "kernels of gru-ln have no bf16"


def test_score_says_that_it_computes_in_f32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "AMX", False)
    monkeypatch.setattr(vectors, "AVX512_BF16", False)
    choose._warn.cache_clear()
    fasta = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 200, "b": "GATTACA" * 70})
    model = write_model(tmp_path / "m.safetensors")
    tracks = []
    for precision in ("f32", "bf16"):
        out = tmp_path / f"{precision}.bed"
        words = ("score", fasta, "-m", model, "-o", out, "--device", "cpu", "--min-score", 0)
        result = run(*words, "--precision", precision)
        assert result.exit_code == 0, result.output
        lines = [line for line in result.stderr.splitlines() if "precision" in line]
        tracks.append(out.read_bytes())
    assert lines == [
        "dnabirnn: warning: --precision bf16: this processor has neither AMX nor AVX512-BF16; "
        "scores are computed in f32"
    ]
    assert tracks[0] == tracks[1] != b""
    choose._warn.cache_clear()


def test_torch_computes_in_bf16_where_it_is_chosen() -> None:
    engine = make_engine(random_checkpoint(), "torch", "cpu", "bf16")
    assert isinstance(engine, TorchEngine)
    assert engine.precision == "bf16"
