"""`dnabirnn mutate`, from file to file: the effects of the library, in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyBigWig
import pytest
from commands import run, succeed, write_fasta, write_model
from random_models import random_codes

from dnabirnn.alphabet import decode, encode
from dnabirnn.errors import OutputError
from dnabirnn.explanation.changes import Changes
from dnabirnn.explanation.model import load
from dnabirnn.explanation.reach import Reach
from dnabirnn.explanation.tables import EffectTable
from dnabirnn.motif_classes import MotifClass, Output
from dnabirnn.tracks.call_files import read_calls
from dnabirnn.tracks.schema import EFFECT_SCHEMA

SIZES = {"a": 700, "b": 3, "c": 0, "d": 420, "e": 90}
CLASSES = MotifClass("A", True), MotifClass("B", False)
OUTPUTS = [("A", "+"), ("A", "-"), ("B", ".")]


@pytest.fixture
def genome(tmp_path: Path) -> dict[str, str]:
    rng = np.random.default_rng(0)
    records = {name: decode(random_codes(rng, size)) for name, size in SIZES.items()}
    write_fasta(tmp_path / "g.fa", records)
    write_model(tmp_path / "m.safetensors", classes=CLASSES, kmer=3, spread=0.3)
    return records


def mutate(folder: Path, out: str, *options: object) -> Path:
    succeed("mutate", folder / "g.fa", "-m", folder / "m.safetensors", "-o", folder / out, *options)
    return folder / out


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def expected_rows(folder: Path, genome: dict[str, str], reach: int, longest: int) -> pl.DataFrame:
    """Rows of the table, one by one, from the effects of the library."""
    model, rows = load(folder / "m.safetensors", device="cpu"), []
    for name, text in genome.items():
        if not text:
            continue
        found = model.effects(text, reach=reach, deletions=longest)
        for at, letter in enumerate(text):
            changes = [(1, "ACGT"[n], found.substitutions, n) for n in range(4)]
            changes += [(n + 1, "-", found.deletions, n) for n in range(longest)]
            for size, alt, of, kind in changes:
                ref = text[at : at + size]
                if "N" in ref or alt == letter or at + size > len(text):
                    continue
                for output, (class_name, strand) in enumerate(OUTPUTS):
                    numbers = [array[at, kind, output].item() for array in of[:-1]]
                    place = (name, at, at + size, ref, alt, class_name, strand)
                    rows.append((*place, *numbers, reach, None))
    return pl.DataFrame(rows, schema=EFFECT_SCHEMA, orient="row")


@pytest.mark.parametrize("longest", [0, 3])
def test_the_table_has_every_change(
    tmp_path: Path, genome: dict[str, str], longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Blocks of few bases, so that deletions cross their ends.
    monkeypatch.setattr("dnabirnn.explanation.stream.RESULT_BYTES", 1 << 14)
    out = mutate(tmp_path, "e.parquet", "--reach", 20, "--deletions", longest)
    found, expected = pl.read_parquet(out), expected_rows(tmp_path, genome, 20, longest)
    assert found.equals(expected, null_equal=True)
    assert found["gain"].max() > 0.01  # type: ignore[operator]


def test_arrays_are_those_of_the_library(tmp_path: Path, genome: dict[str, str]) -> None:
    options = ("--reach", 15, "--deletions", 2, "--profiles")
    out = mutate(tmp_path, "e.npz", *options)
    again = mutate(tmp_path, "again.npz", *options, "--threads", 1)
    assert out.read_bytes() == again.read_bytes()
    arrays = arrays_of(out)
    assert arrays["contigs"].tolist() == [name for name, size in SIZES.items() if size]
    assert [*zip(arrays["classes"], arrays["strands"], strict=True)] == OUTPUTS
    assert arrays["reach"] == 15
    assert arrays["sampled"] == 0
    model = load(tmp_path / "m.safetensors", device="cpu")
    for number, name in enumerate(arrays["contigs"]):
        own, codes = arrays["contig"] == number, encode(genome[name])
        np.testing.assert_array_equal(arrays["position"][own], np.arange(len(codes)))
        np.testing.assert_array_equal(arrays["ref"][own], codes)
        effects = model.effects(codes, reach=15, deletions=2, profiles=True)
        for prefix, changes in (("", effects.substitutions), ("deletion_", effects.deletions)):
            for field, array in zip(Changes._fields, changes, strict=True):
                np.testing.assert_array_equal(arrays[prefix + field][own], array)


def test_regions_shards_and_merging(tmp_path: Path, genome: dict[str, str]) -> None:
    whole = pl.read_parquet(mutate(tmp_path, "e.parquet", "--reach", 20))
    shards = [
        mutate(tmp_path, f"{n}.parquet", "--reach", 20, "--shard", f"{n}-of-3") for n in (1, 2, 3)
    ]
    succeed("merge", *shards, "-o", tmp_path / "all.parquet")
    assert pl.read_parquet(tmp_path / "all.parquet").equals(whole)
    (tmp_path / "r.bed").write_text("a\t10\t14\nd\t0\t2\na\t12\t20\nd\t418\t420\n")
    found = pl.read_parquet(
        mutate(tmp_path, "r.parquet", "--reach", 20, "--regions", tmp_path / "r.bed")
    )
    inside = pl.col("chrom").eq("a") & pl.col("start").is_between(10, 19)
    inside |= pl.col("chrom").eq("d") & ~pl.col("start").is_between(2, 417)
    assert found.equals(whole.filter(inside))
    scores = tmp_path / "s.parquet"
    succeed("score", tmp_path / "g.fa", "-m", tmp_path / "m.safetensors", "-o", scores)
    result = run("merge", shards[0], scores, "-o", tmp_path / "no.parquet")
    assert "other columns than those of" in result.stderr


def write_calls(folder: Path) -> Path:
    path = folder / "c.bed"
    path.write_text("a\t100\t120\tA\t900\t+\na\t300\t310\tB\t900\t.\nd\t2\t9\tA\t900\t+\n")
    return path


def test_calls_are_changed_with_what_is_within_reach(
    tmp_path: Path, genome: dict[str, str]
) -> None:
    out = mutate(tmp_path, "e.npz", "--reach", 12, "--calls", write_calls(tmp_path))
    arrays = arrays_of(out)
    positions = [[*range(88, 132), *range(288, 322)], [*range(21)]]
    for number, own in enumerate(positions):
        assert arrays["position"][arrays["contig"] == number].tolist() == own


_CALLS_IN_OTHER_FORMATS = {
    "c.tsv": "chrom\tstart\tend\tclass\tscore\tstrand\tevidence\n"
    "a\t100\t120\tA\t900\t+\t5\na\t300\t310\tB\t900\t.\t5\nd\t2\t9\tA\t900\t+\t5\n",
    "c.gff3": "##gff-version 3\na\tx\tregion\t101\t120\t0.9\t+\t.\tName=A\n"
    "a\tx\tregion\t301\t310\t0.9\t.\t.\tName=B\nd\tx\tregion\t3\t9\t0.9\t+\t.\tName=A\n",
    "c.parquet": None,
    "-": None,
}
"""The calls of `write_calls`."""


@pytest.mark.parametrize("name", _CALLS_IN_OTHER_FORMATS)
def test_calls_in_other_formats(
    tmp_path: Path, genome: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    bed, text, words = write_calls(tmp_path), _CALLS_IN_OTHER_FORMATS[name], "--reach 5 --calls"
    if text is not None:
        Path(name).write_text(text)
    elif name != "-":
        read_calls(bed).write_parquet(name)
    for out, calls in (("bed.npz", bed), ("other.npz", name)):
        command = ["mutate", "g.fa", "-m", "m.safetensors", "-o", out, *words.split(), calls]
        succeed(*command, input=bed.read_bytes())
    assert Path("bed.npz").read_bytes() == Path("other.npz").read_bytes()


def test_a_call_past_its_contig_is_named_by_its_line(
    tmp_path: Path, genome: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.tsv").write_text(_CALLS_IN_OTHER_FORMATS["c.tsv"].replace("310", "3100"))
    result = run("mutate", "g.fa", "-m", "m.safetensors", "-o", "e.npz", "--calls", "c.tsv")
    assert "c.tsv, line 3: a:300-3100 lies mostly past the contig's end at 700" in result.stderr


def test_importance_of_calls(tmp_path: Path, genome: dict[str, str]) -> None:
    calls = write_calls(tmp_path)
    mutate(tmp_path, "e.bw", "--reach", 12, "--calls", calls)
    assert not (tmp_path / "e.bw").exists()
    model = load(tmp_path / "m.safetensors", device="cpu")
    with pyBigWig.open(str(tmp_path / "e.A.plus.bw")) as file:
        assert file.chroms() == {"a": 700, "d": 420}
        for name, start, end in (("a", 100, 120), ("d", 2, 9)):
            values = np.array(file.values(name, 0, SIZES[name]), np.float32)
            expected = model.importance(genome[name], start, end, reach=12)[:, 0]
            np.testing.assert_array_equal(values, expected)
    with pyBigWig.open(str(tmp_path / "e.B.both.bw")) as file:
        values = np.array(file.values("a", 0, 700), np.float32)
        expected = model.importance(genome["a"], 300, 310, reach=12)[:, 2]
        np.testing.assert_array_equal(values, expected)
    with pyBigWig.open(str(tmp_path / "e.A.minus.bw")) as file:
        assert not file.chroms()
    (tmp_path / "r.bed").write_text("a\t100\t120\n")
    mutate(tmp_path, "r.bw", "--reach", 12, "--regions", tmp_path / "r.bed")
    with pyBigWig.open(str(tmp_path / "r.A.minus.bw")) as file:
        values = np.array(file.values("a", 0, 700), np.float32)
        expected = model.importance(genome["a"], 100, 120, reach=12)[:, 1]
        np.testing.assert_array_equal(values, expected)


def test_shards_of_importance_are_merged(tmp_path: Path, genome: dict[str, str]) -> None:
    options = ("--reach", 12, "--calls", write_calls(tmp_path))
    mutate(tmp_path, "e.bw", *options)
    for number in (1, 2):
        mutate(tmp_path, f"{number}.bw", *options, "--shard", f"{number}-of-2")
    shards = [tmp_path / f"{number}.A.plus.bw" for number in (1, 2)]
    succeed("merge", *shards, "-o", tmp_path / "all.bw")
    assert (tmp_path / "all.bw").read_bytes() == (tmp_path / "e.A.plus.bw").read_bytes()


def test_explain_writes_the_same_importance(tmp_path: Path, genome: dict[str, str]) -> None:
    calls = write_calls(tmp_path)
    mutate(tmp_path, "e.bw", "--reach", 12, "--calls", calls)
    arguments = ("explain", tmp_path / "g.fa", "-m", tmp_path / "m.safetensors", "--reach", 12)
    succeed(*arguments, "--calls", calls, "-o", tmp_path / "x.bw", "--threads", 1)
    for label in ("A.plus", "A.minus", "B.both"):
        one, other = (tmp_path / f"{name}.{label}.bw" for name in "ex")
        assert one.read_bytes() == other.read_bytes()
    result = run(*arguments, "--calls", calls, "-o", tmp_path / "x.npz")
    assert "x.npz: importance is written as bigWig; end the name in .bw" in result.stderr
    result = run(*arguments, "-o", tmp_path / "x.bw")
    assert "importance refers to sites; give them with --calls or --regions" in result.stderr


@pytest.mark.parametrize("method", ["gradient", "integrated-gradients"])
def test_explain_by_gradients_writes_what_the_library_computes(
    tmp_path: Path, genome: dict[str, str], method: str
) -> None:
    name, text = next(iter(genome.items()))
    (tmp_path / "r.bed").write_text(f"{name}\t20\t30\n")
    options = ("-m", tmp_path / "m.safetensors", "--regions", tmp_path / "r.bed", "--reach", 12)
    result = succeed(
        *("explain", tmp_path / "g.fa", *options, "--method", method, "-o", tmp_path / "x.bw")
    )
    assert f"computed by {method}" in result.stderr
    assert ("largest residual of completeness" in result.stderr) == (method != "gradient")
    model = load(tmp_path / "m.safetensors")
    letters = model.contributions(text, 20, 30, method=method)
    with pyBigWig.open(str(tmp_path / "x.A.plus.bw")) as file:
        written = np.array(file.values(name, 0, 42))
    for base, letter in enumerate(text[:42].upper()):
        if base < 8 or letter not in "ACGT":
            assert np.isnan(written[base])
        else:
            expected = letters[base, "ACGT".index(letter), 0]
            assert written[base] == pytest.approx(expected, abs=1e-5)


def test_nothing_to_change(tmp_path: Path, genome: dict[str, str]) -> None:
    (tmp_path / "c.bed").write_text("")
    calls = ("--calls", tmp_path / "c.bed")
    table = pl.read_parquet(mutate(tmp_path, "e.parquet", *calls))
    assert table.is_empty()
    assert table.schema == EFFECT_SCHEMA
    arrays = arrays_of(mutate(tmp_path, "e.npz", *calls))
    assert arrays["position"].shape == (0,)
    mutate(tmp_path, "e.bw", *calls)
    assert (tmp_path / "e.A.plus.bw").exists()


def test_a_measured_reach_is_written_and_does_not_depend_on_the_shard(
    tmp_path: Path, genome: dict[str, str]
) -> None:
    arrays = arrays_of(mutate(tmp_path, "e.npz"))
    assert arrays["sampled"] > 100
    assert arrays["log_odds_beyond"] >= 0
    for number in (1, 2):
        out = mutate(tmp_path, "e.parquet", "--shard", f"{number}-of-2")
        rows = pl.read_parquet(out)
        assert rows["reach"].unique().to_list() == [arrays["reach"]]
        assert rows["log_odds_beyond"].unique().to_list() == [arrays["log_odds_beyond"]]
    result = run(
        "mutate",
        "-",
        "-m",
        tmp_path / "m.safetensors",
        "-o",
        tmp_path / "x.npz",
        input=">a\nACGT\n",
    )
    assert "--reach auto: reads the FASTA twice" in result.stderr
    out = tmp_path / "x.npz"
    succeed(
        *("mutate", "-", "-m", tmp_path / "m.safetensors", "-o", out, "--reach", 9),
        input=">a\nACGT\n",
    )
    assert arrays_of(out)["position"].tolist() == [0, 1, 2, 3]


def test_circular_contigs(tmp_path: Path, genome: dict[str, str]) -> None:
    out = mutate(tmp_path, "e.npz", "--reach", 15, "--circular", "a")
    arrays = arrays_of(out)
    model = load(tmp_path / "m.safetensors", device="cpu")
    expected = model.effects(genome["a"], reach=15, circular=True).substitutions.gain
    np.testing.assert_array_equal(arrays["gain"][arrays["contig"] == 0], expected)
    assert (expected[0] != model.effects(genome["a"], reach=15).substitutions.gain[0]).any()


@pytest.mark.parametrize("out", ["e.parquet", "e.npz", "e.bw"])
def test_a_dry_run_writes_nothing(tmp_path: Path, genome: dict[str, str], out: str) -> None:
    options = ("--reach", 9, "--calls", write_calls(tmp_path), "--dry-run")
    before = sorted(tmp_path.iterdir())
    result = succeed(
        "mutate",
        tmp_path / "g.fa",
        "-m",
        tmp_path / "m.safetensors",
        "-o",
        tmp_path / out,
        *options,
    )
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["memory", "disk", "time"]
    assert sorted(tmp_path.iterdir()) == before


def test_a_dry_run_counts_the_memory_of_gradients(tmp_path: Path, genome: dict[str, str]) -> None:
    calls = write_calls(tmp_path)

    def megabytes(method: str, engine: str) -> float:
        model, out = tmp_path / "m.safetensors", tmp_path / "e.bw"
        options = ("--reach", 9, "--calls", calls, "--method", method, "--threads", 1, "--dry-run")
        result = succeed(
            *("explain", tmp_path / "g.fa", "-m", model, "-o", out, "--engine", engine), *options
        )
        number, unit = result.stdout.split()[1:3]
        return float(number) * {"MB": 1, "GB": 1000}[unit]

    # Kernels need torch too, but each thread of torch takes hundreds of MB more.
    assert megabytes("gradient", "torch") > megabytes("gradient", "fused") + 300
    assert megabytes("integrated-gradients", "fused") > megabytes("gradient", "fused") > 400


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "x.bed"], "x.bed: unknown format; end the name in .parquet, .npz or .bw"),
        (["-o", "x.bw"], "x.bw: importance refers to sites; give them with --calls or --regions"),
        (["-o", "x.parquet", "--profiles"], "--profiles: x.parquet has no room for them"),
        (["-o", "x.bw", "--deletions", 2], "--deletions: x.bw holds importance"),
        (["-o", "x.npz", "--reach", 0], "--reach 0: must be a number of bases"),
        (["-o", "x.npz", "--reach", "far"], "--reach far: must be a number of bases, 1 or more"),
        (["-o", "x.npz", "--deletions", -1], "--deletions -1: must be 0 to 100 bases"),
        (["-o", "x.npz", "--regions", "r.bed", "--calls", "c.bed"], "give one of them"),
        (["-o", "x.npz", "--chrom-alias", "r.bed"], "--chrom-alias: only applies to --regions"),
        (["-o", "x.npz", "--calls", "r.bed"], "r.bed, line 1: class"),
        (["-o", "x.npz", "--regions", "z.bed"], "z.bed: no contig in common with the FASTA"),
        (["-o", "g.fa", "--reach", 3], "g.fa: is also an input"),
    ],
)
def test_errors_are_one_line_and_leave_no_file(
    tmp_path: Path,
    genome: dict[str, str],
    options: list[object],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.bed").write_text("a\t1\t5\tx\t1\t+\n")
    Path("z.bed").write_text("z\t1\t5\n")
    Path("c.bed").write_text("")
    before = sorted(tmp_path.iterdir())
    result = run("mutate", "g.fa", "-m", "m.safetensors", *options)
    assert result.exit_code
    assert message in result.stderr.splitlines()[-1]
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("out", ["e.parquet", "e.npz"])
def test_a_failure_in_the_middle_leaves_no_file(tmp_path: Path, out: str) -> None:
    write_model(tmp_path / "m.safetensors")
    (tmp_path / "g.fa").write_text(">a\n" + "ACGTTGCA" * 200 + "\n>b\nAC!GT\n")
    before = sorted(tmp_path.iterdir())
    result = run(
        *("mutate", tmp_path / "g.fa", "-m", tmp_path / "m.safetensors", "--reach", 5),
        *("-o", tmp_path / out),
    )
    assert "'!' is not a nucleotide letter" in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_table_that_cannot_be_written(tmp_path: Path) -> None:
    table = EffectTable(tmp_path / "missing" / "x.parquet", [Output("A", "+")], Reach(5))
    with pytest.raises(OutputError, match="Parquet could not be written"):
        table.close()
    table.abandon()


def test_an_interrupted_table_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", interrupted)
    table = EffectTable(tmp_path / "x.parquet", [Output("A", "+")], Reach(5))
    with pytest.raises(KeyboardInterrupt):
        table.close()
    table.abandon()
    assert capfd.readouterr().err == ""
