"""TRANSFAC's format, and files that look like it: JASPAR's, SwissRegulon's and STAMP's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnabirnn.errors import MotifError
from dnabirnn.motifs.matrix import MatrixEntry, base_columns, is_number, to_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.motifs.matrix import Row

__all__ = ["is_transfac", "read_transfac"]

_HEADER = r"^\s*P[0O](\s+[ACGTU]){4}\b"
_TAG = r"^\s*(?:(?:AC|ID|NA|DE|VV)\s|XX\s*$|//)"
_STAMP = r"^DE\s.*\n\s*0*[01]((?:\s+[\d.]\S*){4})\b"
"""STAMP's flavour: rows directly behind DE, without a header."""


def is_transfac(text: str) -> bool:
    """Return whether a text has matrices in TRANSFAC's format."""
    flags = re.MULTILINE | re.IGNORECASE
    tagged = re.search(_HEADER, text, flags) and re.search(_TAG, text, re.MULTILINE)
    return bool(tagged or re.search(_STAMP, text, re.MULTILINE))


class _Record:
    """Tags and matrix of a record."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.rows: list[Row] = []
        self.columns: list[int] | None = None
        self.open = False  # within the rows of the matrix
        self.last_row = -1

    def entry(self) -> MatrixEntry | None:
        """Return name, identifier and rows, such as MyoD and M00001; None if it has neither."""
        tags = self.tags
        identifier = tags.get("AC") or tags.get("ID") or tags.get("NA") or tags.get("DE") or ""
        name = tags.get("NA") or tags.get("ID") or tags.get("DE") or identifier
        if self.columns is None and not tags:
            return None
        return MatrixEntry(name, identifier, self.rows)


def read_transfac(text: str, source: str) -> list[MatrixEntry]:
    """Read the motifs of a text in TRANSFAC's format, in its order.

    Parameters
    ----------
    text : str
    source : str
        Name of the text, for errors.

    Raises
    ------
    MotifError
        If a matrix is damaged.
    """
    lines = text.split("\n")
    records = [_Record()]
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        tag, record, place = fields[0].upper(), records[-1], f"{source}, line {number}"
        # Some files have no // between records. DE may stand behind a matrix, but not with rows.
        rows_follow = tag == "DE" and _is_row((lines[number : number + 1] or [""])[0].split())
        if tag == "//" or (record.columns and (tag in ("AC", "ID", "NA") or rows_follow)):
            record = _Record()
            records.append(record)
        if tag in ("P0", "PO") and (columns := base_columns(fields)) is not None:
            if record.columns is not None:
                raise MotifError(
                    f"{place}: a second matrix in one record of TRANSFAC's format; put // and a "
                    "line ID with its name before it"
                )
            record.columns, record.open = columns, True
        elif fields[0].isdecimal() and (record.open or _is_row(fields)):
            _add_row(record, fields, place)
        elif tag == "XX" and record.open and not record.rows:
            continue
        else:
            record.open = False
            if tag in ("AC", "ID", "NA", "DE") and len(fields) > 1:
                # DE is a description, which STAMP begins with the name.
                value = fields[1] if tag == "DE" else " ".join(fields[1:])
                record.tags.setdefault(tag, value)
                if rows_follow:
                    record.columns, record.open = [1, 2, 3, 4], True
    return [entry for record in records if (entry := record.entry()) is not None]


def _is_row(fields: Sequence[str]) -> bool:
    return len(fields) >= 5 and fields[0].isdecimal() and all(map(is_number, fields[1:5]))


def _add_row(record: _Record, fields: Sequence[str], place: str) -> None:
    """Add a row: its number, four numbers, and perhaps the consensus, which is not used."""
    name = record.tags.get("ID") or record.tags.get("AC") or record.tags.get("NA") or ""
    motif = f"TRANSFAC motif {name!r}"
    if not record.open or record.columns is None:
        raise MotifError(
            f"{place}: {motif} has a row {fields[0][:9]} outside its matrix; put the row below the "
            "line P0 A C G T, or remove it"
        )
    position = int(fields[0][:9])
    wanted = {record.last_row + 1} if record.rows else {0, 1}
    if position not in wanted:
        raise MotifError(
            f"{place}: {motif} has row {fields[0][:9]} where row {max(wanted)} is expected; copy "
            "the missing rows from the original file, or number the rows again"
        )
    if len(fields) < 5:
        raise MotifError(
            f"{place}: row {position} of {motif} has {len(fields) - 1} numbers; it needs one for "
            "each of A, C, G and T"
        )
    numbers = [fields[column] for column in record.columns]
    record.rows.append(to_numbers(numbers, place, motif))
    record.last_row = position
