"""Records out of FASTQ: reads as short contigs; their qualities are checked and dropped.

Sequence and qualities may each go over several lines (Cock et al. 2010, Nucleic Acids Research
38:1767): qualities end where there are as many as letters, since they may hold any sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dnabirnn.alphabet import INVALID
from dnabirnn.errors import FastaError
from dnabirnn.records import WHITE_SPACE, is_lower

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnabirnn.records import Reading, Record

__all__ = ["parse_fastq"]

_QUALITIES = bytes(range(ord("!"), ord("~") + 1))
_SAM_HEADERS = frozenset({b"HD", b"SQ", b"RG", b"PG", b"CO"})


def parse_fastq(blocks: Iterable[bytes], reading: Reading) -> Iterator[Record]:
    r"""Records of one FASTQ text that comes in blocks, cut anywhere.

    Raises
    ------
    FastaError
        A record without name, "+" line or as many qualities as letters; a letter that is no
        nucleotide code; a name that comes twice; a text that ends inside a record; SAM.

    Examples
    --------
    >>> from dnabirnn.records import Reading
    >>> blocks = [b"@r1 lane 1\nACG\n+\nI", b"II\n@r2\nTT\nN\n+r2\n@@@\n"]
    >>> [(name, codes.tolist()) for name, codes, _ in parse_fastq(blocks, Reading("reads"))]
    [('r1', [0, 1, 2]), ('r2', [3, 3, 4])]
    """
    lines = _Lines(blocks)
    for header in lines:
        if not header.strip():
            continue
        first = lines.number
        name = _name(header, reading, first)
        codes, lower = bytearray(), bytearray()
        for line in lines:
            if line.startswith(b"+"):
                break
            letters = reading.codes(line)
            if INVALID in letters:
                raise reading.bad_letter(name, line, lines.number)
            codes += letters
            if reading.case:
                lower += is_lower(line)
        else:
            raise _cut_short(reading, name, first)
        _pass_qualities(lines, len(codes), reading, name)
        yield reading.record(name, codes, lower)


class _Lines(Iterator[bytes]):
    """Lines of a text in blocks, without their ends, and the number of the last one."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self.number = 0
        self._lines = _split(blocks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = next(self._lines)
        self.number += 1
        return line


def _split(blocks: Iterable[bytes]) -> Iterator[bytes]:
    # Parts of a line that goes over many blocks are joined once.
    parts: list[bytes] = []
    for block in blocks:
        first, *others = block.split(b"\n")
        parts.append(first)
        if others:
            line, parts = b"".join(parts), [others.pop()]
            yield line
            yield from others
    if last := b"".join(parts):
        yield last


def _name(header: bytes, reading: Reading, line: int) -> str:
    if not header.startswith(b"@"):
        raise FastaError(
            f"{reading.place(line)}: {chr(header[0])!r} where a read's '@' line must begin; does "
            "the read before it have more qualities than letters? make or fetch the file again"
        )
    words = header[1:].split(None, 1)
    if not words:
        raise FastaError(f"{reading.place(line)}: read without a name; write one after '@'")
    if words[0] in _SAM_HEADERS and header[3:4] == b"\t":
        raise FastaError(
            f"{reading.place(line)}: not FASTQ but SAM; convert it with `samtools fasta`"
        )
    return reading.name(words[0], line)


def _pass_qualities(lines: _Lines, wanted: int, reading: Reading, name: str) -> None:
    """Read on to the end of a record's qualities."""
    first, count = lines.number + 1, 0
    while count < wanted:
        line = next(lines, None)
        if line is None:
            raise _cut_short(reading, name, lines.number)
        qualities = line.rstrip(WHITE_SPACE)
        count += len(qualities)
        if wrong := qualities.translate(None, _QUALITIES):
            raise FastaError(
                f"{reading.source}: record {name!r}, line {lines.number}: {chr(wrong[0])!r} is no "
                "quality; they are '!' to '~'"
            )
    if count > wanted:
        raise FastaError(
            f"{reading.source}: record {name!r}, line {first}: {count} qualities for {wanted} "
            "letters; there must be as many: make or fetch the file again"
        )


def _cut_short(reading: Reading, name: str, line: int) -> FastaError:
    return FastaError(
        f"{reading.source}: record {name!r}, line {line}: the file ends inside this read; it is "
        "cut short: make or fetch it again"
    )
