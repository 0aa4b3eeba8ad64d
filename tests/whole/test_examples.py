"""The examples run, and do what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_train_then_score_then_scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = example("train")
    training.main(tmp_path)
    assert "contig0" in capsys.readouterr().out
    model, fasta = str(tmp_path / "sites.safetensors"), str(tmp_path / "genome.fa")
    example("score_sequence").main(model, "ACGT" * 20 + training.MOTIF + "ACGT" * 20)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "place base motif+ motif-"
    inside = [float(row.split()[2]) for row in rows[84 : 84 + 24]]
    assert min(inside) > 0.5
    example("scan_genome").main(model, fasta)
    assert "motif" in capsys.readouterr().out
