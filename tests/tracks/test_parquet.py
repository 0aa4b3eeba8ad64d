"""Parquet, where it cannot be written; what it holds is in `test_writing`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from scored import OUTPUTS, blocks, contig

from dnabirnn.errors import OutputError
from dnabirnn.files.write import OutputFiles
from dnabirnn.scoring.runs import find_runs
from dnabirnn.tracks.parquet import ParquetTrack
from dnabirnn.tracks.rows import COLUMNS
from dnabirnn.tracks.schema import ROW_SCHEMA


def test_its_columns_are_those_of_tsv() -> None:
    assert tuple(ROW_SCHEMA) == COLUMNS


@pytest.mark.parametrize("name", ["none/x.parquet", "."])
def test_a_place_that_takes_no_file(tmp_path: Path, name: str) -> None:
    with OutputFiles() as files:
        track = ParquetTrack(tmp_path / name, OUTPUTS, files.scratch(tmp_path / "x"))
        for rows in find_runs(blocks([contig("c", [900])]), min_score=1):
            track.add(rows)
        with pytest.raises(OutputError, match="Parquet could not be written"):
            track.close()
    assert not list(tmp_path.iterdir())


def test_names_are_text_even_if_they_look_like_something_else(tmp_path: Path) -> None:
    names = ["1", "null", '"x', "NA", "1e5"]
    with OutputFiles() as files:
        track = ParquetTrack(files.reserve(tmp_path / "x"), OUTPUTS, files.scratch(tmp_path / "x"))
        for rows in find_runs(blocks([contig(name, [900]) for name in names]), min_score=1):
            track.add(rows)
        track.close()
    assert pl.read_parquet(tmp_path / "x")["chrom"].to_list() == names
