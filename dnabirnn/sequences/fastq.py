"""FASTQ parser: reads become short contigs; their qualities are checked and dropped.

Sequence and qualities may each take several lines (Cock et al. 2010, Nucleic Acids Research
38:1767). A line of qualities may begin with "@" or "+", so the end of a record cannot be found by
its first character: the qualities end when there is one per letter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dnabirnn.alphabet import INVALID
from dnabirnn.errors import FastaError
from dnabirnn.files import check_line
from dnabirnn.sequences.records import WHITE_SPACE, is_lower

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnabirnn.errors import DnabirnnError
    from dnabirnn.sequences.records import ParseContext, Record

__all__ = ["FastqLines", "parse_fastq"]

_QUALITIES = bytes(range(ord("!"), ord("~") + 1))
_SAM_HEADERS = frozenset({b"HD", b"SQ", b"RG", b"PG", b"CO"})


def parse_fastq(blocks: Iterable[bytes], reading: ParseContext) -> Iterator[Record]:
    r"""Yield the records of a FASTQ text that comes in blocks, cut anywhere.

    Raises
    ------
    FastaError
        A record without a name or "+" line, or with a different number of qualities and letters; a
        letter that is not a nucleotide code; a duplicate name; a text that ends inside a record;
        SAM.

    Examples
    --------
    >>> from dnabirnn.sequences.records import ParseContext
    >>> blocks = [b"@r1 lane 1\nACG\n+\nI", b"II\n@r2\nTT\nN\n+r2\n@@@\n"]
    >>> [(name, codes.tolist()) for name, codes, _ in parse_fastq(blocks, ParseContext("reads"))]
    [('r1', [0, 1, 2]), ('r2', [3, 3, 4])]
    """
    lines = FastqLines(blocks, reading.source, FastaError)
    while (header := lines.read()) is not None:
        if not header.strip():
            continue
        first = lines.number
        name = _name(header, reading, first)
        codes, lower = bytearray(), bytearray()
        while (line := lines.read(None)) is not None:
            if line.startswith(b"+"):
                break
            letters = reading.codes(line)
            if INVALID in letters:
                raise reading.bad_letter(name, line, lines.number)
            codes += letters
            if reading.case:
                lower += is_lower(line)
        else:
            raise _truncated(reading, name, first)
        _skip_qualities(lines, len(codes), reading, name)
        yield reading.record(name, codes, lower)


class FastqLines:
    """Iterator over the lines of a text in blocks, without their line feeds.

    Parameters
    ----------
    blocks : iterable of bytes
    source : str
        Name of the text, for errors.
    error : class
        Exception to raise for a header that is too long.

    Attributes
    ----------
    number : int
        Number of the last line that was read, from 1.
    """

    def __init__(self, blocks: Iterable[bytes], source: str, error: type[DnabirnnError]) -> None:
        self.number = 0
        self._source = source
        self._error = error
        self._wanted: int | None = 0
        self._lines = self._split(blocks)

    def read(self, wanted: int | None = 0) -> bytes | None:
        """Return the next line, or None at the end.

        Parameters
        ----------
        wanted : int, optional
            Bytes that the line may have beyond the limit of a header line. With None, a line of
            sequence may have any length, but a "+" line is limited like a header.
        """
        self._wanted = wanted
        line = next(self._lines, None)
        self.number += line is not None
        return line

    def _split(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        # Parts of a line that spans many blocks are joined once: joining at each block would take
        # quadratic time.
        parts: list[bytes] = []
        size = 0
        for block in blocks:
            first, *others = block.split(b"\n")
            parts.append(first)
            size += len(first)
            if others:
                line, parts = b"".join(parts), [others.pop()]
                size = len(parts[0])
                yield line
                yield from others
            elif self._wanted is not None or parts[0].startswith(b"+"):
                check_line(size - (self._wanted or 0), self._source, self._error)
        if last := b"".join(parts):
            yield last


def _name(header: bytes, reading: ParseContext, line: int) -> str:
    if not header.startswith(b"@"):
        raise FastaError(
            f"{reading.place(line)}: {chr(header[0])!r} where a read must begin with '@'; does the "
            "read before it have more qualities than letters? create or download the file again"
        )
    words = header[1:].split(None, 1)
    if not words:
        raise FastaError(f"{reading.place(line)}: read without a name; write one after '@'")
    if words[0] in _SAM_HEADERS and header[3:4] == b"\t":
        raise FastaError(
            f"{reading.place(line)}: not FASTQ but SAM; convert it with `samtools fasta`"
        )
    return reading.name(words[0], line)


def _skip_qualities(lines: FastqLines, wanted: int, reading: ParseContext, name: str) -> None:
    """Check the qualities of a record, and read past them."""
    first, count = lines.number + 1, 0
    while count < wanted:
        line = lines.read(wanted - count)
        if line is None:
            raise _truncated(reading, name, lines.number)
        qualities = line.rstrip(WHITE_SPACE)
        count += len(qualities)
        if wrong := qualities.translate(None, _QUALITIES):
            raise FastaError(
                f"{reading.source}: record {name!r}, line {lines.number}: {chr(wrong[0])!r} is "
                "not a quality; qualities are '!' to '~'"
            )
    if count > wanted:
        raise FastaError(
            f"{reading.source}: record {name!r}, line {first}: {count} qualities for {wanted} "
            "letters; the numbers must be equal: create or download the file again"
        )


def _truncated(reading: ParseContext, name: str, line: int) -> FastaError:
    return FastaError(
        f"{reading.source}: record {name!r}, line {line}: the file ends inside this read; it is "
        "truncated: create or download it again"
    )
