"""The checks hold for networks of every kind, and fail where an engine is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import run, write_model
from hypothesis import given, settings, strategies as st
from random_models import random_checkpoint

from dnabirnn.engine.fused_engine import FusedEngine
from dnabirnn.errors import ScoreError
from dnabirnn.network.architecture import Cell
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.network.torch_network import Network, weights_of
from dnabirnn.scoring.self_check import selfcheck

NAMES = [
    "ambiguous bases score 0",
    "the opposite strand is the mirror image",
    "calls of the opposite strand",
    "each contig alone",
    "contigs in another order",
    "2 threads",
    "a part of each contig",
    "once more",
    "torch on the CPU",
]


@settings(max_examples=15, deadline=None)
@given(
    cell=st.sampled_from(list(Cell)),
    layers=st.integers(1, 2),
    hidden=st.integers(1, 20),
    exclusive=st.booleans(),
    tied=st.booleans(),
    kmer=st.sampled_from([1, 3, 5]),
    seed=st.integers(0, 1000),
)
def test_all_hold(seed: int, **shape: Any) -> None:
    if shape["cell"] is Cell.GRU_LN:
        shape["hidden"] += 40  # normalising over a few units multiplies what rounding differs by
    checkpoint = random_checkpoint(scoring=ScoringWindow(60, 10), **shape)
    torch.manual_seed(seed)  # weights as training begins with them: others may be chaotic
    network = Network(checkpoint.architecture)
    for name, table in network.named_parameters():  # which is zeros at first
        if "kmer" in name:
            table.data.normal_(0, 0.2)
    checkpoint = dataclasses.replace(checkpoint, weights=weights_of(network))
    checks = list(selfcheck(checkpoint, device="cpu", seed=seed))
    assert [c.name for c in checks if not c.holds] == []
    names = NAMES if shape["tied"] else [n for n in NAMES if "opposite" not in n]
    assert [c.name for c in checks] == names
    assert all(
        c.compared > 100 for c in checks if "ambiguous" not in c.name and "calls" not in c.name
    )


class _Wrong(FusedEngine):
    """An engine with a fault."""

    fault = ""
    _times = 0

    def score(self, codes: np.ndarray) -> np.ndarray:  # type: ignore[override]
        scores = super().score(codes).copy()
        match self.fault:
            case "neighbours":
                scores *= np.float32(1 - 1e-6 * (int(codes.sum()) % 97))
            case "strand":
                scores[:, :, 0] *= np.float32(0.999)
            case "ambiguous":
                scores[codes == 4] = 0.5
            case "weather":
                self._times += 1
                scores *= np.float32(1 - 1e-6 * self._times)
            case "nan":
                scores[0, 0, 0] = np.nan
        return scores


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        ("neighbours", {"each contig alone"}),
        ("strand", {"the opposite strand is the mirror image", "torch on the CPU"}),
        ("ambiguous", {"ambiguous bases score 0", "torch on the CPU"}),
        ("weather", {"once more", "each contig alone"}),
    ],
)
def test_an_engine_with_a_fault_is_found(
    monkeypatch: pytest.MonkeyPatch, fault: str, broken: set[str]
) -> None:
    monkeypatch.setattr("dnabirnn.engine.fused_engine.FusedEngine", _Wrong)
    monkeypatch.setattr(_Wrong, "fault", fault)
    checks = selfcheck(random_checkpoint(scoring=ScoringWindow(60, 10)), device="cpu")
    assert broken <= {check.name for check in checks if not check.holds}


@pytest.mark.parametrize("name", ["satellites", "fly-splice"])
def test_models_that_find_nothing_in_random_sequence_are_checked_all_the_same(name: str) -> None:
    checks = {check.name: check for check in selfcheck(load_checkpoint(name), device="cpu")}
    assert [check.name for check in checks.values() if not check.holds] == []
    assert checks["calls of the opposite strand"].compared > 100


def test_what_is_no_number_stops_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnabirnn.engine.fused_engine.FusedEngine", _Wrong)
    monkeypatch.setattr(_Wrong, "fault", "nan")
    with pytest.raises(ScoreError, match=r"record 'random\d_\d+bp', base \d+ .* not a finite"):
        list(selfcheck(random_checkpoint(scoring=ScoringWindow(60, 10)), device="cpu"))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "m.safetensors")
    result = run("selfcheck", tmp_path / "m.safetensors", "--threads", 2)
    assert result.exit_code == 0, result.output
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[0] for row in rows[1:]] == NAMES
    assert {row[4] for row in rows[1:]} == {"yes"}
    monkeypatch.setattr("dnabirnn.engine.fused_engine.FusedEngine", _Wrong)
    monkeypatch.setattr(_Wrong, "fault", "strand")
    result = run("selfcheck", tmp_path / "m.safetensors")
    assert result.exit_code == 1
    assert (
        "these checks fail on this machine: the opposite strand is the mirror image"
        in result.stderr
    )
    assert "\tNO\n" in result.stdout
