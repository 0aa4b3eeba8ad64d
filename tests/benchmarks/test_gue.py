"""The commands that the benchmark on GUE runs."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from planted_sequences import planted_sequences

from benchmarks.gue import gue


def test_a_task_on_its_dev_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test split is not read, so that it need not be there."""
    (tmp_path / "gue").mkdir()
    for seed, split in enumerate(("train", "dev")):
        rows = [f"{one.text},{int(one.start >= 0)}\n" for one in planted_sequences(60, seed)]
        with gzip.open(tmp_path / "gue" / f"tf_9.{split}.csv.gz", "wt") as file:
            file.write("sequence,label\n" + "".join(rows))
    monkeypatch.setenv("DNABIRNN_DATA", str(tmp_path))
    (row,) = gue(["tf_9"], tmp_path, 1, ["--bases", "20k", "--hidden", "4"], on="val")
    assert row["task"] == "tf_9"
    assert row["options"] == "--bases 20k --hidden 4"
    assert 0 <= row["auroc"] <= 1
    assert 200 < row["weights"] - 2 * 8192 < 400  # without the weights of words
    assert row["cpu_s"] > 0
    assert {*os.listdir(tmp_path)} >= {"tf_9.enc", "tf_9.0.safetensors", "tf_9.0.json"}
