"""Labels from motifs: sites by files of any format, those in peaks, what encode makes of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from commands import content, run, succeed, write_fasta
from random_models import random_codes

from dnabirnn.alphabet import decode, encode, reverse_complement
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.intervals.bed import read_bed
from dnabirnn.labels.bits import class_bits
from dnabirnn.motifs import sites as motif_sites
from dnabirnn.motifs.motif import parse_motifs
from dnabirnn.motifs.scanner import Scanner
from dnabirnn.motifs.search import read_search
from dnabirnn.motifs.sites import find_sites
from dnabirnn.sequences.read import read_fasta

# Sixteenths are exact in MEME's six decimals.
SIXTEENTHS = {
    "alpha": [(13, 1, 1, 1), (0, 16, 0, 0), (2, 1, 12, 1), (1, 0, 15, 0)] * 2,
    "beta": [(0, 0, 16, 0), (16, 0, 0, 0), (0, 0, 8, 8), (1, 14, 0, 1), (16, 0, 0, 0)] * 2,
}
ALPHA, BETA = encode("ACGGACGG"), encode("GAGCAGATCA")
GC = 0.5


def jaspar(motifs: dict[str, list[tuple[int, ...]]]) -> str:
    text = ""
    for name, rows in motifs.items():
        text += f">M_{name} {name}\n"
        for code, base in enumerate("ACGT"):
            text += f"{base} [ {' '.join(str(row[code]) for row in rows)} ]\n"
    return text


def transfac(motifs: dict[str, list[tuple[int, ...]]]) -> str:
    text = ""
    for name, rows in motifs.items():
        text += f"AC  M_{name}\nXX\nID  {name}\nXX\nP0      A      C      G      T\n"
        for number, row in enumerate(rows, 1):
            text += f"{number:02d}  " + "  ".join(f"{count:6d}" for count in row) + "      N\n"
        text += "XX\n//\n"
    return text


def meme(motifs: dict[str, list[tuple[int, ...]]]) -> str:
    text = "MEME version 5\n\nALPHABET= ACGT\n\n"
    for name, rows in motifs.items():
        text += f"MOTIF M_{name} {name}\nletter-probability matrix: alength= 4 w= {len(rows)}\n"
        text += "".join(" ".join(f"{c / 16:.6f}" for c in row) + "\n" for row in rows)
    return text


FORMATS = {"jaspar": jaspar, "meme": meme, "transfac": transfac}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two contigs of random bases, N and lower case, with sites at their ends, and motifs."""
    rng = np.random.default_rng(2)
    a, b = random_codes(rng, 30_000), random_codes(rng, 9_000)
    a[:8], a[-10:] = ALPHA, reverse_complement(BETA)
    b[:10], b[-8:] = BETA, reverse_complement(ALPHA)
    a[11_999:12_007] = ALPHA  # across a peak's end
    texts = {"a": decode(a), "b": decode(b)}
    texts["a"] = texts["a"][:200].lower() + texts["a"][200:]
    write_fasta(tmp_path / "genome.fa", {**texts, "empty": "", "short": "ACG"})
    (tmp_path / "motifs").write_text(jaspar(SIXTEENTHS))
    (tmp_path / "peaks.bed").write_text("a\t0\t5000\na\t4000\t12003\nb\t100\t8996\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(path: Path) -> list[tuple[object, ...]]:
    return [tuple(line.split("\t")) for line in path.read_text().splitlines()]


def expected_rows(folder: Path, pvalue: float) -> list[tuple[str, ...]]:
    """BED rows by a scanner that reads letter by letter, with p-values of the tested one."""
    motifs = parse_motifs(jaspar(SIXTEENTHS), "text")
    rows = []
    for record in read_fasta(folder / "genome.fa"):
        found = []
        hits = Scanner(motifs, pvalue, GC).scan(record.codes)
        for start, end, number, minus, p in zip(*(column.tolist() for column in hits), strict=True):
            score = min(1000, int(-100 * np.log10(p) + 0.5))
            strand = "-" if minus else "+"
            found.append((start, end, motifs[number].name, str(score), strand))
        rows += [(record.name, str(s), str(e), n, p, strand) for s, e, n, p, strand in found]
    return rows


@pytest.mark.parametrize("kind", FORMATS)
def test_files_of_all_formats_give_the_same_sites(folder: Path, kind: str) -> None:
    (folder / kind).write_text(FORMATS[kind](SIXTEENTHS))
    succeed("scan", "genome.fa", "--motifs", kind, "--gc", GC, "--pvalue", "0.001", "-o", "out.bed")
    rows = rows_of(folder / "out.bed")
    assert rows == expected_rows(folder, 0.001)
    places = {(chrom, start, end, name, strand) for chrom, start, end, name, _, strand in rows}
    assert ("a", "0", "8", "alpha", "+") in places
    assert ("a", "29990", "30000", "beta", "-") in places
    assert ("b", "0", "10", "beta", "+") in places
    assert ("b", "8992", "9000", "alpha", "-") in places
    assert len(rows) > 50


def test_order_compression_and_standard_output(folder: Path) -> None:
    command = ["scan", "genome.fa", "--motifs", "motifs", "--pvalue", "0.01", "-o"]
    text = succeed(*command, "-").stdout_bytes
    succeed(*command, "out.bed.gz")
    packed = (folder / "out.bed.gz").read_bytes()
    assert gzip.decompress(packed) == text
    assert packed[12:14] == b"BC"  # bgzip's mark
    rows = [line.split("\t") for line in text.decode().splitlines()]
    keys = [(r[0], int(r[1]), int(r[2]), r[3], r[5]) for r in rows]
    assert keys == sorted(set(keys))
    assert {r[5] for r in rows} == {"+", "-"}
    assert 200 <= min(int(r[4]) for r in rows) < 230  # a p-value of 0.01 is 200
    assert read_bed("out.bed.gz").height == len(rows)


def test_sequences_from_a_pipe_need_their_composition(folder: Path) -> None:
    text = (folder / "genome.fa").read_bytes()
    succeed("scan", "-", "--motifs", "motifs", "--gc", "0.5", "-o", "piped.bed", input=text)
    succeed("scan", "genome.fa", "--motifs", "motifs", "--gc", "0.5", "-o", "out.bed")
    assert (folder / "piped.bed").read_bytes() == (folder / "out.bed").read_bytes()


def test_composition_is_that_of_the_sequences(folder: Path) -> None:
    codes = np.concatenate([record.codes for record in read_fasta("genome.fa")])
    gc = round(float(np.isin(codes, (1, 2)).sum() / (codes < 4).sum()), 4)
    result = succeed("scan", "genome.fa", "--motifs", "motifs", "-o", "own.bed")
    assert f"--pvalue 0.0001 --gc {gc:g}\n" in result.stderr
    succeed("scan", "genome.fa", "--motifs", "motifs", "--gc", gc, "-o", "given.bed")
    assert (folder / "own.bed").read_bytes() == (folder / "given.bed").read_bytes()


def test_lower_case_is_read_as_n_if_asked(folder: Path) -> None:
    command = ["scan", "genome.fa", "--motifs", "motifs", "--pvalue", "0.01", "--gc", GC, "-o"]
    succeed(*command, "all.bed")
    succeed(*command, "hard.bed", "--mask", "hard")
    expected = [r for r in rows_of(folder / "all.bed") if r[0] != "a" or int(str(r[1])) >= 200]
    assert rows_of(folder / "hard.bed") == expected
    assert len(expected) < len(rows_of(folder / "all.bed"))


def test_one_class_for_all_has_each_place_once(folder: Path) -> None:
    twice = {"one": SIXTEENTHS["alpha"], "two": SIXTEENTHS["alpha"], "beta": SIXTEENTHS["beta"]}
    (folder / "twice").write_text(jaspar(twice))
    command = ["scan", "genome.fa", "--gc", GC, "--pvalue", "0.001", "-o"]
    succeed(*command, "all.bed", "--motifs", "motifs")
    succeed(*command, "one.bed", "--motifs", "twice", "--class", "TF")
    expected = [(c, s, e, "TF", p, strand) for c, s, e, _, p, strand in rows_of(folder / "all.bed")]
    assert rows_of(folder / "one.bed") == expected


def test_classes_limit_the_search(folder: Path) -> None:
    command = ["scan", "genome.fa", "--motifs", "motifs", "--gc", GC, "--pvalue", "0.001", "-o"]
    succeed(*command, "all.bed")
    succeed(*command, "beta.bed", "--classes", "beta")
    expected = [row for row in rows_of(folder / "all.bed") if row[3] == "beta"]
    assert rows_of(folder / "beta.bed") == expected


def test_peaks_part_the_sites(folder: Path) -> None:
    command = ["scan", "genome.fa", "--motifs", "motifs", "--gc", GC, "--pvalue", "0.02", "-o"]
    succeed(*command, "all.bed")
    succeed(*command, "in.bed", "--within", "peaks.bed", "--partly", "partly.bed")
    covered = {"a": np.zeros(30_000, bool), "b": np.zeros(9_000, bool)}
    covered["a"][:12_003] = covered["b"][100:8_996] = True
    shares = [
        covered[str(c)][int(str(s)) : int(str(e))].mean()
        for c, s, e, *_ in rows_of(folder / "all.bed")
    ]
    rows = rows_of(folder / "all.bed")
    inside = [row for row, share in zip(rows, shares, strict=True) if share == 1]
    partly = [row for row, share in zip(rows, shares, strict=True) if 0 < share < 1]
    assert rows_of(folder / "in.bed") == inside
    assert rows_of(folder / "partly.bed") == partly
    assert {str(row[0]) for row in partly} == {"a", "b"}
    assert len(inside) < len(rows) - len(partly)


@pytest.mark.parametrize("more", [[], ["--within", "peaks.bed"]], ids=["anywhere", "in peaks"])
@pytest.mark.parametrize(
    "chosen",
    [[], ["--class", "TF"], ["--mask", "hard"], ["--mask", "loss"]],
    ids=["by motif", "one class", "hard mask", "loss mask"],
)
def test_encode_makes_the_labels_that_scan_shows(
    folder: Path, more: list[str], chosen: list[str]
) -> None:
    common = ["genome.fa", "--motifs", "motifs", "--pvalue", "0.01", *more]
    named = chosen if chosen[:1] == ["--class"] or "hard" in chosen else []
    partly = ["--partly", "partly.bed"] if more else []
    succeed("scan", *common, *named, "-o", "in.bed", *partly)
    exclude = ["--exclude", "partly.bed"] if more else []
    succeed("encode", *common, *chosen, "--val-chroms", "b", "-o", "motif.enc")
    mask = chosen if "--mask" in chosen else []
    given = ["genome.fa", "--labels", "in.bed", *exclude, *mask, "--val-chroms", "b"]
    succeed("encode", *given, "-o", "bed.enc")
    ours, theirs = EncodedSet.open("motif.enc"), EncodedSet.open("bed.enc")
    assert ours.manifest["digest"] == theirs.manifest["digest"]
    assert np.count_nonzero(np.load("motif.enc/labels.npy")) > 100
    assert ours.manifest["classes"] == theirs.manifest["classes"]


def test_the_manifest_tells_where_labels_come_from(folder: Path) -> None:
    succeed(
        *["encode", "genome.fa", "--motifs", "motifs", "--pvalue", "0.002", "--gc", "0.45"],
        *["--within", "peaks.bed", "-o", "set", "--val-chroms", "b"],
    )
    manifest = json.loads((folder / "set" / "manifest.json").read_text())
    assert manifest["motifs"] == {"pvalue": 0.002, "gc": 0.45}
    for kind, name in (("fasta", "genome.fa"), ("motifs", "motifs"), ("within", "peaks.bed")):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert manifest["inputs"][kind] == [{"name": name, "sha256": digest}]
    assert manifest["inputs"]["labels"] == []


def test_classes_may_be_chosen_ignored_and_without_strands(folder: Path) -> None:
    common = ["genome.fa", "--motifs", "motifs", "--pvalue", "0.005", "--val-chroms", "b"]
    succeed("encode", *common, "--classes", "beta,alpha", "--unstranded", "beta", "-o", "both")
    succeed("encode", *common, "--ignore-classes", "beta", "-o", "ignored")
    succeed("encode", *common, "--classes", "alpha", "-o", "alone")
    both, ignored, alone = (EncodedSet.open(name) for name in ("both", "ignored", "alone"))
    assert [tuple(c.values()) for c in both.manifest["classes"]] == [
        ("beta", False),
        ("alpha", True),
    ]
    labels = {name: np.load(f"{name}/labels.npy") for name in ("both", "ignored", "alone")}
    beta = (labels["both"] & class_bits(0, ".")) != 0
    np.testing.assert_array_equal((labels["ignored"] & 1) != 0, beta)
    np.testing.assert_array_equal(labels["ignored"] & 6, labels["alone"])
    np.testing.assert_array_equal(labels["alone"] & 2, (labels["both"] & class_bits(1, "+")) >> 2)
    assert beta.sum() > 50
    assert ignored.manifest["ignore_classes"] == ["beta"]
    assert alone.manifest["ignore_classes"] == []


def test_motifs_without_sites_are_told_of(folder: Path) -> None:
    more = SIXTEENTHS | {"short": [(16, 0, 0, 0)] * 3, "rare": [(0, 16, 0, 0)] * 40}
    (folder / "more").write_text(jaspar(more))
    text = f"{decode(ALPHA)}{'AT' * 300}{decode(BETA)}{'AT' * 300}"
    write_fasta(folder / "few.fa", {"a": text})
    (folder / "peak.bed").write_text("a\t0\t8\n")
    command = ["few.fa", "--motifs", "more", "--pvalue", "0.0001", "--gc", "0.5"]
    result = succeed(
        *["encode", *command, "--split-fractions", "1,0,0", "--within", "peak.bed", "-o", "set"]
    )
    said = result.stderr
    assert "warning: more: short: no site can reach --pvalue 0.0001" in said
    assert "warning: more: rare: no site at --pvalue 0.0001\n" in said
    assert "warning: more: beta: no site at --pvalue 0.0001 that lies wholly in a peak\n" in said
    assert [c["name"] for c in EncodedSet.open("set").manifest["classes"]] == ["alpha"]
    result = succeed("scan", *command, "--classes", "rare", "-o", "none.bed")
    assert (folder / "none.bed").read_bytes() == b""
    assert "warning: more: rare: no site at --pvalue 0.0001\n" in result.stderr


def many(count: int) -> str:
    return jaspar({f"m{i}": SIXTEENTHS["alpha"] for i in range(count)})


ENCODE = "encode genome.fa -o out --motifs motifs"
SCAN = "scan genome.fa -o out.bed --motifs motifs"
BAD = {
    "no motifs": ("scan genome.fa -o out.bed --motifs none", "none: no such file"),
    "no format": ("scan genome.fa -o out.bed --motifs genome.fa", "genome.fa, line 2: letters"),
    "a binary file": ("scan genome.fa -o out.bed --motifs BAD", "BAD: not a text file"),
    "pvalue": (f"{SCAN} --pvalue 0", "--pvalue 0: must be more than 0 and less than 1"),
    "pvalue of encode": (f"{ENCODE} --pvalue 2", "--pvalue 2: must be more than 0"),
    "gc": (f"{SCAN} --gc 40", "--gc 40: p-values need a share"),
    "no peaks": (f"{SCAN} --within none.bed", "none.bed: no such file"),
    "peaks elsewhere": (f"{SCAN} --within else.bed", "else.bed: no contig in common"),
    "peaks past the end": (f"{SCAN} --within past.bed", "past.bed, line 1: b:1-9001 goes past"),
    "peaks of encode": (f"{ENCODE} --within else.bed", "else.bed: no contig in common"),
    "partly in nothing": (f"{SCAN} --partly p.bed", "--partly: .*give them with --within"),
    "no such class": (f"{SCAN} --classes CTCF", "no motif has class 'CTCF'; the motifs have alpha"),
    "no class of encode": (f"{ENCODE} --ignore-classes X --classes alpha", "has class 'X'"),
    "nothing to ignore": (
        f"{ENCODE} --ignore-classes X",
        "--ignore-classes: no motif has class 'X'; the motifs have alpha, beta",
    ),
    "unstranded": (f"{ENCODE} --unstranded X", "--unstranded: no motif has class 'X'"),
    "twice": (f"{ENCODE} --classes alpha,alpha", "--classes: 'alpha' is given twice"),
    "kept and ignored": (
        f"{ENCODE} --classes alpha --ignore-classes alpha",
        "'alpha' is in both --classes and --ignore-classes",
    ),
    "all ignored": (
        f"{ENCODE} --ignore-classes alpha,beta",
        "every class of the motifs is ignored",
    ),
    "class without letters": (f"{ENCODE} --class .", "--class '.': not a class name"),
    "32 classes": (
        "encode genome.fa -o out --motifs many",
        "many: 32 classes .*at most 31 .*--class NAME",
    ),
    "labels as well": (f"{ENCODE} --labels peaks.bed", "--labels and --motifs: both define"),
    "neither": ("encode genome.fa -o out", "no labels; give intervals with --labels"),
    "pvalue without motifs": (
        "encode genome.fa -o out --labels peaks.bed --pvalue 0.1",
        "--pvalue: applies to motifs only; give them with --motifs",
    ),
    "peaks without motifs": (
        "encode genome.fa -o out --labels peaks.bed --within peaks.bed",
        "--within: applies to motifs only",
    ),
    "span": (f"{ENCODE} --span", "--span: applies to label files"),
    "no site": (f"{ENCODE} --pvalue 1e-9", "motifs: no site of any motif was found .*larger"),
    "no site in a peak": (
        f"{ENCODE} --within gap.bed",
        "no site of any motif lies wholly in a peak",
    ),
    "no site of a class": (
        "encode genome.fa -o out --motifs more --classes alpha,short",
        "more: no site of class 'short' was found at --pvalue 0.0001",
    ),
    "pipe": ("scan - -o out.bed --motifs motifs", "-: can be read only once.*--gc"),
    "pipe of encode": (f"{ENCODE.replace('genome.fa', '-')} --gc 0.5", "-: can be read only once"),
    "only N": ("scan n.fa -o out.bed --motifs motifs", "n.fa: no A, C, G or T to search"),
    "only A": ("scan a.fa -o out.bed --motifs motifs", "--gc 0: p-values need a share"),
    "onto the motifs": (
        "scan genome.fa -o motifs --motifs motifs",
        "motifs: is also an input of this command",
    ),
    "no folder": (f"{SCAN.replace('out.bed', 'no/out.bed')}", "no/out.bed: there is no folder"),
}


@pytest.mark.parametrize(("command", "message"), BAD.values(), ids=BAD)
def test_bad_input(folder: Path, command: str, message: str) -> None:
    (folder / "BAD").write_bytes(b"\0\1\2")
    (folder / "else.bed").write_text("chr1\t1\t9\n")
    (folder / "past.bed").write_text("b\t1\t9001\n" * 2)
    (folder / "gap.bed").write_text("a\t10\t11\n")
    (folder / "many").write_text(many(32))
    (folder / "more").write_text(jaspar(SIXTEENTHS | {"short": [(16, 0, 0, 0)] * 3}))
    (folder / "n.fa").write_text(">n\nNNNN\n")
    (folder / "a.fa").write_text(">a\nAAAA\n")
    before = content(folder)
    result = run(*command.split(), input=">a\nACGT\n")
    assert result.exit_code != 0
    (line,) = result.stderr.splitlines()
    assert re.fullmatch(rf"dnabirnn {command.split()[0]}: error: .*{message}.*", line)
    assert content(folder) == before


def test_many_classes_have_room_as_one(folder: Path) -> None:
    (folder / "many").write_text(many(32))
    succeed("encode", "genome.fa", "--motifs", "many", "--class", "TF", "-o", "set")
    assert [c["name"] for c in EncodedSet.open("set").manifest["classes"]] == ["TF"]


def test_contigs_scanned_together_are_as_those_scanned_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    lengths = [int(length) for length in rng.integers(0, 60, 300)]
    texts = {f"c{i}": decode(random_codes(rng, length)) for i, length in enumerate(lengths)}
    # Halves of sites at ends that would meet, were nothing between contigs.
    texts |= {f"c{i}": texts[f"c{i}"] + decode(ALPHA[:4]) for i in range(0, 300, 3)}
    texts |= {f"c{i}": decode(ALPHA[4:]) + texts[f"c{i}"] for i in range(1, 300, 3)}
    write_fasta(folder / "short.fa", texts)
    peaks = [
        f"{name}\t{len(text) // 3}\t{len(text)}\n" for name, text in texts.items() if len(text) > 2
    ]
    (folder / "some.bed").write_text("".join(peaks[::2]))
    command = ["scan", "short.fa", "--motifs", "motifs", "--gc", GC, "--pvalue", "0.01"]
    command += ["--within", "some.bed"]
    monkeypatch.setattr(motif_sites, "_BATCH_BP", 1)
    succeed(*command, "-o", "alone.bed", "--partly", "alone.partly")
    for most in (100, 1000, 1 << 20):
        monkeypatch.setattr(motif_sites, "_BATCH_BP", most)
        succeed(*command, "-o", "both.bed", "--partly", "both.partly")
        for kind in ("bed", "partly"):
            ours, alone = ((folder / f"{n}.{kind}").read_bytes() for n in ("both", "alone"))
            assert ours == alone
            assert ours.count(b"\n") > 20


def test_sites_come_some_contigs_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motif_sites, "_BATCH_BP", 9_100)
    search = read_search("motifs", ["genome.fa"], pvalue=0.01, gc=GC)
    names = [s.frame["chrom"].unique().to_list() for s in find_sites(["genome.fa"], search)]
    assert names == [["a"], ["b"]]
