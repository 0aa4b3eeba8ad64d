"""bigWig and bigBed against pyBigWig and the bedGraph."""

from __future__ import annotations

import io
import re
import resource
import struct
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pyBigWig
import pytest
from commands import write_fasta, write_model
from hypothesis import given, strategies as st
from random_models import random_codes
from scored import CUTS, OUTPUTS, Contig, blocks, contig, genomes

from dnabirnn.alphabet import decode
from dnabirnn.errors import OutputError, TrackError
from dnabirnn.scoring.runs import find_runs
from dnabirnn.tracks import big as bigtracks
from dnabirnn.tracks.big import (
    BigBedTrack,
    BigWigTracks,
    ValueTracks,
    write_bigbed,
    write_bigwig,
)
from dnabirnn.tracks.big_rows import BigRows
from dnabirnn.tracks.rows import Rows
from dnabirnn.tracks.text import BedGraphTracks, BedTrack


def lines(file: io.BytesIO) -> list[list[str]]:
    return [line.split("\t") for line in file.getvalue().decode().splitlines()]


@given(genomes(), CUTS, st.integers(1, 9), st.permutations(["x", "Y", "a"]))
def test_they_hold_what_the_text_holds(
    tmp_path_factory: pytest.TempPathFactory,
    genome: list[Contig],
    cuts: list[int],
    chunk: int,
    names: list[str],
) -> None:
    folder = tmp_path_factory.getbasetemp()
    genome = [each._replace(name=name) for each, name in zip(genome, names, strict=False)]
    sizes = {each.name: len(each.codes) for each in genome}
    paths = [folder / f"{number}.bw" for number in range(4)]
    graphs, bed = [io.BytesIO() for _ in OUTPUTS], io.BytesIO()
    tracks = [
        BigWigTracks(paths, sizes, [io.BytesIO() for _ in OUTPUTS]),
        BigBedTrack(folder / "x.bb", OUTPUTS, sizes, io.BytesIO()),
        BedGraphTracks(graphs),
        BedTrack(bed, OUTPUTS),
    ]
    with mock.patch.object(bigtracks, "CHUNK_ROWS", chunk):
        for rows in find_runs(blocks(genome, cuts), min_score=0):
            for track in tracks:
                track.add(rows)
        for track in tracks:
            track.close()
    for path, graph in zip(paths, graphs, strict=True):
        with pyBigWig.open(str(path)) as file:
            found = [
                [name, str(start), str(end), f"{value:.3f}"]
                for name in sizes
                if name in file.chroms()
                for start, end, value in file.intervals(name) or ()
            ]
            assert found == lines(graph)
            assert all(file.chroms()[name] == sizes[name] for name in file.chroms())
    with pyBigWig.open(str(folder / "x.bb")) as file:
        found = [
            [name, str(start), str(end), *rest.split("\t")[:3]]
            for name in sizes
            if name in file.chroms()
            for start, end, rest in file.entries(name, 0, sizes[name]) or ()
        ]
        assert found == lines(bed)


@pytest.mark.parametrize("n_rows", [0, 2])
def test_a_bigbed_says_what_its_columns_are(tmp_path: Path, n_rows: int) -> None:
    path = tmp_path / "x.bb"
    place = np.arange(n_rows)
    rest = [b"b\t5\t+\t0\t1\t1,2,3\0"] * n_rows
    write_bigbed(path, [("c", 9)], lambda _: [BigRows(place * 0, place, place + 1, rest=rest)])
    data = path.read_bytes()
    fields = struct.unpack("<IHHQQQHHQQIQ", data[:64])
    assert fields[6:8] == (9, 9)
    sql = data[fields[8] : data.index(b"\0", fields[8])].decode()
    assert sql.startswith("table bed9\n")
    assert sql.count(";") == 9
    assert struct.unpack("<Q", data[fields[9] :][:8]) == (n_rows,)  # bases that are covered
    assert struct.unpack("<Q", data[fields[4] :][:8]) == (n_rows,)  # items
    with pyBigWig.open(str(path)) as file:
        assert file.SQL().decode().startswith("table bed9")


def test_contigs_lie_in_the_order_that_is_searched(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(600)]
    number = np.arange(600)
    items = BigRows(number, number * 0, number * 0 + 1, np.full(600, 0.5, np.float32))
    write_bigwig(tmp_path / "x.bw", [(name, 5) for name in sorted(names)], lambda _: [items])
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        assert list(file.chroms()) == sorted(names)
        assert all(file.values(name, 0, 1) == [0.5] for name in names)


def rows(chrom: str, end: int) -> Rows:
    start = np.array([end - 1])
    none = np.array([0], np.uint8)
    return Rows(chrom, none, start, start + 1, np.array([5], np.int16), end, True)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [({}, "c: its length is not known"), ({"c": 8}, "c: a row ends at 9, past the contig's end")],
)
def test_rows_that_do_not_fit(tmp_path: Path, sizes: dict[str, int], message: str) -> None:
    for track in (
        BigWigTracks([tmp_path / "x.bw"], sizes, [io.BytesIO()]),
        BigBedTrack(tmp_path / "x.bb", OUTPUTS[:1], sizes, io.BytesIO()),
    ):
        track.add(rows("c", 9))
        with pytest.raises(TrackError, match=message):
            track.close()


def test_a_contig_that_is_too_long(tmp_path: Path) -> None:
    track = BigWigTracks([tmp_path / "x.bw"], {}, [io.BytesIO()])
    with pytest.raises(OutputError, match=r"record 'c': bigWig and bigBed hold contigs of up to"):
        track.add(rows("c", 1 << 32))


@pytest.mark.parametrize("ending", [".bw", ".bb", ".parquet"])
def test_no_room_for_what_waits(tmp_path: Path, ending: str) -> None:
    write_fasta(tmp_path / "g.fa", {"c": decode(random_codes(np.random.default_rng(0), 20_000))})
    write_model(tmp_path / "m.safetensors", spread=2.0)
    before = sorted(tmp_path.iterdir())
    words = ("-q", "score", "g.fa", "-m", "m.safetensors", "-o", f"o{ending}", "--calls", "c.bed")
    done = subprocess.run(
        [sys.executable, "-m", "dnabirnn", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.search(r"error: o.*: File too large; check", line)
    assert sorted(tmp_path.iterdir()) == before


def test_single_contig_of_one_base(tmp_path: Path) -> None:
    path = tmp_path / "x.bw"
    track = BigWigTracks([path], {"c": 1}, [io.BytesIO()])
    for piece in find_runs(blocks([contig("c", [1000])]), min_score=0):
        track.add(piece)
    track.close()
    with pyBigWig.open(str(path)) as file:
        assert file.intervals("c") == ((0, 1, 1.0),)


@given(st.lists(st.sampled_from([np.nan, -1.5, 0.0, 2.25]), max_size=40), st.integers(1, 9))
def test_one_value_per_base(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], step: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "values.bw"
    expected = np.array([values, values[::-1]], np.float32).T
    sizes = {"b": 60, "a": 50}
    tracks = ValueTracks(
        [path, path.with_suffix(".two.bw")], sizes, [io.BytesIO() for _ in range(2)]
    )
    for name, start in (("b", 7), ("a", 0)):
        for first in range(0, len(values), step):
            tracks.add(name, start + first, expected[first : first + step])
    tracks.close()
    for output, file in enumerate([path, path.with_suffix(".two.bw")]):
        if not np.isfinite(expected[:, output]).any():
            continue
        with pyBigWig.open(str(file)) as found:
            for name, start in (("b", 7), ("a", 0)):
                of_contig = np.array(found.values(name, 0, sizes[name]), np.float32)
                whole = np.full(sizes[name], np.nan, np.float32)
                whole[start : start + len(values)] = expected[:, output]
                np.testing.assert_array_equal(of_contig, whole)
