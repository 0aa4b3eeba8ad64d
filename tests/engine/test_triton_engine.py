"""The Triton kernel: in Triton's interpreter the scores of torch; and it compiles for GPUs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run, write_fasta, write_model
from interpreted_triton import models
from random_models import random_checkpoint, random_codes

from dnabirnn.engine.choose import make_engine, trains_fused
from dnabirnn.errors import DeviceError, OptionError
from dnabirnn.network.architecture import Architecture, Cell
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.scoring_window import ScoringWindow

SUPPORT = Path(__file__).parents[1] / "support"
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed here"
)


def interpreted(*command: object) -> str:
    """What a Python program prints, with Triton's interpreter."""
    paths = [str(Path(__file__).parents[2]), str(SUPPORT)]
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, Any]]:
    lines = interpreted(SUPPORT / "interpreted_triton.py").splitlines()
    return {one["name"]: one for one in map(json.loads, lines)}


@needs_triton
@pytest.mark.parametrize("name", list(models()))
def test_agrees_with_torch(told: dict[str, dict[str, Any]], name: str) -> None:
    found = told[name]
    assert found["device"] == "cpu (Triton's interpreter)"
    assert found["shape"]
    assert found["spread"] > 1e-3
    assert found["difference"] < 1e-5
    assert found.get("log_odds", 0) < 1e-4
    assert found["unknown"] == 0


@needs_triton
def test_the_command_writes_the_scores_of_the_compiled_kernels(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.safetensors", kmer=5, spread=0.1)
    rng = np.random.default_rng(0)
    text = "".join("ACGTN"[code] for code in random_codes(rng, 230))
    fasta = write_fasta(tmp_path / "g.fa", {"a": text, "b": text[:30]})
    given = ["-m", model, "--min-score", 0, "--single-base", "--device", "cpu"]
    scores = ["score", fasta, "-o", "-", *given, "--engine"]
    rows = [
        [line.split("\t") for line in interpreted("-m", "dnabirnn", *scores, engine).splitlines()]
        for engine in ("triton", "fused")
    ]
    assert len(rows[0]) > 400
    assert [row[:4] for row in rows[0]] == [row[:4] for row in rows[1]]
    differences = [abs(int(a[4]) - int(b[4])) for a, b in zip(*rows, strict=True)]
    assert max(differences) <= 1
    assert sum(differences) < 5  # those that are rounded at a half


@needs_triton
@pytest.mark.slow
def test_the_self_check_holds(tmp_path: Path) -> None:
    scoring = ScoringWindow(60, 10)
    model = write_model(tmp_path / "m.safetensors", kmer=3, spread=0.1, scoring=scoring)
    said = interpreted("-m", "dnabirnn", "selfcheck", model, "--engine", "triton")
    rows = [line.split("\t") for line in said.splitlines()[1:]]
    assert len(rows) == 9
    assert {row[4] for row in rows} == {"yes"}


@needs_triton
@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize(("gates", "first_layer"), [(1, True), (3, True), (4, True), (3, False)])
def test_compiles_for_gpus(capability: int, gates: int, first_layer: bool) -> None:
    """Without a GPU: to its machine code, with the weights of 32 units in shared memory."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from dnabirnn.engine.triton_kernels import run as kernel

    constants: dict[str, object] = {
        "first_layer": first_layer,
        "gates": gates,
        "hidden": 32,
        "columns": 16,
        "rows": 2,
        "block": 64,
        "precision": "tf32x3",
    }
    kinds = {"places": "*i32", "unpadded": "i32", "windows": "i32", "length": "i32"}
    # A window of one base, or a batch of one window, compiles as any other.
    plain = {parameter.name for parameter in kernel.params if parameter.do_not_specialize}
    assert plain == kinds.keys() - {"places"}
    names = kernel.arg_names
    signature = {
        name: "constexpr" if name in constants else kinds.get(name, "*fp32") for name in names
    }
    values = {(names.index(name),): value for name, value in constants.items()}
    aligned = {
        (n,): [["tt.divisibility", 16]]
        for n, name in enumerate(names)
        if signature[name].startswith("*")
    }
    compiled = triton.compile(
        ASTSource(kernel, signature, values, aligned),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": 4, "num_stages": 1},
    )
    assert len(compiled.asm["cubin"]) > 1000
    assert compiled.metadata.shared < 99 << 10  # of the smallest GPUs with tensor cores
    assert ("wgmma" if capability == 90 else "mma.sync") in compiled.asm["ptx"]


def refused(checkpoint: Checkpoint, **options: str) -> str:
    with pytest.raises((OptionError, DeviceError)) as error:
        make_engine(checkpoint, "triton", **options)
    return str(error.value)


def test_what_the_kernel_does_not_compute_is_named() -> None:
    cell = random_checkpoint(cell=Cell.GRU_LN)
    assert refused(cell).startswith(
        "--engine triton: computes rnn, gru, lstm, and this model has gru-ln; choose --engine torch"
    )
    large = random_checkpoint()
    shape = large.architecture
    assert isinstance(shape, Architecture)
    large = replace(large, architecture=replace(shape, hidden=129))
    assert "computes up to 128 hidden units, and this model has 129; choose" in refused(large)
    assert "computes in f32 or tf32, not in bf16; choose --engine torch" in refused(
        random_checkpoint(), precision="bf16"
    )
    with pytest.raises(OptionError, match="--engine triton: scores, but does not train; leave out"):
        trains_fused("triton", "cuda", "f32")


def test_without_a_gpu_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "computes on GPUs, and --device cpu was chosen; choose" in refused(
        random_checkpoint(), device="cpu"
    )
    model = write_model(tmp_path / "m.safetensors")
    fasta = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 20})
    result = run("score", fasta, "-m", model, "-o", tmp_path / "s.bed", "--engine", "triton")
    assert result.exit_code == 1
    assert (
        "--engine triton: computes on GPUs, and torch finds no CUDA device here; choose --engine "
        "auto" in result.stderr
    )
    assert not (tmp_path / "s.bed").exists()


def test_without_triton_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    for name in [name for name in sys.modules if name.startswith("dnabirnn.engine.triton_")]:
        if not name.endswith("engine"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.setattr(sys, "platform", "linux")
    assert '`pip install "dnabirnn[triton]"`, or choose --engine torch' in refused(
        random_checkpoint(), device="cpu"
    )
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Triton runs on Linux, not on darwin; choose --engine torch" in refused(
        random_checkpoint(), device="cpu"
    )
