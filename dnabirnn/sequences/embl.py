"""EMBL parser (https://ena-docs.readthedocs.io/en/latest/submit/fileprep/flat-file-example.html).

The name of a record is accession and version, such as X56734.1. As in GenBank files, lower case has
no meaning. `EmblLines` is also used by the reader of labels, so that both find the same records,
names and topologies in a file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnabirnn.errors import FastaError
from dnabirnn.files import text_lines
from dnabirnn.sequences.flat_files import CIRCULAR, FlatLines, flat_records, is_placeholder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnabirnn.sequences.records import ParseContext, Record

__all__ = ["EmblLines", "is_embl", "parse_embl"]

_BEGINNING = re.compile(rb"(?:[ \t\r]*(?:#[^\n]*)?\n)*ID   (?:\S+;|\S+ [^\n]*\b(?:BP|AA)\.)")
_LENGTH = re.compile(r"(\d+)\s*(BP|AA)\b", re.I)
_TABLE = "FH   Key             Location/Qualifiers\n"


def is_embl(head: bytes) -> bool:
    r"""Return whether a file begins like EMBL, after blank lines and comments.

    Examples
    --------
    >>> is_embl(b"ID   X56734; SV 1; linear; mRNA; STD; PLN; 9 BP.\n"), is_embl(b"ID   1   9\n")
    (True, False)
    """
    return _BEGINNING.match(head) is not None


class EmblLines(FlatLines):
    """Lines of an EMBL text, changed so that Biopython reads them correctly.

    Biopython raises errors for lines that are not needed, and knows the ID line and the beginning
    of the features in a few forms only. So ID lines are written anew, lines that are not needed are
    left out, and lines that are missing are added.

    The name is accession and version, accession, or the name of the ID line. See `FlatLines`.
    """

    _FIRST_WORD = "ID"
    _NAMES = ("version", "ID", "AC", "AC *", "entry")
    _OTHER_NAMES = ("ID", "entry", "AC")
    _part = ""  # of a record: "header", "features" or "sequence"
    _held = ""

    def __next__(self) -> str:
        """Return the next line that Biopython needs."""
        if self._held:
            line, self._held = self._held, ""
            return line
        while True:
            line = next(self._lines)
            self.number += 1
            code, part = line[:2], self._part
            if line.startswith("ID "):
                return self._begin(line)
            if code == "//":
                self._part = ""
                if part in ("header", "features"):  # a sequence is required, but may be empty
                    self._held = line
                    return "SQ\n"
                return line
            if not part:
                continue
            if code == "SQ":
                self._part = "sequence"
                return "SQ\n"
            if part == "sequence":
                return line
            if code in ("FH", "FT"):
                self._part = "features"
                if part == "features" and code == "FT":
                    return line
                self._held = line if code == "FT" else ""
                return _TABLE
            if part == "header":
                self._note(code, line)

    def _begin(self, line: str) -> str:
        """Begin a record. Return its ID line in the form of today."""
        text = line[2:].strip()
        length = _LENGTH.search(text)
        if length is None:
            raise self._error(
                f"{self._source}, line {self.number}: {text[:90]!r}: no length in BP in the ID "
                "line; write NAME; SV 1; linear; genomic DNA; STD; UNC; LENGTH BP."
            )
        first, *fields = (field.strip() for field in text.split(";"))
        words = first.split() or [""]
        # Until 2006, the ID line had a name that is not the accession.
        self._names = {"ID" if len(words) == 1 else "entry": words[0]}
        version = re.fullmatch(r"SV\s+(\d+)", fields[0]) if fields else None
        if version and not is_placeholder(words[0]):
            self._names["version"] = f"{words[0]}.{version[1]}"
        self._part, self._first_line = "header", self.number
        self.circular = bool(CIRCULAR.search(text[len(words[0]) :]))
        self.protein = length[2].upper() == "AA"
        topology = "circular" if self.circular else "linear"
        name = words[0] or "record"
        return f"ID   {name}; SV; {topology}; DNA; STD; UNC; {length[1]} BP.\n"

    def _note(self, code: str, line: str) -> None:
        """Keep a name of a line of the header."""
        words = line[2:].replace(";", " ").split() or [""]
        if code == "SV":
            self._names.setdefault("version", words[0])
        elif code == "AC" and words[0] == "*":  # the name of a contig without an accession
            self._names.setdefault("AC *", words[-1].removeprefix("_"))
        elif code == "AC":
            self._names.setdefault("AC", words[0])


def parse_embl(blocks: Iterable[bytes], reading: ParseContext) -> Iterator[Record]:
    """Yield the records of an EMBL text that comes in blocks, cut anywhere.

    See `dnabirnn.sequences.genbank.parse_genbank`.
    """
    from Bio.GenBank.Scanner import EmblScanner  # loads Biopython

    text = text_lines(blocks, reading.source, FastaError, "EMBL", warn=False)
    lines = EmblLines(text, reading.source, FastaError)
    yield from flat_records(EmblScanner(), lines, reading, "EMBL")  # type: ignore[no-untyped-call]
