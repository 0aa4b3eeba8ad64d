"""GenBank parser (https://www.ncbi.nlm.nih.gov/Sitemap/samplerecord.html).

The name of a record is that of its VERSION line, such as NC_000913.3; if it has none, that of its
ACCESSION line, or of its LOCUS line. All letters of GenBank files are lower case, so lower case
does not mean soft-masked here: no base is masked.

`GenbankLines` is also used by the reader of labels, so that both find the same records, names and
topologies in a file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnabirnn.errors import FastaError
from dnabirnn.files import text_lines
from dnabirnn.sequences.flat_files import CIRCULAR, FlatLines, flat_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnabirnn.sequences.records import ParseContext, Record

__all__ = ["GenbankLines", "is_genbank", "parse_genbank"]

_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t\r]*(?:#[^\n]*)?\n)*"  # blank lines and comments
    rb"(?:LOCUS(?:[ \t]{3,}(?!\d+[ \t]+\d+\s)\S|[ \t]+\S+[ \t]+\d+[ \t]+(?:bp|aa|rc)\b)"
    rb"|\S+\.SEQ[ \t]+Genetic Sequence Data Bank)",
    re.IGNORECASE,
)
"""First lines of GenBank files. The second is the header of NCBI's releases. The row of a BED with
a contig called "locus" has two numbers after it."""

_LOCUS = re.compile(
    r"LOCUS\s+(?:(?P<name>\S.*)\s+)?(?P<length>\d+)\s*(?P<unit>bp|aa|rc)\b(?P<rest>.*)", re.I
)
_SHORT_LOCUS = re.compile(r"LOCUS(?:\s+(?P<name>\S+))?\s*$", re.I)
"""A LOCUS line without a length, as some tools of EMBOSS write it."""
_BODY = ("FEATURES", "ORIGIN", "BASE COUNT", "CONTIG", "WGS", "TSA", "TLS")
"""Keywords that end the header of a record, in the form in which Biopython knows them."""


def is_genbank(head: bytes) -> bool:
    r"""Return whether a file begins like GenBank, after blank lines and comments.

    Examples
    --------
    >>> is_genbank(b"LOCUS       NC_000913"), is_genbank(b">LOCUS"), is_genbank(b"LOCUS\t1\t9\n")
    (True, False, False)
    """
    return _BEGINNING.match(head) is not None


class GenbankLines(FlatLines):
    """Lines of a GenBank text, changed so that Biopython reads them correctly.

    Biopython relies on columns of the LOCUS line, which a long name shifts, and on upper case.
    So LOCUS lines are written anew, header lines that are not needed become empty, and keywords
    become upper case. Each line remains one line.

    The name is that of VERSION, ACCESSION or LOCUS, in this order. See `FlatLines`.
    """

    _FIRST_WORD = "LOCUS"
    _NAMES = ("VERSION", "ACCESSION", "LOCUS")
    _OTHER_NAMES = ("LOCUS", "ACCESSION")
    _in_header = _in_sequence = False

    def __next__(self) -> str:
        """Return the next line."""
        line = next(self._lines)
        self.number += 1
        if self._in_sequence and not line.startswith(("//", "LOCUS")):
            return self._sequence(line)
        if line[:1].isspace() or not line:
            return "\n" if self._in_header else line
        keyword = line.split(None, 1)[0].upper()
        if keyword == "LOCUS":
            return self._begin(line)
        if line.startswith("//"):
            self._in_header = self._in_sequence = False
        body = next((one for one in _BODY if line[: len(one)].upper() == one), None)
        if body is not None and not line[len(body) : len(body) + 1].strip():
            self._in_header, self._in_sequence = False, body == "ORIGIN"
            if body == "FEATURES":
                return "FEATURES             Location/Qualifiers\n"
            return body + ("\n" if body == "ORIGIN" else line[len(body) :])
        if not self._in_header:
            return line
        if keyword in ("VERSION", "ACCESSION"):
            self._names.setdefault(keyword, (line.split()[1:2] or [""])[0])
        return "\n"

    @staticmethod
    def _sequence(line: str) -> str:
        """Return a line of sequence with its letters where Biopython expects them.

        Some programs write no number before the letters, or another number of spaces.
        """
        letters = line.lstrip(" \t0123456789")
        return f"{'':10}{letters}" if letters.strip() else "\n"

    def _begin(self, line: str) -> str:
        """Begin a record. Return its LOCUS line in a form without fixed columns."""
        found = _LOCUS.match(line) or _SHORT_LOCUS.match(line)
        if found is None:
            raise self._error(
                f"{self._source}, line {self.number}: {' '.join(line.split())[:90]!r}: no name and "
                "length in bp; write both, with a space between them"
            )
        parts = found.groupdict()
        name = "_".join((parts["name"] or "").split())
        self._names = {"LOCUS": name}
        self._first_line, self._in_header, self._in_sequence = self.number, True, False
        self.circular = bool(CIRCULAR.search(parts.get("rest", "")))
        self.protein = parts.get("unit", "").lower() == "aa"
        text = name or "record"
        if "length" in parts:
            topology = "circular" if self.circular else "linear"
            text += f" {parts['length']} bp DNA {topology} UNK 01-JAN-1980"
        return f"LOCUS       {text}\n"


def parse_genbank(blocks: Iterable[bytes], reading: ParseContext) -> Iterator[Record]:
    """Yield the records of a GenBank text that comes in blocks, cut anywhere.

    Memory grows with the longest record, by several bytes per base while it is read.

    Raises
    ------
    FastaError
        A record of a protein, without sequence, or that Biopython cannot read; a letter that is
        not a nucleotide code; a duplicate name; a text that ends inside a record.
    """
    from Bio.GenBank.Scanner import GenBankScanner  # loads Biopython

    # Notes are not used here, so no warning says that they are not UTF-8.
    text = text_lines(blocks, reading.source, FastaError, "GenBank", warn=False)
    lines = GenbankLines(text, reading.source, FastaError)
    scanner = GenBankScanner()  # type: ignore[no-untyped-call]
    yield from flat_records(scanner, lines, reading, "GenBank")
