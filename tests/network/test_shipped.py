"""Models that ship: whole, small, told of, and used by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import run, succeed, write_fasta, write_model

from dnabirnn.errors import ModelFileError
from dnabirnn.network.call_choice import call_settings
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.network.shipped import find_model, shipped_models

ROOT = Path(__file__).parents[2]
CARD = {
    "for",
    "data",
    "licence",
    "limits",
    "thresholds",
    "speed",
    "test",
    "controls",
    "command",
}


def test_they_are_those_that_the_page_tells_of() -> None:
    assert set(shipped_models()) == {
        *("bacterial-promoters", "bacterial-terminators", "ecoli-rep"),
        *("fly-splice", "satellites", "yeast-factors"),
    }
    page = (ROOT / "docs" / "models.md").read_text()
    for name, path in shipped_models().items():
        assert path.stat().st_size < 1_000_000
        checkpoint = load_checkpoint(name)
        assert set(checkpoint.card) == CARD
        assert f"## {name}\n" in page
        for key, text in checkpoint.card.items():
            assert f"| {key} | {text} |" in page


@pytest.mark.parametrize("name", ["satellites", "ecoli-rep"])
def test_they_have_thresholds_for_a_false_discovery_rate(name: str) -> None:
    """In fly-splice, start codons have none: they are too hard to find."""
    checkpoint = load_checkpoint(name)
    assert set(call_settings(checkpoint, fdr=0.1).rules) == set(checkpoint.calls)


def test_they_are_listed_and_used_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = succeed("models").stdout
    for name in shipped_models():
        assert f"\n{name} " in f"\n{text}"
    assert len(text.splitlines()) == 1 + len(shipped_models())
    write_fasta(tmp_path / "g.fa", {"a": "ACGTTGCATT" * 40})
    succeed("-q", "score", "g.fa", "-m", "satellites", "-o", "s.bed", "--min-score", 0)
    assert (tmp_path / "s.bed").read_text()
    assert "HSat3" in succeed("info", "satellites").stdout


def test_one_is_told_of_and_written(tmp_path: Path) -> None:
    text = succeed("models", "fly-splice").stdout
    assert text.startswith("fly-splice: ")
    assert "satellites: " not in text
    out = tmp_path / "fly.safetensors"
    succeed("models", "fly-splice", "-o", out)
    assert out.read_bytes() == shipped_models()["fly-splice"].read_bytes()
    for words, message in (
        (
            ("moth",),
            "moth: not a model that comes with dnabirnn; choose one of bacterial-promoters",
        ),
        (("-o", tmp_path / "x"), "give the name of the model to write, one of bacterial-promoters"),
    ):
        result = run("models", *words)
        assert result.exit_code == 1
        assert message in result.stderr
    assert not (tmp_path / "x").exists()


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "satellites")
    assert find_model("satellites") == Path("satellites")
    assert [c.name for c in load_checkpoint("satellites").architecture.classes] == ["M"]


def test_an_unknown_name_is_told_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ModelFileError, match=r"satelites: no such file; .* shipped model: bacterial-promoters, "
    ):
        load_checkpoint("satelites")
    result = run("info", "satelites")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
