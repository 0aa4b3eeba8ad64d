"""dna-brnn's BED4: a label a base, against painting base by base."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import content, run, succeed, write_fasta, write_model
from hypothesis import given, strategies as st

from dnabirnn.motif_classes import MotifClass
from dnabirnn.scoring.dna_brnn_bed import apart
from dnabirnn.tracks.rows import Rows

CALL = st.tuples(
    st.integers(0, 40), st.integers(1, 15), st.integers(0, 2), st.integers(500, 503)
)  # start, length, output, score


@given(st.lists(CALL, max_size=12))
def test_a_base_is_of_the_call_with_the_highest_score(
    calls: list[tuple[int, int, int, int]],
) -> None:
    calls = sorted(calls)
    columns = np.array(calls, np.int64).reshape(-1, 4).T
    rows = Rows(
        "a", columns[2].astype(np.uint8), columns[0], columns[0] + columns[1],
        columns[3].astype(np.int16), 0, True,
    )  # fmt: skip
    label_of = [1, 1, 2]
    expected = np.zeros(60, int)
    for start, length, output, _ in sorted(calls, key=lambda call: (call[3], -label_of[call[2]])):
        expected[start : start + length] = label_of[output]
    painted = np.zeros(60, int)
    found = apart(rows, label_of)
    for start, end, label in found:
        assert not painted[start:end].any()
        painted[start:end] = label
    np.testing.assert_array_equal(painted, expected)
    assert found == sorted(found)
    # Neighbours of one label are one row.
    edges = np.flatnonzero(np.diff(expected, prepend=0, append=0))
    assert {place for row in found for place in row[:2]} == set(edges.tolist())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    rng = np.random.default_rng(3)
    records = {name: "".join(rng.choice(list("ACGTN"), 700)) for name in ("b", "a", "c")}
    write_fasta(folder / "g.fa", records)
    classes = (MotifClass("Z", False), MotifClass("M", True))
    write_model(folder / "m.safetensors", classes=classes, exclusive=True)
    return folder


def test_rows_are_calls_by_number_of_class(folder: Path) -> None:
    fasta, model = folder / "g.fa", folder / "m.safetensors"
    options = ("--threshold", 0.4, "--min-length", 3, "--merge-gap", 2, "--threads", 1)
    succeed(
        *("score", fasta, "-m", model, "-o", folder / "s.bed", "--calls", folder / "c.bed"),
        *options,
    )
    labels = succeed("score", fasta, "-m", model, "-o", "-", "--format", "dna-brnn", *options)
    called: dict[str, np.ndarray] = {name: np.zeros((3, 700), bool) for name in "abc"}
    for line in (folder / "c.bed").read_text().splitlines():
        chrom, start, end, name, *_ = line.split("\t")
        called[chrom][{"Z": 1, "M": 2}[name], int(start) : int(end)] = True
    rows = [line.split("\t") for line in labels.stdout.splitlines()]
    assert len(rows) > 30
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), key="bac".index)
    assert {row[3] for row in rows} == {"1", "2"}
    before: dict[str, int] = {}
    for chrom, start, end, label in rows:
        assert before.get(chrom, 0) <= int(start) <= int(end) - 3
        before[chrom] = int(end)
        assert called[chrom][int(label), int(start) : int(end)].all()


def test_regions_and_shards_are_parts(folder: Path) -> None:
    fasta, model = folder / "g.fa", folder / "m.safetensors"

    def labels(*options: object) -> list[str]:
        given = ("score", fasta, "-m", model, "-o", "-", "--format", "dna-brnn", *options)
        return succeed(*given).stdout.splitlines()

    whole = labels()
    parts = [line for n in (1, 2) for line in labels("--shard", f"{n}-of-2")]
    assert sorted(parts) == sorted(whole)
    assert parts
    (folder / "r.bed").write_text("b\t0\t700\n")
    assert labels("--regions", folder / "r.bed") == [n for n in whole if n.startswith("b\t")]


@pytest.mark.parametrize(
    "options", [("--calls", "c.bed"), ("--min-score", "3"), ("--single-base",)], ids=str
)
def test_options_of_tracks_are_refused(
    options: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = content(folder)
    result = run(
        *("score", "g.fa", "-m", "m.safetensors", "-o", "o.bed", "--format", "dna-brnn", *options)
    )
    assert result.exit_code == 1
    assert f"{options[0]}: only applies to tracks of scores" in result.stderr
    assert content(folder) == before
