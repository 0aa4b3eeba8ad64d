"""What users do wrong: one line of cause and remedy, and nothing written."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from commands import changed_model, content, make_material, run
from safetensors.numpy import load_file, save_file


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("material"))


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with the material in it, to be in."""
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


Content = str | bytes | Callable[[Path], object]


class Case(NamedTuple):
    """A command that fails.

    `bad` is what the file named BAD in the command holds, or a function that makes it.
    """

    command: str | list[str]
    message: str
    bad: Content | None = None


def truncated(path: Path) -> None:
    text = (path.parent / "genome.fa").read_bytes()
    path.write_bytes(gzip.compress(text)[:-100])


def truncated_bed(path: Path) -> None:
    text = (path.parent / "sites.bed").read_bytes()
    path.write_bytes(gzip.compress(text * 50)[:-20])


def bed(*rows: str) -> str:
    return "".join("\t".join(row.split()) + "\n" for row in rows)


FASTA = {
    "missing": ("BAD: no such file", None),
    "empty": ("BAD: no records; the file is empty", ""),
    "no header": ("BAD: not FASTA: it begins with 'A'", "ACGT\n"),
    "protein": (
        r"BAD: record 'p', line 3: 'L' is not a nucleotide letter \(a prot",
        ">p\nAC\nMLSE\n",
    ),
    "gap": (
        r"BAD: record 'p', line 2: '-' is not a nucleotide letter .*remove gaps",
        ">p\nAC-GT\n",
    ),
    "two of one name": ("BAD, line 3: record 'x' occurs twice", ">x 1\nAC\n>x 2\nAC\n"),
    "nameless": ("BAD, line 1: header without a name", ">\nACGT\n"),
    "cut gzip": ("BAD: truncated gzip", truncated),
    "cut FASTQ": ("BAD: record 'r', line 4: the file ends inside", "@r\nACGT\n+\nIII\n"),
    "cut 2bit": ("BAD: a header of 4 bytes, but the file has 1", b"\x43\x27\x41\x1a\0\0\0\0\1"),
    "cut GenBank": ("BAD: damaged GenBank in the first record", "LOCUS       A\nORIGIN\n"),
    "zip": ("BAD: not FASTA but zip", b"PK\x03\x04\0\0"),
    "bed": ("BAD: not FASTA: it begins with 'c'", "chr1\t1\t2\n"),
    "folder": ("BAD: is a folder", Path.mkdir),
}
FASTA_COMMANDS = (
    "encode BAD --labels sites.bed -o out",
    "scan BAD --motifs motifs.jaspar --gc 0.5 -o out.bed",
    "score BAD -m m.safetensors -o out.bed --calls calls.bed",
    "evaluate BAD --labels sites.bed -m m.safetensors -o out.json",
    "mutate BAD -m m.safetensors -o out.parquet",
    "explain BAD -m m.safetensors -o out.bw --regions sites.bed --reach 9",
    "discover BAD -m m.safetensors -o out.meme",
    "variants variants.vcf --fasta BAD -m m.safetensors -o out.vcf.gz",
)
TWICE = r"genome.fa, line 1: record 'a' occurs twice, first in genome.fa"

BEDS = {
    "missing": ("BAD: no such file", None),
    "empty": ("BAD: no intervals; the file is empty", ""),
    "only comments": ("BAD: no intervals", "# nothing\ntrack name=x\n"),
    "end before start": ("BAD, line 2: end 10 is before start 20", bed("a 1 9 M 0 +", "a 20 10")),
    "past the end": (
        "BAD, line 2: b:900-1001 goes past the contig's end at 1000",
        bed("a 1 9 M 0 +", *2 * ["b 900 1001 M 0 -"]),
    ),
    "text for a start": ("BAD, line 1: start 'ten' is not a whole number", bed("a ten 20 M 0 +")),
    "text for an end": ("BAD, line 1: end '2e3' is not a whole number", bed("a 10 2e3 M 0 +")),
    "negative": ("BAD, line 1: negative start -1", bed(*2 * ["a -1 20 M 0 +"])),
    "two columns": ("BAD, line 1: fewer than three columns", bed("a 1")),
    "cut gzip": ("BAD: truncated gzip", truncated_bed),
    "binary": ("BAD: not a text file", b"\xff\0\1" * 9),
    "FASTA": (
        r"BAD(, line 1: fewer than three columns|: is FASTA, not labels)",
        ">a\nACGT\n",
    ),
    "folder": ("BAD: is a folder", Path.mkdir),
    "no contig in common": (
        "BAD: no contig in common with the FASTA; file has chr1, FASTA has a, b, c; rename",
        bed("chr1 1 20 M 0 +"),
    ),
}
BED_COMMANDS = (
    "encode genome.fa --labels BAD -o out",
    "evaluate genome.fa --labels BAD -m m.safetensors -o out.json",
    "encode genome.fa --labels sites.bed --exclude BAD -o out",
    "scan genome.fa --motifs motifs.jaspar --within BAD -o out.bed",
    "score genome.fa -m m.safetensors --regions BAD -o out.bed --calls calls.bed",
    "score genome.fa -m m.safetensors --regions BAD -o out.bed --shard 1-of-2",
    "evaluate genome.fa --labels sites.bed -m m.safetensors --regions BAD -o out.json",
    "evaluate genome.fa --labels sites.bed -m m.safetensors --exclude BAD -o out.json",
    "mutate genome.fa -m m.safetensors --regions BAD -o out.npz",
    "discover genome.fa -m m.safetensors --regions BAD -o out.meme",
)


def changed_weights(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        from safetensors import safe_open

        source = path.parent / "m.safetensors"
        weights = load_file(source)
        change(weights)
        with safe_open(source, framework="numpy") as file:
            save_file(weights, path, file.metadata())

    return write


def cut_model(path: Path) -> None:
    path.write_bytes((path.parent / "m.safetensors").read_bytes()[:-10])


MODELS = {
    "missing": ("BAD: no such file", None),
    "empty": ("BAD: not a model file", ""),
    "folder": ("BAD: is a folder", Path.mkdir),
    "FASTA": ("BAD: not a model file", ">a\nACGTACGTACGT\n"),
    "garbage": ("BAD: not a model file", b"\x10\0\0\0\0\0\0\0garbage garbage garbage"),
    "cut short": ("BAD: not a model file, or a damaged one", cut_model),
    "other safetensors": (
        "BAD: a safetensors file, but not a dnabirnn model",
        lambda path: save_file({"x": np.zeros(3)}, path),
    ),
    "newer": (
        r"BAD: model format 99 is newer than .*; upgrade dnabirnn",
        changed_model(lambda plain: plain.update(format_version=99)),
    ),
    "no format": (
        "BAD: the model's description is damaged",
        changed_model(lambda plain: plain.pop("format_version")),
    ),
    "no window": (
        "BAD: the model's description is damaged",
        changed_model(lambda plain: plain.pop("scoring_window")),
    ),
    "NaN": (
        "BAD: weight head.bias is not an array of finite",
        changed_weights(lambda weights: weights.update({"head.bias": np.full(1, np.nan, "f4")})),
    ),
    "weight gone": (
        "BAD: weight head.bias has shape None",
        changed_weights(lambda weights: weights.pop("head.bias")),
    ),
}
MODEL_COMMANDS = (
    "info BAD",
    "info BAD --json",
    "export BAD -o out.onnx",
    "call scores.bed -m BAD -o out.bed",
    "score genome.fa -m BAD -o out.bed --calls calls.bed",
    "evaluate genome.fa --labels sites.bed -m BAD -o out.json",
    "train set -o out.safetensors --init BAD",
    "mutate genome.fa -m BAD -o out.parquet",
    "discover genome.fa -m BAD -o out.meme",
)


def copied_set(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        shutil.copytree(path.parent / "set", path)
        change(path)

    return write


def changed_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        file = path / "manifest.json"
        plain = json.loads(file.read_text())
        change(plain)
        file.write_text(json.dumps(plain))

    return copied_set(write)


def cut_codes(path: Path) -> None:
    file = path / "codes.npy"
    file.write_bytes(file.read_bytes()[:-50])


SETS = {
    "missing": ("BAD: no such folder; make it with dnabirnn encode", None),
    "file": ("BAD: .*folder", "text"),
    "empty folder": ("BAD: not an encoded set", Path.mkdir),
    "newer": (
        "BAD/manifest.json: format version 99, .*upgrade dnabirnn",
        changed_manifest(lambda plain: plain.update(format_version=99)),
    ),
    "damaged manifest": (
        "BAD/manifest.json: cannot be read .*encode again",
        copied_set(lambda path: (path / "manifest.json").write_text('{"format": ')),
    ),
    "other manifest": (
        "BAD/manifest.json: not the manifest of an encoded set",
        copied_set(lambda path: (path / "manifest.json").write_text("{}")),
    ),
    "no contigs": (
        "BAD/manifest.json: damaged",
        changed_manifest(lambda plain: plain.pop("contigs")),
    ),
    "splits of text": (
        "BAD/manifest.json: damaged",
        changed_manifest(lambda plain: plain.update(splits="all")),
    ),
    "split on no contig": (
        "BAD/manifest.json: damaged",
        changed_manifest(
            lambda p: p.update(splits={"train": [["z", 0, 9]], "val": [], "test": []})
        ),
    ),
    "no codes": (
        "BAD/codes.npy: no such file",
        copied_set(lambda path: (path / "codes.npy").unlink()),
    ),
    "no labels": (
        "BAD/labels.npy: no such file",
        copied_set(lambda path: (path / "labels.npy").unlink()),
    ),
    "codes cut short": ("BAD/codes.npy: damaged or cut short", copied_set(cut_codes)),
    "codes of another set": (
        "BAD/codes.npy: uint8 of shape",
        copied_set(lambda path: np.save(path / "codes.npy", np.zeros(7, np.uint8))),
    ),
    "labels of another type": (
        "BAD/labels.npy: int64 of shape",
        copied_set(lambda path: np.save(path / "labels.npy", np.zeros(4000, np.int64))),
    ),
}

ROW = "a 10 20 M 500 +"
TRACKS = {
    "missing": ("BAD: no such file", None),
    "folder": ("BAD: is a folder", Path.mkdir),
    "FASTA": ("BAD, line 1: .*columns", ">a\nACGT\n"),
    "bedGraph": ("BAD, line 1: 4 tab-separated columns", bed("a 10 20 0.5")),
    "three columns": ("BAD, line 2: 3 tab-separated columns", bed(ROW, "a 30 40")),
    "text for a start": ("BAD, line 2: start 'x' is not an integer", bed(ROW, "a x 40 M 500 +")),
    "score with decimals": ("BAD, line 1: score '0.5' is not an integer", bed("a 10 20 M 0.5 +")),
    "score over 1000": ("BAD, line 2: score 1001 is not from 0", bed(ROW, "a 30 40 M 1001 +")),
    "of another model": ("BAD, line 2: 'alpha .' is not a class", bed(ROW, "a 30 40 alpha 500 .")),
    "without a strand": (r"BAD, line 1: 'M .' is not a class", bed("a 30 40 M 500 .")),
    "unsorted": (
        "BAD, line 2: start 5 is before the previous start; sort",
        bed(ROW, "a 5 7 M 500 +"),
    ),
    "contig comes back": (
        "BAD, line 3: a appears again after other contigs",
        bed(ROW, "b 5 7 M 500 +", "a 30 40 M 500 +"),
    ),
    "overlap": ("BAD, line 2: 15 to 30 overlaps", bed(ROW, "a 15 30 M 500 +")),
    "end before start": ("BAD, line 2: 40 to 30 is not an interval", bed(ROW, "a 40 30 M 500 +")),
    "cut gzip": ("BAD: truncated gzip", truncated_bed),
    "binary": ("BAD, line 1: ", b"\xff\0\1" * 9),
}

NO_STRAND = bed("a 1 9 M 0 +", "a 50 60 M 0 .", "a 80 90 M 0 .")
MANY = "".join(f"a\t{10 * i}\t{10 * i + 5}\tpeak{i}\t0\t+\n" for i in range(32))
OPTIONS = {
    # encode
    "encode: nothing": Case("encode", "Missing option '-o'"),
    "encode: no sequences": Case(
        "encode --labels sites.bed -o out", "no sequences; give FASTA files, as in the example"
    ),
    "encode: no labels": Case(
        "encode genome.fa -o out", "no labels; give intervals with --labels FILE, motifs with"
    ),
    "encode: no out": Case("encode genome.fa --labels sites.bed", "Missing option '-o'"),
    "encode: BED3": Case(
        "encode genome.fa --labels BAD -o out",
        "BAD, line 1: no class in the fourth column; .*--class NAME",
        bed("a 1 20"),
    ),
    "encode: mixed strands": Case(
        "encode genome.fa --labels BAD -o out",
        "BAD, line 2: class 'M' has rows with a strand, but this one has '.'; .*--unstranded M",
        NO_STRAND,
    ),
    "encode: strand": Case(
        "encode genome.fa --labels BAD -o out",
        "BAD, line 1: strand 'x' is not '.', '-' or '.'; .*--unstranded M",
        bed("a 1 20 M 0 x"),
    ),
    "encode: 32 classes": Case(
        "encode genome.fa --labels BAD -o out", "BAD: 32 classes .*--class NAME", MANY
    ),
    "encode: no training interval": Case(
        "encode genome.fa --labels BAD -o out --val-chroms b",
        "class 'R' has no labelled base in the training split",
        bed("a 1 20 M 0 +", "b 1 20 R 0 +"),
    ),
    "encode: training interval of N": Case(
        "encode BAD --labels sites.bed -o out --classes M",
        "class 'M' has no labelled base in the training split that is not ignored or N",
        "".join(f">{name}\n{'N' * 2000}\n" for name in "abc"),
    ),
    "encode: only empty records": Case(
        "encode BAD --labels sites.bed -o out", "BAD: every record is empty", ">y\n>z\n"
    ),
    "encode: one FASTA twice": Case("encode genome.fa genome.fa --labels sites.bed -o out", TWICE),
    "encode: classes": Case(
        "encode genome.fa --labels sites.bed -o out --classes M,nope",
        "--classes: no row has class 'nope'; the labels have M",
    ),
    "encode: ignored class": Case(
        "encode genome.fa --labels sites.bed -o out --ignore-classes nope",
        "--ignore-classes: no row has class 'nope'",
    ),
    "encode: unstranded class": Case(
        "encode genome.fa --labels sites.bed -o out --unstranded nope",
        "--unstranded: no row has class 'nope'",
    ),
    "encode: all ignored": Case(
        "encode genome.fa --labels sites.bed -o out --ignore-classes M",
        "every class of the labels is ignored",
    ),
    "encode: kept and ignored": Case(
        "encode genome.fa --labels sites.bed -o out --classes M --ignore-classes M",
        "class 'M' is in both --classes and --ignore-classes",
    ),
    "encode: class twice": Case(
        "encode genome.fa --labels sites.bed -o out --classes M,M", "--classes: 'M' is given twice"
    ),
    "encode: empty class": Case(
        ["encode", "genome.fa", "--labels", "sites.bed", "-o", "out", "--class", ""],
        "--class '': not a class name",
    ),
    "encode: class of two lines": Case(
        ["encode", "genome.fa", "--labels", "sites.bed", "-o", "out", "--class", "M\nN"],
        "--class 'M.nN': not a class name; give one of printable",
    ),
    "encode: val contig": Case(
        "encode genome.fa --labels sites.bed -o out --val-chroms chr8",
        "--val-chroms chr8: no such contig; the FASTA has a, b, c",
    ),
    "encode: val and test": Case(
        "encode genome.fa --labels sites.bed -o out --val-chroms b --test-chroms b",
        "'b' is in both --val-chroms and --test-chroms",
    ),
    "encode: two ways to split": Case(
        "encode genome.fa --labels sites.bed -o out --val-chroms b --split sites.bed", "exclude one"
    ),
    "encode: split of no name": Case(
        "encode genome.fa --labels sites.bed -o out --split sites.bed",
        "sites.bed, line 1: 'M' in the fourth column; write train, val or test",
    ),
    "encode: splits overlap": Case(
        "encode genome.fa --labels sites.bed -o out --split BAD",
        "BAD, line 2: val interval a:900-2000 overlaps",
        bed("a 0 1000 train", "a 900 2000 val"),
    ),
    "encode: split on no contig": Case(
        "encode genome.fa --labels sites.bed -o out --split BAD",
        "BAD: no contig in common",
        bed("chr1 0 1000 train"),
    ),
    "encode: fractions": Case(
        "encode genome.fa --labels sites.bed -o out --split-fractions 0.5,0.1,0.1",
        "--split-fractions 0.5,0.1,0.1: they sum to 0.7",
    ),
    "encode: two fractions": Case(
        "encode genome.fa --labels sites.bed -o out --split-fractions 0.5,0.5", "give three"
    ),
    "encode: fractions of text": Case(
        "encode genome.fa --labels sites.bed -o out --split-fractions most,some,rest",
        "--split-fractions most,some,rest: must be three numbers",
    ),
    "encode: no training": Case(
        "encode genome.fa --labels sites.bed -o out --split-fractions 0,0.5,0.5", "must be above 0"
    ),
    "encode: mask": Case(
        "encode genome.fa --labels sites.bed -o out --mask soft", "'soft' is not one of"
    ),
    "encode: into a full folder": Case(
        "encode genome.fa --labels sites.bed -o .", r"\.: is not empty and not an encoded set"
    ),
    "encode: into a file": Case(
        "encode genome.fa --labels sites.bed -o m.safetensors", "m.safetensors: is a file"
    ),
    "encode: into no folder": Case(
        "encode genome.fa --labels sites.bed -o no/out", "no/out: there is no folder .*create it"
    ),
    "encode: labels for a FASTA": Case(
        "encode sites.bed --labels genome.fa -o out",
        "genome.fa: is FASTA, not labels; give one of bed",
    ),
    # train
    "train: nothing": Case("train", "Missing argument 'DIR'"),
    "train: window": Case(
        "train set -o out --window 2001",
        r"--window 2001: longer than every sequence of the train split \(the longest has 2000 bp\)",
    ),
    "train: window 0": Case("train set -o out --window 0", "--window 0: must be 1 bp or more"),
    "train: window of text": Case("train set -o out --window 2k", "'2k' is not a valid integer"),
    "train: hidden": Case("train set -o out --hidden 0", "--hidden 0: must be 1"),
    "train: layers": Case("train set -o out --layers 0", "--layers 0: must be 1"),
    "train: batch": Case("train set -o out --batch 0", "--batch 0: must be 1"),
    "train: rate": Case("train set -o out --lr 0", "--lr 0.0: must be more than 0"),
    "train: rate of NaN": Case("train set -o out --lr nan", "--lr nan: must be more than 0"),
    "train: endless rate": Case("train set -o out --lr 1e39", r"--lr 1e.39: must be .*at most 1"),
    "train: endless decay": Case(
        "train set -o out --weight-decay inf", "--weight-decay inf: must be .*at most 100"
    ),
    "train: endless clip": Case("train set -o out --clip 1e39", r"--clip 1e.39: .*at most 1000000"),
    "train: decay": Case("train set -o out --weight-decay -1", "--weight-decay -1.0: must be"),
    "train: decay of NaN": Case("train set -o out --weight-decay nan", "--weight-decay nan: must"),
    "train: compressed model": Case("train set -o out.safetensors.gz", "out.safetensors.gz: "),
    "call: endless threshold": Case(
        "call scores.bed -m m.safetensors -o out.bed --threshold 1e307", r"--threshold 1e.307: must"
    ),
    "train: clip": Case("train set -o out --clip 0", "--clip 0.0: must be"),
    "train: dropout": Case("train set -o out --dropout 1", "--dropout 1.0: must be"),
    "train: share": Case("train set -o out --positive-share 2", "--positive-share 2.0: must be"),
    "train: bases": Case("train set -o out --bases 0", "--bases 0: must be"),
    "train: bases of text": Case(
        "train set -o out --bases many", "'many' is not a number of bases"
    ),
    "train: endless bases": Case("train set -o out --bases inf", "'inf' is not a number of bases"),
    "train: validations": Case("train set -o out --validations 0", "--validations 0: must be"),
    "train: negative seed": Case("train set -o out --seed -1", "-1 is not in the range"),
    "train: huge seed": Case("train set -o out --seed 18446744073709551616", "--seed"),
    "train: cell": Case("train set -o out --cell transformer", "'transformer' is not one of"),
    "train: device": Case("train set -o out --device abacus", "--device abacus: must be auto, cpu"),
    "train: start": Case(
        "train set -o out --init m.safetensors",
        "--init: its hidden is 8, and that of this network is 32; give the same",
    ),
    "train: into no folder": Case("train set -o no/out", "no/out: there is no folder"),
    "train: into a folder": Case("train set -o set", "set: a folder; give the name of a file"),
    "train: log into no folder": Case("train set -o out --log no/l.csv", "no/l.csv: there is no"),
    "train: log in the model's place": Case("train set -o out --log out", "--log out: "),
    "train: on a FASTA": Case("train genome.fa -o out", "genome.fa: .*folder"),
    "train: into a pipe": Case(
        "train set -o /dev/null", "/dev/null: a model or a state of training cannot be compressed"
    ),
    # score
    "score: nothing": Case("score", "Missing argument 'FASTA...'"),
    "score: no model": Case("score genome.fa -o out.bed", "Missing option '-m'"),
    "score: model for a FASTA": Case(
        "score m.safetensors -m genome.fa -o out.bed", "genome.fa: not a model file"
    ),
    "score: model among the FASTA files": Case(
        "score genome.fa m.safetensors -m m.safetensors -o out.bed", "m.safetensors: not FASTA"
    ),
    "score: one FASTA twice": Case("score genome.fa genome.fa -m m.safetensors -o out.bed", TWICE),
    "score: ending": Case(
        "score genome.fa -m m.safetensors -o out.txt", "out.txt: unknown format; .*.bed"
    ),
    "score: into no folder": Case(
        "score genome.fa -m m.safetensors -o no/out.bed", "no/out.bed: there is no folder"
    ),
    "score: into a folder": Case("score genome.fa -m m.safetensors -o set/", "set/: "),
    "score: into a folder with an ending": Case(
        "score genome.fa -m m.safetensors -o BAD.bed",
        "BAD.bed: a folder",
        lambda path: Path(f"{path}.bed").mkdir(),
    ),
    "score: calls into no folder": Case(
        "score genome.fa -m m.safetensors -o out.bed --calls no/c.bed", "no/c.bed: there is no fo"
    ),
    "score: calls into the scores": Case(
        "score genome.fa -m m.safetensors -o out.bed --calls out.bed", "out.bed: two outputs have"
    ),
    "score: both to standard output": Case(
        "score genome.fa -m m.safetensors -o - --calls -", "-: two outputs have this name"
    ),
    "score: lowest score 0": Case(
        "score genome.fa -m m.safetensors -o out.bed --min-score -1", "--min-score -1: must be 0"
    ),
    "score: lowest score": Case(
        "score genome.fa -m m.safetensors -o out.bed --min-score 1001", "--min-score 1001: must be"
    ),
    "score: lowest score as a probability": Case(
        "score genome.fa -m m.safetensors -o out.bed --min-score 0.5", "'0.5' is not a valid int"
    ),
    "score: lowest score above the threshold": Case(
        "score genome.fa -m m.safetensors -o out.bed --calls c.bed --min-score 501",
        "--min-score 501: calls use scores of 500 and above",
    ),
    "score: lowest score above the threshold given": Case(
        "score genome.fa -m m.safetensors -o out.bed --calls c.bed --min-score 301 --threshold 0.3",
        "--min-score 301: calls use scores of 300 and above",
    ),
    "score: threshold": Case(
        "score genome.fa -m m.safetensors -o out.bed --calls c.bed --threshold 1.5",
        "--threshold 1.5: must be from 0.001 to 1",
    ),
    "score: threshold without calls": Case(
        "score genome.fa -m m.safetensors -o out.bed --threshold 0.5", "--threshold: .*--calls"
    ),
    "score: length without calls": Case(
        "score genome.fa -m m.safetensors -o out.bed --min-length 5", "--min-length: .*--calls"
    ),
    "score: method without calls": Case(
        "score genome.fa -m m.safetensors -o out.bed --method mss", "--method: .*--calls"
    ),
    "score: shard": Case(
        "score genome.fa -m m.safetensors -o out.bed --shard 9-of-8", "--shard 9-of-8: must be like"
    ),
    "score: shard 0": Case(
        "score genome.fa -m m.safetensors -o out.bed --shard 0-of-8", "--shard 0-of-8: must be like"
    ),
    "score: shard of text": Case(
        "score genome.fa -m m.safetensors -o out.bed --shard 1/8", "--shard 1/8: must be like"
    ),
    "score: shard of a stream": Case(
        "score - -m m.safetensors -o out.bed --shard 1-of-2", "--shard: reads the FASTA twice"
    ),
    "score: standard input twice": Case("score - - -m m.safetensors -o out.bed", "-: no records"),
    "score: threads": Case(
        "score genome.fa -m m.safetensors -o out.bed --threads 0", "0 is not in the range"
    ),
    "score: device": Case(
        "score genome.fa -m m.safetensors -o out.bed --device gpu", "--device gpu: must be auto"
    ),
    "score: device of no number": Case(
        "score genome.fa -m m.safetensors -o out.bed --device cuda:x", "--device cuda:x: must be"
    ),
    "score: engine": Case(
        "score genome.fa -m m.safetensors -o out.bed --engine tpu", "'tpu' is not one of"
    ),
    # call
    "call: nothing": Case("call", "Missing argument 'SCORES'"),
    "call: threshold": Case(
        "call scores.bed -m m.safetensors -o out.bed --threshold 1.5", "--threshold 1.5: must be"
    ),
    "call: threshold 0": Case(
        "call scores.bed -m m.safetensors -o out.bed --threshold 0", "--threshold 0: must be"
    ),
    "call: threshold of NaN": Case(
        "call scores.bed -m m.safetensors -o out.bed --threshold nan", "--threshold nan: must be"
    ),
    "call: length": Case(
        "call scores.bed -m m.safetensors -o out.bed --min-length -1", "--min-length -1: must be"
    ),
    "call: gap": Case(
        "call scores.bed -m m.safetensors -o out.bed --merge-gap -1", "--merge-gap -1: must be"
    ),
    "call: method": Case(
        "call scores.bed -m m.safetensors -o out.bed --method hmm", "'hmm' is not one of"
    ),
    "call: wrong order": Case(
        "call m.safetensors -m scores.bed -o out.bed", "scores.bed: not a model file"
    ),
    "call: into no folder": Case(
        "call scores.bed -m m.safetensors -o no/out.bed", "no/out.bed: there is no folder"
    ),
    "call: unknown ending": Case(
        "call scores.bed -m m.safetensors -o out.txt",
        "out.txt: unknown format; end the name in .bed, .bed9, .bb, .gff3, .narrowpeak",
    ),
    "call: format of scores": Case(
        "call scores.bed -m m.safetensors -o out.bw", "out.bw: bigWig holds scores, and these are"
    ),
    "call: no such format": Case(
        "call scores.bed -m m.safetensors -o out.bed --format vcf", "'vcf' is not one of 'bed'"
    ),
    "call: no sizes": Case(
        "call scores.bed -m m.safetensors -o out.bb",
        "out.bb: bigBed needs the lengths of the contigs, .*--sizes",
    ),
    "call: sizes in vain": Case(
        "call scores.bed -m m.safetensors -o out.bed --sizes BAD",
        "--sizes: applies to bigBed only, and out.bed is BED",
        "a\t2000\n",
    ),
    "call: sizes without a contig": Case(
        "call scores.bed -m m.safetensors -o out.bb --sizes BAD --threshold 0.001",
        "b: its length is not known; give the sizes of all contigs",
        "a\t2000\n",
    ),
    "call: sizes of another assembly": Case(
        "call scores.bed -m m.safetensors -o out.bb --sizes BAD --threshold 0.001",
        r"[abc]: a row ends at \d+, past the contig's end at 9; give the sizes of the assembly",
        "a\t9\nb\t9\nc\t9\n",
    ),
    "call: type of no GFF3": Case(
        "call scores.bed -m m.safetensors -o out.bed --so-type exon",
        "--so-type exon: applies to GFF3",
    ),
    "call: no type": Case(
        ["call", "scores.bed", "-m", "m.safetensors", "-o", "out.gff3", "--so-type", "a b"],
        "--so-type a b: not a term of the Sequence Ontology",
    ),
    "call: index of plain text": Case(
        "call scores.bed -m m.safetensors -o out.bed --index",
        "--index: out.bed is not a bgzip file",
    ),
    "call: compressed bigBed": Case(
        "call scores.bed -m m.safetensors -o out.bb.gz", "out.bb.gz: bigBed is already compressed"
    ),
    "score: format of calls": Case(
        "score genome.fa -m m.safetensors -o out.gff3", "out.gff3: GFF3 holds calls, and these are"
    ),
    "score: calls as scores": Case(
        "score genome.fa -m m.safetensors -o out.bed --calls out.bw", "out.bw: bigWig holds scores"
    ),
    "score: bigWig on standard output": Case(
        "score genome.fa -m m.safetensors -o - --format bigwig",
        "-: bigWig is one file per output, and the model has 2 outputs; give",
    ),
    "score: format of no calls": Case(
        "score genome.fa -m m.safetensors -o out.bed --calls-format bed9",
        "--calls-format: applies to calls, and no calls are written",
    ),
    "score: index of bigWig": Case(
        "score genome.fa -m m.safetensors -o out.bw --index",
        "--index: out.M.plus.bw is bigWig, which has an index already",
    ),
    "score: single bases of a bigWig": Case(
        "score genome.fa -m m.safetensors -o out.bw --single-base",
        "--single-base: only BED can have one row per base, and out.bw is not BED",
    ),
    "score: hub of no genome": Case(
        "score genome.fa -m m.safetensors -o out.bw --hub .", "--hub: the name of the assembly"
    ),
    "mask: no calls": Case("mask genome.fa -o out.fa", "Missing option '--calls'"),
    "mask: into itself": Case(
        "mask genome.fa --calls sites.bed -o genome.fa",
        "genome.fa: is also an input of this command",
    ),
    "mask: all on standard input": Case(
        "mask - --calls - -o out.fa", "--calls -: standard input is already the FASTA; give a file"
    ),
    "mask: negative length": Case(
        "mask genome.fa --calls sites.bed -o out.fa --at-least -1", "-1 is not in the range"
    ),
    "merge: nothing": Case("merge -o out.bed", "Missing argument 'SHARDS...'"),
    "hub: no genome": Case("hub out.bw -o .", "--genome and --fasta: give one of them"),
    "call: into a folder": Case("call scores.bed -m m.safetensors -o set", "set: a folder; give"),
    # evaluate
    "evaluate: nothing": Case("evaluate", "Missing argument 'FASTA...'"),
    "evaluate: labels without strands": Case(
        "evaluate genome.fa --labels BAD -m m.safetensors -o out.json",
        "BAD, line 2: no strand, but class 'M' is stranded in the model",
        NO_STRAND,
    ),
    "evaluate: BED3": Case(
        "evaluate genome.fa --labels BAD -m m.safetensors -o out.json",
        "BAD, line 1: no class in the fourth column; .*--class NAME",
        bed("a 1 20"),
    ),
    "evaluate: labels of other classes": Case(
        "evaluate genome.fa --labels BAD -m m.safetensors -o out.json",
        r"no row has a class of the model \(M\); the labels have alpha",
        bed("a 1 20 alpha 0 +"),
    ),
    "evaluate: class": Case(
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o out.json --class Z",
        r"no row has a class of the model \(M\); the labels have Z",
    ),
    "evaluate: ignored class": Case(
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o out.json --ignore-classes M",
        "class 'M'",
    ),
    "evaluate: into no folder": Case(
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o no/out.json",
        "no/out.json: there is no folder",
    ),
    "evaluate: into a folder": Case(
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o set", "set: a folder"
    ),
    "evaluate: a figure cannot be written": Case(
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o BAD.json",
        "BAD.reliability.svg: a folder",
        lambda path: Path(f"{path}.reliability.svg").mkdir(),
    ),
    "evaluate: negative seed": Case(
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o out.json --seed -1", "-1 is not"
    ),
    # discover
    "discover: no calls": Case(
        "discover genome.fa -m m.safetensors --calls BAD -o out.meme --logos out",
        "no call to find motifs in",
        "",
    ),
    "discover: calls and regions": Case(
        "discover genome.fa -m m.safetensors --calls sites.bed --regions sites.bed -o out.meme",
        "--regions and --calls: give one of them",
    ),
    "discover: rules of calls that are given": Case(
        "discover genome.fa -m m.safetensors --calls sites.bed --threshold 0.9 -o out.meme",
        "--threshold: sets how calls are made, but --calls or --regions gives what is explained",
    ),
    "discover: reach": Case(
        "discover genome.fa -m m.safetensors --calls sites.bed --reach far -o out.meme",
        "--reach far: must be a number of bases",
    ),
    "discover: format": Case(
        "discover genome.fa -m m.safetensors --calls sites.bed -o out.txt",
        "out.txt: no format of motifs has this ending",
    ),
    "discover: one site": Case(
        "discover genome.fa -m m.safetensors --calls sites.bed -o out.meme --min-sites 1",
        "--min-sites 1: must be 2 or more",
    ),
    "discover: matches without a database": Case(
        "discover genome.fa -m m.safetensors --calls sites.bed -o out.meme --matches out.tsv",
        "--matches: needs known motifs",
    ),
    "discover: two outputs in one": Case(
        "discover genome.fa -m m.safetensors -o out.meme --table out.tsv --grammar ./out.tsv",
        "out.tsv: two outputs have this name",
    ),
    "discover: logos into a file": Case(
        "discover genome.fa -m m.safetensors -o out.meme --logos sites.bed",
        "sites.bed: is a file; name a folder",
    ),
    "discover: logos into no folder": Case(
        "discover genome.fa -m m.safetensors -o out.meme --logos no/logos",
        "no/logos: there is no folder no",
    ),
    "discover: into no folder": Case(
        "discover genome.fa -m m.safetensors -o out.meme --sites no/out.bed",
        "no/out.bed: there is no folder",
    ),
    "discover: standard input": Case(
        "discover - -m m.safetensors -o out.meme", "FASTA: is read several times"
    ),
    "discover: chrom-alias": Case(
        "discover genome.fa -m m.safetensors -o out.meme --chrom-alias BAD",
        "--chrom-alias: only applies to --regions",
        "",
    ),
    "discover: proteins": Case(
        "discover genome.fa -m m.safetensors -o out.meme --database BAD",
        "BAD, line 3: MEME motifs of proteins; give motifs of DNA or RNA",
        "MEME version 4\n\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n\nMOTIF x\n",
    ),
    "report: motifs of another file": Case(
        "report --discovered BAD -o out.html",
        "BAD: not a file of motifs that a model has learned; give",
        "{}",
    ),
    "report: damaged motifs": Case(
        "report --discovered BAD -o out.html", "BAD: not valid JSON", '{"format": '
    ),
    # info, and no command
    "info: nothing": Case("info", "Missing argument 'MODEL'"),
    "info: two": Case("info m.safetensors m.safetensors", "unexpected extra argument"),
    "option": Case(
        "score genome.fa --modell m.safetensors", "no such option '--modell'; did you mean --model"
    ),
    "command": Case("scores genome.fa", "no such command 'scores'; did you mean score"),
    "option before the command": Case(
        "--model m info", "no such option '--model'; see dnabirnn --help"
    ),
}

# Outputs over inputs: what was read would be gone.
OVERWRITING = {
    "score": "score genome.fa -m m.safetensors -o scores.bed --regions scores.bed",
    "score calls": "score genome.fa -m m.safetensors -o out.bed --calls m.safetensors",
    "call": "call scores.bed -m m.safetensors -o scores.bed",
    "call model": "call scores.bed -m m.safetensors -o m.safetensors",
    "evaluate": "evaluate genome.fa --labels sites.bed -m m.safetensors -o sites.bed",
    "evaluate model": "evaluate genome.fa --labels sites.bed -m m.safetensors -o ./m.safetensors",
    "discover": "discover genome.fa -m m.safetensors -o m.safetensors --format meme",
    "discover table": "discover genome.fa -m m.safetensors -o out.meme --table genome.fa",
    "train log": "train set -o out --init m.safetensors --log m.safetensors --hidden 8",
}


_NOTHING_TO_EXCLUDE = ("empty", "only comments")
"""What other commands write where there is nothing."""


def cases() -> list[object]:
    found: list[object] = []

    def add(name: str, case: Case) -> None:
        found.append(pytest.param(case, id=name))

    for commands, table in (
        (FASTA_COMMANDS, FASTA),
        (BED_COMMANDS, BEDS),
        (MODEL_COMMANDS, MODELS),
        (("train BAD -o out",), SETS),
        (("call BAD -m m.safetensors -o out.bed",), TRACKS),
    ):
        for command in commands:
            for name, (message, bad) in table.items():
                if "--exclude BAD" in command and name in _NOTHING_TO_EXCLUDE:
                    continue
                add(f"{command}: {name}", Case(command, message, bad))
    for name, case in OPTIONS.items():
        add(name, case)
    for name, command in OVERWRITING.items():
        add(f"overwriting: {name}", Case(command, "is also an input of this command; give another"))
    return found


@pytest.mark.parametrize("case", cases())
def test_bad_input(folder: Path, case: Case) -> None:
    if callable(case.bad):
        case.bad(folder / "BAD")
    elif case.bad is not None:
        data = case.bad.encode() if isinstance(case.bad, str) else case.bad
        (folder / "BAD").write_bytes(data)
    assert_fails(folder, case.command, case.message)


def assert_fails(
    folder: Path, command: str | list[str], message: str, may_leave: tuple[str, ...] = ()
) -> None:
    """Run a command that must end with one line on standard error, and leave the folder as is."""
    before = content(folder)
    words = command.split() if isinstance(command, str) else command
    result = run("-q", *words, input=b"")
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    commands = ("encode", "train", "score", "call", "evaluate", "info", "mask", "merge", "hub")
    known = words[0] in (
        *commands,
        "export",
        "scan",
        "explain",
        "mutate",
        "variants",
        "discover",
        "report",
    )
    prefix = f"dnabirnn {words[0]}: error: " if known else "dnabirnn: error: "
    assert line.startswith(prefix)
    assert re.search(message, line.removeprefix(prefix)), line
    after = content(folder)
    assert {name: after[name] for name in after if name not in may_leave} == before


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["states are kept", "no state is kept"])
def test_training_that_diverges_leaves_its_log_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", seconds)
    command = "train set -o out --lr 1 --weight-decay 100 --bases 500k"
    assert_fails(folder, command, "the loss is .*a lower --lr than 1.0", ("out.log.csv",))


def test_labels_that_overlap_for_exclusive_classes(folder: Path) -> None:
    (folder / "two.bed").write_text(bed("a 10 40 M 0 +", "a 30 60 N 0 +"))
    assert run("encode", "genome.fa", "--labels", "two.bed", "-o", "two").exit_code == 0
    assert_fails(folder, "train two -o out --exclusive", "two: a:30 .*two labels, .*--exclusive")


def test_a_set_without_training_sequence(folder: Path) -> None:
    def change(plain: dict[str, Any]) -> None:
        plain["splits"] = {"train": [], "val": [["a", 0, 2000]], "test": []}

    changed_manifest(change)(folder / "no_train")
    assert_fails(folder, "train no_train -o out", "no_train: the train split is empty")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize(
    "command",
    [
        "train set -o out",
        "score genome.fa -m m.safetensors -o out.bed",
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o out.json",
    ],
)
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_cuda(folder: Path, command: str, device: str) -> None:
    message = f"--device {device}: torch .* finds no CUDA device here; choose --device cpu"
    assert_fails(folder, f"{command} --device {device}", message)


def test_a_second_file_that_is_bad_undoes_the_first(folder: Path) -> None:
    (folder / "p.fa").write_text(">p\nACGT\nMLS\n")
    command = "score genome.fa p.fa -m m.safetensors -o out.bed.gz --calls calls.bed"
    assert_fails(folder, command, "p.fa: record 'p', line 3: 'L' is not a nucleotide letter")
    (folder / "out.bed.gz").write_text("of an earlier run")
    assert_fails(folder, command, "p.fa: record 'p', line 3")


def test_bad_standard_input(folder: Path) -> None:
    cut = gzip.compress((folder / "genome.fa").read_bytes())[:-9]
    result = run("-q", "score", "-", "-m", "m.safetensors", "-o", "out.bed", input=cut)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("dnabirnn score: error: ")
    assert "truncated gzip" in line
    assert not (folder / "out.bed").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "command",
    [
        "score genome.fa -m m.safetensors -o /dev/full",
        "score genome.fa -m m.safetensors -o out.bed --calls /dev/full",
        "call scores.bed -m m.safetensors -o /dev/full",
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o /dev/full",
    ],
)
def test_a_full_disk(folder: Path, command: str) -> None:
    message = "/dev/full: No space left on device; make room or write elsewhere"
    assert_fails(folder, command, message)


OUTPUTS = [
    "encode genome.fa --labels sites.bed -o closed/out",
    "score genome.fa -m m.safetensors -o closed/out.bed",
    "score genome.fa -m m.safetensors -o out.bed --calls closed/out.bed",
    "call scores.bed -m m.safetensors -o closed/out.bed",
    "evaluate genome.fa --labels sites.bed -m m.safetensors -o closed/out.json",
    "train set -o closed/out",
    "train set -o out --log closed/log.csv",
]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("command", OUTPUTS)
def test_a_folder_that_is_closed_to_us(folder: Path, command: str) -> None:
    (folder / "closed").mkdir(mode=0o555)
    assert_fails(folder, command, "closed.*: .*[Pp]ermission")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("encode genome.fa --labels sites.bed -o out", "genome.fa"),
        ("encode genome.fa --labels sites.bed -o out", "sites.bed"),
        ("train set -o out", "set/codes.npy"),
        ("info m.safetensors", "m.safetensors"),
        ("call scores.bed -m m.safetensors -o out.bed", "scores.bed"),
    ],
)
def test_a_file_that_is_closed_to_us(folder: Path, command: str, name: str) -> None:
    (folder / name).chmod(0)
    words = command.split()
    result = run("-q", *words)
    (folder / name).chmod(0o644)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"dnabirnn {words[0]}: error: {name}: ")
    assert "ermission" in line
    assert not list(folder.glob("out*"))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory: 12 TB")])
def test_no_memory(folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("dnabirnn.engine.fused_engine.FusedEngine.score", fail)
    assert_fails(
        folder, "score genome.fa -m m.safetensors -o out.bed", "out of memory; free memory"
    )


def test_a_defect_of_ours_is_not_hidden(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("dnabirnn.engine.fused_engine.FusedEngine.score", fail)
    before = content(folder)
    result = run("-q", "score", "genome.fa", "-m", "m.safetensors", "-o", "out.bed")
    assert isinstance(result.exception, RuntimeError)
    assert content(folder) == before


def test_training_metadata_of_another_kind(folder: Path) -> None:
    """Told by hand, or by a later tool: figures that `info` does not know are no reason to fail."""
    changed_model(lambda plain: plain.update(training={"by": "hand"}))(folder / "BAD")
    assert_fails(folder, "info BAD", "BAD: the model's description .*with --json")
    assert run("info", "BAD", "--json").exit_code == 0
