"""Writers of sequence formats for tests, each independent of its reader."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord


def write_fastq(path: Path, records: dict[str, str], width: int | None = None) -> Path:
    """Write reads whose qualities are all '@', which is the worst they can be."""
    with path.open("w") as file:
        for name, text in records.items():
            step = width or max(1, len(text))
            for mark, line in ((f"@{name} read", text), ("+", "@" * len(text))):
                file.write(f"{mark}\n")
                parts = [line[i : i + step] for i in range(0, len(line), step)]
                file.writelines(f"{part}\n" for part in parts)
    return path


def spans(marks: list[bool]) -> list[tuple[int, int]]:
    """Starts and sizes of runs of True."""
    found, place = [], 0
    for mark, run in itertools.groupby(marks):
        size = len(list(run))
        if mark:
            found.append((place, size))
        place += size
    return found


def twobit(records: dict[str, str], order: str = "<", version: int = 0) -> bytes:
    """2bit of letters A C G T N in either case; `order` as in `struct`."""
    offset_kind = "IQ"[version]
    index_size = sum(1 + len(n.encode()) + struct.calcsize(offset_kind) for n in records)
    index, bodies = b"", b""
    for name, text in records.items():
        offset = 16 + index_size + len(bodies)
        word = name.encode()
        index += bytes([len(word)]) + word + struct.pack(order + offset_kind, offset)
        bodies += struct.pack(order + "I", len(text))
        for marks in ([c in "nN" for c in text], [c.islower() for c in text]):
            blocks = spans(marks)
            numbers = [len(blocks), *(s for s, _ in blocks), *(n for _, n in blocks)]
            bodies += struct.pack(f"{order}{len(numbers)}I", *numbers)
        bits = "".join(
            {"T": "00", "C": "01", "A": "10", "G": "11", "N": "00"}[c.upper()] for c in text
        )
        bits += "0" * (-len(bits) % 8)
        bodies += struct.pack(order + "I", 0)
        bodies += bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return struct.pack(order + "4I", 0x1A412743, version, len(records), 0) + index + bodies


def write_twobit(path: Path, records: dict[str, str], order: str = "<", version: int = 0) -> Path:
    """Write 2bit."""
    path.write_bytes(twobit(records, order, version))
    return path


def write_genbank(path: Path, records: dict[str, str], molecule: str = "DNA") -> Path:
    """Write GenBank; the records' names are their VERSION."""
    entries = [
        SeqRecord(Seq(text), id=name, name=name.partition(".")[0], description="made up")
        for name, text in records.items()
    ]
    for entry in entries:
        entry.annotations["molecule_type"] = molecule
    SeqIO.write(entries, path, "genbank")
    return path
