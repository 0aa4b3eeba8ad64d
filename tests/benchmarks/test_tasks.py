"""Tasks: their files are there, and no base is both trained and tested on."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scored import Prepared
from benchmarks.tasks import TASKS
from dnabirnn.intervals import read_bed
from dnabirnn.sequences import contig_lengths

NAMES = sorted(TASKS)


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_there(name: str, real_data: Path) -> None:
    task = TASKS[name]
    for sequences in (task.train, *task.tests.values()):
        for file in (*sequences.fasta, *sequences.labels, *task.exclude):
            assert (real_data / file).exists(), file


@pytest.mark.parametrize("name", NAMES)
def test_regions_lie_on_the_contigs_of_the_test(name: str, real_data: Path) -> None:
    for sequences in TASKS[name].tests.values():
        lengths = contig_lengths(*(real_data / file for file in sequences.fasta))
        for row in sequences.regions.splitlines():
            contig, start, end = row.split("\t")
            assert 0 <= int(start) < int(end) <= lengths[contig]


@pytest.mark.parametrize("name", NAMES)
def test_a_test_shares_no_base_with_training(name: str, real_data: Path) -> None:
    """Either the files differ, or the regions are those of the test split."""
    task = TASKS[name]
    given = [option.split(",") for option in task.options]
    for sequences in task.tests.values():
        if not set(sequences.fasta) & set(task.train.fasta):
            continue
        regions = [tuple(row.split("\t")) for row in sequences.regions.splitlines()]
        assert regions, "the whole training sequence would be tested"
        rows = [tuple(row.split("\t")) for row in task.split.splitlines()]
        if rows:
            assert regions == [row[:3] for row in rows if row[3] == "test"]
        else:
            tested = given[given.index(["--test-chroms"]) + 1]
            assert [region[0] for region in regions] == tested


def test_species_of_a_test_are_not_trained_on() -> None:
    for name in ("bacterial_tss", "bacterial_terminators", "integron_attC"):
        task = TASKS[name]
        for sequences in task.tests.values():
            assert not set(sequences.fasta) & set(task.train.fasta)


@pytest.mark.slow
def test_validation_sequence_is_that_of_the_encoded_set(real_data: Path, tmp_path: Path) -> None:
    task = Prepared("yeast_chipexo", tmp_path, threads=1)
    (place,) = task.places("val")
    assert place.regions is not None
    assert sorted(place.regions.names) == ["chr4", "chr7"]
    excluded = read_bed(tmp_path / "yeast_chipexo.exclude.bed")
    parts = [read_bed(real_data / file) for file in task.task.exclude]
    assert excluded.height == sum(part.height for part in parts)
