"""What must always hold, at the level of files: from FASTA to BED."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from commands import succeed, write_fasta, write_model
from random_models import random_codes

from dnabirnn.alphabet import decode
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture, Cell
from dnabirnn.network.call_rules import CallRule
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.model import load

LENGTHS = (1, 2, 31, 32, 33, 59, 60, 61, 119, 120, 121, 200, 333, 1000)
CLASSES = (MotifClass("A", True), MotifClass("B", False))


class Row(NamedTuple):
    chrom: str
    start: int
    end: int
    name: str
    score: int
    strand: str


def rows_of(path: Path) -> list[Row]:
    return [
        Row(chrom, int(start), int(end), name, int(score), strand)
        for chrom, start, end, name, score, strand in (
            line.split("\t") for line in path.read_text().splitlines()
        )
    ]


def genome(lengths: Iterable[int] = LENGTHS, seed: int = 1) -> dict[str, str]:
    rng = np.random.default_rng(seed)
    return {f"c{i}_{n}": decode(random_codes(rng, n)) for i, n in enumerate(lengths)}


def score(folder: Path, name: str, records: dict[str, str], *options: object) -> tuple[Path, Path]:
    """Score sequences with the folder's model; track and calls."""
    fasta = write_fasta(folder / f"{name}.fa", records)
    track, calls = folder / f"{name}.bed", folder / f"{name}.calls.bed"
    model = folder / "m.safetensors"
    succeed("score", fasta, "-m", model, "-o", track, "--calls", calls, "--threads", 1, *options)
    return track, calls


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path / "m.safetensors", classes=CLASSES, scoring=ScoringWindow(60, 10))
    return tmp_path


# ----------------------------------------------------------------------------- mirror


def mirrored(rows: list[Row], lengths: dict[str, int]) -> list[Row]:
    opposite = {"+": "-", "-": "+", ".": "."}
    return [
        row._replace(
            start=lengths[row.chrom] - row.end,
            end=lengths[row.chrom] - row.start,
            strand=opposite[row.strand],
        )
        for row in rows
    ]


@pytest.mark.parametrize(
    "shape",
    [
        {"cell": Cell.GRU},
        {"cell": Cell.LSTM, "layers": 2},
        {"cell": Cell.RNN, "exclusive": True},
        {"cell": Cell.GRU, "hidden": 20, "layers": 2, "exclusive": True},
        {"cell": Cell.GRU_LN, "hidden": 6, "layers": 2},
        {"cell": Cell.GRU, "kmer": 5},
        {"cell": Cell.LSTM, "layers": 2, "exclusive": True, "kmer": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "calls",
    [
        ["--min-length", 3, "--merge-gap", 4],
        ["--method", "mss", "--threshold", 0.6],
        ["--method", "mss", "--threshold", 0.35, "--merge-gap", 2, "--min-length", 5],
    ],
    ids=str,
)
def test_the_opposite_strand_gives_the_mirrored_rows(
    tmp_path: Path, shape: dict[str, object], calls: list[object]
) -> None:
    window = ScoringWindow(60, 10)
    write_model(tmp_path / "m.safetensors", classes=CLASSES, scoring=window, **shape)
    ours = genome()
    theirs = {name: opposite_strand(text) for name, text in ours.items()}
    lengths = {name: len(text) for name, text in ours.items()}
    track, called = map(rows_of, score(tmp_path, "ours", ours, *calls))
    their_track, their_calls = map(rows_of, score(tmp_path, "theirs", theirs, *calls))
    assert {row.strand for row in track} == {"+", "-", "."}
    assert len(called) > 10
    assert sorted(mirrored(their_track, lengths)) == sorted(track)
    assert sorted(mirrored(their_calls, lengths)) == sorted(called)


def opposite_strand(text: str) -> str:
    return text[::-1].translate(str.maketrans("ACGT", "TGCA"))


# ------------------------------------------------------------------------- invariance


def test_threads_change_no_byte(folder: Path) -> None:
    records = genome([*LENGTHS, 5000, 17, 80])
    once = [path.read_bytes() for path in score(folder, "one", records)]
    for threads in (2, 3):
        more = score(folder, f"t{threads}", records, "--threads", threads)
        assert [path.read_bytes() for path in more] == once


@pytest.mark.parametrize("hidden", [1, 2, 5, 6, 11])
def test_any_number_of_units(tmp_path: Path, hidden: int) -> None:
    shape = {"cell": Cell.RNN, "hidden": hidden}
    write_model(tmp_path / "m.safetensors", scoring=ScoringWindow(60, 10), **shape)
    records = genome([700, 5000, 333])
    fasta = write_fasta(tmp_path / "g.fa", records)
    model = load(tmp_path / "m.safetensors", device="cpu")
    for name, scores in ((name, model.score(text)) for name, text in records.items()):
        together = np.concatenate([p for found, _, p in model.scan(fasta) if found == name])
        np.testing.assert_array_equal(together, scores)
        opposite = model.score(opposite_strand(records[name]))[::-1, ::-1]
        np.testing.assert_array_equal(opposite, scores)


@pytest.mark.parametrize("of", [1, 2, 3, 5, 40])
def test_shards_end_to_end_are_the_whole(folder: Path, of: int) -> None:
    records = genome([*LENGTHS, 0, 5000, 0, 17, 80])
    whole = [path.read_bytes() for path in score(folder, "whole", records)]
    shards = [
        score(folder, f"s{number}", records, "--shard", f"{number}-of-{of}")
        for number in range(1, of + 1)
    ]
    for kind, expected in enumerate(whole):
        assert b"".join(shard[kind].read_bytes() for shard in shards) == expected


def test_place_in_the_file_and_neighbours_change_no_row(folder: Path) -> None:
    records = genome([*LENGTHS, 700])
    together = score(folder, "together", records)
    reverse = dict(reversed(records.items()))
    backwards = score(folder, "backwards", reverse)
    alone = {name: score(folder, name, {name: records[name]}) for name in list(records)[::3]}
    for kind, path in enumerate(together):
        text = path.read_text()
        of_contig = {
            name: "".join(re.findall(rf"^{name}\t.*\n", text, re.MULTILINE)) for name in records
        }
        assert "".join(of_contig.values()) == text
        assert backwards[kind].read_text() == "".join(of_contig[name] for name in reverse)
        for name, paths in alone.items():
            assert paths[kind].read_text() == of_contig[name]


def test_the_way_a_genome_is_written_changes_no_byte(folder: Path) -> None:
    records = genome()
    whole = [path.read_bytes() for path in score(folder, "whole", records)]
    text = (folder / "whole.fa").read_bytes()
    halves = [dict(list(records.items())[part]) for part in (slice(5), slice(5, None))]
    parts = [write_fasta(folder / f"part{i}.fa", half, 7) for i, half in enumerate(halves)]
    ways = {
        "lower": text.replace(b"A", b"a").replace(b"G", b"g"),
        "uracil": text.replace(b"T", b"u"),
        "windows": b"\r\n" + text.replace(b"\n", b"\r\n"),
        "described": re.sub(rb"(>\S+)", rb"\1 chromosome\t1; length=9", text),
        "packed": gzip.compress(text),
        "no end": text.rstrip(b"\n"),
    }
    files: dict[str, list[Path]] = {"parts": parts}
    for name, data in ways.items():
        (folder / f"{name}.fa").write_bytes(data)
        files[name] = [folder / f"{name}.fa"]
    for name, fasta in files.items():
        track, calls = folder / f"{name}.bed", folder / f"{name}.calls.bed"
        succeed("score", *fasta, "-m", folder / "m.safetensors", "-o", track, "--calls", calls)
        assert [track.read_bytes(), calls.read_bytes()] == whole, name


def bases_of(rows: Iterable[Row]) -> dict[tuple[str, int, str, str], int]:
    """Score of each base, by contig, place, class and strand."""
    return {
        (row.chrom, place, row.name, row.strand): row.score
        for row in rows
        for place in range(row.start, row.end)
    }


def test_regions_have_the_values_of_the_whole(folder: Path) -> None:
    records = genome([1000, 400, 59, 300])
    first, second, third, fourth = records
    intervals = [(first, 0, 1), (first, 55, 65), (first, 300, 310), (first, 305, 420)]
    intervals += [(first, 999, 1000), (second, 400, 400), (third, 10, 59), (second, 100, 250)]
    regions = folder / "regions.bed"
    regions.write_text("".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in intervals))
    inside = {(c, place) for c, start, end in intervals for place in range(start, end)}
    whole, _ = score(folder, "whole", records, "--min-score", 1)
    expected = {key: s for key, s in bases_of(rows_of(whole)).items() if key[:2] in inside}
    part, calls = score(folder, "part", records, "--min-score", 1, "--regions", regions)
    assert bases_of(rows_of(part)) == expected
    assert fourth not in part.read_text()
    for row in rows_of(calls):
        assert {(row.chrom, row.start), (row.chrom, row.end - 1)} <= inside
    for number in (1, 2):
        options = ["--min-score", 1, "--regions", regions, "--shard", f"{number}-of-2"]
        shard, _ = score(folder, f"shard{number}", records, *options)
        expected = {k: s for k, s in expected.items() if k not in bases_of(rows_of(shard))}
    assert not expected


def test_processes_that_score_parts_of_a_contig_give_the_bytes_of_the_whole(folder: Path) -> None:
    records = genome([1000])
    (name,) = records
    fasta, model = write_fasta(folder / "g.fa", records), folder / "m.safetensors"
    options = ("-m", model, "-o", "-", "--single-base", "--min-score", 0)
    words = [sys.executable, "-m", "dnabirnn", "-q", "score", fasta, *options]
    processes = []
    for number, (start, end) in enumerate([(0, 1), (1, 333), (333, 505), (505, 1000)]):
        regions = folder / f"{number}.bed"
        regions.write_text(f"{name}\t{start}\t{end}\n")
        own = [*words, "--threads", 1 + number % 2, "--regions", regions]
        processes.append(subprocess.Popen(list(map(str, own)), stdout=subprocess.PIPE))
    parts = b"".join(process.communicate()[0] for process in processes)
    assert not any(process.returncode for process in processes)
    assert parts == succeed("score", fasta, *options).stdout.encode() != b""


# ------------------------------------------------------------------------- round trips

METHODS = [
    [],
    ["--threshold", "0.3"],
    ["--min-length", "4", "--merge-gap", "6"],
    ["--method", "mss"],
    ["--method", "mss", "--threshold", "0.7", "--merge-gap", "3"],
    ["--method", "mss", "--threshold", "0.05", "--min-length", "10"],
]


@pytest.mark.parametrize("options", METHODS, ids=" ".join)
def test_calls_of_the_pass_and_of_the_track_are_the_same_bytes(
    folder: Path, options: list[str]
) -> None:
    track, calls = score(folder, "g", genome(), *options)
    assert len(rows_of(calls)) > 5
    again = folder / "again.bed"
    succeed("call", track, "-m", folder / "m.safetensors", "-o", again, *options)
    assert again.read_bytes() == calls.read_bytes()
    single, of_single = score(folder, "single", genome(), "--single-base", *options)
    assert bases_of(rows_of(single)) == bases_of(rows_of(track))
    assert of_single.read_bytes() == calls.read_bytes()
    succeed("call", single, "-m", folder / "m.safetensors", "-o", again, *options)
    assert again.read_bytes() == calls.read_bytes()


def test_bedgraph_tells_the_scores_of_the_bed(folder: Path) -> None:
    records = genome([400, 59])
    bed, calls = score(folder, "g", records, "--min-score", 1)
    expected = bases_of(rows_of(bed))
    graph = folder / "g.bedgraph"
    model = folder / "m.safetensors"
    again = folder / "again.bed"
    succeed("score", folder / "g.fa", "-m", model, "-o", graph, "--calls", again)
    assert again.read_bytes() == calls.read_bytes()
    assert not graph.exists()
    found = {}
    for label, name, strand in (("A.plus", "A", "+"), ("A.minus", "A", "-"), ("B.both", "B", ".")):
        for line in (folder / f"g.{label}.bedgraph").read_text().splitlines():
            chrom, start, end, p = line.split("\t")
            assert re.fullmatch(r"[01]\.\d{3}", p)
            for place in range(int(start), int(end)):
                assert records[chrom][place] in "ACGT"
                found[chrom, place, name, strand] = round(1000 * float(p))
    assert len(found) == 3 * sum(base in "ACGT" for text in records.values() for base in text)
    assert {key: score for key, score in found.items() if score} == expected


# -------------------------------------------------------------------------- off by one


def finder(scoring: ScoringWindow) -> Checkpoint:
    """A network made by hand that finds ACG on + (so CGT on -), to the base.

    Units 0 to 2 say that what has been read ends in A, AC, ACG; units 3 to 5: C, CG, CGT, which
    is how the other lane reads an ACG. A base is in the motif where what is left of it and what
    is right of it add up to three letters.
    """
    gain, letters = 20.0, "ACGCGT"
    read = np.full((6, 4), 0.0, np.float32)
    before = np.zeros((6, 6), np.float32)
    bias = np.empty(6, np.float32)
    for unit, letter in enumerate(letters):
        read[unit, "ACGT".index(letter)] = 2 * gain
        bias[unit] = -gain
        if unit % 3:  # the letter, and the unit before it a base ago
            before[unit, unit - 1] = gain
            bias[unit] -= 1.2 * gain
    # Units are -1 or 1; the first lane counts units 0 to 2, the second units 3 to 5.
    votes = np.array([1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 2, 3], np.float32) / 2
    weights = {
        "recurrent.0.weight_ih_l0": read,
        "recurrent.0.weight_hh_l0": before,
        "recurrent.0.bias_ih_l0": bias,
        "recurrent.0.bias_hh_l0": np.zeros(6, np.float32),
        "head.weight": 40 * votes[None],
        "head.bias": np.array([40 * (votes.sum() - 3.5)], np.float32),
    }
    return Checkpoint(
        architecture=Architecture((MotifClass("M", True),), Cell.RNN, 6),
        weights=weights,
        training_window_bp=10,
        scoring_window=scoring,
        mask="none",
        maps=(LogOddsMap(1.0, 0.0),),
        calls={"M": CallRule(500)},
    )


def places(text: str) -> Iterator[tuple[int, int, str]]:
    """Motifs of a sequence, those that touch as one."""
    for motif, strand in (("ACG", "+"), ("CGT", "-")):
        for match in re.finditer(f"(?:{motif})+", text):
            yield match.start(), match.end(), strand


@pytest.mark.parametrize("scoring", [(8, 2), (9, 3), (50, 2), (64, 20)], ids=str)
def test_motifs_are_found_to_the_base_wherever_they_lie(
    tmp_path: Path, scoring: tuple[int, int]
) -> None:
    finder(ScoringWindow(*scoring)).save(tmp_path / "m.safetensors")
    rng = np.random.default_rng(3)
    records = {f"r{n}": decode(random_codes(rng, n)) for n in (*range(1, 40), 100, 301, 2000)}
    # At the first base, at the last, on either strand, and at every place of a contig in turn.
    for motif in ("ACG", "CGT"):
        for at in range(58):
            records[f"{motif}{at}"] = f"{'T' * at}{motif}{'A' * (57 - at)}"
    records |= {"only": "ACG", "both": "ACGT", "n": "NACGN", "split": "ACNG", "touch": "ACGACG"}
    expected = [
        Row(name, start, end, "M", 1000, strand)
        for name, text in records.items()
        for start, end, strand in sorted(places(text))
    ]
    assert len(expected) > 150
    track, calls = score(tmp_path, "g", records)
    assert rows_of(track) == expected
    assert rows_of(calls) == expected
