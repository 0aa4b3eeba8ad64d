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
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

try:
    import atheris
except ImportError:  # the tests need the targets only
    atheris = None

_READERS = (
    *(f"labels.formats.{name}" for name in ("genbank", "gff", "dna_brnn_fastq", "repeats")),
    *(f"sequences.{name}" for name in ("read", "fasta", "fastq", "genbank", "twobit")),
    *(f"network.{name}" for name in ("checkpoint", "dna_brnn", "kann")),
    *(f"files.{name}" for name in ("provenance", "tensors")),
    *(f"tracks.{name}" for name in ("big_read", "read")),
    *("encoded.encoded_set", "intervals.bed", "labels.aliases", "motifs.motif"),
)
if atheris is not None:
    with atheris.instrument_imports(include=["dnabirnn"]):
        for _name in _READERS:
            importlib.import_module(f"dnabirnn.{_name}")

sys.path.append(str(Path(__file__).parents[1] / "support"))

import numpy as np
from knm import Knm

from dnabirnn.encoded.encoded_set import CODES, LABELS, MANIFEST, EncodedSet
from dnabirnn.errors import DnabirnnError
from dnabirnn.files.provenance import verify
from dnabirnn.intervals.bed import read_bed
from dnabirnn.labels.aliases import read_aliases
from dnabirnn.labels.formats.dna_brnn_fastq import read_labelled_fastq
from dnabirnn.labels.formats.features import Selection
from dnabirnn.labels.formats.genbank import read_embl, read_genbank
from dnabirnn.labels.formats.gff import read_gff3, read_gtf
from dnabirnn.labels.formats.repeats import read_repeatmasker, read_rmsk
from dnabirnn.motif_classes import Output
from dnabirnn.motifs.motif import read_motifs
from dnabirnn.network.dna_brnn import convert
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.network.shipped import shipped_models
from dnabirnn.sequences.fasta import parse_fasta
from dnabirnn.sequences.fastq import parse_fastq
from dnabirnn.sequences.genbank import parse_genbank
from dnabirnn.sequences.records import ParseContext, Record
from dnabirnn.sequences.twobit import read_twobit
from dnabirnn.tracks.big_read import BigReader
from dnabirnn.tracks.read import read_scores, read_sizes

__all__ = ["SEEDS", "TARGETS"]

_FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
_NPY = b"\x93NUMPY\x01\x00v\x00" + (
    b"{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }".ljust(117) + b"\n"
)
_SHIPPED = next(iter(shipped_models().values())).read_bytes()
_HEADER_BYTES = int.from_bytes(_SHIPPED[:8], "little")
_WEIGHTS = _SHIPPED[8 + _HEADER_BYTES :]
_OUTPUTS = (Output("REP", "+"), Output("REP", "-"))


def _file(data: bytes, name: str) -> Path:
    path = _FOLDER / name
    path.write_bytes(data)
    return path


def _sequences(parse: Callable[..., Iterable[Record]]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        # Cut where the first byte says: blocks may end anywhere.
        at = data[0] if data else 0
        for record in parse([data[1:at], data[max(at, 1) :]], ParseContext("fuzz", case=True)):
            assert record.lower is None or len(record.codes) == len(record.lower) <= len(data)

    return target


def _twobit(data: bytes) -> None:
    for record in read_twobit(_file(data, "x.2bit"), ParseContext("fuzz", case=True)):
        assert len(record.codes) <= 4 * len(data)


_SPLIT = b"\n=====\n"
"""Between the parts of an input that is several files."""


def _encoded(data: bytes) -> None:
    """Read a manifest, and heads of both arrays, behind which the values are those of the seed."""
    folder = _FOLDER / "set"
    folder.mkdir(exist_ok=True)
    manifest, codes, labels = (*data.split(_SPLIT, 2), _NPY, _NPY)[:3]
    (folder / MANIFEST).write_bytes(manifest)
    (folder / CODES).write_bytes(codes + bytes(4))
    (folder / LABELS).write_bytes(labels + bytes(4))
    encoded = EncodedSet.open(folder)
    assert len(encoded.codes) == len(encoded.labels) == 4
    for split in ("train", "val", "test"):
        assert (encoded.split(split) <= 4).all()


def _model(data: bytes) -> None:
    """Read a description and a header of arrays, with the lengths that they have."""
    description, _, arrays = data.partition(_SPLIT)
    text = json.dumps({"dnabirnn": description.decode("utf-8", "replace")}).encode()
    header = b'{"__metadata__":' + text + (b"," + arrays if arrays.strip() else b"") + b"}"
    path = _file(len(header).to_bytes(8, "little") + header + _WEIGHTS, "m.safetensors")
    load_checkpoint(path)


def _aliases(data: bytes) -> None:
    aliases = read_aliases(_file(data, "aliases.txt"), [_file(b">a\nA\n>b\nC\n", "two.fa")])
    for name in ("a", "b", "1"):
        assert aliases.name(name)


def _bigwig(data: bytes) -> None:
    with (
        suppress(ValueError, OverflowError, struct.error, zlib.error),
        BigReader(_file(data, "x.bw")) as reader,
    ):
        for name in reader.sizes:
            for _ in reader.rows(name, 0):
                pass


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
    "safetensors": lambda data: load_checkpoint(_file(data, "x.safetensors")),
    "model": _model,
    "encoded": _encoded,
    "knm": lambda data: convert(_file(data, "x.knm"), ("a", "b")),
    "motifs": lambda data: read_motifs(_file(data, "x.motifs")),
    "aliases": _aliases,
    "sizes": lambda data: read_sizes(_file(data, "x.sizes")),
    "provenance": lambda data: verify(_file(data, "x.json")),
    "bigwig": _bigwig,
}
"""What reads bytes, by name."""


def _twobit_seed() -> bytes:
    """One contig of six bases, the second N and the last two in lower case."""
    head = struct.pack("<4I", 0x1A412743, 0, 1, 0)
    index = bytes([1]) + b"c" + struct.pack("<I", 22)
    blocks = struct.pack("<3I", 1, 1, 1) + struct.pack("<3I", 1, 4, 2)
    return head + index + struct.pack("<I", 6) + blocks + struct.pack("<I", 0) + b"\x9b\x90"


def _model_seed() -> bytes:
    """Give the description and the header of arrays of a model that ships."""
    header = json.loads(_SHIPPED[8 : 8 + _HEADER_BYTES])
    description = header.pop("__metadata__")["dnabirnn"]
    return description.encode() + _SPLIT + json.dumps(header)[1:-1].encode()


def _knm_seed() -> bytes:
    """Give a network of dna-brnn's kind, of two classes."""
    made = Knm(np.random.default_rng(1), hidden=2, labels=3, layers=1)
    return made.write(_FOLDER / "seed.knm").read_bytes()


def _bigwig_seed() -> bytes:
    """Give a bigWig of no zooms and one block of rows, with an index of two nodes."""
    header = struct.pack("<IHHQQQHHQQIQ", 0x888FFC26, 4, 0, 64, 120, 130, 0, 0, 0, 0, 64, 0)
    contigs = struct.pack("<IIIIQQBBHIII", 0x78CA8C91, 1, 4, 8, 1, 0, 1, 0, 1, 97, 0, 9)
    index = struct.pack("<IIQIIIIQII", 0x2468ACE0, 256, 1, 0, 0, 0, 9, 130, 1024, 0)
    inner = struct.pack("<BBH4IQ", 0, 0, 1, 0, 0, 0, 9, 206)
    leaf = struct.pack("<BBH4I2Q", 1, 0, 1, 0, 0, 0, 9, 120, 10)
    return (header + contigs).ljust(130, b"\0") + index + inner + leaf


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
        b"ID   T; SV 1; circular; DNA; STD; UNK; 9 BP.\nXX\nFH   Key\nFH\n"
        b"FT   gene            <2..>8\n"
        b'FT                   /gene="a"\nSQ   Sequence 9 BP;\n     acgtacgta   9\n//\n'
    ],
    "repeatmasker": [
        b"   SW   perc perc perc  query\nscore   div. del. ins.  sequence\n\n"
        b"  463   1.3  0.6  1.7  c  1 468 (51) +  (CCCTAA)n  Simple_repeat  1 463 (0) 1 *\n"
        b"  463   1.3  0.6  1.7  c  500 510 (9) C  L1  LINE/L1  (1) 463 1 2\n"
    ],
    "rmsk": [
        b"585\t463\t13\t6\t17\tchr1\t10000\t10468\t-248945954\t+\t(T)n\tSimple\tS\t1\t463\t0\t1\n"
    ],
    "fastq": [b"\x09@r x\nACGTn\n+\nIIIII\n@s\r\nNN\r\n+s\r\n!!\r\n"],
    "fastq-labels": [b'@r\nACGT\n+\n!!"#\n@s\nAC\nGT\n+\n!!\n!!\n'],
    "scores": [b"c\t0\t9\tREP\t500\t+\nc\t3\t9\tREP\t20\t-\nd\t1\t2\tREP\t1000\t+\n"],
    "safetensors": [_SHIPPED],
    "model": [_model_seed()],
    "knm": [_knm_seed()],
    "motifs": [
        b">MA1 x\nA [1 0 3]\nC [0 9 1]\nG [1 1 1]\nT [0 0 5]\n>y\nA [1]\nC [2]\nG [3]\nT [4]\n",
        b"MEME version 4\n\nALPHABET= ACGT\n\nMOTIF M1 x\nletter-probability matrix: alength= 4 "
        b"w= 2 nsites= 9\n 0.25 0.25 0.25 0.25\n 1 0 0 0\nMOTIF M2\nletter-probability matrix:\n"
        b" 0 1 0 0\n",
        b"AC M1\nXX\nID x\nXX\nP0 A C G T\n01 1 2 3 4 N\n02 0 9 0 0 C\nXX\n//\n",
    ],
    "aliases": [b"# sequenceName\talias\na\t1\tchr1\nb\t2\t\n\t\tx\n", b"\xef\xbb\xbfa\t1\r\n"],
    "sizes": [b"#c\na\t2000\nb\t1000\t7\t60\t61\r\n"],
    "provenance": [
        json.dumps(
            {
                "format": "dnabirnn provenance",
                "format_version": 1,
                "inputs": [{"path": "x.json", "sha256": "0", "bytes": 9}],
                "outputs": [{"path": "-", "sha256": None}],
            }
        ).encode()
    ],
    "bigwig": [_bigwig_seed()],
    "encoded": [
        json.dumps(
            {
                "format": "dnabirnn encoded set",
                "format_version": 1,
                "contigs": [{"name": "c", "offset": 0, "length": 4}],
                "splits": {"train": [["c", 0, 4]], "val": [], "test": []},
                "classes": [{"name": "M", "stranded": True}],
                "mask": "none",
                "digest": "0",
                "inputs": {"fasta": [{"name": "x.fa", "sha256": "0"}]},
            }
        ).encode()
        + _SPLIT
        + _NPY
        + _SPLIT
        + _NPY
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
