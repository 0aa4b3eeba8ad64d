"""The file that bigWig and bigBed share: contigs, blocks, zoom levels and memory."""

from __future__ import annotations

import errno
import struct
import tracemalloc
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pybigtools
import pyBigWig
import pytest
from commands import make_material, run, succeed
from hypothesis import given, strategies as st

from dnabirnn import load
from dnabirnn.errors import OutputError, TrackError
from dnabirnn.scoring.plan import ScoringPlan
from dnabirnn.sequences import Survey
from dnabirnn.tracks import Target, TrackFormat, big_file
from dnabirnn.tracks.big import write_bigbed, write_bigwig
from dnabirnn.tracks.big_read import BigReader
from dnabirnn.tracks.big_rows import BigRows

REST = b"b\t5\t+\t0\t1\t1,2,3\0"
Place = tuple[int, int, int]  # contig, start, end


def wig_rows(places: list[Place], values: list[float]) -> BigRows:
    contig, start, end = np.array(places, np.int64).reshape(-1, 3).T
    return BigRows(contig, start, end, np.array(values, np.float32))


def bed_rows(places: list[Place]) -> BigRows:
    contig, start, end = np.array(places, np.int64).reshape(-1, 3).T
    return BigRows(contig, start, end, rest=[REST] * len(places))


# ------------------------------------------------------------------------------ many contigs


@pytest.mark.parametrize("count", [1, 256, 257, 65_537, 70_000])
def test_any_number_of_contigs(tmp_path: Path, count: int) -> None:
    """65,536 is where a count of 16 bits ends."""
    names = sorted(f"contig_{number}" for number in range(count))
    contigs = [(name, 60) for name in names]
    number = np.arange(count)
    value = (number % 997).astype(np.float32)
    write_bigwig(
        tmp_path / "x.bw",
        contigs,
        lambda _: [BigRows(number, number * 0 + 7, number * 0 + 60, value)],
    )
    write_bigbed(
        tmp_path / "x.bb",
        contigs,
        lambda _: [BigRows(number, number * 0 + 7, number * 0 + 60, rest=[REST] * count)],
    )
    asked = sorted({0, count // 2, count - 1})
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        assert list(file.chroms().items()) == contigs
        for at in asked:
            assert file.intervals(names[at]) == ((7, 60, value[at]),)
        assert file.header()["nBasesCovered"] == 53 * count
    with pyBigWig.open(str(tmp_path / "x.bb")) as file:
        assert file.chroms() == dict(contigs)
        for at in asked:
            assert file.entries(names[at], 0, 60) == [(7, 60, REST[:-1].decode())]
    for ending, rest in (
        ("bw", lambda at: (value[at],)),
        ("bb", lambda at: tuple(REST[:-1].decode().split("\t"))),
    ):
        reader = pybigtools.open(str(tmp_path / f"x.{ending}"))
        assert reader.chroms() == dict(contigs)
        for at in asked:
            assert list(reader.records(names[at], 0, 60)) == [(7, 60, *rest(at))]


@pytest.mark.parametrize("kind", ["bw", "bb"])
def test_memory_per_contig(tmp_path: Path, kind: str) -> None:
    """The rows of a contig cost nothing once they are written."""
    count, size = 20_000, 20
    contigs = [(f"c{number:06}", 1_000) for number in range(count)]
    start = np.arange(size) * 10

    def rows(_: bool) -> Any:
        for first in range(0, count, 100):
            contig = np.repeat(np.arange(first, first + 100), size)
            places = np.tile(start, 100)
            if kind == "bw":
                yield BigRows(contig, places, places + 10, np.ones(contig.size, np.float32))
            else:
                yield BigRows(contig, places, places + 10, rest=[REST] * contig.size)

    tracemalloc.start()
    try:
        (write_bigwig if kind == "bw" else write_bigbed)(tmp_path / f"x.{kind}", contigs, rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000 + 300 * count


# ------------------------------------------------------------------------------ zoom levels


@st.composite
def tables(draw: st.DrawFn, overlaps: bool) -> tuple[list[int], list[Place]]:
    """Lengths of contigs, and rows in order."""
    lengths = draw(st.lists(st.integers(1, 400), min_size=1, max_size=4))
    places = []
    for contig, length in enumerate(lengths):
        if overlaps:
            one = st.tuples(st.integers(0, length - 1), st.integers(1, 60))
            found = sorted(draw(st.lists(one, max_size=40)))
            places += [(contig, a, min(a + b, length)) for a, b in found]
        else:
            cuts = sorted(draw(st.sets(st.integers(0, length), max_size=60)))
            pairs = list(pairwise(cuts))
            kept = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
            places += [(contig, a, b) for (a, b), k in zip(pairs, kept, strict=True) if k]
    return lengths, places


def naive_zoom(values: np.ndarray[Any, Any], size: int) -> list[Any]:
    """Records of the bins of a contig, of which nan is not covered."""
    found = []
    for start in range(0, values.size, size):
        bin_ = values[start : start + size]
        own = bin_[~np.isnan(bin_)]
        if own.size:
            sums = float(own.sum()), float((own * own).sum())
            found.append((start, start + bin_.size, own.size, own.min(), own.max(), *sums))
    return found


def check_zooms(path: Path, bases: list[np.ndarray[Any, Any]]) -> list[int]:
    reader = pybigtools.open(str(path))
    for size in reader.zooms():
        for number, values in enumerate(bases):
            if f"c{number}" in reader.chroms():
                found = [
                    (start, end, *(one[name] for name in
                     ("bases_covered", "min_val", "max_val", "sum", "sum_squares")))
                    for start, end, one in reader.zoom_records(size, f"c{number}")
                ]  # fmt: skip
                expected = naive_zoom(values, size)
                assert len(found) == len(expected)
                np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-5)
    return list(reader.zooms())


def chunked(rows: BigRows, size: int) -> Any:
    """Rows in pieces, as they come from a spool or from a shard."""
    for begin in range(0, max(rows.start.size, 1), size):
        part = slice(begin, begin + size)
        yield BigRows(
            rows.contig[part],
            rows.start[part],
            rows.end[part],
            None if rows.value is None else rows.value[part],
            None if rows.rest is None else rows.rest[part],
        )


@given(data=st.data(), bed=st.booleans(), chunk=st.integers(1, 50), block=st.integers(1, 9))
def test_zoom_levels_and_summary(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, bed: bool, chunk: int, block: int
) -> None:
    path = tmp_path_factory.getbasetemp() / ("z.bb" if bed else "z.bw")
    lengths, places = data.draw(tables(bed))
    bases = [np.full(length, np.nan) for length in lengths]
    if bed:
        rows = bed_rows(places)
        for contig, start, end in places:
            bases[contig][start:end] = np.nan_to_num(bases[contig][start:end]) + 1
    else:
        values = data.draw(
            st.lists(
                st.integers(0, 1000).map(lambda n: float(np.float32(n / 1000))),
                min_size=len(places),
                max_size=len(places),
            )
        )
        rows = wig_rows(places, values)
        for (contig, start, end), value in zip(places, values, strict=True):
            bases[contig][start:end] = value
    write = write_bigbed if bed else write_bigwig
    contigs = [(f"c{number}", length) for number, length in enumerate(lengths)]
    with (
        mock.patch.object(big_file, "BLOCK_ROWS", block),
        mock.patch.object(big_file, "_CHUNK_RECORDS", 5 * block),
        mock.patch.object(big_file, "_CHILDREN", 3),
    ):
        write(path, contigs, lambda _: chunked(rows, chunk))
    check_zooms(path, bases)
    own = np.concatenate(bases)
    own = own[~np.isnan(own)]
    data_ = path.read_bytes()
    at = struct.unpack("<IHHQQQHHQQIQ", data_[:64])[9]
    covered, low, high, total, squares = struct.unpack("<Qdddd", data_[at : at + 40])
    assert covered == own.size
    if own.size:
        np.testing.assert_allclose(
            (low, high, total, squares), (own.min(), own.max(), own.sum(), (own * own).sum())
        )
    with BigReader(path) as reader:
        found = [
            (number, start, end)
            for number in range(len(lengths))
            for part in reader.rows(f"c{number}", number)
            for start, end in zip(part.start.tolist(), part.end.tolist(), strict=True)
        ]
    assert found == places


def test_levels_until_they_save_nothing(tmp_path: Path) -> None:
    """A genome has levels up to a few records; a contig of one row has none."""
    n = 40_000
    start = np.arange(n) * 25
    value = np.random.default_rng(0).random(n).astype(np.float32)
    rows = BigRows(start * 0, start, start + 20, value)
    write_bigwig(tmp_path / "x.bw", [("c0", n * 25)], lambda _: chunked(rows, 4096))
    bases = np.full(n * 25, np.nan)
    for begin, own in zip(start, value, strict=True):
        bases[begin : begin + 20] = own
    sizes = check_zooms(tmp_path / "x.bw", [bases])
    assert sizes[0] == 249  # ten rows
    assert len(sizes) >= 5
    assert all(b == 4 * a for a, b in pairwise(sizes))
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        for kind in ("mean", "max", "coverage"):
            a, b = (file.stats("c0", 0, n * 25, type=kind, nBins=7, exact=e) for e in (True, False))
            np.testing.assert_allclose(a, b, rtol=0.02)
    write_bigwig(tmp_path / "y.bw", [("c0", 9)], lambda _: [wig_rows([(0, 2, 5)], [0.5])])
    with pyBigWig.open(str(tmp_path / "y.bw")) as file:
        assert file.header()["nLevels"] == 0
        assert file.stats("c0", 0, 9) == [0.5]


def test_a_row_across_a_chromosome(tmp_path: Path) -> None:
    """The bins that one row crosses are made piece by piece, up to the longest contig."""
    length = (1 << 32) - 1
    rows = wig_rows(
        [(0, k * 10, k * 10 + 10) for k in range(5_000)] + [(0, 60_000, length)], [0.5] * 5_001
    )
    write_bigwig(tmp_path / "x.bw", [("c0", length)], lambda _: [rows])
    reader = pybigtools.open(str(tmp_path / "x.bw"))
    for size in reader.zooms():
        found = list(reader.zoom_records(size, "c0"))
        assert sum(one["bases_covered"] for _, _, one in found) == length - 10_000
        assert found[-1][1] == length


@pytest.mark.parametrize("kind", ["bw", "bb"])
def test_pieces_without_rows(tmp_path: Path, kind: str) -> None:
    """Between others, at both ends, and alone: the same bytes, and a file without rows."""
    places = [(k // 30, k % 30 * 3, k % 30 * 3 + 2) for k in range(60)]
    some = wig_rows(places, [0.5] * 60) if kind == "bw" else bed_rows(places)
    none = wig_rows([], []) if kind == "bw" else bed_rows([])
    contigs = [("c0", 100), ("c1", 100)]
    write = write_bigwig if kind == "bw" else write_bigbed
    made = []
    for pieces in ([some], [none, some, none, none], [none], []):
        write(tmp_path / f"x.{kind}", contigs, lambda _, pieces=pieces: pieces)  # type: ignore[misc]
        made.append((tmp_path / f"x.{kind}").read_bytes())
        assert pybigtools.open(str(tmp_path / f"x.{kind}")).chroms() == dict(contigs)
    assert made[0] == made[1]
    assert made[2] == made[3]


# ------------------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("places", "bed"),
    [
        ([(0, 5, 9), (0, 8, 10)], False),  # overlap
        ([(0, 5, 9), (0, 1, 4)], False),  # order
        ([(0, 5, 9), (0, 1, 4)], True),
        ([(1, 5, 9), (0, 1, 4)], True),
        ([(0, 5, 5)], False),
        ([(0, 90, 101)], True),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, places: list[Place], bed: bool) -> None:
    rows = bed_rows(places) if bed else wig_rows(places, [0.5] * len(places))
    write = write_bigbed if bed else write_bigwig
    for size in (1, 9):
        with pytest.raises(TrackError, match=r"^s\.bw: c0: the row at \d+ to \d+ is not in order"):
            write(
                tmp_path / "x",
                [("c0", 100), ("c1", 100)],
                lambda _, size=size: chunked(rows, size),  # type: ignore[misc]
                lambda name: f"s.bw: {name}",
            )


def test_a_full_disk(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        mock.patch.object(big_file.zlib, "compress", side_effect=full),
        pytest.raises(OutputError, match="No space left on device; make room or write elsewhere"),
    ):
        write_bigwig(tmp_path / "x.bw", [("c", 9)], lambda _: [wig_rows([(0, 0, 1)], [0.5])])


# ------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("kind", ["bedGraph", "varStep", "fixedStep", "pybigtools"])
def test_files_of_others_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    n, contigs = 3_000, {"z": 90_000, "a": 80_000}
    values = [k % 1000 / 1000 for k in range(n)]
    starts = [k * 25 for k in range(n)]
    if kind == "pybigtools":
        items = [
            (c, s, s + 20, v) for c in sorted(contigs) for s, v in zip(starts, values, strict=True)
        ]
        pybigtools.open("s.bw", "w").write(contigs, iter(items))
    else:
        with pyBigWig.open("s.bw", "w") as file:
            file.addHeader(list(contigs.items()))
            for name in contigs:
                if kind == "bedGraph":
                    file.addEntries(
                        [name] * n, starts, ends=[s + 20 for s in starts], values=values
                    )
                elif kind == "varStep":
                    file.addEntries(name, starts, values=values, span=20)
                else:
                    file.addEntries(name, 0, values=values, span=20, step=25)
    succeed("merge", "s.bw", "-o", "m.bw")
    with pyBigWig.open("s.bw") as old, pyBigWig.open("m.bw") as new:
        assert new.chroms() == contigs
        for name in contigs:
            assert old.intervals(name) == new.intervals(name)
            assert len(new.intervals(name)) == n


def swapped(data: bytes) -> bytes:
    """A bigWig of one block of rows in the other byte order, as old Macs wrote them."""
    header = list(struct.unpack("<IHHQQQHHQQIQ", data[:64]))
    contigs_at, rows_at, index_at = header[3:6]
    header[2] = 0
    out = bytearray(data)
    out[:64] = struct.pack(">IHHQQQHHQQIQ", *header)
    out[contigs_at : contigs_at + 32] = struct.pack(
        ">IIIIQQ", *struct.unpack("<IIIIQQ", data[contigs_at : contigs_at + 32])
    )
    node = contigs_at + 32
    out[node + 2 : node + 4] = data[node + 2 : node + 4][::-1]
    name_bytes = struct.unpack("<I", data[contigs_at + 8 : contigs_at + 12])[0]
    for at in (node + 4 + name_bytes, node + 8 + name_bytes):
        out[at : at + 4] = data[at : at + 4][::-1]
    block = zlib.decompress(data[rows_at + 8 : index_at])
    turned = struct.pack(">IIIIIBBH", *struct.unpack("<IIIIIBBH", block[:24]))
    turned += np.frombuffer(block[24:], "<u4").byteswap().tobytes()
    packed = zlib.compress(turned)
    leaf = list(struct.unpack("<IIIIQQ", data[index_at + 52 : index_at + 84]))
    leaf[4:] = [len(out), len(packed)]
    out[index_at + 50 : index_at + 52] = data[index_at + 50 : index_at + 52][::-1]
    out[index_at + 52 : index_at + 84] = struct.pack(">IIIIQQ", *leaf)
    return bytes(out) + packed


def test_the_other_byte_order(tmp_path: Path) -> None:
    rows = wig_rows([(0, 3, 9), (0, 9, 70_000)], [0.25, 0.75])
    write_bigwig(tmp_path / "x.bw", [("c0", 80_000)], lambda _: [rows])
    (tmp_path / "big.bw").write_bytes(swapped((tmp_path / "x.bw").read_bytes()))
    with BigReader(tmp_path / "big.bw") as reader:
        assert reader.is_bigwig
        assert reader.sizes == {"c0": 80_000}
        (found,) = reader.rows("c0", 4)
    assert found.contig.tolist() == [4, 4]
    assert found.start.tolist() == [3, 9]
    assert found.end.tolist() == [9, 70_000]
    assert found.value is not None
    assert found.value.tolist() == [0.25, 0.75]


@pytest.mark.parametrize("kind", ["bw", "bb"])
def test_damaged_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A file with one wrong byte, or cut short, gives one line of error or rows that fit."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    places = [(c, k * 10, k * 10 + 8) for c in range(3) for k in range(50)]
    contigs = [(f"c{number}", 500) for number in range(3)]
    if kind == "bw":
        write_bigwig(Path("s.bw"), contigs, lambda _: [wig_rows(places, [0.5] * 150)])
    else:
        write_bigbed(Path("s.bb"), contigs, lambda _: [bed_rows(places)])
    whole = Path(f"s.{kind}").read_bytes()
    cut = [whole[:at] for at in (0, 3, 60, 300, len(whole) // 2)]
    for data in cut:
        Path(f"s.{kind}").write_bytes(data)
        result = run("merge", f"s.{kind}", "-o", f"o.{kind}")
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert f"s.{kind}: " in line
        assert "create it again" in line
    failed = 0
    for at in rng.integers(0, len(whole), 150).tolist():
        turned = bytearray(whole)
        turned[at] ^= int(rng.integers(1, 256))
        Path(f"s.{kind}").write_bytes(turned)
        result = run("merge", f"s.{kind}", "-o", f"o.{kind}")
        if result.exit_code:
            failed += 1
            (line,) = result.stderr.splitlines()
            assert f"s.{kind}: " in line
    assert failed > 30


def test_a_bigbed_of_other_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pybigtools.open("s.bb", "w").write({"c": 9}, iter([("c", 0, 2, "b")]))
    result = run("merge", "s.bb", "-o", "o.bb")
    assert result.exit_code == 1
    assert "s.bb: cannot be read as bigBed (it has 3 columns, not 9 or more)" in result.stderr


# ------------------------------------------------------------------------------ estimates


def test_the_estimate_counts_contigs(tmp_path: Path) -> None:
    make_material(tmp_path)
    model = load(tmp_path / "m.safetensors")
    few = Survey({f"c{n}": 60 for n in range(10)})
    many = Survey({f"c{n}": 60 for n in range(100_010)})
    grown = {}
    for name, form in (
        ("o.bed", TrackFormat.BED),
        ("o.bw", TrackFormat.BIGWIG),
        ("o.bb", TrackFormat.BIGBED),
    ):
        plan = ScoringPlan(model, [], Target(name, form), None, lambda *_: None)
        grown[name] = plan._names(many) - plan._names(few)
    assert 25e6 < grown["o.bed"] < 35e6
    assert 45e6 < grown["o.bb"] <= grown["o.bw"] < 80e6
