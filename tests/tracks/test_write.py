"""Golden files: planted intervals in every format, read back by other libraries."""

from __future__ import annotations

import csv
import gzip
import math
import warnings
from pathlib import Path
from typing import Any

import gffutils
import numpy as np
import polars as pl
import pyBigWig
import pysam
import pytest
from commands import succeed, write_fasta, write_model
from random_models import random_codes
from scored import OUTPUTS, blocks, contig

from dnabirnn.alphabet import decode
from dnabirnn.errors import OptionError, OutputError
from dnabirnn.files.write import OutputFiles
from dnabirnn.motif_classes import Output
from dnabirnn.network.call_rules import CallRule, CallSettings
from dnabirnn.scoring.calls import find_calls
from dnabirnn.scoring.runs import find_runs
from dnabirnn.scoring.stream import measured
from dnabirnn.tracks.formats import TrackFormat, track_format
from dnabirnn.tracks.write import Target, open_track, targets

LENGTH = 40


def logit(score: float) -> float:
    return math.log(score / (1000 - score))


def column(*intervals: tuple[int, int, int]) -> list[int]:
    scores = [0] * LENGTH
    for start, end, score in intervals:
        scores[start:end] = [score] * (end - start)
    return scores


# The outputs are b +, b -, a ., B +. Names are neither sorted nor, in GFF3, fit as they are.
GENOME = [
    contig(
        "z|1",
        column((0, 1, 900), (20, 24, 700), (24, 26, 950), (26, 28, 950)),
        column((39, 40, 800), (21, 23, 600)),
        column((0, 40, 500)),
        column(),
        n_at=[10, 30],
    ),
    contig("empty", [], [], [], []),
    contig("a;b%", column(), column((0, 40, 1000)), column(), column((5, 7, 1))),
]
SIZES = {"z|1": LENGTH, "empty": 0, "a;b%": LENGTH}
SETTINGS = CallSettings({name: CallRule(400, 1, 1) for name in ("a", "b", "B")})
CALLS = [
    ("z|1", 0, 1, "b", 900, "+"),
    ("z|1", 0, 40, "a", 475, "."),  # 38 bases of 500, and 2 of code 4
    ("z|1", 20, 28, "b", 825, "+"),
    ("z|1", 21, 23, "b", 600, "-"),
    ("z|1", 39, 40, "b", 800, "-"),
    ("a;b%", 0, 40, "b", 1000, "-"),
]
SUMMITS = [0, 0, 24, 21, 39, 0]
RGB = {"b": "0,114,178", "a": "213,94,0", "B": "0,158,115"}


# Whole millinats above those of a base at the threshold of 400; bases of code 4 have no row.
EVIDENCE = [
    sum(round(1000 * logit(s)) - round(1000 * logit(400)) for s in scores)
    for scores in (
        [900], [500] * 38 + [0.5] * 2, [700] * 4 + [950] * 4, [600] * 2, [800], [999.5] * 40,
    )
]  # fmt: skip
# What a caller may add to a call.
FURTHER = {
    "period": np.array([0, 171, 0, 0, 0, 2]),
    "copies": np.array([0, 10.5, 0, 0, 0, 3]),
    "evalue": np.array([2e-7, 0.5, 3, 1234567.0, 1, 1e-300]),
    "qvalue": np.array([1e-8, 0.25, 1, 1, 1, 0.05]),
    "note": np.array(["", "too few calls", "", "", "", ""]),
}


def write_calls(path: Path, *columns: str, **options: Any) -> Path:
    form = track_format(path, calls=True)
    columns = columns or ("evidence",)
    runs = find_runs(blocks(GENOME, [7, 25]), min_score=1)
    with OutputFiles() as files:
        track = open_track(files, path, form, OUTPUTS, SIZES, columns=columns, **options)
        done = 0
        for rows in find_calls(runs, OUTPUTS, SETTINGS, summits=form is TrackFormat.NARROWPEAK):
            part = slice(done, done := done + rows.start.size)
            further = {name: values[part] for name, values in FURTHER.items()}
            track.add(rows._replace(extra={**(rows.extra or {}), **further}))
        track.close()
    return path


def write_scores(path: Path, **options: Any) -> Path:
    form = track_format(path)
    sizes: dict[str, int] = {}
    lowest = 0 if form.traits.split else 1
    with OutputFiles() as files:
        track = open_track(files, path, form, OUTPUTS, sizes, **options)
        for rows in find_runs(measured(blocks(GENOME, [7, 25]), sizes), min_score=lowest):
            track.add(rows)
        track.close()
    assert sizes == SIZES
    return path


def rows_of(path: Path) -> list[list[str]]:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def text(rows: list[tuple]) -> list[list[str]]:
    return [list(map(str, row)) for row in rows]


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_bed(tmp_path: Path, gz: str) -> None:
    assert rows_of(write_calls(tmp_path / f"c.bed{gz}")) == text(CALLS)


def test_bed9(tmp_path: Path) -> None:
    expected = [(*row, row[1], row[2], RGB[row[3]]) for row in CALLS]
    assert rows_of(write_calls(tmp_path / "c.bed9")) == text(expected)


def test_narrowpeak(tmp_path: Path) -> None:
    expected = [
        (*row, f"{row[4] / 1000:.3f}", -1, -1, summit - row[1])
        for row, summit in zip(CALLS, SUMMITS, strict=True)
    ]
    assert rows_of(write_calls(tmp_path / "c.narrowPeak")) == text(expected)


def test_tsv(tmp_path: Path) -> None:
    header, *rows = rows_of(write_calls(tmp_path / "c.tsv"))
    assert header == ["chrom", "start", "end", "class", "score", "strand", "evidence"]
    assert rows == text(with_evidence())


def test_parquet(tmp_path: Path) -> None:
    frame = pl.read_parquet(write_calls(tmp_path / "c.parquet"))
    assert frame.columns == ["chrom", "start", "end", "class", "score", "strand", "evidence"]
    assert frame.rows() == with_evidence()
    assert (frame["start"].dtype, frame["score"].dtype) == (pl.Int64, pl.Int16)


@pytest.mark.parametrize("so_type", [None, "repeat_region", "SO:0000657"])
def test_gff3(tmp_path: Path, so_type: str | None) -> None:
    path = write_calls(tmp_path / "c.gff3", so_type=so_type)
    assert path.read_text().startswith("##gff-version 3\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        database = gffutils.create_db(
            str(path), ":memory:", keep_order=True, merge_strategy="create_unique"
        )
        found = list(database.all_features(order_by=("file_order",)))
    assert {feature.source for feature in found} == {"dnabirnn"}
    assert {feature.featuretype for feature in found} == {so_type or "sequence_feature"}
    assert [
        # 1-based and closed
        (f.seqid, f.start, f.end, f.attributes["Name"][0], f.score, f.strand, f.frame)
        for f in found
    ] == [
        (chrom.replace("%", "%25").replace(";", "%3B"), start + 1, end, name, f"{score / 1000:.3f}",
         strand, ".")
        for chrom, start, end, name, score, strand in CALLS
    ]  # fmt: skip


def test_gff3_encodes_what_its_columns_cannot_hold(tmp_path: Path) -> None:
    outputs = [Output("LINE/L1;a=b,c&d e%\u00e9", "+")]
    genome = [contig("x>y", [900])]
    with OutputFiles() as files:
        track = open_track(files, tmp_path / "c.gff3", TrackFormat.GFF3, outputs, {})
        for rows in find_runs(blocks(genome), min_score=1):
            track.add(rows)
        track.close()
    line = (tmp_path / "c.gff3").read_text().splitlines()[1]
    assert line == (
        "x%3Ey\tdnabirnn\tsequence_feature\t1\t1\t0.900\t+\t.\t"
        "Name=LINE/L1%3Ba%3Db%2Cc%26d e%25%C3%A9"
    )


def test_bigbed(tmp_path: Path) -> None:
    with pyBigWig.open(str(write_calls(tmp_path / "c.bb"))) as file:
        assert file.isBigBed()
        assert file.chroms() == {"a;b%": LENGTH, "z|1": LENGTH}
        assert b"table bed9" in file.SQL()
        assert b"bigint evidence;" in file.SQL()
        found = [
            (chrom, start, end, rest)
            for chrom in ("z|1", "a;b%")
            for start, end, rest in file.entries(chrom, 0, LENGTH)
        ]
    assert found == [
        (*row[:3], "\t".join(map(str, (*row[3:6], row[1], row[2], RGB[row[3]], row[6]))))
        for row in with_evidence()
    ]


ALL = ("evidence", "period", "copies", "evalue", "qvalue", "note")
FURTHER_TEXT = [
    ("0", "0", "2e-07", "1e-08", "."),
    ("171", "10.5", "0.5", "0.25", "too few calls"),
    ("0", "0", "3", "1", "."),
    ("0", "0", "1.23457e+06", "1", "."),
    ("0", "0", "1", "1", "."),
    ("2", "3", "1e-300", "0.05", "."),
]


def with_evidence() -> list[tuple]:
    return [(*row, evidence) for row, evidence in zip(CALLS, EVIDENCE, strict=True)]


@pytest.mark.parametrize("ending", ["bed", "bed9", "tsv", "parquet", "bb"])
def test_all_columns_of_calls(tmp_path: Path, ending: str) -> None:
    path = write_calls(tmp_path / f"c.{ending}", *ALL)
    thick = [[str(row[1]), str(row[2]), RGB[row[3]]] for row in CALLS]
    middle = thick if ending in ("bed9", "bb") else [[] for _ in CALLS]
    expected = [
        [*map(str, row[:6]), *mid, str(row[6]), *more]
        for row, mid, more in zip(with_evidence(), middle, FURTHER_TEXT, strict=True)
    ]
    names = ["chrom", "start", "end", "class", "score", "strand"]
    if ending == "parquet":
        frame = pl.read_parquet(path)
        assert frame.columns == [*names, *ALL]
        assert frame["note"].to_list() == [None, "too few calls", None, None, None, None]
        assert frame["evalue"].to_list() == pytest.approx(FURTHER["evalue"].tolist(), rel=1e-5)
        assert frame.select([*names, "evidence"]).rows() == with_evidence()
    elif ending == "bb":
        with pyBigWig.open(str(path)) as file:
            found = [
                [chrom, str(start), str(end), *rest.split("\t")]
                for chrom in ("z|1", "a;b%")
                for start, end, rest in file.entries(chrom, 0, LENGTH)
            ]
        assert found == expected
    else:
        header, *rows = rows_of(path)
        if ending != "tsv":
            header[0] = header[0].removeprefix("#")
        assert [name for name in header if name not in ("thickStart", "thickEnd", "itemRgb")] == [
            *names, *ALL
        ]  # fmt: skip
        assert rows == expected


def test_q_values_in_narrowpeak(tmp_path: Path) -> None:
    rows = rows_of(write_calls(tmp_path / "c.narrowPeak", *ALL))
    assert [row[:7] for row in rows] == text([(*row, f"{row[4] / 1000:.3f}") for row in CALLS])
    assert [int(row[9]) for row in rows] == [
        summit - call[1] for summit, call in zip(SUMMITS, CALLS, strict=True)
    ]
    p = -np.log10(-np.expm1(-FURTHER["evalue"]))
    assert [float(row[7]) for row in rows] == pytest.approx(p.tolist(), abs=1e-5)
    assert [float(row[8]) for row in rows] == pytest.approx(
        (-np.log10(FURTHER["qvalue"])).tolist(), abs=1e-5
    )
    assert not any(value.startswith("-") for row in rows for value in row[7:9])


def test_attributes_in_gff3(tmp_path: Path) -> None:
    rows = rows_of(write_calls(tmp_path / "c.gff3", *ALL))[1:]
    assert rows[0][8] == f"Name=b;evidence={EVIDENCE[0]};evalue=2e-07;qvalue=1e-08"
    assert rows[1][8] == (
        f"Name=a;evidence={EVIDENCE[1]};period=171;copies=10.5;evalue=0.5;qvalue=0.25;"
        "Note=too few calls"
    )


@pytest.mark.parametrize("ending", [".bed", ".bed9", ".tsv", ".parquet", ".bb"])
def test_scores_are_the_same_rows_in_every_format(tmp_path: Path, ending: str) -> None:
    expected = rows_of(write_scores(tmp_path / "s.bed"))
    assert ["z|1", "0", "1", "b", "900", "+"] in expected
    path = write_scores(tmp_path / f"s{ending}")
    if ending == ".parquet":
        found = text(pl.read_parquet(path).rows())
    elif ending == ".bb":
        with pyBigWig.open(str(path)) as file:
            found = [
                [chrom, str(start), str(end), *rest.split("\t")[:3]]
                for chrom in ("z|1", "a;b%")
                for start, end, rest in file.entries(chrom, 0, LENGTH)
            ]
    else:
        found = [row[:6] for row in rows_of(path)][ending == ".tsv" :]
    assert found == expected


def test_bigwig_is_the_bedgraph_and_has_nothing_for_code_4(tmp_path: Path) -> None:
    write_scores(tmp_path / "s.bw")
    write_scores(tmp_path / "s.bg")
    for output, scores in zip(
        OUTPUTS, zip(*(c.scores.T for c in GENOME), strict=True), strict=True
    ):
        graph = rows_of(tmp_path / f"s.{output.label}.bg")
        with pyBigWig.open(str(tmp_path / f"s.{output.label}.bw")) as file:
            assert file.isBigWig()
            found = [
                [chrom, str(start), str(end), f"{value:.3f}"]
                for chrom in ("z|1", "a;b%")
                for start, end, value in file.intervals(chrom)
            ]
            assert found == graph
            for each, own in zip(GENOME, scores, strict=True):
                if not len(own):
                    continue
                values = file.values(each.name, 0, LENGTH, numpy=True)
                assert np.isnan(values[each.codes == 4]).all()
                known = each.codes != 4
                np.testing.assert_allclose(values[known], own[known] / 1000, atol=1e-6)


# ------------------------------------------------------------------------------ indexes


@pytest.mark.parametrize("ending", [".bed", ".bed9", ".tsv", ".gff3", ".narrowPeak"])
def test_an_index_finds_what_overlaps(tmp_path: Path, ending: str) -> None:
    path = write_calls(tmp_path / f"c{ending}.gz", index=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, f"{path.name}.tbi"]
    names = {"z|1": "z|1", "a;b%": "a%3Bb%25" if ending == ".gff3" else "a;b%"}
    place = 3 if ending == ".gff3" else 1
    with pysam.TabixFile(str(path)) as file:
        assert file.contigs == list(names.values())
        for start in range(LENGTH):
            for chrom, name in names.items():
                found = [row.split("\t") for row in file.fetch(name, start, start + 1)]
                first = 1 if ending == ".gff3" else 0
                assert [(int(r[place]) - first, int(r[place + 1])) for r in found] == [
                    row[1:3] for row in CALLS if row[0] == chrom and row[1] <= start < row[2]
                ]


def test_each_bedgraph_has_its_index(tmp_path: Path) -> None:
    write_scores(tmp_path / "s.bedgraph.gz", index=True)
    for output in OUTPUTS:
        with pysam.TabixFile(str(tmp_path / f"s.{output.label}.bedgraph.gz")) as file:
            assert list(file.fetch("z|1", 39, 40))


# ------------------------------------------------------------------------------ targets


def test_targets() -> None:
    track, called = targets("s.bed.gz", None, "c.bb", None, index=True)
    assert (track.form, track.index) == (TrackFormat.BED, True)
    assert called == Target("c.bb", TrackFormat.BIGBED, False)
    track, called = targets("s.bw", None, "c.txt.gz", "gff3", index=True, so_type="exon")
    assert called == Target("c.txt.gz", TrackFormat.GFF3, True, "exon")
    assert not track.index
    assert targets("s", "bed")[1] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"calls_form": "bed9"}, "--calls-format: applies to calls, and no calls are written"),
        ({"so_type": "exon"}, "--so-type: applies to calls"),
    ],
)
def test_options_of_calls_without_calls(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        targets("s.bed", **options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("c.bed", {"index": True}, "--index: .*c.bed is not a bgzip file; end the name in .gz"),
        ("c.bb", {"index": True}, "--index: .*c.bb is bigBed, which has an index already"),
        ("c.bed", {"so_type": "exon"}, "--so-type exon: applies to GFF3"),
        ("c.bb", {"so_type": "exon"}, "--so-type exon: applies to GFF3"),
        ("c.gff3", {"so_type": "no such"}, "--so-type no such: not a term"),
        ("c.gff3", {"so_type": ""}, "--so-type : not a term"),
    ],
)
def test_what_calls_cannot_have(
    tmp_path: Path, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        write_calls(tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_files_on_one_stream() -> None:
    with (
        OutputFiles() as files,
        pytest.raises(OptionError, match="-: bigWig is one file per output"),
    ):
        open_track(files, "-", TrackFormat.BIGWIG, OUTPUTS, {})


def test_one_output_goes_to_a_stream(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with OutputFiles() as files:
        track = open_track(files, "/dev/fd/1", TrackFormat.BIGWIG, OUTPUTS[:1], {"z|1": LENGTH})
        for rows in find_runs(blocks([contig("z|1", column((0, 1, 900)))]), min_score=0):
            track.add(rows)
        track.close()
    out = capfdbinary.readouterr().out
    assert out[:4] == out[-4:] == bytes.fromhex("26fc8f88")


@pytest.mark.parametrize("name", ["c.bb", "c.parquet", "c.bed.gz"])
def test_a_folder_that_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="there is no folder"):
        write_calls(tmp_path / "none" / name)


# ------------------------------------------------------------------------------ commands


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    rng = np.random.default_rng(3)
    records = {name: decode(random_codes(rng, 900)) for name in ("z", "b")}
    write_fasta(folder / "g.fa", records)
    (folder / "g.sizes").write_text("z\t900\nb\t900\n")
    write_model(folder / "m.safetensors", spread=2.0)
    return folder


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize(
    "ending",
    [".bed", ".bed9", ".gff3", ".narrowPeak", ".tsv", ".parquet", ".bb", ".bed.gz", ".gff3.bgz"],
)
def test_calls_of_a_track_are_those_made_with_it(
    material: Path, tmp_path: Path, ending: str, single: bool
) -> None:
    model = material / "m.safetensors"
    with_it, later = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    row = ["--single-base"] if single else []
    options = ["--merge-gap", "3", "--method", "mss"]
    track = tmp_path / "s.bed"
    succeed(
        *("-q", "score", material / "g.fa", "-m", model, "-o", track, "--calls", with_it),
        *options,
        *row,
    )
    sizes = ["--sizes", material / "g.sizes"] if ending == ".bb" else []
    succeed("-q", "call", track, "-m", model, "-o", later, *options, *sizes)
    assert with_it.stat().st_size > 100
    assert later.read_bytes() == with_it.read_bytes()


@pytest.mark.parametrize("ending", [".bw", ".bb", ".parquet", ".bed"])
def test_standard_input_gives_what_a_file_gives(
    material: Path, tmp_path: Path, ending: str
) -> None:
    model = material / "m.safetensors"
    text = (material / "g.fa").read_bytes()
    succeed("-q", "score", material / "g.fa", "-m", model, "-o", tmp_path / f"a{ending}")
    succeed("-q", "score", "-", "-m", model, "-o", tmp_path / f"b{ending}", input=text)
    written = sorted(tmp_path.iterdir())
    half = len(written) // 2
    assert [path.read_bytes() for path in written[:half]] == [
        path.read_bytes() for path in written[half:]
    ]


@pytest.mark.parametrize(
    ("form", "ending"), [("bigbed", ".bb"), ("parquet", ".parquet"), ("tsv", ".tsv")]
)
def test_standard_output_gets_what_a_file_gets(
    material: Path, tmp_path: Path, form: str, ending: str
) -> None:
    start = ("-q", "score", material / "g.fa", "-m", material / "m.safetensors", "-o")
    succeed(*start, tmp_path / f"a{ending}")
    piped = succeed(*start, "-", "--format", form)
    assert piped.stdout_bytes == (tmp_path / f"a{ending}").read_bytes()
