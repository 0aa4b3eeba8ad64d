"""Records out of FASTA: names and codes, one byte a base.

A block reader of our own: a block goes through one `bytes.translate`, which turns letters into
codes and drops white space, so a contig never exists as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, CODE_OF_BYTE, INVALID
from dnabirnn.errors import FastaError
from dnabirnn.inputs import PathLike, check_readable, read_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["Record", "contig_lengths", "parse_fasta", "read_fasta"]

_WHITE_SPACE = b" \t\r\n\v\f"
_NEWLINE, _HEADER = ord("\n"), ord(">")

_LOWER_OF_BYTE = bytes(chr(byte).islower() and byte < 128 for byte in range(256))
_HARD_MASKED = bytes(
    AMBIGUOUS if lower and code != INVALID else code
    for code, lower in zip(CODE_OF_BYTE, _LOWER_OF_BYTE, strict=True)
)

_KINDS_BY_MAGIC = {
    b"BZh": "bzip2; decompress it first, or use gzip or bgzip",
    b"\xfd7zXZ": "xz; decompress it first, or use gzip or bgzip",
    b"\x28\xb5\x2f\xfd": "zstd; decompress it first, or use gzip or bgzip",
    b"PK\x03\x04": "zip; decompress it first, or use gzip or bgzip",
    b"\xef\xbb\xbf": "text with a byte-order mark; save it as UTF-8 without one",
    b"@": "FASTQ or SAM, by its first letter; convert it to FASTA",
    b"BAM\x01": "BAM; convert it to FASTA",
    b"\x43\x27\x41\x1a": "2bit; convert it with twoBitToFa",
}
"""First bytes of what is mistaken for FASTA, and what to do about it."""

_LETTER_HINTS = dict.fromkeys("EFIJLOPQZefijlopqz", "a protein? give DNA or RNA") | {
    "-": "a gap of an alignment? remove gaps",
    ".": "a gap of an alignment? remove gaps",
    "*": "a protein with its stop codon? give DNA or RNA",
    ">": "a header must begin its line",
}


class Record(NamedTuple):
    """A sequence of a FASTA file.

    Attributes
    ----------
    name : str
        The first word of the header.
    codes : ndarray, (L,) uint8
        See `dnabirnn.alphabet`; owned by the caller.
    lower : ndarray, (L,) bool, or None
        True where the letter is lower case (soft-masked); None where case was not asked for.
    """

    name: str
    codes: Codes
    lower: NDArray[np.bool_] | None


def read_fasta(
    *paths: PathLike,
    case: bool = False,
    hard_mask: bool = False,
    digests: dict[str, str] | None = None,
) -> Iterator[Record]:
    r"""Records of FASTA files, in order, one contig in memory at a time.

    Parameters
    ----------
    *paths : str or PathLike
        Plain, gzip or bgzip, told apart by content; "-" is standard input.
    case : bool
        Fill `Record.lower`, at one more byte a base.
    hard_mask : bool
        Give lower-case letters code 4.
    digests : dict, optional
        Once a file is read whole, `digests[basename]` becomes the SHA-256 (hex) of its bytes as
        stored. A second file of the same basename is entered as "basename (2)".

    Yields
    ------
    Record
        Empty records (length 0) too.

    Raises
    ------
    FastaError
        A file that is missing, empty, cut short, damaged or no FASTA; a letter that is no
        nucleotide code; a name that is missing or comes twice, in one file or in two.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "two.fa")
    >>> _ = path.write_text(">a first\nACG\nTn\n>b\n")
    >>> [(record.name, record.codes.tolist()) for record in read_fasta(path)]
    [('a', [0, 1, 2, 3, 4]), ('b', [])]
    """
    if not paths:
        raise FastaError("no FASTA file given; name at least one, or - for standard input")
    for path in paths:
        check_readable(path, FastaError)
    names: dict[str, str] = {}
    for path in paths:
        blocks = read_blocks(path, FastaError, digests)
        yield from parse_fasta(blocks, str(path), case=case, hard_mask=hard_mask, names=names)


def contig_lengths(*paths: PathLike) -> dict[str, int]:
    """Lengths of all records in bases, by name, in the order of the files.

    Raises
    ------
    FastaError
        As `read_fasta`.
    """
    return {name: len(codes) for name, codes, _ in read_fasta(*paths)}


class _Parser:
    """What is known of the record that is being read."""

    def __init__(self, source: str, case: bool, hard_mask: bool, names: dict[str, str]) -> None:
        self.source = source
        self.table = _HARD_MASKED if hard_mask else CODE_OF_BYTE
        self.case = case
        self.line = 1
        self.name: str | None = None
        self.file_of_name = names
        self.codes = bytearray()
        self.lower = bytearray()

    def begin(self, header: bytes) -> None:
        """Start the record of a header line, given without its ">" and its line end."""
        words = header.split(None, 1)
        where = f"{self.source}, line {self.line}"
        if b"\r" in header.rstrip(b"\r"):
            raise FastaError(f"{where}: lines end in a bare carriage return; convert to \\n")
        if not words:
            raise FastaError(f"{where}: header without a name; write one after '>'")
        name = words[0].decode("utf-8", "backslashreplace")
        if name.startswith("#"):
            raise FastaError(
                f"{where}: record {name!r}: readers of BED take rows that begin with '#' for "
                "comments; rename it"
            )
        if name in self.file_of_name:
            raise FastaError(
                f"{where}: record {name!r} comes twice, first in {self.file_of_name[name]}; "
                "names must be unique, so rename one of them"
            )
        self.file_of_name[name] = self.source
        self.name = name

    def add(self, text: bytes) -> None:
        """Append the letters of some text that holds no header."""
        codes = text.translate(self.table, _WHITE_SPACE)
        if self.name is None:
            if codes:
                raise FastaError(f"{self.source}: {_what_is_it(text.lstrip())}")
        else:
            if INVALID in codes:
                raise self._bad_letter(text)
            self.codes += codes
            if self.case:
                self.lower += text.translate(_LOWER_OF_BYTE, _WHITE_SPACE)
        self.line += text.count(b"\n")

    def _bad_letter(self, text: bytes) -> FastaError:
        marked = text.translate(_INVALID_BYTES)
        place = marked.index(1)
        letter = chr(text[place])
        line = self.line + text.count(b"\n", 0, place)
        hint = _LETTER_HINTS.get(letter, "only IUPAC nucleotide letters are read")
        return FastaError(
            f"{self.source}: record {self.name!r}, line {line}: {letter!r} is no nucleotide "
            f"letter ({hint})"
        )

    def take(self) -> Iterator[Record]:
        """Hand over the record that has been read, if there is one, and forget it."""
        if self.name is None:
            return
        codes = np.frombuffer(self.codes, dtype=np.uint8)
        lower = np.frombuffer(self.lower, dtype=np.bool_) if self.case else None
        record = Record(self.name, codes, lower)
        self.name, self.codes, self.lower = None, bytearray(), bytearray()
        del codes, lower
        yield record


_INVALID_BYTES = bytes(
    code == INVALID and byte not in _WHITE_SPACE for byte, code in enumerate(CODE_OF_BYTE)
)


def parse_fasta(
    blocks: Iterable[bytes],
    source: str,
    *,
    case: bool = False,
    hard_mask: bool = False,
    names: dict[str, str] | None = None,
) -> Iterator[Record]:
    r"""Records of one FASTA text that comes in blocks, cut anywhere.

    Parameters
    ----------
    blocks : iterable of bytes
    source : str
        Name of the text, for errors.
    case, hard_mask : bool
        As in `read_fasta`.
    names : dict, optional
        Source of each name met so far, for finding duplicates; grows.

    Examples
    --------
    >>> [record.name for record in parse_fasta([b">fir", b"st\nAC", b"\n>second\n"], "text")]
    ['first', 'second']
    """
    parser = _Parser(source, case, hard_mask, {} if names is None else names)
    header: bytearray | None = None
    line_starts, seen = True, False
    for block in blocks:
        at = 0
        while at < len(block):
            if header is not None:
                end = block.find(b"\n", at)
                header += block[at : end if end >= 0 else len(block)]
                if end < 0:
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
        raise FastaError(f"{source}: no records; the file is empty: give a FASTA with sequences")
    yield from parser.take()


def _what_is_it(text: bytes) -> str:
    """Message for a text that does not begin with a header."""
    for magic, what in _KINDS_BY_MAGIC.items():
        if text.startswith(magic):
            return f"not FASTA but {what}"
    return (
        f"not FASTA: it begins with {chr(text[0])!r}, not with a '>' header; give a FASTA, plain, "
        "gzip or bgzip"
    )
