"""Files and folders with the name of a model that is shipped."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from commands import run, succeed, write_fasta, write_model

from dnabirnn.network.shipped import find_model, shipped_models

NAME = "ecoli-rep"


@pytest.mark.parametrize("content", [[], ["scores.bed"]])
def test_a_folder_is_never_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAME).mkdir()
    for name in content:
        (tmp_path / NAME / name).write_text("")
    assert find_model(NAME) == shipped_models()[NAME]
    assert find_model(Path(NAME)) == shipped_models()[NAME]
    assert find_model(f"./{NAME}") == Path(NAME)
    write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 50})
    succeed("score", "g.fa", "-m", NAME, "-o", f"{NAME}/out.bed", "--threads", 1)
    assert (tmp_path / NAME / "out.bed").is_file()
    assert "REP" in succeed("info", NAME).stdout


def test_a_link_to_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / NAME).symlink_to("elsewhere")
    assert find_model(NAME) == shipped_models()[NAME]


def test_a_folder_of_another_name_is_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    result = run("info", "mine")
    assert result.exit_code == 1
    assert "mine: is a folder; give a model" in result.stderr


def test_a_file_comes_first_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / NAME)
    with caplog.at_level(logging.WARNING):
        assert [find_model(NAME), find_model(NAME)] == [Path(NAME)] * 2
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith(f"{tmp_path / NAME}: this file is used, not the model of that name")
