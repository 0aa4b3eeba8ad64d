"""Other names of contigs, and prefixes of names."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest
from commands import GENOME, content, run, succeed, write_model
from planted import write_genome

from dnabirnn.errors import LabelError
from dnabirnn.labels.aliases import Aliases

UCSC = "# ucsc\tassembly\tgenbank\nchrA\ta\tCM1.1\nchrB\tb\t\nchrC\tc\tCM3.1\n"
DUMP = "a\tchrA\tensembl\nCM1.1\tchrA\tgenbank\nb\tchrB\tensembl\nc\tchrC\tensembl\n"


@pytest.fixture
def folder(tmp_path):
    write_genome(tmp_path, GENOME)
    write_model(tmp_path / "m.safetensors")
    rows = (tmp_path / "sites.bed").read_text().splitlines()
    renamed = "".join(f"chr{row[0].upper()}{row[1:]}\n" for row in rows)
    (tmp_path / "ucsc.bed").write_text(renamed)
    (tmp_path / "alias.txt").write_text(UCSC)
    return tmp_path


@pytest.mark.parametrize(
    ("rows", "contigs", "alias", "name"),
    [
        ([["chr1", "1"]], ["1"], "chr1", "1"),
        ([["chr1", "1"]], ["chr1"], "1", "chr1"),
        ([["chr1", "1"]], ["chr1", "1"], "1", "1"),
        ([["chr1", "1"]], ["2"], "1", "1"),
        ([["1", "chr1", "ensembl"], ["2", "chr2", "ensembl"]], ["1", "2"], "chr2", "2"),
        ([["chr1", "1"], ["chr1", "CM1"]], ["1"], "chr1", "1"),
        ([["chr1", "1"]], ["x#chr1"], "1", "1"),
    ],
)
def test_names(rows, contigs, alias, name):
    assert Aliases(rows, contigs).name(alias) == name
    frame = pl.DataFrame({"chrom": [alias, "other"], "start": [1, 2]})
    assert Aliases(rows, contigs).translated(frame)["chrom"].to_list() == [name, "other"]


@pytest.mark.parametrize(
    "rows", [[["1", "chr1", "CM1"]], [["chr1", "CM1"], ["CM1", "1"]], [["CM1", "chr1", "1", "CM1"]]]
)
def test_a_name_of_two_contigs(rows):
    with pytest.raises(
        LabelError, match=r"'CM1' is an alias of several contigs .*1, chr1.*; remove"
    ):
        Aliases(rows, ["chr1", "1"]).name("CM1")


@pytest.mark.parametrize("text", [UCSC, UCSC.split("\n", 1)[1], DUMP, UCSC.replace("\n", "\r\n")])
def test_encode_translates_labels_splits_and_exclusions(folder, text):
    (folder / "alias.txt").write_bytes(gzip.compress(text.encode()))
    for names, sets in (("abc", "plain"), (("chrA", "chrB", "chrC"), "translated")):
        first, second, third = names
        (folder / "split.bed").write_text(
            f"{first}\t0\t2000\ttrain\n{second}\t0\t900\tval\n{third}\t0\t1000\ttest\n"
        )
        (folder / "exclude.bed").write_text(f"{first}\t5\t50\n")
        labels = folder / ("sites.bed" if sets == "plain" else "ucsc.bed")
        succeed(
            *("encode", folder / "genome.fa", "--labels", labels, "-o", folder / sets),
            *("--split", folder / "split.bed", "--exclude", folder / "exclude.bed"),
            *([] if sets == "plain" else ["--chrom-alias", folder / "alias.txt"]),
        )
    plain, translated = content(folder / "plain"), content(folder / "translated")
    assert plain["codes.npy"] == translated["codes.npy"]
    assert plain["labels.npy"] == translated["labels.npy"]
    manifests = [json.loads(files["manifest.json"]) for files in (plain, translated)]
    assert manifests[0]["splits"] == manifests[1]["splits"]


def test_encode_translates_chroms_of_options(folder):
    succeed(
        *("encode", folder / "genome.fa", "--labels", folder / "ucsc.bed", "-o", folder / "set"),
        *("--val-chroms", "chrB", "--test-chroms", "c", "--chrom-alias", folder / "alias.txt"),
    )
    splits = json.loads((folder / "set" / "manifest.json").read_text())["splits"]
    assert splits["val"] == [["b", 0, 1000]]
    assert splits["test"] == [["c", 0, 1000]]


def test_evaluate_score_and_report_translate(folder):
    (folder / "regions.bed").write_text("a\t0\t500\nb\t20\t800\n")
    (folder / "ucsc.regions.bed").write_text("chrA\t0\t500\nchrB\t20\t800\n")
    fasta, model = folder / "genome.fa", folder / "m.safetensors"
    alias = ("--chrom-alias", folder / "alias.txt")
    found = []
    for kind, options in (("", ()), ("ucsc.", alias)):
        labels = folder / (f"{kind}bed" if kind else "sites.bed")
        regions = ("--regions", folder / f"{kind}regions.bed")
        succeed(
            *("evaluate", fasta, "--labels", labels, "-m", model, "-o", folder / "m.json"),
            *("--no-plots", *regions, *options),
        )
        succeed("score", fasta, "-m", model, "-o", folder / "out.bed", *regions, *options)
        succeed(
            *("report", "-o", folder / "r.html", "--fasta", fasta, "--labels", labels),
            *("--model", model, *regions, *options),
        )
        metrics = json.loads((folder / "m.json").read_text())
        names = [file["name"] for file in metrics["inputs"].get("chrom_alias", [])]
        assert names == (["alias.txt"] if kind else [])
        found.append((metrics["classes"], metrics["calls"], (folder / "out.bed").read_bytes()))
    assert found[0] == found[1]


FAULTS = {
    "no name in common": (
        "encode genome.fa --labels ucsc.bed -o out",
        "no contig in common with the FASTA; file has chrA, chrB, chrC, FASTA has a, b, c; rename "
        "the contigs of one file, or map their names with --chrom-alias",
        None,
    ),
    "missing": (
        "encode genome.fa --labels ucsc.bed -o out --chrom-alias BAD",
        "no such file",
        None,
    ),
    "empty": ("encode genome.fa --labels ucsc.bed -o out --chrom-alias BAD", "no row with two", ""),
    "no tab": (
        "evaluate genome.fa --labels ucsc.bed -m m.safetensors -o out --chrom-alias BAD",
        "no row with two names; give tab-separated",
        "chrA a\n",
    ),
    "binary": (
        "encode genome.fa --labels ucsc.bed -o out --chrom-alias BAD",
        "not a text file",
        "chrA\ta\0\n",
    ),
    "ambiguous": (
        "evaluate genome.fa --labels ucsc.bed -m m.safetensors -o out --chrom-alias BAD",
        "BAD: 'chrA' is an alias of several contigs of the FASTA (a, b)",
        "chrA\ta\tb\n",
    ),
    "still no name in common": (
        "encode genome.fa --labels ucsc.bed -o out --chrom-alias BAD",
        "no contig in common with the FASTA; file has chrA",
        "chrX\tX\n",
    ),
    "standard input": (
        "encode - --labels ucsc.bed -o out --chrom-alias alias.txt",
        "--chrom-alias: the FASTA is read twice",
        None,
    ),
    "without effect": (
        "score genome.fa -m m.safetensors -o out.bed --chrom-alias alias.txt",
        "--chrom-alias: only applies to --regions; give --regions too",
        None,
    ),
    "of a report without a genome": (
        "report -o out.html --model m.safetensors --chrom-alias alias.txt",
        "--chrom-alias: only applies to pictures of regions, which need the genome; give",
        None,
    ),
    "a prefix of a report without a genome": (
        "report -o out.html --model m.safetensors --name-prefix x#",
        "--name-prefix: only applies to pictures of regions, which need the genome; give",
        None,
    ),
    "two prefixes for one file": (
        "score genome.fa -m m.safetensors -o out.bed --name-prefix x# --name-prefix y#",
        "--name-prefix: given 2 times for 1 FASTA files; give it once for all, or once for each",
        None,
    ),
    "a prefix that is a comment": (
        "score genome.fa -m m.safetensors -o out.bed --name-prefix #x",
        "--name-prefix '#x': must be printable, without white space, and not begin with '#'",
        None,
    ),
    "one name in two files": (
        "score genome.fa genome.fa -m m.safetensors -o out.bed",
        "genome.fa, line 1: record 'a' occurs twice, first in genome.fa; names must be unique: "
        "rename one of them, or give each file a different --name-prefix",
        None,
    ),
    "one name in two files of one prefix": (
        "score genome.fa genome.fa -m m.safetensors -o out.bed --name-prefix x#",
        "record 'x#a' occurs twice",
        None,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(folder, monkeypatch, fault):
    command, message, text = FAULTS[fault]
    monkeypatch.chdir(folder)
    if text is not None:
        (folder / "BAD").write_text(text)
    before = content(folder)
    result = run(*command.split())
    assert result.exit_code == 1
    assert message in result.stderr
    assert len([line for line in result.stderr.splitlines() if "error: " in line]) == 1
    assert content(folder) == before


def test_prefixes(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "two.fa").write_text((folder / "genome.fa").read_text())
    score = ("score", "genome.fa", "two.fa", "-m", "m.safetensors", "-o", "out.bed")
    succeed("score", "genome.fa", "-m", "m.safetensors", "-o", "plain.bed")
    plain = (folder / "plain.bed").read_text().splitlines()
    succeed(*score, "--name-prefix", "HG002#1#", "--name-prefix", "HG002#2#", "--calls", "c.bed")
    expected = [f"HG002#{i}#{row}" for i in (1, 2) for row in plain]
    assert (folder / "out.bed").read_text().splitlines() == expected
    assert {row[:8] for row in (folder / "c.bed").read_text().splitlines()} == {
        "HG002#1#",
        "HG002#2#",
    }
    succeed(*score, "--name-prefix", "", "--name-prefix", "x", "--shard", "2-of-2")
    assert (folder / "out.bed").read_text().splitlines() == [f"x{row}" for row in plain]


def test_labels_have_the_prefixed_names(folder, monkeypatch):
    monkeypatch.chdir(folder)
    rows = (folder / "sites.bed").read_text().splitlines()
    (folder / "pan.bed").write_text("".join(f"s#1#{row}\n" for row in rows))
    common = ("--labels", "pan.bed", "--name-prefix", "s#1#")
    succeed("encode", "genome.fa", "-o", "set", *common, "--val-chroms", "s#1#b")
    manifest = json.loads((folder / "set" / "manifest.json").read_text())
    assert [contig["name"] for contig in manifest["contigs"]] == ["s#1#a", "s#1#b", "s#1#c"]
    succeed("evaluate", "genome.fa", "-m", "m.safetensors", "-o", "m.json", *common)
    ours = json.loads((folder / "m.json").read_text())["classes"]
    succeed(
        *("evaluate", "genome.fa", "-m", "m.safetensors", "-o", "m.json", "--labels", "sites.bed")
    )
    assert ours == json.loads((folder / "m.json").read_text())["classes"]
