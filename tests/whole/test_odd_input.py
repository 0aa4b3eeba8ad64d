"""Odd but right inputs give the answer of the plain form: to the byte, or but for the names."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pybigtools
import pytest
from commands import run, succeed, write_fasta, write_model

from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.sequences.read import read_fasta

Records = dict[str, str]
Names = dict[str, str]


def letters(length: int, seed: int, alphabet: str = "ACGT") -> str:
    return "".join(random.Random(seed).choices(alphabet, k=length))


PLAIN: Records = {
    "a": letters(600, 1),
    "empty": "",
    "b": letters(300, 2, "ACGTN"),
    "one": "G",
    "unknown": "N" * 70,
    "c": letters(241, 3),
}
"""Contigs of a base, of none, and of none that is known among the others."""
SITES = [
    ("a", 0, 31, "M", "+"),
    ("a", 50, 90, "M", "-"),
    ("b", 7, 44, "M", "+"),
    ("c", 200, 241, "M", "-"),
]
HALVES = [("a", 0, 10, "M", "+"), ("a", 10, 31, "M", "+"), *SITES[1:]]
MOTIF = ">x M\nA [9 0 0]\nC [0 9 0]\nG [0 0 1]\nT [0 0 0]\n"


def fasta(
    records: Records, width: int = 60, end: str = "\n", header: str = ">{0}", last: str = "\n"
) -> bytes:
    lines = []
    for name, text in records.items():
        lines.append(header.format(name))
        lines += [text[at : at + width] for at in range(0, len(text), width)]
    return (end.join(lines) + last).encode()


def ragged(records: Records) -> bytes:
    """Lines of any width, blank ones among them and after them."""
    rng, lines = random.Random(4), []
    for name, text in records.items():
        lines.append(f">{name}")
        at = 0
        while at < len(text):
            width = rng.randrange(0, 80)
            lines.append(text[at : at + width])
            at += width
        lines.append("")
    return "\n".join(lines).encode()


def members(data: bytes, size: int = 97) -> bytes:
    return b"".join(gzip.compress(data[at : at + size]) for at in range(0, len(data), size))


def changed(change: Callable[[str], str]) -> Records:
    return {name: change(text) for name, text in PLAIN.items()}


def mixed(text: str) -> str:
    return "".join(c.lower() if i % 3 else c for i, c in enumerate(text))


def ambiguous(text: str) -> str:
    return "".join("RYSWKMBDHVNX"[i % 12] if c == "N" else c for i, c in enumerate(text))


FASTAS: dict[str, bytes] = {
    "lines of Windows": fasta(PLAIN, end="\r\n", last="\r\n"),
    "no newline at the end": fasta(PLAIN, last=""),
    "lower case and no newline": fasta(changed(str.lower), last=""),
    "blank lines in and after records": ragged(PLAIN),
    "blank lines before the first": b"\n\r\n" + fasta(PLAIN),
    "spaces and tabs at the ends of lines": fasta(PLAIN, end=" \t \n", last=" \n"),
    "spaces within lines": fasta(changed(" ".join)),
    "one line a record": fasta(PLAIN, width=10**6),
    "a base a line": fasta(PLAIN, width=1),
    "mixed case": fasta(changed(mixed)),
    "RNA": fasta(changed(lambda text: text.replace("T", "U"))),
    "RNA in lower case": fasta(changed(lambda text: text.replace("T", "u"))),
    "IUPAC": fasta(changed(ambiguous)),
    "IUPAC in lower case": fasta(changed(lambda text: text.replace("N", "n"))),
    "tabs in headers": fasta(PLAIN, header=">{0}\tfirst\tsecond >third"),
    "spaces in headers": fasta(PLAIN, header=">{0}  |x:1-2|  "),
    "space before the name": fasta(PLAIN, header="> {0} x"),
    "gzip": gzip.compress(fasta(PLAIN)),
    "gzip of many members": members(fasta(PLAIN)),
    "gzip of empty members": members(fasta(PLAIN), 500) + gzip.compress(b"") * 3,
}  # fmt: skip
NAMES: dict[str, Names] = {
    "bars and colons": {"a": "gi|1|ref|NC_1.1|", "b": "x:1-2(+)", "c": "HG2#1#chr1"},
    "signs": {"a": "a=b;c&d,e", "b": "b%20\"'", "c": "[c]*$?"},
    "letters beyond ASCII": {"a": "é", "b": "染色体", "c": "c\N{BLACK HEART SUIT}"},
    "numbers": {"a": "1", "b": "2", "c": "0003"},
    "words of formats": {"a": "track", "b": "browser", "c": "chrom"},
}


def bed(
    rows: list[tuple[Any, ...]] = SITES, end: str = "\n", tab: str = "\t", tail: str = ""
) -> str:
    return "".join(
        tab.join(map(str, (chrom, start, stop, name, 0, strand))) + tail + end
        for chrom, start, stop, name, strand in rows
    )


def rows(form: str) -> str:
    """BED whose rows have another form, with {chrom}, {start}, {end} and {strand}."""
    return "".join(
        form.format(chrom=chrom, start=start, end=end, strand=strand, size=end - start) + "\n"
        for chrom, start, end, _, strand in SITES
    )


BEDS: dict[str, bytes] = {
    "lines of Windows": bed(end="\r\n").encode(),
    "no newline at the end": bed().rstrip("\n").encode(),
    "tabs at the ends of rows": bed(tail="\t\t").encode(),
    "spaces at the ends of rows": bed(tail="  ").encode(),
    "spaces for tabs": bed(tab="  ").encode(),
    "byte-order mark": b"\xef\xbb\xbf" + bed().encode(),
    "byte-order mark before a comment": b"\xef\xbb\xbf# x\n" + bed().encode(),
    "blank lines": bed(end="\n\n \n").encode(),
    "track, browser and comments": b"browser position a:1-9\ntrack name=x\n"
    + bed(end="\n#a\t1\t2\ntrack name=y\nbrowser hide all\n").encode(),
    "scores with decimals": rows("{chrom}\t{start}\t{end}\tM\t1.5e-3\t{strand}").encode(),
    "no scores": rows("{chrom}\t{start}\t{end}\tM\t.\t{strand}").encode(),
    "thick ends and colours": rows(
        "{chrom}\t{start}\t{end}\tM\t0\t{strand}\t{start}\t{end}\t255,0,0"
    ).encode(),
    "one block": rows(
        "{chrom}\t{start}\t{end}\tM\t0\t{strand}\t{start}\t{end}\t0\t1\t{size},\t0,"
    ).encode(),
    "columns of others": rows("{chrom}\t{start}\t{end}\tM\t0\t{strand}\tx\ty z\t\t7").encode(),
    "contigs in another order": bed(SITES[::-1]).encode(),
    "rows twice": bed(SITES + SITES[:2]).encode(),
    "a site in two rows": bed(HALVES).encode(),
    "empty intervals": bed([*SITES, ("a", 100, 100, "M", "+"), ("c", 241, 241, "M", "-")]).encode(),
    "an empty interval of an empty contig": bed([*SITES, ("empty", 0, 0, "M", "+")]).encode(),
    "contigs that the FASTA lacks": bed([*SITES, ("z", 0, 9, "M", "+")]).encode(),
    "gzip": gzip.compress(bed().encode()),
    "gzip of many members": members(bed().encode(), 7),
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plain files, and in out/ what each command makes of them."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "genome.fa").write_bytes(fasta(PLAIN))
    (folder / "sites.bed").write_text(bed())
    (folder / "motifs.txt").write_text(MOTIF)
    write_model(folder / "m.safetensors", threshold=300)
    (folder / "out").mkdir()
    answers(folder, folder / "genome.fa", folder / "sites.bed", folder / "out")
    return folder


def answers(plain: Path, genome: Path, sites: Path, out: Path) -> None:
    """What all commands make of a genome and its sites."""
    model = plain / "m.safetensors"
    scores(model, genome, out)
    labelled(model, genome, sites, out)
    scan = ("scan", genome, "--motifs", plain / "motifs.txt", "--gc", 0.5, "--pvalue", 0.05)
    succeed(*scan, "-o", out / "scan.bed")


def scores(model: Path, genome: Path, out: Path) -> None:
    for ending, calls in (
        ("bed", "calls.bed"),
        ("tsv", "calls.gff3"),
        ("bg", "calls.tsv"),
        ("bw", "calls.bb"),
        ("parquet", "calls.narrowPeak"),
    ):
        floor = () if ending in ("bg", "bw") else ("--min-score", 0)
        track = ("score", genome, "-m", model, "-o", out / f"s.{ending}")
        succeed(*track, "--calls", out / calls, *floor)


def labelled(model: Path, genome: Path, sites: Path, out: Path) -> None:
    truth = (genome, "--labels", sites)
    succeed("encode", *truth, "-o", out / "set", "--val-chroms", contig(genome, "b"))
    succeed("evaluate", *truth, "-m", model, "-o", out / "metrics.json", "--no-plots")
    succeed("mask", genome, "--calls", sites, "-o", out / "masked.fa")


def contig(genome: Path, name: str) -> str:
    """Name of the contig that is `name` in the plain genome."""
    return [record.name for record in read_fasta(genome)][list(PLAIN).index(name)]


TEXTS = ("s.bed", "s.tsv", "s.M.plus.bg", "s.M.minus.bg", "calls.bed", "calls.gff3", "calls.tsv",
         "calls.narrowPeak", "scan.bed")  # fmt: skip
BINARY = ("s.M.plus.bw", "s.M.minus.bw", "s.parquet", "calls.bb")


def check_labels(plain: Path, out: Path, names: Names | None = None) -> None:
    """Encoded sets and figures are those of the plain files."""
    names = names or {}
    ours, theirs = EncodedSet.open(out / "set"), EncodedSet.open(plain / "out" / "set")
    assert np.array_equal(ours.codes, theirs.codes)
    assert np.array_equal(ours.labels, theirs.labels)
    assert [tuple(c) for c in ours.contigs] == [
        (names.get(name, name), *rest) for name, *rest in theirs.contigs
    ]
    assert ours.classes == theirs.classes
    for split in ("train", "val", "test"):
        assert np.array_equal(ours.split(split), theirs.split(split))
    assert figures(out) == figures(plain / "out")


def figures(out: Path) -> dict[str, Any]:
    told = json.loads((out / "metrics.json").read_text())
    return {name: told[name] for name in ("classes", "calls", "absent")}


def check_mask(plain: Path, genome: Path, out: Path) -> None:
    """The same letters in the same case, but for what the input itself has in lower case."""
    asked = [(r.codes, r.lower) for r in read_fasta(genome, case=True)]
    masked = [(r.codes, r.lower) for r in read_fasta(out / "masked.fa", case=True)]
    wanted = [(r.codes, r.lower) for r in read_fasta(plain / "out" / "masked.fa", case=True)]
    for (codes, lower), (_, before), (expected, sites) in zip(masked, asked, wanted, strict=True):
        assert lower is not None
        assert before is not None
        assert np.array_equal(codes, expected)
        assert np.array_equal(lower, sites | before)


@pytest.mark.parametrize("name", FASTAS)
def test_sequences(plain: Path, tmp_path: Path, name: str) -> None:
    genome = tmp_path / "genome.fa"
    genome.write_bytes(FASTAS[name])
    answers(plain, genome, plain / "sites.bed", tmp_path)
    for file in TEXTS + BINARY:
        assert (tmp_path / file).read_bytes() == (plain / "out" / file).read_bytes(), file
    assert (tmp_path / "s.bed").read_text().count("\n") > 1_000
    check_labels(plain, tmp_path)
    check_mask(plain, genome, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_names(plain: Path, tmp_path: Path, name: str) -> None:
    names = NAMES[name]
    genome, sites = tmp_path / "genome.fa", tmp_path / "sites.bed"
    genome.write_bytes(fasta({names.get(old, old): text for old, text in PLAIN.items()}))
    sites.write_text(bed([(names.get(row[0], row[0]), *row[1:]) for row in SITES]))
    answers(plain, genome, sites, tmp_path)
    for file in TEXTS:
        ours, theirs = ((folder / file).read_text() for folder in (tmp_path, plain / "out"))
        quoted = {old: quoted_for_gff3(new) for old, new in names.items()}
        told = quoted if file.endswith("gff3") else names
        assert ours == renamed(theirs, told), file
    back = {new: old for old, new in names.items()}
    theirs = pl.read_parquet(plain / "out" / "s.parquet")
    assert (
        pl.read_parquet(tmp_path / "s.parquet")
        .with_columns(pl.col("chrom").replace(back))
        .equals(theirs)
    )
    for file in ("s.M.plus.bw", "calls.bb"):
        assert big_rows(tmp_path / file, names) == big_rows(plain / "out" / file, {})
    check_labels(plain, tmp_path, names)
    check_mask(plain, genome, tmp_path)


def renamed(text: str, names: Names) -> str:
    lines = (line.split("\t") for line in text.split("\n"))
    return "\n".join("\t".join([names.get(row[0], row[0]), *row[1:]]) for row in lines)


def quoted_for_gff3(name: str) -> str:
    """GFF3 1.26: all but letters, digits and .:^*$@!+_?-| of a contig's name are %XX."""
    plain = ".:^*$@!+_?-|"
    return "".join(
        c if (c.isascii() and c.isalnum()) or c in plain
        else "".join(f"%{byte:02X}" for byte in c.encode())
        for c in name
    )  # fmt: skip


def big_rows(path: Path, names: Names) -> dict[str, list[Any]]:
    """Rows of a bigWig or bigBed by the names of the plain genome."""
    reader = pybigtools.open(str(path))
    back = {new: old for old, new in names.items()}
    return {
        back.get(name, name): list(reader.records(name, 0, length))
        for name, length in sorted(reader.chroms().items())
    }


@pytest.mark.parametrize("name", BEDS)
def test_intervals(plain: Path, tmp_path: Path, name: str) -> None:
    """As labels of a set, as truth, as what is masked, as regions, and as what is left out."""
    sites, genome, model = tmp_path / "sites.bed", plain / "genome.fa", plain / "m.safetensors"
    sites.write_bytes(BEDS[name])
    if name != "contigs that the FASTA lacks":
        succeed("mask", genome, "--calls", sites, "-o", tmp_path / "masked.fa")
        assert (tmp_path / "masked.fa").read_bytes() == (plain / "out" / "masked.fa").read_bytes()
    truth = (genome, "--labels", sites)
    succeed("encode", *truth, "-o", tmp_path / "set", "--val-chroms", "b")
    succeed("evaluate", *truth, "-m", model, "-o", tmp_path / "metrics.json", "--no-plots")
    check_labels(plain, tmp_path)
    others = tmp_path / "others.bed"
    others.write_text(bed([("a", 20, 60, "M", "-"), ("a", 300, 340, "M", "+")]))
    for number, file in enumerate((plain / "sites.bed", sites)):
        track = ("score", genome, "-m", model, "-o", tmp_path / f"{number}.bed", "--min-score", 0)
        succeed(*track, "--regions", file)
        left_out = ("encode", genome, "--labels", others, "--exclude", file)
        succeed(*left_out, "-o", tmp_path / f"{number}", "--val-chroms", "b")
    assert (tmp_path / "0.bed").read_bytes() == (tmp_path / "1.bed").read_bytes()
    ours, theirs = (EncodedSet.open(tmp_path / name).labels for name in "10")
    assert np.array_equal(ours, theirs)


def test_a_byte_order_mark_before_sequences_is_no_part_of_them(plain: Path, tmp_path: Path) -> None:
    """Nor of what is written."""
    genome, made = tmp_path / "genome.fa", []
    for mark in (b"", b"\xef\xbb\xbf"):
        genome.write_bytes(mark + fasta(PLAIN))
        scores, masked = tmp_path / "s.bed", tmp_path / "masked.fa"
        succeed("-q", "score", genome, "-m", plain / "m.safetensors", "-o", scores)
        succeed("mask", genome, "--calls", plain / "sites.bed", "-o", masked)
        made.append((scores.read_bytes(), masked.read_bytes()))
    assert made[0] == made[1]


@pytest.mark.parametrize("text", ["", "G", "N", "N" * 500, "acgtn", "-"])
def test_a_contig_of_little(plain: Path, tmp_path: Path, text: str) -> None:
    """Alone, or between others: the same rows, and none of another contig's."""
    model, alone = plain / "m.safetensors", tmp_path / "alone.fa"
    write_fasta(alone, {"x": text})
    result = run("-q", "score", alone, "-m", model, "-o", tmp_path / "alone.bed", "--min-score", 0)
    if text == "-":
        assert result.exit_code == 1
        return
    write_fasta(tmp_path / "among.fa", {"a": PLAIN["a"], "x": text, "c": PLAIN["c"]})
    given = ("score", tmp_path / "among.fa", "-m", model, "-o", tmp_path / "among.bed")
    succeed(*given, "--min-score", 0)
    among = (tmp_path / "among.bed").read_text().splitlines()
    assert [row for row in among if row.startswith("x\t")] == (
        (tmp_path / "alone.bed").read_text().splitlines()
    )
    theirs = (plain / "out" / "s.bed").read_text().splitlines()
    assert [row for row in among if row[:2] != "x\t"] == [
        r for r in theirs if r[:2] in ("a\t", "c\t")
    ]
    known = {row.split("\t")[1] for row in among if row.startswith("x\t")}
    assert bool(known) == bool(set(text) - {"N"})


def test_ten_thousand_contigs(plain: Path, tmp_path: Path) -> None:
    """Seven sequences over and over: each contig has the rows of its sequence alone."""
    kinds = {f"k{n}": letters(n * 9, n, "ACGTN") for n in range(7)}
    write_fasta(tmp_path / "few.fa", kinds)
    many = {f"k{n % 7}:{n}|x": kinds[f"k{n % 7}"] for n in range(10_000)}
    write_fasta(tmp_path / "many.fa", many)
    for name in ("few", "many"):
        given = ("score", tmp_path / f"{name}.fa", "-m", plain / "m.safetensors")
        out = tmp_path / f"{name}.bed"
        succeed(*given, "-o", out, "--calls", tmp_path / f"{name}.calls.bed", "--min-score", 0)
    for ending in ("bed", "calls.bed"):
        few: dict[str, list[str]] = {name: [] for name in kinds}
        for row in (tmp_path / f"few.{ending}").read_text().splitlines():
            name, rest = row.split("\t", 1)
            few[name].append(rest)
        wanted = (f"{name}\t{rest}\n" for name in many for rest in few[name.split(":")[0]])
        assert (tmp_path / f"many.{ending}").read_text() == "".join(wanted)
    site = ("k6:6|x", 3, 20, "M", "+")
    (tmp_path / "sites.bed").write_text(bed([site, ("k5:9994|x", 0, 9, "M", "-")]))
    given = ("encode", tmp_path / "many.fa", "--labels", tmp_path / "sites.bed")
    succeed(*given, "-o", tmp_path / "set")
    encoded = EncodedSet.open(tmp_path / "set")
    assert [contig.name for contig in encoded.contigs] == list(many)
    assert len(encoded.codes) == sum(map(len, many.values()))
    painted = np.flatnonzero(np.asarray(encoded.labels) & 0b110)
    offsets = {contig.name: contig.offset for contig in encoded.contigs}
    assert painted.tolist() == [
        *range(offsets["k6:6|x"] + 3, offsets["k6:6|x"] + 20),
        *range(offsets["k5:9994|x"], offsets["k5:9994|x"] + 9),
    ]
