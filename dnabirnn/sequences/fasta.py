"""FASTA parser: records of a text that comes in blocks, cut anywhere.

A block goes through one `bytes.translate`, which turns letters into codes and drops white space.
So parsing costs little, and a contig never exists as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dnabirnn.alphabet import INVALID
from dnabirnn.errors import FastaError
from dnabirnn.files import check_line
from dnabirnn.sequences.records import ParseContext, Record, is_lower

__all__ = ["parse_fasta"]

_NEWLINE, _HEADER = ord("\n"), ord(">")
_KINDS_BY_MAGIC = {
    b"BZh": "bzip2; decompress it first, or use gzip or bgzip",
    b"\xfd7zXZ": "xz; decompress it first, or use gzip or bgzip",
    b"\x28\xb5\x2f\xfd": "zstd; decompress it first, or use gzip or bgzip",
    b"PK\x03\x04": "zip; decompress it first, or use gzip or bgzip",
    b"BAM\x01": "BAM; convert it with `samtools fasta`",
    b"CRAM": "CRAM; convert it with `samtools fasta`",
}
"""First bytes of other formats that users may give: the name of the format, and what to do."""


class _Parser:
    """The record that is being read."""

    def __init__(self, reading: ParseContext) -> None:
        self.reading = reading
        self.line = 1
        self.name: str | None = None
        self.codes = bytearray()
        self.lower = bytearray()

    def begin(self, header: bytes) -> None:
        """Start the record of a header line, given without its ">" and its line end."""
        words = header.split(None, 1)
        where = self.reading.place(self.line)
        if b"\r" in header.rstrip(b"\r"):
            raise FastaError(f"{where}: lines end in a bare carriage return; convert to \\n")
        if not words:
            raise FastaError(f"{where}: header without a name; write one after '>'")
        self.name = self.reading.name(words[0], self.line)

    def add(self, text: bytes) -> None:
        """Append the letters of text without a header line."""
        codes = self.reading.codes(text)
        if self.name is None:
            if codes:
                raise FastaError(f"{self.reading.source}: {_not_fasta(text.lstrip())}")
        else:
            if INVALID in codes:
                raise self.reading.bad_letter(self.name, text, self.line)
            self.codes += codes
            if self.reading.case:
                self.lower += is_lower(text)
        self.line += text.count(b"\n")

    def take(self) -> Iterator[Record]:
        """Yield the record that has been read, if there is one, and start empty."""
        if self.name is None:
            return
        record = self.reading.record(self.name, self.codes, self.lower)
        self.name, self.codes, self.lower = None, bytearray(), bytearray()
        yield record


def parse_fasta(blocks: Iterable[bytes], reading: ParseContext) -> Iterator[Record]:
    r"""Yield the records of a FASTA text that comes in blocks, cut anywhere.

    Examples
    --------
    >>> blocks = [b">fir", b"st\nAC", b"\n>second\n"]
    >>> [record.name for record in parse_fasta(blocks, ParseContext("text"))]
    ['first', 'second']
    """
    parser = _Parser(reading)
    header: bytearray | None = None
    line_starts, seen = True, False
    for block in blocks:
        at = 0
        while at < len(block):
            if header is not None:
                end = block.find(b"\n", at)
                header += block[at : end if end >= 0 else len(block)]
                if end < 0:
                    check_line(len(header), reading.source, FastaError)
                    break
                parser.begin(bytes(header))
                parser.line += 1
                header, line_starts, at = None, True, end + 1
            elif line_starts and block[at] == _HEADER:
                yield from parser.take()
                header, seen, at = bytearray(), True, at + 1
            else:
                end = block.find(b">", at + 1)
                end = end if end >= 0 else len(block)
                parser.add(block[at:end])
                line_starts, at = block[end - 1] == _NEWLINE, end
    if header is not None:
        parser.begin(bytes(header))
    if not seen:
        raise FastaError(
            f"{reading.source}: no records; the file is empty: give a FASTA with sequences"
        )
    yield from parser.take()


def _not_fasta(text: bytes) -> str:
    """Return the message for a text that does not begin with a header."""
    for magic, kind in _KINDS_BY_MAGIC.items():
        if text.startswith(magic):
            return f"not FASTA but {kind}"
    return (
        f"not FASTA: it begins with {chr(text[0])!r}, not with a '>' header; give FASTA, FASTQ, "
        "GenBank or EMBL (plain, gzip or bgzip), or 2bit"
    )
