"""dna-brnn's networks: its graph's own answers, in both engines; the published model's labels."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import run, succeed
from knm import Knm, labels_of
from random_models import random_codes

from dnabirnn.alphabet import encode
from dnabirnn.engine.choose import make_engine
from dnabirnn.errors import ModelFileError, OptionError
from dnabirnn.network.dna_brnn import convert
from dnabirnn.network.kann import Op, read_kann
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.scoring.model import Model


def written(folder: Path, hidden: int = 5, labels: int = 3, layers: int = 1) -> Path:
    made = Knm(np.random.default_rng(hidden + layers), hidden, labels, layers)
    return made.write(folder / "m.knm")


@pytest.mark.parametrize("engine", ["fused", "torch"])
@pytest.mark.parametrize(("hidden", "labels", "layers"), [(5, 3, 1), (8, 2, 1), (4, 4, 2)])
def test_answers_are_those_of_the_graph(
    engine: str, hidden: int, labels: int, layers: int, tmp_path: Path
) -> None:
    path = written(tmp_path, hidden, labels, layers)
    checkpoint = convert(path, [f"c{n}" for n in range(1, labels)])
    model = Model(checkpoint, device="cpu", engine=engine)
    rng = np.random.default_rng(4)
    for length in (1, 2, 150):
        codes = random_codes(rng, length, 0.1)
        expected = np.where(codes[:, None] == 4, 0, labels_of(read_kann(path), codes)[:, 1:])
        np.testing.assert_allclose(model.score(codes), expected, atol=1e-5)


def test_the_converted_model_is_a_file_like_any_other(tmp_path: Path) -> None:
    path, out = written(tmp_path), tmp_path / "m.safetensors"
    result = succeed("convert", path, "-o", out, "--classes", "X,Y")
    assert "1 = X, 2 = Y" in result.stderr
    checkpoint = load_checkpoint(out)
    assert checkpoint.to_bytes() == convert(path, ["X", "Y"]).to_bytes()
    shown = succeed("info", out).stdout
    assert "gru-ln, 1 layer of 5 hidden units per direction, untied, exclusive" in shown
    assert "m.knm, sha256" in shown
    fasta = tmp_path / "a.fa"
    fasta.write_text(">a\nACGTACGTNNACGT\n")
    for option, message in (
        (
            ("--fdr", 0.05, "--calls", tmp_path / "c.bed"),
            "the model has no false discovery rates for class X",
        ),
        (("--prior", "X=0.1"), "does not have the share of X"),
    ):
        failed = run("score", fasta, "-m", out, "-o", tmp_path / "t.bed", *option)
        assert failed.exit_code == 1
        assert message in failed.stderr
        assert not (tmp_path / "t.bed").exists()


def _change(made: Knm, op: int, new: int) -> None:
    number = next(n for n, node in enumerate(made.nodes) if node[0] == op)
    made.nodes[number] = (new, *made.nodes[number][1:])


def _own_weights(made: Knm) -> None:
    """A second direction with weights of its own, as -T has it."""
    number = max(n for n, node in enumerate(made.nodes) if node[0] == Op.NORMALIZE)
    product = made.nodes[number][1][0]
    read, _ = made.nodes[product][1]
    other = next(n for n in made.values if made.values[n].shape == (5, 5))
    made.nodes[product] = (Op.PRODUCT, (read, other), 0, 0, 0, ())


def _narrow(made: Knm) -> None:
    number = next(n for n in made.values if made.values[n].shape == (5,))
    made.values[number] = made.values[number][:4]
    made.nodes[number] = (*made.nodes[number][:5], (4,))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda made: _change(made, Op.SOFTMAX, Op.SIGMOID), r"is of kind 6, not softmax"),
        (lambda made: _change(made, Op.TANH, 8), r"is of kind 8, not tanh"),
        (lambda made: _change(made, Op.NORMALIZE, Op.TANH), r"is of kind 7, not normalize"),
        (_own_weights, r"separate weights, as with dna-brnn -T"),
        (_narrow, r"weights of node \d+ have shape"),
    ],
)
def test_other_networks_are_refused(
    damage: Callable[[Knm], None], message: str, tmp_path: Path
) -> None:
    made = Knm(np.random.default_rng(1), hidden=5, labels=3, layers=1)
    damage(made)
    path = made.write(tmp_path / "m.knm")
    with pytest.raises(
        ModelFileError, match=rf"m\.knm: not a supported dna-brnn network .*{message}"
    ):
        convert(path, ["a", "b"])


def test_names_must_fit(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(OptionError, match=r"its 2 labels have no names.*--classes a,b"):
        convert(path)
    for names in (["a"], ["a", "a"], ["a", "b", "c"], ["a", ""]):
        with pytest.raises(OptionError, match=r"--classes .*has 2 labels besides background"):
            convert(path, names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no.knm", "-o", "m.safetensors"), "no.knm: no such file"),
        (("m.knm", "-o", "m.safetensors"), "--classes a,b"),
        (("m.knm", "-o", "m.safetensors", "--classes", "a"), "has 2 labels besides background"),
        (("m.knm", "-o", "-", "--classes", "a,b"), "a model cannot be compressed"),
        (("m.knm", "-o", "m.gz", "--classes", "a,b"), "a model cannot be compressed"),
        (("m.knm", "-o", "m.knm", "--classes", "a,b"), "m.knm: is also an input of this command"),
        (("m.knm", "-o", "no/m", "--classes", "a,b"), "no"),
    ],
)
def test_bad_arguments_write_nothing(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path)
    before = (tmp_path / "m.knm").read_bytes()
    monkeypatch.chdir(tmp_path)
    failed = run("convert", *arguments)
    assert failed.exit_code == 1
    assert message in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m.knm"]
    assert (tmp_path / "m.knm").read_bytes() == before


def test_the_published_model_labels_reads_as_dna_brnn_does(real_data: Path) -> None:
    folder = real_data / "dna_brnn"
    checkpoint = convert(folder / "attcc-alpha.knm")
    assert [c.name for c in checkpoint.architecture.classes] == ["HSat2_3", "alpha"]
    assert "btz264" in checkpoint.card["citation"]
    with gzip.open(folder / "reads150.fa.gz", "rt") as file:
        codes = np.array([encode(line.strip()) for line in file if line[0] != ">"])
    with gzip.open(folder / "reads150.labels.fq.gz", "rb") as file:
        theirs = np.array([list(line.rstrip(b"\n")) for line in file.readlines()[3::4]]) - ord("!")
    found = make_engine(checkpoint, "fused", "cpu").score(codes)
    background = 1 - found.sum(axis=2, keepdims=True)
    ours = np.concatenate([background, found], axis=2).argmax(axis=2)
    real = codes < 4
    assert real.sum() > 600_000
    assert (ours == theirs)[real].mean() >= 0.9999
    assert not theirs[~real].any()
    assert not found[~real].any()


def test_the_published_model_finds_satellites(real_data: Path, tmp_path: Path) -> None:
    """On the centromere of CHM13's chromosome Y, against CenSat: as well as dna-brnn does."""
    model, out = tmp_path / "m.safetensors", tmp_path / "out.bed"
    succeed("convert", real_data / "dna_brnn" / "attcc-alpha.knm", "-o", model)
    fasta = real_data / "human_satellites" / "chm13_chrY_cen.fa.gz"
    succeed("score", fasta, "-m", model, "--format", "dna-brnn", "-o", out)
    truth = bases(real_data / "human_satellites" / "dnann_2class.bed")
    found = bases(out)
    both = {label: (truth[label] & found[label]).sum() for label in (1, 2)}
    assert both[1] / truth[1].sum() >= 0.7
    assert both[1] / found[1].sum() >= 0.999
    assert both[2] / truth[2].sum() >= 0.997
    assert both[2] / found[2].sum() >= 0.999


def bases(bed: Path) -> dict[int, np.ndarray]:
    """Bases of each label on the chromosome."""
    marked = {label: np.zeros(2_104_310, np.bool_) for label in (1, 2)}
    for line in bed.read_text().splitlines():
        chrom, start, end, label = line.split("\t")
        if chrom == "chm13_chrY_cen":
            marked[int(label)][int(start) : int(end)] = True
    return marked
