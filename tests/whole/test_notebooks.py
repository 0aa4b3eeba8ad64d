"""Notebooks of the site run on real data, and say in one line what data are missing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import notebooks
import pytest

SOURCES = notebooks.sources()


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let notebooks run the commands of this environment."""
    for package in ("jupytext", "nbclient", "ipykernel"):
        pytest.importorskip(package)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_notebook_ends_with_a_picture(source: Path, real_data: Path, tmp_path: Path) -> None:
    notebook = notebooks.run(source, tmp_path)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert "image/png" in kinds
    # Cells are those whose outputs the site shows.
    assert notebooks.cells(notebook) == notebooks.cells(notebooks.kept(source))


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_missing_data_are_one_line(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbclient.exceptions import CellExecutionError

    monkeypatch.setenv("DNABIRNN_DATA", str(tmp_path))
    with pytest.raises(CellExecutionError) as failure:
        notebooks.run(source, tmp_path)
    assert failure.value.ename == "SystemExit"
    assert "is missing; get the data as described above" in failure.value.evalue
    assert "\n" not in failure.value.evalue
