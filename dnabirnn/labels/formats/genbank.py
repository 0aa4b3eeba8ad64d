"""Read the features of GenBank and EMBL files, with Biopython.

The feature tables of both formats are described at
https://www.insdc.org/submitting-standards/feature-table/. Positions count from 1 and include the
last base.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.files import text_lines
from dnabirnn.intervals import BED_SCHEMA
from dnabirnn.labels.formats.features import Features, Selection, wrapped
from dnabirnn.sequences import EmblLines, GenbankLines

if TYPE_CHECKING:
    from Bio.SeqFeature import SeqFeature
    from Bio.SeqRecord import SeqRecord

__all__ = ["read_embl", "read_genbank"]

_LANDMARK = "source"
_STRANDS = {1: "+", -1: "-"}
_WHOLE = "fetch or export the file again"
# No sequence is this long. Much larger positions would overflow the Int64 columns.
_LONGEST_BP = 10**12


class _Part(NamedTuple):
    """Part of a feature. The end may be past the end of a circular contig."""

    start: int
    end: int
    strand: str


def read_genbank(blocks: Iterable[bytes], source: str, selection: Selection) -> Features:
    """Read the features of a GenBank file.

    Each part of a `join` or `order` is an interval. With `selection.span`, a feature whose parts
    are on one strand is one interval. It crosses the origin of a circular contig if its parts do. A
    fuzzy end ("<", ">", "(5.9)") is the base that it names, or the outer one of several. Parts on
    another record, or between two bases, label nothing. Contigs have the name of the VERSION line,
    or of ACCESSION or LOCUS if it has none. The other names are aliases of it.

    Parameters
    ----------
    blocks : iterable of bytes
        Blocks as yielded by `dnabirnn.files.read.read_blocks`. One record is in memory at a time.
    source : str
        Name of the file, for errors.
    selection : Selection
        Its column: type (the default), or a qualifier. A qualifier gives one row per value. Without
        feature types, `source` features are left out.

    Returns
    -------
    features : Features
        Intervals, and the lengths and other names of contigs. `line` is the line on which a feature
        begins.

    Raises
    ------
    LabelError
        A file that is not text or has no record; a record that is truncated or whose name occurs
        twice; a location that cannot be read.
    """
    return _read(_Table(blocks, source, "genbank"), source, selection, "GenBank")


def read_embl(blocks: Iterable[bytes], source: str, selection: Selection) -> Features:
    """Read the features of an EMBL file. See `read_genbank`.

    Contigs have the accession and version of the ID line (X56734.1), or of its AC and SV lines. The
    accession alone is an alias of it.
    """
    return _read(_Table(blocks, source, "embl"), source, selection, "EMBL")


class _Table(io.TextIOBase):
    """Text file for Biopython that records where each feature begins.

    Biopython does not report line numbers, and errors need them.

    Attributes
    ----------
    starts : list of int
        Line numbers of the features of the current record.
    record_line : int
        Line number on which the current record begins.
    lines : GenbankLines or EmblLines
        Lines of the file; names and topology of the current record.
    inside : bool
        Whether the last line is in the features of a record.
    left : int
        Line number after the last features.
    ended : bool
        Whether the last line that is not empty ends a record ("//").
    """

    def __init__(self, blocks: Iterable[bytes], source: str, form: str) -> None:
        self.form = form
        self.starts: list[int] = []
        self.record_line = self.left = 0
        self.ended = True
        self._key = "     " if form == "genbank" else "FT   "
        self.inside = False
        self._waiting = ""
        title, kind = ("GenBank", GenbankLines) if form == "genbank" else ("EMBL", EmblLines)
        text = text_lines(blocks, source, LabelError, f"{title}, plain, gzip or bgzip")
        self.lines: GenbankLines | EmblLines = kind(text, source, LabelError)

    @property
    def line(self) -> int:
        """Number of the last line read, from 1."""
        return self.lines.number

    def read(self, size: int | None = -1) -> str:
        """Return an empty text, from which Biopython sees that this is a text file."""
        assert size == 0, "only lines are read"
        return ""

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        """Return the next line."""
        text = self._waiting or next(self.lines, "")
        if self.inside and not self._waiting and self.form == "genbank" and text[:2] == "//":
            # Biopython requires a sequence after the features, but it may be empty.
            self._waiting, self.inside = text, False
            return "ORIGIN\n"
        self._waiting = ""
        if text.startswith(("LOCUS ", "ID ")):
            self.record_line, self.starts, self.inside = self.line, [], self.form == "embl"
        elif text.startswith("FEATURES"):
            self.inside = True
        elif text[:1].strip() and not text.startswith(("FT", "FH")):
            self.left = self.line if self.inside else self.left
            self.inside = False
        if self.inside and text.startswith(self._key) and text[5:6].strip():
            self.starts.append(self.line)
        if text.strip():
            self.ended = text.startswith("//")
        return text


def _read(table: _Table, source: str, selection: Selection, form: str) -> Features:
    rows: list[tuple[Any, ...]] = []
    types: set[str] = set()
    lengths: dict[str, int] = {}
    circular: dict[str, int] = {}
    owners: dict[str, set[str]] = {}
    landmarks = 0
    for record, starts in _records(table, source):
        name = record.id or ""
        if name in lengths:
            raise LabelError(f"{source}: record {name!r} occurs twice; give each contig once")
        lengths[name] = _length(record, source)
        if table.lines.circular:
            circular[name] = lengths[name]
        for other in table.lines.other_names:
            owners.setdefault(other, set()).add(name)
        for feature, line in zip(record.features, starts, strict=True):
            types.add(feature.type)
            if feature.type == _LANDMARK and not selection.feature_types:
                landmarks += 1
            elif not selection.feature_types or feature.type in selection.feature_types:
                parts = _parts(feature, name, circular.get(name), selection.span)
                if any(p.end > _LONGEST_BP for p in parts):
                    raise LabelError(
                        f"{source}, line {line}: {feature.type} of record {name!r} ends past base "
                        f"{_LONGEST_BP:,}; {_WHOLE}"
                    )
                for value in _classes(feature, selection):
                    rows += [(name, p.start, p.end, value, None, p.strand, line) for p in parts]
    if not lengths:
        raise LabelError(f"{source}: no records; give {form}")
    frame = pl.DataFrame(rows, schema=BED_SCHEMA, orient="row")
    column = selection.class_column or "type"
    return Features(
        wrapped(frame, circular, source),
        column if column == "type" else f"qualifier {column!r}",
        frozenset(types),
        lengths,
        owners,
        landmarks,
    )


def _length(record: SeqRecord, source: str) -> int:
    try:
        return len(record)
    except (OverflowError, TypeError):  # the length is too large, or missing
        raise LabelError(f"{source}: record {record.id!r} has no valid length; {_WHOLE}") from None


def _records(table: _Table, source: str) -> Iterator[tuple[SeqRecord, Sequence[int]]]:
    """Yield each record, and the lines on which its features begin."""
    from Bio import BiopythonWarning, SeqIO

    records = SeqIO.parse(table, table.form)  # type: ignore[no-untyped-call]
    while True:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", BiopythonWarning)
            try:
                record = next(records, None)
            except LabelError:
                raise
            # For a damaged file Biopython raises exceptions of many types.
            except Exception as cause:
                raise LabelError(_damage(cause, table, source)) from cause
        if record is None:
            break
        record.id = table.lines.name
        starts = table.starts
        if len(starts) != len(record.features):
            raise LabelError(
                f"{source}, line {table.record_line}: the features of record {record.id!r} cannot "
                f"be separated; indent them with spaces, as the format demands, or {_WHOLE}"
            )
        _check(record, starts, [str(one.message) for one in caught], source)
        yield record, starts
    if table.record_line and not table.ended:
        raise LabelError(f"{source}: truncated, the last record does not end with //; {_WHOLE}")


def _damage(cause: Exception, table: _Table, source: str) -> str:
    """Return the message for a record, or a feature, that Biopython cannot read."""
    reason = " ".join(str(cause).split())[:200] or "cannot be read"
    # Biopython reads the lines of a feature, and the next line; and then, of all features together,
    # the places.
    before = [start for start in table.starts if start < table.line]
    inside = before and (table.inside or table.left == table.line)
    inside = inside and not reason.startswith("Premature")
    first = before[-1 if table.inside else 0] if inside else max(table.record_line, 1)
    place = f"line {first}" if first == table.line else f"lines {first} to {table.line}"
    remedy = "correct this feature, or leave it out" if inside else _WHOLE
    return f"{source}, {place}: {reason}; {remedy}"


def _check(record: SeqRecord, starts: Sequence[int], messages: Sequence[str], source: str) -> None:
    """Raise for problems that affect coordinates, of which Biopython only warns."""
    wrong = [text for text in messages if "setting feature location to None" in text]
    for feature, line in zip(record.features, starts, strict=True):
        if feature.location is None:
            why = " ".join(wrong[0].split(";")[0].split()) if wrong else "no location"
            raise LabelError(
                f"{source}, line {line}: {feature.type} of record {record.id!r}: {why}; fix it"
            )
    for text in messages:
        if "sequence length" in text:
            raise LabelError(f"{source}: record {record.id!r}: {text}; {_WHOLE}")


def _classes(feature: SeqFeature, selection: Selection) -> Sequence[str | None]:
    """Return the classes of a feature, or None alone if it has none."""
    if selection.class_name is not None:
        return [selection.class_name]
    column = selection.class_column or "type"
    if column == "type":
        return [feature.type]
    values = [value for value in feature.qualifiers.get(column, []) if value.strip()]
    return list(dict.fromkeys(values)) or [None]


def _parts(feature: SeqFeature, name: str, circle: int | None, span: bool) -> list[_Part]:
    """Return the parts of a feature on its own record, in the order of the file."""
    assert feature.location is not None, "checked where the record is read"
    parts = [
        _Part(int(part.start), int(part.end), _STRANDS.get(part.strand, "."))
        for part in feature.location.parts
        if part.ref is None or part.ref == name
    ]
    if span and len({part.strand for part in parts}) == 1:
        return [_spanned(parts, circle)]
    return parts


def _spanned(parts: Sequence[_Part], circle: int | None) -> _Part:
    """Return one part from the first base of a feature to its last.

    On a circular contig of length `circle`, a part that starts before the previous one lies after
    the origin. The length is added to it, and `wrapped` moves it back later::

        parts on the contig    ==2==            ==1==|
        result                                  ==1==|==2==
    """
    # Biopython returns parts in the order of transcription, so right to left on the minus strand.
    ordered = parts[::-1] if parts[0].strand == "-" else parts
    turns, placed = 0, []
    for number, part in enumerate(ordered):
        if circle is not None and number and part.start < ordered[number - 1].start:
            turns += circle
        placed.append(part._replace(start=part.start + turns, end=part.end + turns))
    return _Part(
        min(part.start for part in placed), max(part.end for part in placed), parts[0].strand
    )
