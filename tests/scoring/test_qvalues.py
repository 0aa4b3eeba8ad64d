"""E-values and q-values: their definition, files of shards, and the commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from commands import run, succeed, write_fasta, write_model
from hypothesis import given, strategies as st
from random_models import random_codes
from safetensors.numpy import load, save

from dnabirnn.alphabet import decode
from dnabirnn.motif_classes import Output
from dnabirnn.scoring.qvalues import CallEvidence, Limits, significance
from dnabirnn.tracks.rows import Rows

EVIDENCE = st.lists(st.integers(-5, 20), max_size=30).map(lambda v: np.array(v, np.int64))


@given(EVIDENCE.filter(len), EVIDENCE, st.sampled_from([0.25, 1.0]))
def test_values_are_those_of_the_definition(
    target: np.ndarray, decoys: np.ndarray, share: float
) -> None:
    evalue, qvalue = significance(target, decoys, share)
    for call, e, q in zip(target, evalue, qvalue, strict=True):
        assert e == ((decoys >= call).sum() + 1) / share
        rates = [
            ((decoys >= t).sum() + 1) / share / (target >= t).sum() for t in target if t <= call
        ]
        assert q == min(*rates, 1.0)


OUTPUTS = [Output("a", "+"), Output("a", "-"), Output("b", ".")]


def calls(chrom: str, outputs: list[int], evidence: list[int]) -> Rows:
    place = np.arange(len(outputs), dtype=np.int64) * 100
    return Rows(
        chrom, np.array(outputs, np.uint8), place, place + 50,
        np.full(len(outputs), 900, np.int16), 0, True,
        extra={"evidence": np.array(evidence, np.int64)},
    )  # fmt: skip


def test_classes_are_assessed_apart_and_few_calls_are_noted() -> None:
    many = calls("x", [0, 1] * 20 + [2], [100] * 40 + [100])
    found = CallEvidence(
        OUTPUTS, [many, calls("y", [2], [3])], {"a": np.array([5, 200])}, 1000, 500
    )
    first, second = found.assessed(Limits())
    assert first.extra is not None
    assert second.extra is not None
    assert first.extra["evalue"].tolist() == [4.0] * 40 + [2.0]
    assert first.extra["qvalue"].tolist() == [0.1] * 40 + [1.0]
    assert set(first.extra["note"][:40]) == {""}
    assert [first.extra["note"][40], second.extra["note"][0]] == ["too few calls"] * 2
    (kept, _) = found.assessed(Limits(max_evalue=3))
    assert kept.output.tolist() == [2]
    (kept, _) = found.assessed(Limits(max_q=0.1))
    assert kept.output.tolist() == [0, 1] * 20


def test_without_decoys_nothing_is_significant() -> None:
    found = CallEvidence(OUTPUTS, [calls("x", [0], [9])], {}, 1000, 0)
    (rows,) = found.assessed(Limits())
    assert rows.extra is not None
    assert [rows.extra[name].tolist() for name in ("evalue", "qvalue", "note")] == [
        [np.inf], [1.0], ["no decoys"],
    ]  # fmt: skip


# ------------------------------------------------------------------------------ commands

LENGTHS = {"z": 30_000, "a|b": 25_000, "m": 0, "c": 15_000}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qvalues")
    rng = np.random.default_rng(0)
    write_fasta(folder / "g.fa", {n: decode(random_codes(rng, k)) for n, k in LENGTHS.items()})
    write_model(folder / "m.safetensors", spread=2.0, threshold=990)
    return folder


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def score(calls: str, *options: object, out: str = "s.bed") -> Path:
    succeed("-q", "score", "g.fa", "-m", "m.safetensors", "-o", out, "--calls", calls, *options)
    return Path(calls)


def test_q_values_add_columns_and_change_nothing_else(folder: Path) -> None:
    plain = pl.read_csv(score("plain.tsv"), separator="\t")
    scores = Path("s.bed").read_bytes()
    found = pl.read_csv(score("q.tsv", "--qvalue", "--periods"), separator="\t")
    assert Path("s.bed").read_bytes() == scores
    assert found.columns == [
        *plain.columns, "period", "copies", "evalue", "qvalue", "note",
    ]  # fmt: skip
    assert found.select(plain.columns).equals(plain)
    assert found["qvalue"].is_between(0, 1).all()
    for own in found.partition_by("class"):
        ranked = own.sort("evidence", descending=True)
        assert ranked["evalue"].is_sorted()
        assert ranked["qvalue"].is_sorted()
    # Decoys of a random genome are like the genome: nothing is found beyond chance. With the
    # seeds 0 to 11 of decoys, the smallest q-value is 0.29 to 0.89.
    assert found["qvalue"].min() > 0.1


@pytest.mark.parametrize("kind", ["shuffle", "reverse"])
def test_values_do_not_depend_on_threads(folder: Path, kind: str) -> None:
    options = ("--qvalue", "--decoys", kind, "--decoy-share", 0.5)
    one = score("a.tsv", *options, "--threads", 1).read_bytes()
    assert score("b.tsv", *options, "--threads", 3).read_bytes() == one
    assert score("c.tsv", *options, "--decoy-seed", 1).read_bytes() != one


@pytest.mark.parametrize("ending", ["tsv", "gff3", "narrowPeak", "bb", "parquet", "bed.gz", "bed9"])
@pytest.mark.parametrize("regions", [False, True])
def test_merged_shards_are_the_whole(folder: Path, ending: str, regions: bool) -> None:
    Path("r.bed").write_text("z\t1000\t20000\nc\t5\t14000\n")
    options = ["--qvalue", "--decoy-share", 0.7, *(["--regions", "r.bed"] if regions else [])]
    whole = score(f"whole.{ending}", *options)
    parts = [
        score(f"s{number}.{ending}", *options, "--shard", f"{number}-of-3", out=f"s{number}.bed")
        for number in (1, 2, 3)
    ]
    merged = Path(f"merged.{ending}")
    succeed("merge", *parts, "-o", merged)
    if ending == "parquet":
        assert pl.read_parquet(merged).equals(pl.read_parquet(whole))
        assert pl.read_parquet(merged).height > 50
    else:
        assert merged.read_bytes() == whole.read_bytes()
        assert whole.stat().st_size > 2000
    # A shard by itself is a file of calls without the values of the whole.
    assert "evalue" not in parts[0].read_bytes().decode("latin-1")


def test_limits_filter_calls(folder: Path) -> None:
    every = pl.read_csv(score("all.tsv", "--qvalue"), separator="\t")
    values = every["evalue"].unique().sort()
    limit = float(values[100] + values[101]) / 2  # values are written with six digits
    some = pl.read_csv(score("some.tsv", "--qvalue", "--max-evalue", limit), separator="\t")
    assert some.equals(every.filter(pl.col("evalue") <= limit))
    assert 0 < some.height < every.height
    score("s.tsv", "--qvalue", "--shard", "1-of-1")
    succeed("merge", "s.tsv", "-o", "merged.tsv", "--max-evalue", limit)
    assert Path("merged.tsv").read_bytes() == Path("some.tsv").read_bytes()
    none = score("none.bed", "--qvalue", "--max-q", 1e-6).read_text()
    assert none == "#chrom\tstart\tend\tclass\tscore\tstrand\tevidence\tevalue\tqvalue\tnote\n"


def test_calls_of_a_track_have_the_same_evidence(folder: Path) -> None:
    called = score("c.tsv")
    succeed("call", "s.bed", "-m", "m.safetensors", "-o", "again.tsv")
    assert Path("again.tsv").read_bytes() == called.read_bytes()
    score("d.tsv", "--min-score", 0, out="all.bed")
    assert Path("d.tsv").read_bytes() == called.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--qvalue"], "--qvalue: adds columns to calls; add --calls FILE"),
        (["--periods"], "--periods: adds columns to calls; add --calls FILE"),
        (["--calls", "c.bed", "--max-q", "0.05"], "--max-q: only applies to q-values; add --qval"),
        (["--calls", "c.bed", "--decoys", "reverse"], "--decoys: only applies to q-values"),
        (["--calls", "c.bed", "--qvalue", "--max-q", "2"], "--max-q 2: must be above 0"),
        (["--calls", "c.bed", "--qvalue", "--max-evalue", "0"], "--max-evalue 0: must be above"),
        (["--calls", "c.bed", "--qvalue", "--decoy-share", "0"], "--decoy-share 0: must be above"),
        (
            ["--calls", "c.bed", "--qvalue", "--max-q", "0.1", "--shard", "1-of-2"],
            "give them to `dnabirnn merge`",
        ),
        (["--calls", "/dev/null", "--qvalue", "--shard", "1-of-2"], "is not a regular file"),
        (["--format", "dna-brnn", "--qvalue"], "--qvalue: only applies to tracks of scores"),
    ],
)
def test_options_that_do_not_fit(folder: Path, arguments: list[str], message: str) -> None:
    failed = run("-q", "score", "g.fa", "-m", "m.safetensors", "-o", "s.bed", *arguments)
    assert failed.exit_code == 1
    assert message in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert not Path("s.bed").exists()


def test_shards_that_do_not_belong_together(folder: Path) -> None:
    one = score("s1.tsv", "--qvalue", "--shard", "1-of-2")
    two = score("s2.tsv", "--qvalue", "--shard", "2-of-2", "--decoy-seed", 4)
    score("plain.tsv", "--shard", "2-of-2")

    def fails(*shards: object, option: str = "") -> str:
        failed = run("merge", *shards, "-o", "m.tsv", *option.split())
        assert failed.exit_code == 1
        assert not Path("m.tsv").exists()
        return failed.stderr

    assert "s2.tsv: scored with another model or other options than s1.tsv" in fails(one, two)
    assert "give each shard of one run once" in fails(one, "s1.tsv")
    assert "plain.tsv.evidence: no such file, but other shards have one" in fails(one, "plain.tsv")
    assert "--max-q: plain.tsv has no file of evidence" in fails("plain.tsv", option="--max-q 0.1")
    content = Path("s1.tsv.evidence").read_bytes()
    before = Path("s1.tsv").read_bytes()
    score("s1.tsv", "--shard", "1-of-2", "--threshold", 0.9)  # leaves the file of evidence
    assert Path("s1.tsv").read_bytes() != before
    assert "s1.tsv.evidence: of other calls than s1.tsv, which was written without it" in fails(one)
    Path("s1.tsv").write_bytes(before)
    for damaged in (content[:200], b"", content.replace(b'"I64"', b'"F64"')):
        Path("s1.tsv.evidence").write_bytes(damaged)
        assert "not the evidence of a shard's calls, or damaged" in fails(one)


def test_a_file_of_evidence_with_other_columns(folder: Path) -> None:
    path = score("s.tsv", "--qvalue", "--shard", "1-of-1").with_name("s.tsv.evidence")
    arrays = load(path.read_bytes())
    header = int.from_bytes(path.read_bytes()[:8], "little")
    metadata = json.loads(path.read_bytes()[8 : 8 + header])["__metadata__"]
    for change in (
        {"output": np.full_like(arrays["output"], 200)},
        {"evidence": arrays["evidence"][:-1]},
        {"contig": arrays["contig"][::-1].copy()},
        {"contig": arrays["contig"] + np.int32(100)},
        {"start": arrays["start"].astype(np.int16)},
    ):
        path.write_bytes(save(arrays | change, metadata))
        failed = run("merge", "s.tsv", "-o", "m.tsv")
        assert failed.exit_code == 1
        assert "not the evidence of a shard's calls" in failed.stderr


def test_the_report_says_how_many_decoys_were_called(folder: Path) -> None:
    done = succeed(
        "score", "g.fa", "-m", "m.safetensors", "-o", "s.bed", "--calls", "c.tsv", "--qvalue"
    )
    called = pl.read_csv("c.tsv", separator="\t")
    highest = called["evidence"].max()
    (line,) = [line for line in done.stderr.splitlines() if "decoys: " in line]
    assert line.split("calls in them: ")[1].startswith("M ")
    share = float(line.split(" bases, ")[1].split()[0])
    assert 0 < share < 1
    least = called.filter(pl.col("evidence") == highest)["evalue"].min()
    assert float(least or 0) >= 0.99 / share
