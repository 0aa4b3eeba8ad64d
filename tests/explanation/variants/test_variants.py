"""`dnabirnn variants`, from file to file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest
from commands import run, succeed, write_fasta, write_model
from random_models import random_codes
from variant_files import Variant, random_variant, write_vcf

from dnabirnn.alphabet import decode
from dnabirnn.explanation.model import load
from dnabirnn.explanation.variants import plan
from dnabirnn.explanation.variants.annotate import VariantRun
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.call_choice import call_settings
from dnabirnn.tracks.schema import VARIANT_SCHEMA

OUTPUTS = [("A b,c", "+"), ("A b,c", "-"), ("B", ".")]


@pytest.fixture
def variants(tmp_path: Path) -> list[Variant]:
    """A genome, a model, and variants of both contigs, with symbolic alleles among them."""
    rng = np.random.default_rng(0)
    codes = {"a": random_codes(rng, 900, 0), "b": random_codes(rng, 400, 0)}
    write_fasta(tmp_path / "g.fa", {name: decode(one) for name, one in codes.items()})
    write_model(
        tmp_path / "m.safetensors", classes=(MotifClass("A b,c", True), MotifClass("B", False))
    )
    rows: list[Variant] = []
    for name in "ba":  # not the order of the FASTA
        kinds = rng.choice(["substitution", "insertion", "deletion"], 25)
        own = sorted(random_variant(rng, codes[name], kind) for kind in kinds)
        rows += [(name, *one) for one in own]
        start, ref, alt = own[-1]
        rows.append((name, start, ref, f"<DEL>,{alt}"))
        rows.append((name, start, ref, "."))
    write_vcf(tmp_path / "v.vcf", rows)
    return rows


def annotate(folder: Path, out: str, *options: object, vcf: str = "v.vcf") -> Path:
    succeed(
        *("variants", folder / vcf, "--fasta", folder / "g.fa"),
        *("-m", folder / "m.safetensors", "-o", folder / out, "--max-distance", 30, *options),
    )
    return folder / out


def entries(text: str) -> list[list[list[str]]]:
    """Fields of each output of each allele."""
    return [[one.split("|") for one in allele.split("&")] for allele in text.split(",")]


def test_all_formats_have_the_same_numbers(tmp_path: Path, variants: list[Variant]) -> None:
    table = pl.read_parquet(annotate(tmp_path, "o.parquet"))
    assert table.schema == VARIANT_SCHEMA
    model = load(tmp_path / "m.safetensors", device="cpu")
    own = model.variant_effects(tmp_path / "v.vcf", tmp_path / "g.fa", max_distance=30)
    assert own.equals(table)
    text = pl.read_csv(
        annotate(tmp_path, "o.tsv.gz"), separator="\t", schema_overrides=VARIANT_SCHEMA
    )
    for name in VARIANT_SCHEMA:
        if table[name].dtype == pl.Float32:
            difference = (table[name] - text[name]).abs()
            assert difference.max() <= 5.1e-5
            assert difference.null_count() == table[name].null_count()
        else:
            assert table[name].equals(text[name], null_equal=True)
    with pysam.VariantFile(str(annotate(tmp_path, "o.vcf"))) as file:
        records = list(file)
    assert [(r.chrom, r.start, r.ref, ",".join(r.alts or ["."])) for r in records] == variants
    rows = table.rows(named=True)
    place = 0
    for record in records:
        if "DNABIRNN" not in record.info:
            assert not record.alts
            continue
        assert len(record.info["DNABIRNN"]) == len(record.alts)
        for alt, text, most in zip(
            record.alts, record.info["DNABIRNN"], record.info["DNABIRNN_MAX"], strict=True
        ):
            if alt == "<DEL>":
                assert (text, most) == (None, None) or text == "."
                continue
            sizes = []
            for fields, (name, strand) in zip(entries(text)[0], OUTPUTS, strict=True):
                row = rows[place]
                place += 1
                assert (row["chrom"], row["start"], row["alt"]) == (record.chrom, record.start, alt)
                assert (row["class"], row["strand"]) == (name, strand)
                assert fields[:2] == [name.replace(" ", "%20").replace(",", "%2C"), strand]
                for field, column in zip(fields[2:], list(VARIANT_SCHEMA)[9:], strict=False):
                    assert float(field) == pytest.approx(row[column], abs=5.1e-5)
                sizes += [row["gain"], row["loss"]]
            assert most == pytest.approx(max(sizes), abs=5.1e-5)
    assert place == len(rows) == 3 * 52
    assert table["calls_gained"].sum() + table["calls_lost"].sum() > 5
    assert table["gain"].max() > 0.1


def test_compressed_with_an_index(tmp_path: Path, variants: list[Variant]) -> None:
    plain = annotate(tmp_path, "o.vcf").read_bytes()
    packed = annotate(tmp_path, "o.vcf.gz", "--index")
    assert gzip.decompress(packed.read_bytes()) == plain
    with pysam.TabixFile(str(packed)) as file:
        start = variants[0][1]
        assert any(f"\t{start + 1}\t" in line for line in file.fetch("b", start, start + 1))


def test_bcf_in_and_out(tmp_path: Path, variants: list[Variant]) -> None:
    """The header has no contigs and no filters; htslib adds them."""
    first = annotate(tmp_path, "o.bcf")
    with pysam.VariantFile(str(first)) as file:
        found = [(r.chrom, r.start, r.ref, ",".join(r.alts or ["."])) for r in file]
    assert found == variants
    again = annotate(tmp_path, "again.parquet", vcf="o.bcf")
    assert pl.read_parquet(again).equals(pl.read_parquet(annotate(tmp_path, "o.parquet")))


def test_annotating_again_replaces_the_fields(tmp_path: Path, variants: list[Variant]) -> None:
    first = annotate(tmp_path, "o.vcf")
    second = annotate(tmp_path, "p.vcf", vcf="o.vcf")
    assert second.read_bytes() == first.read_bytes()


def test_standard_output_and_input(tmp_path: Path, variants: list[Variant]) -> None:
    result = succeed(
        *("variants", "-", "--fasta", tmp_path / "g.fa", "-m", tmp_path / "m.safetensors"),
        *("-o", "-", "--max-distance", 30),
        input=(tmp_path / "v.vcf").read_bytes(),
    )
    assert result.stdout_bytes == annotate(tmp_path, "o.vcf").read_bytes()
    assert "2 alleles left out: symbolic" in result.stderr


def test_shards_merge_to_the_whole(tmp_path: Path, variants: list[Variant]) -> None:
    for ending in ("vcf.gz", "parquet"):
        whole = annotate(tmp_path, f"whole.{ending}")
        shards = [annotate(tmp_path, f"{n}.{ending}", "--shard", f"{n}-of-3") for n in (1, 2, 3)]
        merged = tmp_path / f"merged.{ending}"
        succeed("merge", *shards, "-o", merged, *(["--index"] if ending == "vcf.gz" else []))
        if ending == "parquet":
            assert pl.read_parquet(merged).equals(pl.read_parquet(whole))
        else:
            assert gzip.decompress(merged.read_bytes()) == gzip.decompress(whole.read_bytes())
            assert (tmp_path / "merged.vcf.gz.tbi").exists()


def test_merging_files_of_two_runs(tmp_path: Path, variants: list[Variant]) -> None:
    one = annotate(tmp_path, "1.vcf", "--shard", "1-of-2")
    (tmp_path / "2.vcf").write_text(one.read_text().replace("VCFv4.3", "VCFv4.2"))
    result = run("merge", one, tmp_path / "2.vcf", "-o", tmp_path / "no.vcf")
    assert "has another header than" in result.stderr
    copy = tmp_path / "3.vcf"
    copy.write_bytes(one.read_bytes())
    result = run("merge", one, copy, "-o", tmp_path / "no.vcf")
    assert "give each shard of one run once" in result.stderr
    assert not (tmp_path / "no.vcf").exists()


def test_haplotypes(tmp_path: Path, variants: list[Variant]) -> None:
    own = [one for one in variants if one[0] == "a"][:20]
    genotypes = [[("0|1", "1|1", "1|0", "0/1")[n % 4], "0|0"] for n in range(20)]
    write_vcf(tmp_path / "h.vcf", own, ["s", "t"], genotypes)
    table = pl.read_parquet(
        annotate(tmp_path, "o.parquet", "--haplotypes", "--sample", "s", vcf="h.vcf")
    )
    carried = table.group_by("haplotype").len().sort("haplotype")
    assert carried["haplotype"].to_list() == [1, 2]
    assert (carried["len"] <= 30).all()
    text = annotate(tmp_path, "o.vcf", "--haplotypes", "--sample", "s", vcf="h.vcf").read_text()
    assert "Format: haplotype|class|strand|gain" in text
    lines = [line.split("\t") for line in text.splitlines() if line[0] != "#"]
    found = [
        {part[0] for part in entries(line[7].split("DNABIRNN=")[1].split(";")[0])[0]}
        for line in lines
        if "DNABIRNN" in line[7]
    ]
    assert {"1"} in found
    assert {"1", "2"} in found
    nobody = pl.read_parquet(
        annotate(tmp_path, "t.parquet", "--haplotypes", "--sample", "t", vcf="h.vcf")
    )
    assert nobody.is_empty()


def test_aliases_and_circular_contigs(tmp_path: Path, variants: list[Variant]) -> None:
    text = (tmp_path / "v.vcf").read_text()
    (tmp_path / "w.vcf").write_text(text.replace("\na\t", "\nchrA\t").replace("\nb\t", "\nchrB\t"))
    (tmp_path / "names.txt").write_text("a\tchrA\nb\tchrB\n")
    table = pl.read_parquet(
        annotate(tmp_path, "o.parquet", "--chrom-alias", tmp_path / "names.txt", vcf="w.vcf")
    )
    plain = pl.read_parquet(annotate(tmp_path, "p.parquet"))
    assert table.drop("chrom").equals(plain.drop("chrom"))
    assert set(table["chrom"]) == {"chrA", "chrB"}
    turned = pl.read_parquet(annotate(tmp_path, "q.parquet", "--circular", "a"))
    of_b = pl.col("chrom") == "b"
    assert turned.filter(of_b).equals(plain.filter(of_b))
    assert not turned.equals(plain)


def test_other_contigs_and_mismatches_are_counted(tmp_path: Path, variants: list[Variant]) -> None:
    chrom, start, ref, _ = variants[0]
    other = "A" if ref[0] != "A" else "C"
    write_vcf(tmp_path / "w.vcf", [variants[0], (chrom, start, other, "G"), ("z", 3, "A", "C")])
    result = succeed(
        *("variants", tmp_path / "w.vcf", "--fasta", tmp_path / "g.fa", "--max-distance", 30),
        *("-m", tmp_path / "m.safetensors", "-o", tmp_path / "o.vcf", "--skip-mismatch"),
    )
    assert "1 allele left out: of rows whose REF differs from the FASTA" in result.stderr
    assert "1 allele left out: on contigs that the FASTA lacks" in result.stderr
    rows = [line for line in (tmp_path / "o.vcf").read_text().splitlines() if line[0] != "#"]
    assert ["DNABIRNN" in row for row in rows] == [True, False, False]


def test_a_measured_distance(tmp_path: Path, variants: list[Variant]) -> None:
    out = tmp_path / "o.parquet"
    result = succeed(
        *("variants", tmp_path / "v.vcf", "--fasta", tmp_path / "g.fa"),
        *("-m", tmp_path / "m.safetensors", "-o", out),
    )
    (distance,) = pl.read_parquet(out)["max_distance"].unique()
    assert f"reach of {distance} bases, measured on" in result.stderr


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([("a", 0, "N", "C")], [], "x.vcf, line 3: a:1: REF is N, but the FASTA has"),
        ([("z", 0, "A", "C")], [], "x.vcf: no contig in common with the FASTA: z and a, b"),
        ([("a", 0, "A", "<X>"), ("b", 0, "A", "."), ("a", 1, "A", ".")], ["--skip-mismatch"],
         "x.vcf, line 5: rows of a, which other contigs separate from earlier ones; sort the file"),
        ([], ["--max-distance", 0], "--max-distance 0: must be a number of bases, 1 or more, or"),
        ([], ["--max-distance", "far"], "--max-distance far: must be a number of bases"),
        ([], ["--sample", "s"], "--sample: only applies to --haplotypes"),
        ([], ["--haplotypes"], "--haplotypes: x.vcf has none"),
        ([], ["-o", "x.bed"], "x.bed: unknown format; end the name in .vcf, .vcf.gz, .bcf, .tsv"),
        ([], ["-o", "o.vcf", "--index"], "--index: o.vcf is not a bgzip file"),
        ([], ["-o", "o.parquet", "--index"], "--index: o.parquet is not a VCF"),
        ([], ["-o", "x.vcf"], "x.vcf: is also an input"),
        ([], ["--fasta", "-"], "--fasta: is read more than once"),
        ([], ["--circular", "z"], "--circular z: no such contig"),
        ([], ["--shard", "3-of-2"], "--shard 3-of-2: must be like"),
        ([], ["--threshold", "Z=0.5"], "--threshold Z=0.5: the model has no class of this name"),
    ],
)  # fmt: skip
def test_errors_are_one_line_and_leave_no_file(
    tmp_path: Path,
    variants: list[Variant],
    rows: list[Variant],
    options: list[object],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_vcf(Path("x.vcf"), rows)
    before = sorted(tmp_path.iterdir())
    result = run(
        *("variants", "x.vcf", "--fasta", "g.fa", "-m", "m.safetensors", "-o", "out.vcf.gz"),
        *("--max-distance", 30, *options),
    )
    assert result.exit_code
    assert message in result.stderr.splitlines()[-1]
    assert sorted(tmp_path.iterdir()) == before


def test_unsorted_rows(tmp_path: Path, variants: list[Variant]) -> None:
    """Rows of one contig may be in any order, except for haplotypes."""
    own = [one for one in variants if one[0] == "a"][:20]
    write_vcf(tmp_path / "s.vcf", own)
    write_vcf(tmp_path / "r.vcf", own[::-1])
    there = pl.read_parquet(annotate(tmp_path, "s.parquet", vcf="s.vcf"))
    back = pl.read_parquet(annotate(tmp_path, "r.parquet", vcf="r.vcf"))
    keys = ["start", "ref", "alt", "class", "strand"]
    assert back.sort(keys).equals(there.sort(keys))
    assert not back.equals(there)
    write_vcf(tmp_path / "h.vcf", own[::-1], ["s"], [["1|0"]] * 20)
    result = run(
        *("variants", tmp_path / "h.vcf", "--fasta", tmp_path / "g.fa", "--haplotypes"),
        *("-m", tmp_path / "m.safetensors", "-o", tmp_path / "o.vcf", "--max-distance", 30),
    )
    assert "haplotypes need rows that are sorted by position" in result.stderr


def test_no_rows(tmp_path: Path, variants: list[Variant]) -> None:
    write_vcf(tmp_path / "e.vcf", [])
    assert pl.read_parquet(annotate(tmp_path, "o.parquet", vcf="e.vcf")).schema == VARIANT_SCHEMA
    text = annotate(tmp_path, "o.vcf.gz", "--index", vcf="e.vcf").read_bytes()
    assert gzip.decompress(text).decode().splitlines()[-1].startswith("#CHROM")


@pytest.mark.parametrize("out", ["o.vcf", "o.vcf.gz", "o.parquet", "-"])
def test_a_dry_run_writes_nothing(tmp_path: Path, variants: list[Variant], out: str) -> None:
    before = sorted(tmp_path.iterdir())
    result = succeed(
        *("variants", tmp_path / "v.vcf", "--fasta", tmp_path / "g.fa", "--dry-run"),
        *("-m", tmp_path / "m.safetensors", "-o", out if out == "-" else tmp_path / out),
        *("--max-distance", 30),
    )
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["memory", "disk", "time"]
    assert sorted(tmp_path.iterdir()) == before


def test_a_dry_run_estimates_the_size_of_the_output(
    tmp_path: Path, variants: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_FEW_ROWS", 4)
    monkeypatch.setattr(plan, "_MORE_ROWS", 20)
    written = annotate(tmp_path, "o.vcf").stat().st_size
    model = load(tmp_path / "m.safetensors", device="cpu")
    run_of = VariantRun(
        model, tmp_path / "v.vcf", [tmp_path / "g.fa"], 30, call_settings(model.checkpoint)
    )
    rows: list[int] = []
    estimate = plan.VariantPlan(run_of, tmp_path / "x.vcf", rows.append).estimate()
    assert sum(rows) == len(variants)
    (disk,) = estimate.disk_bytes.values()
    assert 0.7 * written < disk < 1.4 * written
    assert estimate.seconds is not None


def test_a_dry_run_samples_rows_of_known_contigs(
    tmp_path: Path, variants: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of other contigs take no time, but VCF has them too."""
    monkeypatch.setattr(plan, "_FEW_ROWS", 4)
    monkeypatch.setattr(plan, "_MORE_ROWS", 20)
    model = load(tmp_path / "m.safetensors", device="cpu")
    calls = call_settings(model.checkpoint)
    disks = []
    for number, name in enumerate(("z", "other")):
        more = [(name, start, "A", "C") for start in range(200 * number)]
        write_vcf(tmp_path / "w.vcf", [*more, *variants])
        run_of = VariantRun(model, tmp_path / "w.vcf", [tmp_path / "g.fa"], 30, calls)
        estimates = [
            plan.VariantPlan(run_of, tmp_path / out).estimate() for out in ("x.vcf", "x.tsv")
        ]
        disks.append([*(disk for one in estimates for disk in one.disk_bytes.values())])
    assert disks[1][0] > 1.5 * disks[0][0]
    assert disks[1][1] == disks[0][1]


def test_a_dry_run_finds_what_the_run_would(tmp_path: Path, variants: list[Variant]) -> None:
    (tmp_path / "v.vcf").write_text("nothing\n")
    options = ("--max-distance", 30, "-o", tmp_path / "o.vcf", "--dry-run")
    common = ("--fasta", tmp_path / "g.fa", "-m", tmp_path / "m.safetensors", *options)
    result = run("variants", tmp_path / "v.vcf", *common)
    assert result.exit_code == 1
    assert "no header line" in result.stderr.splitlines()[-1]
    write_vcf(tmp_path / "v.vcf", [("z", 0, "A", "C")])
    result = run("variants", tmp_path / "v.vcf", *common)
    assert result.exit_code == 1
    assert "v.vcf: no contig in common with the FASTA: z and a, b" in result.stderr
    result = run("variants", "-", *common)
    assert result.exit_code == 1
    assert "--dry-run: reads the variants twice" in result.stderr.splitlines()[-1]
