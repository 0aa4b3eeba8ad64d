"""The compiled kernels: the answers of torch, each window by itself, code kept on disk."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from random_models import random_checkpoint, random_codes

import dnabirnn
from dnabirnn.alphabet import PADDING
from dnabirnn.engine.choose import make_engine
from dnabirnn.engine.fused_engine import FusedEngine
from dnabirnn.engine.kernels.vectors import LANES
from dnabirnn.engine.torch_engine import TorchEngine
from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Cell

STRANDED, BOTH = MotifClass("A", True), MotifClass("B", False)
SHAPES = [
    *itertools.product((1, 2, 3), (True, False), (False, True), (2, 5, 32), (1,)),
    *itertools.product((1, 2), (True, False), (False,), (16, 32), (3, 5)),
]


def padded_batch(rng: np.random.Generator, windows: int, length: int) -> np.ndarray:
    """Windows of all lengths, one of them whole."""
    batch = np.full((windows, length), PADDING, np.uint8)
    for row, size in zip(batch, (length, *rng.integers(1, length, windows - 1)), strict=True):
        row[:size] = random_codes(rng, int(size))
    return batch


@pytest.mark.parametrize("cell", list(Cell))
@pytest.mark.parametrize(("layers", "tied", "exclusive", "hidden", "kmer"), SHAPES)
def test_agrees_with_torch(
    cell: Cell, layers: int, tied: bool, exclusive: bool, hidden: int, kmer: int
) -> None:
    rng = np.random.default_rng(layers)
    for classes in ((STRANDED, BOTH), (STRANDED,), (BOTH,)):
        checkpoint = random_checkpoint(
            classes,
            cell=cell,
            layers=layers,
            tied=tied,
            exclusive=exclusive,
            hidden=hidden,
            kmer=kmer,
            spread=0.9 / hidden**0.5,
        )
        batch = padded_batch(rng, 32, 77)  # not LANES: the same windows for all widths of a vector
        ours = FusedEngine.of_checkpoint(checkpoint).score(batch)
        theirs = TorchEngine.of_checkpoint(checkpoint, "cpu").score(batch)
        real = batch != PADDING
        assert theirs[real].std() > 1e-4
        np.testing.assert_allclose(ours[real], theirs[real], atol=1e-5)


@pytest.mark.parametrize("cell", list(Cell))
@pytest.mark.parametrize("kmer", [1, 3])
def test_a_window_scores_the_same_wherever_it_stands(cell: Cell, kmer: int) -> None:
    rng = np.random.default_rng(1)
    engine = FusedEngine.of_checkpoint(random_checkpoint(cell=cell, layers=2, kmer=kmer))
    batch = padded_batch(rng, 3 * LANES, 50)
    scores = engine.score(batch)
    order = rng.permutation(len(batch))
    np.testing.assert_array_equal(engine.score(batch[order]), scores[order])
    for row in (0, 1, LANES, len(batch) - 1):
        size = int((batch[row] != PADDING).sum())
        alone = engine.score(batch[row : row + 1, :size])
        np.testing.assert_array_equal(alone[0], scores[row, :size])


def test_memory_has_the_tables_of_kmers() -> None:
    small, large = (FusedEngine.of_checkpoint(random_checkpoint(kmer=k)) for k in (1, 7))
    tables = 2 * 4**7 * 3 * 8 * 4  # directions, k-mers, gates, units, bytes
    places = 2 * 1000 * LANES * 8
    more = large.memory_bytes(1000, 2) - small.memory_bytes(1000, 2)
    assert tables + places <= more < 1.5 * tables + places


def test_blocks_of_padding_alone_cost_nothing_and_break_nothing() -> None:
    rng = np.random.default_rng(2)
    engine = FusedEngine.of_checkpoint(random_checkpoint())
    batch = np.full((4 * LANES, 40), PADDING, np.uint8)
    batch[:5] = padded_batch(rng, 5, 40)
    scores = engine.score(batch)
    np.testing.assert_array_equal(scores[:5], engine.score(batch[:5]))
    assert np.isfinite(scores).all()


def test_extremes_stay_probabilities() -> None:
    checkpoint = random_checkpoint((STRANDED, BOTH), spread=30.0)
    for exclusive in (False, True):
        one = random_checkpoint((STRANDED, BOTH), spread=30.0, exclusive=exclusive)
        scores = FusedEngine.of_checkpoint(one).score(np.zeros((1, 300), np.uint8))
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()
        assert (scores <= 1).all()
    assert FusedEngine.of_checkpoint(checkpoint).batch_windows(65_535) == LANES


def test_auto_takes_the_kernels_on_a_cpu() -> None:
    checkpoint = random_checkpoint()
    assert isinstance(make_engine(checkpoint, "auto", "cpu"), FusedEngine)
    assert isinstance(make_engine(checkpoint, "fused", "cpu"), FusedEngine)
    assert isinstance(make_engine(checkpoint, "torch", "cpu"), TorchEngine)


def test_the_kernels_are_no_engine_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "dnabirnn.engine.devices.find_device", lambda name: type("D", (), {"type": name})
    )
    with pytest.raises(OptionError, match=r"--engine fused: .* in f32 or bf16, not on cuda in f32"):
        make_engine(random_checkpoint(), "fused", "cuda")


SUPPORT = Path(__file__).parents[1] / "support"


def run_in_copy(folder: Path, **environment: str) -> str:
    """Score with a copy of the package; what the kernels say of compiling."""
    code = (
        "import logging, sys; logging.basicConfig(level=logging.INFO, stream=sys.stdout)\n"
        "import dnabirnn.compiled.kernels\n"
        "sys.modules['dnabirnn.compiled.kernels']._SECONDS_BEFORE_NOTICE = 0.05\n"
        f"sys.path.insert(0, {str(SUPPORT)!r})\n"
        "import numpy as np\n"
        "from random_models import CELLS, random_checkpoint\n"
        "from dnabirnn.engine.fused_engine import FusedEngine\n"
        "engine = FusedEngine.of_checkpoint(random_checkpoint(cell=CELLS[0]))\n"
        "print('score', float(engine.score(np.zeros((1, 30), np.uint8))[0, 9, 0]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(folder)} | environment,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_code_is_kept_and_made_anew_when_what_it_calls_changes(tmp_path: Path) -> None:
    package = tmp_path / "dnabirnn"
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(dnabirnn.__file__).parent, package, ignore=leave)
    kept = str(tmp_path / "kept")
    first = run_in_copy(tmp_path, NUMBA_CACHE_DIR=kept)
    assert "compiling for this machine" in first
    assert "the code is kept in" in first
    second = run_in_copy(tmp_path, NUMBA_CACHE_DIR=kept)
    assert "compiling" not in second
    assert second.splitlines()[-1] == first.splitlines()[-1]
    activation = package / "engine" / "kernels" / "intrinsics" / "activation.py"
    changed = activation.read_text().replace("0.9999993443489075", "0.5")
    activation.write_text(changed)
    third = run_in_copy(tmp_path, NUMBA_CACHE_DIR=kept)
    assert "compiling" in third
    assert third.splitlines()[-1] != first.splitlines()[-1]


def test_without_a_folder_to_write_code_is_compiled_and_the_user_told(tmp_path: Path) -> None:
    package = tmp_path / "dnabirnn"
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(dnabirnn.__file__).parent, package, ignore=leave)
    # Files where folders would have to be: for root, no folder is unwritable.
    (package / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    said = run_in_copy(tmp_path, HOME=str(tmp_path / "home"), XDG_CACHE_HOME=str(tmp_path / "home"))
    assert "the code is not kept" in said
    assert "set NUMBA_CACHE_DIR" in said
    assert "score" in said
