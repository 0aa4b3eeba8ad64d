"""The summary of calls against a naive count, and the command that writes it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from commands import run, succeed, write_fasta, write_model
from hypothesis import given, strategies as st

from dnabirnn.errors import OptionError, TrackError
from dnabirnn.report.run_summary import FORMAT_VERSION
from dnabirnn.report.summary import (
    GROUPS,
    SUMMARY_SCHEMA,
    VALUES,
    contig_sizes,
    sample_names,
    summarize_calls,
    summary_text,
    wide_summary,
)
from dnabirnn.tracks.schema import ROW_SCHEMA

SIZES = {"b": 500, "a": 300, "c": 50}
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["b", "a"]),
        st.integers(0, 200),
        st.integers(1, 90),
        st.sampled_from(["A", "B"]),
        st.sampled_from("+-"),
    ),
    max_size=12,
)


def frame(rows: list[tuple[str, int, int, str, str]]) -> pl.DataFrame:
    table = [
        (chrom, start, start + size, name, 900, strand) for chrom, start, size, name, strand in rows
    ]
    return pl.DataFrame(table, schema=ROW_SCHEMA, orient="row")


def n50(lengths: list[int]) -> int:
    """Written out: the first length, from the longest, at which half of the sum is reached."""
    reached = 0
    for length in sorted(lengths, reverse=True):
        reached += length
        if 2 * reached >= sum(lengths):
            return length
    raise AssertionError("no lengths")


def naive(calls: pl.DataFrame, by: tuple[str, ...]) -> dict[tuple[str, ...], tuple[object, ...]]:
    """Figures of one sample by group, base by base."""
    lengths, bases = defaultdict(list), defaultdict(set)
    for chrom, start, end, name, _, strand in calls.iter_rows():
        words = {"contig": chrom, "class": name, "strand": strand}
        group = tuple(words[key] for key in by)
        lengths[group].append(end - start)
        bases[group] |= {(chrom, place) for place in range(start, end)}
    found = {}
    for group, own in lengths.items():
        whole = SIZES[group[0]] if by[:1] == ("contig",) else sum(SIZES.values())
        count = len(bases[group])
        found[group] = (len(own), count, count / whole, max(own), n50(own))
    return found


@given(rows=CALLS)
def test_against_a_naive_count(rows: list[tuple[str, int, int, str, str]]) -> None:
    calls = frame(rows)
    for number in range(4):
        for by in combinations(GROUPS, number):
            table = summarize_calls({"s": calls}, {"s": SIZES}, by)
            own = {row[1 : 1 + number]: row[1 + number :] for row in table.iter_rows()}
            expected = naive(calls, by)
            if not rows and not by:
                expected = {(): (0, 0, 0.0, None, None)}
            assert own == expected
            assert table.schema == {
                name: kind
                for name, kind in SUMMARY_SCHEMA.items()
                if name in ("sample", *by, *VALUES)
            }


def test_order_and_groups_without_calls() -> None:
    many = frame([("a", 0, 10, "B", "+"), ("b", 0, 10, "A", "-")])
    one = frame([("a", 0, 10, "A", "-")])
    table = summarize_calls({"z": many, "y": one}, {"z": SIZES, "y": SIZES})
    assert table.select("sample", "contig").rows() == [("z", "b"), ("z", "a"), ("y", "a")]
    table = summarize_calls({"z": many, "y": one}, {"z": SIZES}, ["class", "strand"])
    assert table.drop("longest", "n50").rows() == [
        ("z", "A", "-", 1, 10, 10 / 850),
        ("z", "B", "+", 1, 10, 10 / 850),
        ("y", "A", "-", 1, 10, None),
        ("y", "B", "+", 0, 0, None),
    ]


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ([("x", 0, 9, "A", "+")], "calls on x, which --sizes lacks"),
        ([("c", 45, 6, "A", "+")], "a call on c ends at 51, but the contig has 50"),
    ],
)
def test_sizes_of_another_assembly(
    calls: list[tuple[str, int, int, str, str]], message: str
) -> None:
    with pytest.raises(TrackError, match=f"^s: {message}"):
        summarize_calls({"s": frame(calls)}, {"s": SIZES})


def test_samples_side_by_side() -> None:
    samples = {"x": frame([("a", 0, 10, "A", "+")]), "y": frame([("a", 0, 30, "B", "+")])}
    table = summarize_calls(samples, by=["class"])
    assert wide_summary(table, "bases").rows() == [("A", 10, 0), ("B", 0, 30)]
    assert wide_summary(table, "longest").rows() == [("A", 10, None), ("B", None, 30)]
    assert wide_summary(summarize_calls(samples, by=[]), "calls").rows() == [("calls", 1, 1)]


def test_text() -> None:
    table = summarize_calls({"x": frame([("a", 0, 200, "A", "+")])}, {"x": {"a": 1_000_000}}, [])
    assert summary_text(table).splitlines() == [
        "sample  calls  bases    share  longest  n50",
        "x           1    200  0.0200%      200  200",
    ]


def test_names() -> None:
    assert sample_names(["x/a.bed.gz", "-"]) == ["a", "standard input"]
    assert sample_names(["x/a.bed", "x/a.tsv"]) == ["a.bed", "a.tsv"]
    assert sample_names(["x/y/a.bed", "x/z/a.bed"]) == ["y/a", "z/a"]
    with pytest.raises(OptionError, match="given twice"):
        sample_names(["x/a.bed", "x/a.bed"])


def test_sizes_from_an_index_or_sequences(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "g.fa", {"b": "ACGT" * 30, "a": "ACG"})
    assert contig_sizes(fasta) == {"b": 120, "a": 3}
    index = tmp_path / "g.fa.fai"
    index.write_text("b\t7\t3\t60\t61\n")
    assert contig_sizes(index) == {"b": 7}
    assert contig_sizes(fasta) == {"b": 7}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, end in (("one", 19), ("two", 29)):
        Path(f"{name}.bed").write_text(f"a\t9\t{end}\tREP\t900\t-\nb\t0\t4\tREP\t800\t+\n")
    Path("a.sizes").write_text("a\t100\nb\t10\n")
    return tmp_path


def table_of(*arguments: object) -> pl.DataFrame:
    return pl.read_csv(io.StringIO(succeed("summary", *arguments).stdout), separator="\t")


def test_the_command(folder: Path) -> None:
    table = table_of("one.bed", "two.bed", "--sizes", "a.sizes", "-o", "-")
    assert table.rows()[0] == ("one", "a", "REP", "-", 1, 10, 0.1, 10, 10)
    assert table.height == 4
    text = succeed("summary", "one.bed", "two.bed", "--by", "class", "--wide", "bases").stdout
    assert text.splitlines() == ["class  one  two", "REP     14   24"]
    succeed("summary", "one.bed", "--by", "sample", "--names", "k12", "-o", "t.csv.gz")
    assert pl.read_csv("t.csv.gz").rows() == [("k12", 2, 14, None, 10, 10)]
    succeed("summary", "one.bed", "two.bed", "--sizes", "a.sizes", "-o", "t.parquet")
    assert pl.read_parquet("t.parquet").equals(table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("one.bed two.bed --names a", "1 different names for 2 files"),
        ("one.bed two.bed --names a,a", "1 different names for 2 files"),
        ("one.bed --sizes a.sizes --sizes a.sizes", "--sizes: 2 files for 1 files"),
        ("one.bed --by length", "--by length: not one of contig, class, strand"),
        ("one.bed -o one.bed", "is also an input"),
        ("one.bed missing.bed", "missing.bed: no such file"),
        ("- -", "given twice"),
    ],
)
def test_mistakes(folder: Path, arguments: str, message: str) -> None:
    result = run("summary", *arguments.split())
    assert result.exit_code == 1
    assert result.stderr.startswith("dnabirnn summary: error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_it_needs_neither_torch_nor_matplotlib(folder: Path) -> None:
    code = (
        "import sys\nfrom dnabirnn.cli import main\n"
        "try:\n    main(['summary', 'one.bed', '--sizes', 'a.sizes'])\n"
        "except SystemExit:\n    print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"torch", "matplotlib", "numba", "jinja2", "Bio"} & set(done.stdout.split())


def test_summary_in_json(tmp_path: Path) -> None:
    """Figures of all classes, the model and its metrics, as in docs/format.md."""
    fasta = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 100, "b": "ACGT" * 25})
    (tmp_path / "x.bed").write_text("a\t0\t10\tM\t900\t+\na\t5\t25\tM\t900\t-\n")
    (tmp_path / "y.bed").write_text("b\t0\t10\tN\t900\t+\n")
    metrics = tmp_path / "x.metrics.json"
    figures = {"ap": 0.5, "bases": 500, "positives": 25, "recall": 0.25}
    metrics.write_text(
        json.dumps({"classes": {"M": figures, "N": None}, "calls": {"M": {"f1": 1}}})
    )
    out = tmp_path / "all.dnabirnn.json"
    files = [tmp_path / "x.bed", tmp_path / "y.bed"]
    model = write_model(tmp_path / "m.safetensors")
    each = ["--metrics", metrics, "--metrics", metrics]
    succeed("summary", *files, "--sizes", fasta, "-m", model, *each, "-o", out)
    found = json.loads(out.read_text())
    assert (found["format"], found["format_version"]) == ("dnabirnn summary", FORMAT_VERSION)
    assert found["model"]["name"] == "m.safetensors"
    assert found["model"]["classes"].keys() == {"M"}
    x, y = found["samples"]["x"], found["samples"]["y"]
    assert (x["contigs"], x["bases"]) == (2, 500)
    row = {"calls": 2, "bases": 25, "share": 0.05, "longest": 20, "n50": 20}
    assert x["classes"]["M"] == row
    assert y["classes"]["M"]["calls"] == x["classes"]["N"]["calls"] == 0
    assert x["metrics"].keys() == {"M"}
    assert {key: x["metrics"]["M"][key] for key in ("ap", "recall", "mcc", "call_f1")} == {
        "ap": 0.5,
        "recall": 0.25,
        "mcc": None,
        "call_f1": 1,
    }
    whole = {"auroc": 0.9, "ap": 0.8, "mcc": 0.7, "sequences": 50, "positives": 25}
    metrics.write_text(json.dumps({"sequences": {"M": whole}}))
    succeed("summary", *files, *each, "-o", out)
    of_sequences = json.loads(out.read_text())["samples"]["x"]["metrics"]["M"]
    assert {key: of_sequences[key] for key in ("auroc", "mcc", "call_f1")} == {
        "auroc": 0.9,
        "mcc": 0.7,
        "call_f1": None,
    }
    succeed("summary", *files, "-o", out)
    found = json.loads(out.read_text())
    assert found["model"] is None
    assert found["samples"]["x"]["bases"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "o.json", "--by", "class"], "o.json is by sample and class; leave these"),
        (["-o", "o.json", "--wide", "calls"], "o.json is by sample and class; leave these"),
        (
            ["-o", "o.tsv", "-m", "m"],
            "only a summary in JSON has these; give -o NAME.dnabirnn.json",
        ),
        (["--metrics", "m.json"], "only a summary in JSON has these"),
        (["-o", "o.json", *["--metrics", "m.json"] * 2], "2 files for 1 files of calls"),
        (["-o", "o.json", "--metrics", "x.bed"], "x.bed"),
    ],
)
def test_options_of_a_summary_in_json(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.bed").write_text("a\t0\t10\tM\t900\t+\n")
    result = run("summary", "x.bed", *words)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not Path("o.json").exists()
