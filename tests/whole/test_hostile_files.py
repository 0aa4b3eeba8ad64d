"""Files made to do harm: a line of error, nothing executed, nothing written, no memory taken.

What is damaged by chance is in test_bad_input.py and fuzz/; here is what somebody thought of.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from commands import changed_model, make_material, run, succeed
from knm import Knm
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sequence_files import twobit

Maker = Callable[[Path], object]

DEEP = "[" * 100_000 + "]" * 100_000
ESCAPE = "\x1b[2J"
DIGITS = "9" * 5_000
"""More than Python makes a number of."""
RAN = "ran"
"""A file that a payload makes."""


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_material(tmp_path_factory.mktemp("material"))
    score = ("score", folder / "genome.fa", "-m", folder / "m.safetensors")
    succeed(*score, "-o", folder / "t.bw", "--calls", folder / "t.bb")
    succeed(*score, "-o", folder / "t.parquet")
    Knm(np.random.default_rng(1), hidden=3, labels=3, layers=2).write(folder / "m.knm")
    return folder


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Payload:
    """A pickle of it makes a file when it is read."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def hole(size: int, head: bytes = b"") -> Maker:
    """Write a head and, behind it, a hole: a file that takes no room and would fill the memory."""

    def write(path: Path) -> None:
        path.write_bytes(head)
        os.truncate(path, size)

    return write


def text(what: str) -> Maker:
    return lambda path: path.write_text(what)


def archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


# Models: the description, the weights, and the header of safetensors itself.


def of_text(what: str) -> Maker:
    def write(path: Path) -> None:
        save_file(load_file(path.parent / "m.safetensors"), path, {"dnabirnn": what})

    return write


def weighed(change: Callable[[np.ndarray], np.ndarray]) -> Maker:
    def write(path: Path) -> None:
        source = path.parent / "m.safetensors"
        weights = load_file(source)
        weights["head.bias"] = change(weights["head.bias"])
        with safe_open(source, framework="numpy") as file:
            save_file(weights, path, file.metadata())

    return write


def headed(change: Callable[[dict[str, Any]], object], size: int | None = None) -> Maker:
    """Change the header of safetensors, with the length that it then has."""

    def write(path: Path) -> None:
        data = (path.parent / "m.safetensors").read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        change(header)
        head = json.dumps(header).encode()
        path.write_bytes(len(head).to_bytes(8, "little") + head + data[8 + length :])
        if size is not None:
            os.truncate(path, size)

    return write


def place(first: int, last: int) -> Maker:
    return headed(lambda header: header["head.bias"].update(data_offsets=[first, last]))


DAMAGED = "BAD: not a model file, or a damaged one"
DESCRIPTION = "BAD: the model's description is damaged"
MODELS: dict[str, tuple[str, Maker]] = {
    "header longer than the file": (
        DAMAGED,
        lambda path: path.write_bytes(b"\xff" * 8 + b"{}"),
    ),
    "header of gigabytes": (DAMAGED, hole(1 << 33, (1 << 32).to_bytes(8, "little"))),
    "header of nothing": (DAMAGED, lambda path: path.write_bytes(bytes(8))),
    "deep header": (
        DAMAGED,
        lambda path: path.write_bytes(len(DEEP).to_bytes(8, "little") + DEEP.encode()),
    ),
    "place past the end": (DAMAGED, place(0, 1 << 40)),
    "place before the start": (DAMAGED, place(-4, 0)),
    "place turned round": (DAMAGED, place(8, 4)),
    "places that overlap": (DAMAGED, place(0, 8)),
    "place beyond 64 bits": (DAMAGED, place(0, 1 << 70)),
    "huge shape": (DAMAGED, headed(lambda h: h["head.bias"].update(shape=[1 << 62, 4]))),
    "unknown type": (DAMAGED, headed(lambda h: h["head.bias"].update(dtype="O"))),
    "type of another size": (DAMAGED, headed(lambda h: h["head.bias"].update(dtype="F64"))),
    "gigabytes of weights": (
        DAMAGED,
        headed(
            lambda h: h.update(
                {"x": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
            ),
            1 << 42,
        ),
    ),
    "a pipe": ("BAD: not a regular file", pipe),
    "an endless file": ("BAD: not a regular file", endless),
    "a pickle": (
        DAMAGED,
        lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n(S'touch ran'\ntR."),
    ),
    "a pickle of torch": (DAMAGED, archive),
    "integers": (
        r"weight head\.bias is not an array of finite float32",
        weighed(lambda b: b.view("i4")),
    ),
    "doubles": (r"weight head\.bias is not an array of", weighed(lambda b: b.astype("f8"))),
    "halves": (r"weight head\.bias is not an array of", weighed(lambda b: b.astype("f2"))),
    "infinity": (r"weight head\.bias is not an array of finite", weighed(lambda b: b + np.inf)),
    "NaN": (r"weight head\.bias is not an array of finite", weighed(lambda b: b * np.nan)),
    "another shape": (r"weight head\.bias has shape", weighed(lambda b: np.zeros((1, 1), "f4"))),
    "deep description": (DESCRIPTION, of_text(DEEP)),
    "description of a number": (DESCRIPTION, of_text("7")),
    "endless version": (DESCRIPTION, of_text('{"format_version": 1e999}')),
    "long version": (DESCRIPTION, of_text(f'{{"format_version": {DIGITS}}}')),
    "10^9 layers": (
        "BAD: the description gives 1000000000 layers, but the file has 6 weights",
        changed_model(lambda plain: plain["architecture"].update(layers=10**9)),
    ),
    "10^9 units": (
        r"BAD: weight head\.weight has shape \(1, 16\), but the architecture needs \(1, 2.{9}\)",
        changed_model(lambda plain: plain["architecture"].update(hidden=10**9)),
    ),
    "endless units": (
        DESCRIPTION,
        changed_model(lambda plain: plain["architecture"].update(hidden=float("inf"))),
    ),
    "units of text": (
        DESCRIPTION,
        changed_model(lambda plain: plain["architecture"].update(hidden="many")),
    ),
    "10^5 classes": (
        f"{DESCRIPTION} .*100000 classes",
        changed_model(
            lambda plain: plain["architecture"].update(
                classes=[{"name": str(i), "stranded": True} for i in range(100_000)]
            )
        ),
    ),
    "a class twice": (
        f"{DESCRIPTION} .*classes M, M: give each class a different name",
        changed_model(
            lambda plain: plain["architecture"].update(classes=plain["architecture"]["classes"] * 2)
        ),
    ),
    "a class that clears the screen": (
        rf"{DESCRIPTION} .*class 'M\\x1b\[2J': a class name must consist of printable characters",
        changed_model(lambda plain: plain["architecture"]["classes"][0].update(name=f"M{ESCAPE}")),
    ),
    "a class of two rows": (
        rf"{DESCRIPTION} .*class 'M.t1.nX': a class name must",
        changed_model(lambda plain: plain["architecture"]["classes"][0].update(name="M\t1\nX")),
    ),
    "window of 10^9": (
        f"{DESCRIPTION} .*scoring window of 1000000000 bp",
        changed_model(lambda plain: plain["scoring_window"].update(length_bp=10**9)),
    ),
    "negative halo": (DESCRIPTION, changed_model(lambda p: p["scoring_window"].update(halo_bp=-1))),
    "threshold of 10^30": (
        DESCRIPTION,
        changed_model(lambda p: p["calls"]["M"].update(threshold=10**30)),
    ),
    "gap of 10^30": (
        DESCRIPTION,
        changed_model(lambda p: p["calls"]["M"].update(merge_gap_bp=10**30)),
    ),
    "slope of text": (DESCRIPTION, changed_model(lambda p: p["log_odds"]["M"].update(slope="x"))),
    "endless slope": (
        DESCRIPTION,
        changed_model(lambda plain: plain["log_odds"]["M"].update(slope=float("inf"))),
    ),
    "slope of 400 digits": (
        DESCRIPTION,
        changed_model(lambda plain: plain["log_odds"]["M"].update(slope=10**400)),
    ),
    "discoveries of text": (
        DESCRIPTION,
        changed_model(lambda plain: plain.update(discoveries="M")),
    ),
    "card of numbers": (DESCRIPTION, changed_model(lambda plain: plain.update(card=[1]))),
}
MODEL_COMMANDS = (
    "info BAD",
    "call scores.bed -m BAD -o out.bed",
    "score genome.fa -m BAD -o out.bed --calls calls.bed",
)

# Descriptions of training are for readers; what makes no sense is told where it is shown.
TOLD: dict[str, tuple[str, str, Maker]] = {
    f"{name}: {command.split()[0]}": (command, message, changed_model(change))
    for name, change in {
        "prevalence of a list": lambda plain: plain.update(training={"prevalence": [1]}),
        "numbers for settings": lambda plain: plain.update(
            training={"fit": 1, "sampling": [], "inputs": 3}
        ),
    }.items()
    for command, message in (
        ("info BAD", "BAD: the model's description of its training is damaged"),
        ("report -m BAD -o out.html", "BAD: a value is missing or invalid"),
        ("score genome.fa -m BAD -o out.bed --prior M=0.1", "--prior M: the model file does not"),
    )
}

# Encoded sets: the manifest, and headers of .npy.


def manifest(change: Callable[[dict[str, Any]], object]) -> Maker:
    def write(path: Path) -> None:
        shutil.copytree(path.parent / "set", path)
        file = path / "manifest.json"
        plain = json.loads(file.read_text())
        change(plain)
        file.write_text(json.dumps(plain))

    return write


def with_file(name: str, make: Maker) -> Maker:
    def write(path: Path) -> None:
        shutil.copytree(path.parent / "set", path)
        (path / name).unlink()
        make(path / name)

    return write


def codes(make: Maker) -> Maker:
    return with_file("codes.npy", make)


def npy(
    header: str, values: bytes = b"", version: bytes = b"\1\0", size: int | None = None
) -> bytes:
    length = struct.pack("<H" if version == b"\1\0" else "<I", size or len(header))
    return b"\x93NUMPY" + version + length + header.encode() + values


def header(kind: str = "|u1", order: bool = False, shape: str = "(4000,)") -> str:
    return f"{{'descr': {kind!r}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def array(head: bytes) -> Maker:
    return codes(lambda path: path.write_bytes(head))


CODES = r"BAD/codes\.npy: damaged or cut short"
MANIFEST = r"BAD/manifest\.json: damaged"
SETS: dict[str, tuple[str, Maker]] = {
    "a pickle": (
        CODES,
        codes(lambda path: np.save(path, np.array([Payload(RAN)], object), allow_pickle=True)),
    ),
    "a pickle alone": (
        CODES,
        codes(lambda path: path.write_bytes(b"cbuiltins\nopen\n(S'ran'\ntR.")),
    ),
    "an archive": (CODES, codes(archive)),
    "objects": (CODES, array(npy(header("|O"), bytes(32_000)))),
    "fields": (CODES, array(npy(header().replace("'|u1'", "[('a', '|u1')]"), bytes(4000)))),
    "Fortran's order": (CODES, array(npy(header(order=True), bytes(4000)))),
    "two axes": (CODES, array(npy(header(shape="(40, 100)"), bytes(4000)))),
    "no axis": (CODES, array(npy(header(shape="()"), bytes(4000)))),
    "negative size": (CODES, array(npy(header(shape="(-4000,)"), bytes(4000)))),
    "10^12 values": (CODES, array(npy(header(shape="(1000000000000,)"), bytes(4000)))),
    "size of 5,000 digits": (CODES, array(npy(header(shape=f"({DIGITS},)"), bytes(4000)))),
    "more than it tells": (CODES, array(npy(header(), bytes(5000)))),
    "less than it tells": (CODES, array(npy(header(), bytes(3000)))),
    "doubles": (CODES, array(npy(header("<f8"), bytes(32_000)).replace(b"<f8", b"<z9"))),
    "brackets": (CODES, array(npy("(" * 9_000))),
    "signs": (CODES, array(npy("-" * 9_000 + "1"))),
    "code": (CODES, array(npy("__import__('os').system('touch ran')\n"))),
    "header of gigabytes": (
        CODES,
        codes(hole(1 << 33, npy("", version=b"\2\0", size=(1 << 32) - 1))),
    ),
    "a pipe": (f"{CODES} .not a regular file", codes(pipe)),
    "an endless file": (f"{CODES} .not a regular file", codes(endless)),
    "values that are no code": (
        r"BAD/codes\.npy: damaged: it holds values that are not codes",
        codes(lambda path: np.save(path, np.full(4_000, 255, np.uint8))),
    ),
    "deep manifest": (
        r"BAD/manifest\.json: cannot be read",
        with_file("manifest.json", text(DEEP)),
    ),
    "long number": (
        r"BAD/manifest\.json: cannot be read",
        with_file("manifest.json", text(f'{{"a": {DIGITS}}}')),
    ),
    "manifest that is a pipe": (
        r"BAD/manifest\.json: cannot be read .not a regular file",
        with_file("manifest.json", pipe),
    ),
    "endless manifest": (
        r"BAD/manifest\.json: cannot be read .not a regular file",
        with_file("manifest.json", endless),
    ),
    "manifest of gigabytes": (
        r"BAD/manifest\.json: cannot be read .8,589,934,592 bytes",
        with_file("manifest.json", hole(1 << 33)),
    ),
    "negative length": (MANIFEST, manifest(lambda p: p["contigs"][0].update(length=-9))),
    "overlap": (MANIFEST, manifest(lambda p: p["contigs"][1].update(offset=1_999))),
    "negative offset": (MANIFEST, manifest(lambda p: p["contigs"][1].update(offset=-1))),
    "endless offset": (MANIFEST, manifest(lambda p: p["contigs"][1].update(offset=float("inf")))),
    "contig of 10^12": (
        r"BAD/codes\.npy: uint8 of shape .4000,., the manifest says uint8 of .1000000003000,.",
        manifest(lambda p: p["contigs"][-1].update(length=10**12)),
    ),
    "contig of 10^30": (
        r"BAD/codes\.npy: uint8 of shape",
        manifest(lambda p: p["contigs"][-1].update(length=10**30)),
    ),
    "halves of bases": (MANIFEST, manifest(lambda p: p["splits"].update(train=[["a", 0.5, 9]]))),
    "split of 10^30": (MANIFEST, manifest(lambda p: p["splits"].update(train=[["a", 0, 10**30]]))),
    "split of objects": (MANIFEST, manifest(lambda p: p["splits"].update(train=[[{}, 0, 9]]))),
    "no inputs": (MANIFEST, manifest(lambda p: p.pop("inputs"))),
    "inputs of numbers": (MANIFEST, manifest(lambda p: p.update(inputs={"fasta": [1]}))),
    "a name that clears the screen": (
        MANIFEST,
        manifest(lambda p: p["contigs"][0].update(name=f"a{ESCAPE}")),
    ),
    "a class that clears the screen": (
        MANIFEST,
        manifest(lambda p: p["classes"][0].update(name=f"a{ESCAPE}")),
    ),
}

# dna-brnn's models, and 2bit.


def knm(change: Callable[[bytearray], object]) -> Maker:
    def write(path: Path) -> None:
        data = bytearray((path.parent / "m.knm").read_bytes())
        change(data)
        path.write_bytes(data)

    return write


def put(at: int, form: str, *numbers: int) -> Callable[[bytearray], None]:
    return lambda data: struct.pack_into(form, data, at, *numbers)


KNM: dict[str, tuple[str, Maker]] = {
    "2^31 nodes": ("BAD: a damaged KANN file", knm(put(4, "<i", (1 << 31) - 1))),
    "-1 nodes": ("BAD: a damaged KANN file", knm(put(4, "<i", -1))),
    "2^31 children": ("BAD: a damaged KANN file", knm(put(17, "<i", (1 << 31) - 1))),
    "axes of 2^31": (
        "BAD: a damaged KANN file",
        lambda path: path.write_bytes(
            b"KAN\1" + struct.pack("<iiIBiB4i", 1, 0, 0, 1, 0, 4, *[(1 << 31) - 1] * 4)
        ),
    ),
    "its own child": (
        "BAD: a damaged KANN file",
        lambda path: path.write_bytes(
            b"KAN\1" + struct.pack("<iiIBiHiii", 1, 0, 2, 0, 1, 14, 0, 0, 0)
        ),
    ),
    "gigabytes": ("BAD: not a KANN file", hole(1 << 33, b"KAN\1")),
    "a pipe": ("BAD: no such file", pipe),
}


def sequences(change: Callable[[bytearray], object]) -> Maker:
    """2bit of one contig c, whose record begins at byte 22."""

    def write(path: Path) -> None:
        data = bytearray(twobit({"c": "ACGTNNac"}))
        change(data)
        path.write_bytes(data)

    return write


def shared(path: Path) -> None:
    """A thousand names of one record: gigabases out of a small file."""
    names = [f"c{number:03}".encode() for number in range(1_000)]
    index = 16 + 9 * len(names)
    head = struct.pack("<4I", 0x1A412743, 0, len(names), 0)
    entries = b"".join(b"\4" + name + struct.pack("<I", index) for name in names)
    path.write_bytes(head + entries + struct.pack("<4I", 1 << 20, 0, 0, 0) + bytes(1 << 18))


TWOBIT: dict[str, tuple[str, Maker]] = {
    "2^32 records": ("BAD: ", sequences(put(8, "<I", (1 << 32) - 1))),
    "record outside": ("BAD: record 'c': begins at byte", sequences(put(18, "<I", 1 << 31))),
    "record in the header": ("BAD: record 'c': begins at byte 4", sequences(put(18, "<I", 4))),
    "2^32 bases": (
        "BAD: record 'c': bases of 1073741824 bytes",
        sequences(put(22, "<I", (1 << 32) - 1)),
    ),
    "2^32 blocks": (
        "BAD: record 'c': N blocks of 34359738360",
        sequences(put(26, "<I", (1 << 32) - 1)),
    ),
    "block outside": ("BAD: record 'c': N blocks: ", sequences(put(30, "<2I", 4, (1 << 32) - 1))),
    "records of one place": ("BAD: record 'c001': overlaps another record", shared),
}

# Small texts: provenance, lengths of contigs, figures, labels, motifs.


def provenance(**changes: object) -> Maker:
    told = {"format": "dnabirnn provenance", "format_version": 1, "inputs": [], "outputs": []}
    return text(json.dumps(told | changes))


def genbank(length: str = "1000", location: str = "5..9") -> str:
    return (
        f"LOCUS       b                {length} bp    DNA     linear   BCT 01-JAN-2020\n"
        "DEFINITION  x.\nACCESSION   b\nVERSION     b.1\n"
        f"FEATURES             Location/Qualifiers\n     M               {location}\n"
        f"CONTIG      join(Z1.1:1..{length})\n//\n"
    )


VERIFY, LABELS = "verify BAD", "encode genome.fa --labels BAD -o out"
SCAN = "scan genome.fa --motifs BAD --gc 0.5 -o out.bed"
SIZES = "call scores.bed -m m.safetensors -o out.bb --sizes BAD"
MERGE = "merge BAD -o out.{0} --format {1}"
JASPAR = ">x {0}\nA [{1} 0]\nC [0 9]\nG [0 0]\nT [1 1]\n"
OTHERS: dict[str, tuple[str, str, Maker]] = {
    "provenance: deep": (VERIFY, "BAD: not JSON", text(DEEP)),
    "provenance: a pipe": (VERIFY, "BAD: not a regular file", pipe),
    "provenance: endless": (VERIFY, "BAD: not a regular file", endless),
    "provenance: entries of text": (VERIFY, "BAD: damaged", provenance(inputs=["x"])),
    "provenance: path of a number": (
        VERIFY,
        "BAD: damaged",
        provenance(inputs=[{"path": 5, "sha256": "x"}]),
    ),
    "provenance: path of 5,000 letters": (
        VERIFY,
        "BAD: damaged .*too long",
        provenance(inputs=[{"path": DIGITS, "sha256": "x"}]),
    ),
    "sizes: 5,000 digits": (
        SIZES,
        "BAD, line 1: not a contig and its length",
        text(f"a\t{DIGITS}\n"),
    ),
    "sizes: negative": (SIZES, "BAD, line 1: not a contig and its length", text("a\t-5\n")),
    "sizes: digits of others": (
        SIZES,
        "BAD, line 1: not a contig and its length",
        text("a\t\u0663\n"),
    ),
    "metrics: deep": ("report --metrics BAD -o out.html", "BAD: not valid JSON", text(DEEP)),
    "metrics: text": (
        "report --metrics BAD -o out.html",
        "BAD: a value is missing or invalid",
        text(json.dumps({"classes": {"M": {"ap": "x", "bases": 1, "positives": 2}}})),
    ),
    "metrics: 400 digits": (
        "report --metrics BAD -o out.html",
        "BAD: a value is missing or invalid",
        text(json.dumps({"classes": {"M": {"ap": 10**400, "bases": 1, "positives": 2}}})),
    ),
    "curves: 400 digits": (
        "report --curves BAD -o out.html",
        "BAD: not a file of curves .OverflowError",
        text(
            json.dumps(
                {
                    "network": [
                        {
                            "class": "M",
                            "stranded": 1,
                            "ap": 10**400,
                            "recall": [1],
                            "precision": [1],
                            "reliability": {},
                        }
                    ]
                }
            )
        ),
    ),
    "BED: 5,000 digits": (LABELS, "BAD, line 1: start '9999", text(f"a\t{DIGITS}\t5\tM\n")),
    "narrowPeak: 5,000 digits": (
        LABELS,
        "BAD, line 1: start '9999",
        text(f"a\t{DIGITS}\t20\tx\t0\t+\t1.5\t1\t1\t1\n"),
    ),
    "BED: a class that clears the screen": (
        LABELS,
        r"BAD, line 1: class 'M\\x1b\[2J' has a character that cannot be printed",
        text(f"a\t1\t20\tM{ESCAPE}\t0\t+\n"),
    ),
    "BED: a class that turns round": (
        LABELS,
        r"BAD, line 1: class 'M\\u202e' has a character that cannot be printed",
        text("a\t1\t20\tM\u202e\t0\t+\n"),
    ),
    "BED: a contig that clears the screen": (
        LABELS,
        r"BAD: no contig in common with the FASTA; file has 'a\\x1b\[2J', FASTA has a, b, c",
        text(f"a{ESCAPE}\t1\t20\tM\t0\t+\n"),
    ),
    "FASTA: a contig that clears the screen": (
        "score BAD -m m.safetensors -o out.bed",
        r"BAD, line 1: record 'a\\x1b\[2J' has a character that cannot be printed",
        text(f">a{ESCAPE}\nACGT\n"),
    ),
    "scores: a contig that clears the screen": (
        "call BAD -m m.safetensors -o -",
        r"BAD, line 1: 'a\\x1b\[2J' has a character that cannot be printed",
        text(f"a{ESCAPE}\t1\t20\tM\t900\t+\n"),
    ),
    "GenBank: 30 digits": (LABELS, "BAD, line 1: ", text(genbank("9" * 30))),
    "GenBank: 5,000 digits": (LABELS, "BAD, line 1: ", text(genbank(DIGITS))),
    "GenBank: place of 30 digits": (
        LABELS,
        "BAD, line 6: M .* ends past",
        text(genbank(location="5.." + "9" * 30)),
    ),
    "GenBank: place of 5,000 digits": (
        LABELS,
        "BAD, lines 6 to 7: ",
        text(genbank(location="5.." + DIGITS)),
    ),
    "GenBank: deep place": (
        LABELS,
        "BAD, line 6: M of record",
        text(genbank(location="complement(" * 5_000 + "5..9" + ")" * 5_000)),
    ),
    "GFF3: 30 digits": (
        LABELS,
        "BAD, line 1: end '9999",
        text(f"a\tx\tM\t5\t{'9' * 30}\t.\t+\t.\tID=1\n"),
    ),
    "motifs: beyond numbers": (
        SCAN,
        "BAD: motif 'y' has a column without valid counts",
        text(JASPAR.format("y", "1e308")),
    ),
    "motifs: a name that clears the screen": (
        SCAN,
        r"BAD: motif 'y\\x1b\[2J': the name must consist of printable characters",
        text(JASPAR.format(f"y{ESCAPE}", "9")),
    ),
    "shard of 5,000 digits": (
        f"score genome.fa -m m.safetensors -o out.bed --shard 1-of-{DIGITS}",
        "--shard 1-of-9",
        lambda path: None,
    ),
    "Parquet: a pickle": (
        MERGE.format("parquet", "parquet"),
        "BAD: cannot be read as Parquet",
        text("PAR1"),
    ),
}


def big(change: Callable[[bytearray, int], object], kind: str = "t.M.plus.bw") -> Maker:
    """Change a bigWig, whose index of rows is told of at byte 24."""

    def write(path: Path) -> None:
        data = bytearray((path.parent / kind).read_bytes())
        change(data, struct.unpack_from("<Q", data, 24)[0] + 48)
        path.write_bytes(data)

    return write


ALL = (1 << 64) - 1
OTHERS |= {
    f"{kind}: {name}": (MERGE.format(*form), f"BAD: cannot be read as {kind} ", big(change, file))
    for kind, file, form in (
        ("bigWig", "t.M.plus.bw", ("bw", "bigwig")),
        ("bigBed", "t.bb", ("bb", "bigbed")),
    )
    for name, change in {
        "blocks of 4 GiB": lambda data, node: put(52, "<I", (1 << 32) - 1)(data),
        "2^16 zooms": lambda data, node: put(6, "<H", (1 << 16) - 1)(data),
        "contigs outside": lambda data, node: put(8, "<Q", ALL)(data),
        "index outside": lambda data, node: put(24, "<Q", ALL)(data),
        "rows outside": lambda data, node: put(node + 4 + 16, "<Q", 1 << 60)(data),
        "rows of 2^60 bytes": lambda data, node: put(node + 4 + 24, "<Q", 1 << 60)(data),
        "index that comes back": lambda data, node: struct.pack_into(
            "<BBHIIIIQ", data, node, 0, 0, 1, 0, 0, 0, 9, node
        ),
    }.items()
}


class Case(NamedTuple):
    command: str
    message: str
    make: Maker


CASES = {
    **{
        f"model: {name}: {command.split()[0]}": Case(command, *told)
        for name, told in MODELS.items()
        for command in MODEL_COMMANDS
    },
    **{f"training: {name}": Case(*told) for name, told in TOLD.items()},
    **{f"set: {name}": Case("train BAD -o out", *told) for name, told in SETS.items()},
    **{f"knm: {name}": Case("convert BAD -o out", *told) for name, told in KNM.items()},
    **{
        f"2bit: {name}": Case("score BAD -m m.safetensors -o out.bed", *told)
        for name, told in TWOBIT.items()
    },
    **{name: Case(*told) for name, told in OTHERS.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_hostile(folder: Path, name: str) -> None:
    command, message, make = CASES[name]
    make(folder / "BAD")
    before = names(folder)
    result = run("-q", *command.split(), input=b"")
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in (1, 2)
    (line,) = result.stderr.splitlines()
    assert line.isprintable()
    assert len(line) < 2_200
    assert re.search(message, line), line
    assert names(folder) == before


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
