"""The state of a training run: what another left in its place is not used."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from dnabirnn.training.states.resume import ResumeFolder, State

SHAPES = {"weights": (5,), "exp_avg": (5,)}
ARRAYS = {name: np.arange(5, dtype=np.float32) for name in SHAPES}
BEST = {"best.head": np.ones((2, 2), np.float32)}
PLAIN: dict[str, Any] = {"step": 3, "best_ap": 0.5, "losses": [1.0, 0.5], "log": [{"seconds": 2}]}
PLAIN["falls_from"] = None


@pytest.fixture
def kept(tmp_path: Path) -> ResumeFolder:
    folder = ResumeFolder(tmp_path / "m", "digest")
    folder.save(3, ARRAYS | BEST, PLAIN)
    return folder


def load(folder: ResumeFolder) -> State | None:
    return folder.load(SHAPES, "best.")


def told(folder: ResumeFolder, **changes: object) -> None:
    file = folder.path / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def arrays(folder: ResumeFolder, given: dict[str, np.ndarray]) -> None:
    save_file(given, folder.path / "step-3.safetensors")


def test_what_was_kept_is_found(kept: ResumeFolder) -> None:
    state = load(kept)
    assert state is not None
    assert state.plain == PLAIN
    assert state.arrays.keys() == {*ARRAYS, *BEST}
    for name, array in (ARRAYS | BEST).items():
        assert np.array_equal(state.arrays[name], array)


def test_a_state_names_a_file_of_its_own_folder(kept: ResumeFolder, tmp_path: Path) -> None:
    """Whatever the path: only its last part counts."""
    save_file({name: array + 1 for name, array in ARRAYS.items()}, tmp_path / "step-3.safetensors")
    for path in ("../step-3.safetensors", str(tmp_path / "step-3.safetensors")):
        told(kept, arrays=path)
        state = load(kept)
        assert state is not None
        assert np.array_equal(state.arrays["weights"], ARRAYS["weights"])
    told(kept, arrays="../other.safetensors")
    assert load(kept) is None


def hole(folder: ResumeFolder) -> None:
    """Terabytes by their header, and in a file that takes no room."""
    shape = {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}
    head = json.dumps({"weights": shape}).encode()
    file = folder.path / "step-3.safetensors"
    file.write_bytes(len(head).to_bytes(8, "little") + head)
    os.truncate(file, 8 + len(head) + (1 << 42))


def pipe(folder: ResumeFolder) -> None:
    (folder.path / "step-3.safetensors").unlink()
    os.mkfifo(folder.path / "step-3.safetensors")


HOSTILE: dict[str, Callable[[ResumeFolder], object]] = {
    "deep": lambda folder: (folder.path / "state.json").write_text("[" * 100_000),
    "a list": lambda folder: (folder.path / "state.json").write_text("[1]"),
    "a file of a number": lambda folder: told(folder, arrays=7),
    "no plain values": lambda folder: told(folder, plain=None),
    "no step": lambda folder: told(folder, plain=PLAIN | {"step": None}),
    "step before the first": lambda folder: told(folder, plain=PLAIN | {"step": -1}),
    "losses of text": lambda folder: told(folder, plain=PLAIN | {"losses": ["x"]}),
    "a log of text": lambda folder: told(folder, plain=PLAIN | {"log": "x"}),
    "a log without seconds": lambda folder: told(folder, plain=PLAIN | {"log": [{}]}),
    "no arrays": lambda folder: arrays(folder, {}),
    "arrays of another network": lambda folder: arrays(
        folder, {name: np.zeros(6, np.float32) for name in SHAPES}
    ),
    "one array more": lambda folder: arrays(folder, ARRAYS | {"x": np.zeros(1, np.float32)}),
    "doubles": lambda folder: arrays(folder, {n: a.astype(np.float64) for n, a in ARRAYS.items()}),
    "NaN": lambda folder: arrays(folder, {n: a * np.float32("nan") for n, a in ARRAYS.items()}),
    "terabytes": hole,
    "a pipe": pipe,
    "a pickle": lambda folder: (folder.path / "step-3.safetensors").write_bytes(b"\x80\x04."),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_state_is_not_used(
    kept: ResumeFolder, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    HOSTILE[name](kept)
    assert load(kept) is None
    assert "starting again" in caplog.text


def test_without_a_state_nothing_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load(ResumeFolder(tmp_path / "m", "digest")) is None
    assert not caplog.text
