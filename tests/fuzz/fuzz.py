"""Readers against bytes that nobody meant them to read.

    python tests/fuzz/fuzz.py fasta -runs=1000000 [FOLDER]

needs `pip install atheris`. A reader may refuse what it is given, with an error of ours; whatever
else it raises, a hang of ten seconds or 2 GiB of memory is a defect, and libFuzzer keeps the input
that led there. FOLDER is a corpus, which grows; without one, the seeds of this file begin it.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

try:
    import atheris
except ImportError:  # the tests need the targets only
    atheris = None

_READERS = (
    *(f"annotation.{name}" for name in ("flatfile", "gff", "labelled_fastq", "repeats")),
    *("bed", "checkpoint", "encoded", "fasta", "fastq", "genbank", "readback", "twobit"),
)
if atheris is not None:
    with atheris.instrument_imports(include=["dnabirnn"]):
        for _name in _READERS:
            importlib.import_module(f"dnabirnn.{_name}")

from dnabirnn.annotation.features import Selection
from dnabirnn.annotation.flatfile import read_embl, read_genbank
from dnabirnn.annotation.gff import read_gff3, read_gtf
from dnabirnn.annotation.labelled_fastq import read_labelled_fastq
from dnabirnn.annotation.repeats import read_repeatmasker, read_rmsk
from dnabirnn.architecture import Output
from dnabirnn.bed import read_bed
from dnabirnn.checkpoint import load_checkpoint
from dnabirnn.encoded import MANIFEST, EncodedSet
from dnabirnn.errors import DnabirnnError
from dnabirnn.fasta import parse_fasta
from dnabirnn.fastq import parse_fastq
from dnabirnn.genbank import parse_genbank
from dnabirnn.readback import read_scores
from dnabirnn.records import Reading, Record
from dnabirnn.shipped import shipped_models
from dnabirnn.twobit import read_twobit

__all__ = ["SEEDS", "TARGETS"]

_FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
_OUTPUTS = (Output("REP", "+"), Output("REP", "-"))


def _file(data: bytes, name: str) -> Path:
    path = _FOLDER / name
    path.write_bytes(data)
    return path


def _sequences(parse: Callable[..., Iterable[Record]]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        # Cut where the first byte says: blocks may end anywhere.
        at = data[0] if data else 0
        for record in parse([data[1:at], data[max(at, 1) :]], Reading("fuzz", case=True)):
            assert record.lower is None or len(record.codes) == len(record.lower) <= len(data)

    return target


def _twobit(data: bytes) -> None:
    for record in read_twobit(_file(data, "x.2bit"), Reading("fuzz", case=True)):
        assert len(record.codes) <= 4 * len(data)


def _encoded(data: bytes) -> None:
    folder = _FOLDER / "set"
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).write_bytes(data)
    EncodedSet.open(folder)


def _annotated(reader: Callable[..., object]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        for selection in (Selection(), Selection(span=True)):
            reader([data], "fuzz", selection)

    return target


TARGETS: dict[str, Callable[[bytes], object]] = {
    "fasta": _sequences(parse_fasta),
    "fastq": _sequences(parse_fastq),
    "genbank": _sequences(parse_genbank),
    "twobit": _twobit,
    "bed": lambda data: read_bed(_file(data, "x.bed")),
    "gff3": _annotated(read_gff3),
    "gtf": _annotated(read_gtf),
    "genbank-labels": _annotated(read_genbank),
    "embl": _annotated(read_embl),
    "repeatmasker": _annotated(read_repeatmasker),
    "rmsk": _annotated(read_rmsk),
    "fastq-labels": _annotated(read_labelled_fastq),
    "scores": lambda data: list(read_scores(_file(data, "x.bed"), _OUTPUTS)),
    "model": lambda data: load_checkpoint(_file(data, "x.safetensors")),
    "encoded": _encoded,
}
"""What reads bytes, by name."""


def _twobit_seed() -> bytes:
    """One contig of six bases, the second N and the last two in lower case."""
    head = struct.pack("<4I", 0x1A412743, 0, 1, 0)
    index = bytes([1]) + b"c" + struct.pack("<I", 22)
    blocks = struct.pack("<3I", 1, 1, 1) + struct.pack("<3I", 1, 4, 2)
    return head + index + struct.pack("<I", 6) + blocks + struct.pack("<I", 0) + b"\x9b\x90"


_GENBANK = b"""LOCUS       T 20 bp DNA circular UNK
FEATURES             Location/Qualifiers
     gene            complement(join(3..5,18..20))
                     /gene="a"
ORIGIN
        1 acgtacgtac gtacgtacgt
//
"""
SEEDS: dict[str, list[bytes]] = {
    "fasta": [b"\x05>a b\nACGTn\nac\n>c\r\nNNRY\r\n>d\n", b"\0>x\nACGU"],
    "bed": [
        b"track name=x\n# y\nchr1\t1\t20\tREP\t0\t+\nchr2 5 9\n",
        b"c\t0\t90\tx\t0\t-\t0\t90\t0\t2\t10,20\t0,70\n",
    ],
    "gff3": [
        b"##gff-version 3\nc\tx\tgene\t1\t9\t.\t+\t.\tID=a%20b;Name=x,y\n##FASTA\n>c\nAC\n",
        b"c\tx\tregion\t1\t50\t.\t.\t.\tIs_circular=true\nc\tx\tCDS\t45\t55\t1\t-\t0\tID=q\n",
    ],
    "gtf": [b'c\tx\texon\t1\t9\t.\t+\t.\tgene_id "a;b"; transcript_id "t";\n'],
    "genbank": [b"\x40" + _GENBANK],
    "genbank-labels": [_GENBANK],
    "twobit": [_twobit_seed()],
    "embl": [
        b"ID   T; SV 1; circular; DNA; STD; UNK; 9 BP.\nFH   Key\nFT   gene            <2..>8\n"
        b'FT                   /gene="a"\nSQ   Sequence 9 BP;\n     acgtacgta   9\n//\n'
    ],
    "repeatmasker": [
        b"   SW   perc perc perc  query\nscore   div. del. ins.  sequence\n\n"
        b"  463   1.3  0.6  1.7  c  1 468 (9) +  (CCCTAA)n  Simple_repeat  1 463 (0) 1 *\n"
        b"  463   1.3  0.6  1.7  c  500 510 (9) C  L1  LINE/L1  (1) 463 1 2\n"
    ],
    "rmsk": [
        b"585\t463\t13\t6\t17\tchr1\t10000\t10468\t-248945954\t+\t(T)n\tSimple\tS\t1\t463\t0\t1\n"
    ],
    "fastq": [b"\x09@r x\nACGTn\n+\nIIIII\n@s\r\nNN\r\n+s\r\n!!\r\n"],
    "fastq-labels": [b'@r\nACGT\n+\n!!"#\n@s\nAC\nGT\n+\n!!\n!!\n'],
    "scores": [b"c\t0\t9\tREP\t500\t+\nc\t3\t9\tREP\t20\t-\nd\t1\t2\tREP\t1000\t+\n"],
    "model": [next(iter(shipped_models().values())).read_bytes()],
    "encoded": [
        json.dumps(
            {
                "format": "dnabirnn encoded set",
                "format_version": 1,
                "contigs": [{"name": "c", "offset": 0, "length": 4}],
                "splits": {"train": [["c", 0, 4]], "val": [], "test": []},
                "classes": [{"name": "M", "stranded": True}],
            }
        ).encode()
    ],
}
"""Where a corpus begins."""


def run(name: str, data: bytes) -> None:
    """Give a reader some bytes; it may read or refuse them, and nothing else."""
    with suppress(DnabirnnError):
        TARGETS[name](data)


def main() -> None:
    """Fuzz a target with libFuzzer's options."""
    if atheris is None:
        sys.exit("pip install atheris")
    name = sys.argv.pop(1)
    if not any(not word.startswith("-") for word in sys.argv[1:]):
        corpus = Path(tempfile.mkdtemp())
        for number, seed in enumerate(SEEDS[name]):
            (corpus / str(number)).write_bytes(seed)
        sys.argv.append(str(corpus))
    limits = ["-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([*sys.argv, *limits], lambda data: run(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
