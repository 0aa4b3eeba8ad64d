"""ONNX: in ONNX Runtime, the probabilities of our own engine."""

from __future__ import annotations

import builtins
import dataclasses
import itertools
import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from commands import content, run, succeed, write_model
from numpy.typing import NDArray
from random_models import combined, random_checkpoint, random_codes

from dnabirnn import __version__
from dnabirnn.alphabet import PADDING, decode
from dnabirnn.engine.torch_engine import TorchEngine
from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Cell, MatrixShape
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.onnx_export import IR_VERSION, OPSET, onnx_bytes
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.model import Model

CLASSES = (MotifClass("A", True), MotifClass("B", False), MotifClass("C", True))
MAPS = (LogOddsMap(0.5, -1.0), LogOddsMap(2.0, 0.25), LogOddsMap(1.0, 0.5))


def calibrated(**shape: object) -> Checkpoint:
    """A random model whose maps of log-odds all do something, and whose outputs all vary."""
    checkpoint = random_checkpoint(CLASSES, **shape)  # type: ignore[arg-type]
    weights = {name: w / 3 if "head" in name else w for name, w in checkpoint.weights.items()}
    return dataclasses.replace(checkpoint, weights=weights, maps=MAPS)


def session_of(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def scores_of(session: onnxruntime.InferenceSession, codes: NDArray[np.uint8]) -> np.ndarray:
    (scores,) = session.run(["probabilities"], {"codes": codes})
    return np.asarray(scores)


def padded(rng: np.random.Generator, lengths: list[int], length: int) -> NDArray[np.uint8]:
    batch = np.full((len(lengths), length), PADDING, np.uint8)
    for row, size in zip(batch, lengths, strict=True):
        row[:size] = random_codes(rng, size, ambiguous=0.1)
    return batch


@pytest.mark.parametrize("cell", [Cell.RNN, Cell.GRU, Cell.LSTM])
@pytest.mark.parametrize(
    ("tied", "exclusive", "layers"),
    list(itertools.product((True, False), (False, True), (1, 2, 3))),
)
def test_agrees_with_torch(cell: Cell, tied: bool, exclusive: bool, layers: int) -> None:
    for hidden, kmer in ((5, 1), (32, 1), (5, 3), (32, 5)):
        checkpoint = calibrated(
            kmer=kmer,
            cell=cell,
            tied=tied,
            exclusive=exclusive,
            layers=layers,
            hidden=hidden,
            spread=0.9 / hidden**0.5,
        )
        session = session_of(onnx_bytes(checkpoint))
        engine = TorchEngine.of_checkpoint(checkpoint, "cpu")
        rng = np.random.default_rng(layers)
        for lengths, length in (([1], 1), ([2, 1], 2), ([77, 1, 30, 76], 77), ([300, 0, 299], 300)):
            batch = padded(rng, lengths, length)
            ours, theirs = engine.score(batch), scores_of(session, batch)
            assert theirs.shape == ours.shape
            assert theirs.dtype == np.float32
            known = batch < 4
            np.testing.assert_allclose(theirs[known], ours[known], atol=1e-5)
            assert (theirs[~known] == 0).all()
            assert length < 77 or ours[known].std(axis=0).min() > 3e-4


@pytest.mark.parametrize("kmer", [1, 5])
def test_padding_and_neighbours_change_nothing(kmer: int) -> None:
    rng = np.random.default_rng(3)
    session = session_of(onnx_bytes(calibrated(layers=2, kmer=kmer)))
    batch = padded(rng, [50, 20, 1], 50)
    together = scores_of(session, batch)
    for row, size in enumerate((50, 20, 1)):
        alone = scores_of(session, batch[row : row + 1, :size])[0]
        np.testing.assert_allclose(together[row, :size], alone, atol=1e-6)


@pytest.mark.parametrize("kmer", [1, 5])
def test_the_opposite_strand_is_the_mirror(kmer: int) -> None:
    rng = np.random.default_rng(4)
    session = session_of(onnx_bytes(calibrated(layers=2, exclusive=True, kmer=kmer)))
    codes = random_codes(rng, 120)
    opposite = np.array([3, 2, 1, 0, 4], np.uint8)[codes[::-1]]
    scores = scores_of(session, np.stack([codes, opposite]))
    mirrored = scores[1, ::-1][:, [1, 0, 2, 4, 3]]
    np.testing.assert_allclose(scores[0], mirrored, atol=1e-5)


@pytest.mark.parametrize("kmer", [1, 3])
def test_a_code_that_is_none_is_an_error_of_the_runtime(kmer: int) -> None:
    session = session_of(onnx_bytes(random_checkpoint(kmer=kmer)))
    with pytest.raises(Exception, match="out of data bounds"):
        scores_of(session, np.array([[0, 6]], np.uint8))


def test_the_file_tells_what_it_is() -> None:
    checkpoint = calibrated(cell=Cell.LSTM)
    data = onnx_bytes(checkpoint)
    assert data == onnx_bytes(calibrated(cell=Cell.LSTM))
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]
    assert model.ir_version == IR_VERSION == 8
    assert (model.producer_name, model.producer_version) == ("dnabirnn", __version__)
    (codes,), (answer,) = model.graph.input, model.graph.output
    assert codes.name == "codes"
    assert codes.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    shapes = [
        [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (codes, answer)
    ]
    assert shapes == [["batch", "length"], ["batch", "length", 5]]
    told = {prop.key: prop.value for prop in model.metadata_props}
    assert told.keys() == {"dnabirnn", "dnabirnn_version"}
    assert json.loads(told["dnabirnn"]) == checkpoint.description()
    assert told["dnabirnn_version"] == __version__


def test_a_cell_without_an_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from dnabirnn.network import onnx_export as onnx_model

    known = {Cell.LSTM: onnx_model._OPERATORS[Cell.LSTM]}
    monkeypatch.setattr(onnx_model, "_OPERATORS", known)
    with pytest.raises(OptionError, match=r"cell gru cannot be exported: .*--cell lstm$"):
        onnx_bytes(random_checkpoint())


def test_export(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.safetensors")
    succeed("export", path, "-o", tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == onnx_bytes(load_checkpoint(path))
    assert content(tmp_path).keys() == {"m.safetensors", "m.onnx"}
    assert succeed("export", path, "-o", "-").stdout_bytes == (tmp_path / "m.onnx").read_bytes()


def test_a_model_that_ships_with_another_prior(tmp_path: Path) -> None:
    out = tmp_path / "rep.onnx"
    succeed("export", "ecoli-rep", "-o", out, "--prior", "REP=0.1")
    checkpoint = load_checkpoint("ecoli-rep").with_prior({"REP": 0.1})
    codes = random_codes(np.random.default_rng(5), 900)[None]
    np.testing.assert_allclose(
        scores_of(session_of(out.read_bytes()), codes),
        TorchEngine.of_checkpoint(checkpoint, "cpu").score(codes),
        atol=1e-5,
    )


def test_the_example_of_the_handbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    path = write_model(tmp_path / "m.safetensors", scoring=ScoringWindow(50, 7))
    succeed("export", path, "-o", "sites.onnx")
    names: dict[str, object] = {}
    exec(example, names)
    score = names["score"]
    assert callable(score)
    model = Model(load_checkpoint(path), device="cpu")
    rng = np.random.default_rng(6)
    for length in (1, 49, 50, 51, 64, 86, 87, 500, 5000):
        codes = random_codes(rng, length)
        np.testing.assert_allclose(score(decode(codes)), model.score(codes), atol=1e-5)


BAD = {
    "no model": ("none.safetensors -o out.onnx", "none.safetensors: no such file"),
    "no folder": ("m.safetensors -o none/out.onnx", "none/out.onnx: there is no folder"),
    "onto the model": ("m.safetensors -o m.safetensors", "is also an input of this command"),
    "another class": ("m.safetensors -o out.onnx --prior X=0.1", "the model has no such class"),
    "no output": ("m.safetensors", "Missing option '-o'"),
}


@pytest.mark.parametrize(("command", "message"), BAD.values(), ids=BAD)
def test_bad_input(
    command: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "m.safetensors")
    before = content(tmp_path)
    result = run("export", *command.split())
    assert result.exit_code != 0
    assert re.fullmatch(rf"dnabirnn export: error: .*{message}.*\n", result.stderr)
    assert content(tmp_path) == before


def test_without_the_package_the_remedy_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def without_onnx(name: str, *rest: object) -> object:
        if name.split(".")[0] == "onnx":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real_import(name, *rest)  # type: ignore[arg-type]

    path = write_model(tmp_path / "m.safetensors")
    before = content(tmp_path)
    for name in [n for n in sys.modules if n.split(".")[0] == "onnx"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_onnx)
    result = run("export", path, "-o", tmp_path / "m.onnx")
    assert result.exit_code == 1
    assert 'not installed; install it with `pip install "dnabirnn[onnx]"`' in result.stderr
    assert content(tmp_path) == before


@pytest.mark.parametrize("exclusive", [False, True])
def test_several_networks_are_averaged_in_the_graph(exclusive: bool) -> None:
    shapes: list[dict[str, object]] = [
        {"kmer": 3, "hidden": 5},
        {"cell": Cell.LSTM, "layers": 2},
        {"matrices": (None, MatrixShape(7, 1), None)},
    ]
    members = [calibrated(exclusive=exclusive, **shape) for shape in shapes]
    if not exclusive:
        members[1] = random_checkpoint(CLASSES[1:], cell=Cell.LSTM)
    checkpoint = combined(members, CLASSES)
    batch = padded(np.random.default_rng(8), [77, 1, 30], 77)
    theirs = scores_of(session_of(onnx_bytes(checkpoint)), batch)
    ours, known = TorchEngine.of_checkpoint(checkpoint, "cpu").score(batch), batch < 4
    assert ours[known].std(axis=0).min() > 1e-3
    np.testing.assert_allclose(theirs[known], ours[known], atol=1e-5)
    assert (theirs[~known] == 0).all()
