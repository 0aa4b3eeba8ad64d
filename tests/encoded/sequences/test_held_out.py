"""Sequences of an encoded set that were held out of training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import run, succeed
from planted import encoded_set

from dnabirnn.alphabet import decode
from dnabirnn.encoded import EncodedSet, held_out_sequences
from dnabirnn.errors import OptionError

OPTIONS = [
    "--hidden",
    "4",
    "--layers",
    "1",
    "--bases",
    "20k",
    "--batch",
    "8",
    "--validations",
    "1",
    "--device",
    "cpu",
]


def rows(split: str, number: int) -> dict[str, tuple[str, str]]:
    """Random sequences by name, each with its label."""
    rng = np.random.default_rng(number)
    return {
        f"{split}{i}": ("".join(rng.choice(list("ACGT"), 40)), ("0", "X", "Y")[i % 3])
        for i in range(number)
    }


def encode(folder: Path, **tables: dict[str, tuple[str, str]]) -> Path:
    given = []
    for split, sequences in tables.items():
        lines = ["name,sequence,label"]
        lines += [f"{name},{text},{label}" for name, (text, label) in sequences.items()]
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
        given += ["--sequence-labels", f"{split}={folder / split}.csv"]
    succeed("encode", *given, "-o", folder / "set")
    return folder / "set"


@pytest.mark.parametrize("split", ["test", "val"])
def test_they_are_those_of_the_test_split_or_else_of_validation(tmp_path: Path, split: str) -> None:
    wanted = rows(split, 9)
    tables = {"train": rows("train", 12), "val": rows("val", 6)} | {split: wanted}
    found, of = held_out_sequences(EncodedSet.open(encode(tmp_path, **tables)))
    assert of == split
    assert found.names == ("X", "Y")
    assert {
        one.name: (decode(one.codes), next(iter(one.classes), "0")) for one in found.sequences
    } == wanted
    assert set(found.digests) == {"labels"}
    assert set(found.digests["labels"]) == {f"{name}.csv" for name in tables}


def test_the_command_evaluates_them(tmp_path: Path) -> None:
    tables = {"train": rows("train", 60), "val": rows("val", 12), "test": rows("test", 30)}
    folder = encode(tmp_path, **tables)
    model = tmp_path / "m.safetensors"
    succeed("train", folder, "-o", model, *OPTIONS)
    held_out, table = tmp_path / "held_out.json", tmp_path / "table.json"
    shown = succeed("evaluate", "--held-out", folder, "-m", model, "-o", held_out)
    assert "AUROC" in shown.stderr
    succeed("evaluate", "--sequence-labels", tmp_path / "test.csv", "-m", model, "-o", table)
    ours, theirs = json.loads(held_out.read_text()), json.loads(table.read_text())
    assert ours["sequences"] == theirs["sequences"]
    assert (ours["splits"], theirs["splits"]) == (["test"], [])
    page = tmp_path / "report.html"
    succeed("report", "-m", model, "--encoded", folder, "--metrics", held_out, "-o", page)
    text = page.read_text()
    assert "over 30 sequences of the test split, of which 10 are positive" in text
    assert "Figures of whole sequences on the test split" in text
    assert "average precision per base" not in text
    for option in (["--labels", tmp_path / "x.bed"], ["--negatives", "shuffled"], [tmp_path / "x"]):
        refused = run("evaluate", "--held-out", folder, *option, "-m", model, "-o", table)
        assert refused.exit_code == 1
        assert "does not apply to --held-out; remove one" in refused.stderr


def test_labels_of_bases_have_none(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"has labels of bases; give the genome, --labels and"):
        held_out_sequences(encoded_set(tmp_path))


def test_a_set_without_other_splits_has_none(tmp_path: Path) -> None:
    folder = encode(tmp_path, train=rows("train", 12), val=rows("val", 6))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["splits"]["train"] += manifest["splits"].pop("val")
    manifest["splits"]["val"] = []
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(OptionError, match="neither a test nor a validation split; encode again"):
        held_out_sequences(EncodedSet.open(folder))


def test_sequences_without_negatives_cannot_be_evaluated(tmp_path: Path) -> None:
    only = {"test0": ("ACGT" * 10, "X"), "test1": ("AACC" * 10, "X")}
    folder = encode(tmp_path, train=rows("train", 12), val=rows("val", 6), test=only)
    with pytest.raises(OptionError, match="class X: no sequence lacks it"):
        held_out_sequences(EncodedSet.open(folder))
