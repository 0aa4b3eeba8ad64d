"""Matrices below a line with their name: JASPAR, HOMER, HOCOMOCO, CIS-BP, UniPROBE and others.

These formats differ in what a row is. In JASPAR, a row is a base; in HOMER and HOCOMOCO, a row is a
position. Letters settle it: A, C, G and T before the rows, or in a header above the columns.
Otherwise the shape does, and for four rows of four numbers the header of HOMER, the sums, or the
other motifs of the file. What stays ambiguous is an error.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from dnabirnn.errors import MotifError
from dnabirnn.motifs.matrix import (
    ALPHABETS,
    MatrixEntry,
    base_columns,
    is_count,
    is_number,
    is_ruler,
    split_row,
    to_numbers,
)
from dnabirnn.names import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnabirnn.motifs.matrix import Row

__all__ = ["read_plain"]

logger = logging.getLogger(__name__)

_EVEN = 0.02
"""Largest relative difference of sums that count as equal. JASPAR's columns differ by up to 1 %,
because of rounding."""
_VERY_UNEVEN = 0.2

_LETTERED = re.compile(r"([ACGTU])(?:\s*[:|\[,;=]\s*|\s+(?=[-+.\d]))(.*)", re.IGNORECASE)
"""Row of a base: "A [ 1 2 ]", "A: 1 2", "A | 1 2", "A = 1 2" or "A 1 2"."""
_CONSENSUS = re.compile(r"([NRYSWKMBDHV])\s+((?:[-+.\d]\S*\s*){4})", re.IGNORECASE)
"""Row of a position behind its letter of consensus, as in the motifs of ENCODE."""
_KEY = re.compile(
    r"(?:^|(?<=\t))(TF Name|Name|Protein|Gene|Motif|TF)(?:\s*:\s*|\s+)([^\t]*\S)", re.IGNORECASE
)
"""CIS-BP and UniPROBE name a motif by keys, several to a line."""
_NAME_KEYS = ("tf name", "name", "protein", "motif", "tf", "gene")
_TITLE = re.compile(r".*\bmatrix\b.*", re.IGNORECASE)
_OTHER_MATRIX = re.compile(r"energy|score|scoring|weight|odds|reverse|information", re.IGNORECASE)
"""UniPROBE writes several matrices of a motif below titles; only shares and counts are of use."""


class _Reading(Enum):
    """What a row of a matrix is."""

    BASES = "bases"
    POSITIONS = "positions"


@dataclass
class _Block:
    """Lines of one matrix, and the lines above it that name it."""

    heads: list[str]
    line: int
    marked: bool = False  # the name stands behind ">"
    title: str = ""
    letters: list[str] = field(default_factory=list)
    bare: bool = False  # only white space stands behind letters
    columns: list[int] | None = None
    header_width: int = 0
    first: int | None = None  # number of the first row below the header
    rows: list[Row] = field(default_factory=list)
    parts: list[int] = field(default_factory=lambda: [0])  # rows between blank lines
    closed: bool = False

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.parts[-1] += 1

    def names(self) -> tuple[str, str]:
        """Return name and identifier; empty if there is none."""
        keys = {
            found[1].lower(): found[2]
            for head in self.heads
            if not self.marked
            for found in _KEY.finditer(head)
        }
        for key in _NAME_KEYS:
            if key in keys:
                return keys[key].split(",")[0], keys.get("motif", keys[key])
        if not self.heads:
            return "", ""
        head = self.heads[0] if self.marked else self.heads[-1]
        if (homer := _homer_fields(head)) is not None:
            # HOMER's name goes on with ",BestGuess:..."; classes are separated by commas.
            return homer[1].split(",")[0] or homer[0], homer[1] or homer[0]
        fields = [text.strip() for text in head.split("\t")]
        if not self.marked or len(fields) > 2:
            name = fields[0].split()[0] if fields[0] else ""
            return name, name
        identifier, *rest = head.split(None, 1) or [""]
        return " ".join(rest) or identifier, identifier

    @property
    def label(self) -> str:
        """How errors name the motif."""
        name = self.names()[0]
        return f"motif {printable(name)!r}" if name else f"the motif at line {self.line}"


def _homer_fields(head: str) -> list[str] | None:
    r"""Split HOMER's header into consensus, name, threshold and the rest; None if it is another.

    Examples
    --------
    >>> _homer_fields("AGATAA\t1-AGATAA\t6.2"), _homer_fields("MA0139.1\tCTCF")
    (['AGATAA', '1-AGATAA', '6.2'], None)
    """
    fields = [text.strip() for text in head.split("\t")] if "\t" in head else head.split()
    if len(fields) < 3 or not is_number(fields[2]):
        return None
    return fields if re.fullmatch(r"[ACGTUNRYSWKMBDHV\-\[\]]*", fields[0].upper()) else None


def read_plain(text: str, source: str) -> list[MatrixEntry] | None:
    """Read the motifs of a text of names and matrices, in its order.

    Parameters
    ----------
    text : str
    source : str
        Name of the text, for errors.

    Returns
    -------
    motifs : list of MatrixEntry, optional
        None if the text has neither a matrix nor a name behind ">".

    Raises
    ------
    MotifError
        If a matrix is damaged, or it is not clear what its rows are.
    """
    blocks = _kept(_blocks(text, source), source)
    if not any(block.marked or block.columns or block.rows for block in blocks):
        return None
    readings = [_by_shape(block, source) for block in blocks]
    known = {
        reading
        for block, reading in zip(blocks, readings, strict=True)
        if reading is not None and block.rows
    }
    entries, uneven = [], []
    for block, shape in zip(blocks, readings, strict=True):
        reading = shape or _by_sums(block, known, source)
        rows = block.rows
        if reading is _Reading.BASES:
            rows = _in_order(block)
        elif _is_doubtful(block):
            uneven.append(block.names()[0])
        name, identifier = block.names()
        if not name and name in uneven:
            raise MotifError(
                f"{source}, line {block.line}: rows of 4 numbers whose sums differ, without a "
                "name; give motifs, or put a line >NAME and a line 'A C G T' above the rows"
            )
        entries.append(MatrixEntry(name, identifier, rows))
    _warn_of_widths(blocks, source)
    if uneven:
        logger.warning(
            "%s: in %d of %d motifs, rows of 4 numbers are read as positions (A, C, G, T), but "
            "their sums differ by more than %d %%: %s; if rows are bases, there must be 4 of them",
            source,
            len(uneven),
            len(blocks),
            100 * _VERY_UNEVEN,
            shortened([printable(name) for name in uneven]),
        )
    return entries


def _blocks(text: str, source: str) -> list[_Block]:
    """Cut a text into matrices."""
    blocks = [_Block([], 1)]
    for number, line in enumerate(text.replace('"', "").split("\n"), 1):
        block, stripped = blocks[-1], line.strip()
        place = f"{source}, line {number}"
        if stripped.startswith(">"):
            blocks.append(_Block([stripped[1:].strip()], number, marked=True))
            continue
        comment = stripped.startswith(("#", ";"))
        stripped = stripped.lstrip("#; \t") if comment else stripped
        fields = split_row(stripped)
        if not stripped or stripped in ("//", "XX") or not re.search(r"\w", stripped):
            if stripped in ("//", "XX"):
                block.closed = bool(block.rows)
            elif block.rows and block.parts[-1]:
                block.parts.append(0)
        elif (columns := base_columns(fields)) is not None:
            if block.rows or block.columns:
                blocks.append(block := _Block([], number))
            block.columns, block.header_width = columns, len(fields)
        elif comment:
            if _KEY.match(stripped):
                _add_head(blocks, stripped, number, source)
        elif (lettered := _LETTERED.match(stripped)) and not block.columns:
            letter = lettered[1].upper()
            row = to_numbers(split_row(lettered[2]), place, block.label)
            if not block.letters and is_count(block.rows, len(row)):
                block.rows, block.parts = [], [0]
            again = letter in block.letters
            consensus = again and block.marked and block.parts[-1] and len(row) == len(ALPHABETS[0])
            other = (again and not consensus) or (block.rows and not block.letters)
            if block.closed or other:
                blocks.append(block := _Block([], number))
            _check_length(block, row, place)
            block.letters.append(letter)
            block.bare |= stripped[1:2].isspace() and not re.match(r"\s*[:|\[,;=]", stripped[1:])
            block.add(row)
        elif block.marked and not block.columns and (found := _CONSENSUS.fullmatch(stripped)):
            block.letters.append(found[1].upper())
            block.add(to_numbers(found[2].split(), place, block.label))
        elif is_ruler(fields):
            continue
        elif block.columns and not block.closed and _is_under_header(block, fields):
            block.add(_under_header(block, fields, place))
        elif all(map(is_number, fields)) or _is_damaged(block, fields):
            if block.closed or block.letters:
                blocks.append(block := _Block([], number))
            row = to_numbers(fields, place, block.label)
            _check_length(block, row, place)
            block.add(row)
        else:
            _add_head(blocks, stripped, number, source)
    return blocks


def _is_under_header(block: _Block, fields: Sequence[str]) -> bool:
    """Return whether a line below a header of letters is a row, perhaps a damaged one."""
    numbers = sum(map(is_number, fields))
    return numbers >= 4 or (numbers > 0 and (block.parts[-1] > 0 or not block.rows))


def _is_damaged(block: _Block, fields: Sequence[str]) -> bool:
    """Return whether a line is a damaged row: below another, or with numbers below a name."""
    numbers = sum(map(is_number, fields))
    if block.rows and block.parts[-1] and not block.letters:
        return numbers > 0 and (len(fields) == len(block.rows[0]) or 2 * numbers >= len(fields))
    commas = sum(re.fullmatch(r"[-+]?\d+,\d+", text) is not None for text in fields)
    return commas > 1 or (block.marked and not block.closed and 2 * numbers > len(fields) > 1)


def _check_length(block: _Block, row: Row, place: str) -> None:
    if not row or (block.rows and len(row) != len(block.rows[0])):
        before = f", but the row before has {len(block.rows[0])}" if block.rows else ""
        raise MotifError(
            f"{place}: a row of {block.label} has {len(row)} numbers{before}; all rows of a matrix "
            "need the same number, so copy the row from the original file"
        )


def _under_header(block: _Block, fields: Sequence[str], place: str) -> Row:
    """Numbers of a row below a header of letters; positions and consensus are not used."""
    columns = block.columns or []
    extra = len(fields) - block.header_width
    shift = 0
    # R's write.table has names of rows, but none above them.
    named = not is_number(fields[0]) or fields[0] in ("0", "1") or block.first is not None
    if extra == 1 and min(columns) == 0 and named:
        shift = 1
    elif extra > 0 and any(map(is_number, fields[block.header_width :])):
        raise MotifError(
            f"{place}: {block.label} has {len(fields)} columns below a header of "
            f"{block.header_width}; give each column a name"
        )
    if max(columns) + shift >= len(fields):
        raise MotifError(
            f"{place}: a row of {block.label} has {len(fields)} columns, and its header has "
            f"{block.header_width}; copy the row from the original file"
        )
    if (label := min(columns) + shift) and fields[label - 1].isdecimal():
        position = int(fields[label - 1][:9])
        block.first = position if block.first is None else block.first
        if block.first > 1 or position != block.first + len(block.rows):
            raise MotifError(
                f"{place}: {block.label} has row {position} where row "
                f"{len(block.rows) + min(block.first, 1)} is expected; copy the missing rows from "
                "the original file, or number the rows again"
            )
    return to_numbers([fields[column + shift] for column in columns], place, block.label)


def _add_head(blocks: list[_Block], text: str, number: int, source: str) -> None:
    """Add a line that is neither a row nor a comment: it names the next matrix."""
    block = blocks[-1]
    if _TITLE.fullmatch(text) and not block.marked:
        if block.rows:
            blocks.append(block := _Block([], number))
        block.title = text
    elif block.rows or block.columns:
        blocks.append(_Block([text], number))
    elif block.marked:
        if re.fullmatch(r"[A-Za-z*.-]{3,}", text):
            raise MotifError(
                f"{source}, line {number}: letters, where {block.label} needs the numbers of its "
                "matrix; give a matrix, and not sequences or aligned sites (FASTA)"
            )
        block.heads.append(text)
    else:
        block.heads.append(text)
        block.line = number if len(block.heads) == 1 else block.line


def _kept(blocks: Sequence[_Block], source: str) -> list[_Block]:
    """Leave out lines without a matrix, and matrices that hold no counts; check the others."""
    kept: list[_Block] = []
    heads: list[str] = []
    left_out = ""
    for block in blocks:
        if block.title:
            block.heads = block.heads or heads
            heads = block.heads
        else:
            heads = []
        if block.rows and _OTHER_MATRIX.search(block.title):
            left_out = left_out or block.title
        elif block.marked or block.columns or block.rows:
            kept.append(block)
    if not kept and left_out:
        raise MotifError(
            f"{source}: the only matrix is {printable(left_out)!r}; give counts or probabilities"
        )
    for block in kept:
        _check_parts(block, source)
    return kept


def _check_parts(block: _Block, source: str) -> None:
    """Raise if the rows of a block are those of several matrices, or lack a base."""
    parts = [part for part in block.parts if part]
    if len(parts) > 1 and max(parts) > 1:
        raise MotifError(
            f"{source}, line {block.line}: {block.label} has {len(parts)} matrices with a blank "
            "line between; put a line >NAME above each"
        )
    if block.letters and not _has_bases(block) and not _has_consensus(block):
        raise MotifError(
            f"{source}, line {block.line}: {block.label} has rows for {', '.join(block.letters)}; "
            "it needs one for each of A, C, G and T"
        )


def _in_order(block: _Block) -> list[Row]:
    """Return the positions of a matrix whose rows are bases."""
    letters = block.letters or list(ALPHABETS[0])
    return list(zip(*(block.rows[letters.index(base)] for base in sorted(letters)), strict=True))


def _has_bases(block: _Block) -> bool:
    """Return whether the letters before the rows are A, C, G and T, each once."""
    return "".join(sorted(block.letters)) in ALPHABETS


def _has_consensus(block: _Block) -> bool:
    """Return whether rows are positions: 4 numbers each, with equal sums."""
    lengths = {len(row) for row in block.rows}
    return lengths == {len(ALPHABETS[0])} and _even(map(sum, block.rows))


def _homer(block: _Block) -> bool:
    return block.marked and _homer_fields(block.heads[0]) is not None


def _by_shape(block: _Block, source: str) -> _Reading | None:
    """What the rows are, by letters or shape; None for four rows of four numbers.

    A column that numbers the positions is taken out of the rows.
    """
    rows = block.rows
    if block.columns or not rows:
        return _Reading.POSITIONS
    if block.letters and not _has_bases(block):
        return _Reading.POSITIONS
    if block.letters:
        if block.bare and _has_consensus(block) and _in_order(block) != rows:
            raise MotifError(
                f"{source}, line {block.line}: {block.label}: the letters before its 4 rows may be "
                "bases or a consensus; write A [ 1 2 3 4 ] if they are bases, or put a line "
                "'A C G T' above the rows if they are a consensus"
            )
        return _Reading.BASES
    width = len(rows[0])
    if width == 5 and (len(rows) == 4 or _is_numbered(rows)):
        rest = [row[1:] for row in rows]
        even_columns = _even(_column_sums(rows))
        if _is_numbered(rows) and (len(rows) != 4 or (_even(map(sum, rest)) and not even_columns)):
            block.rows = rest
            return _Reading.POSITIONS
        if not even_columns and (_is_numbered(rows) or _even(map(sum, rest))):
            raise _ambiguous(block, source, "the first of 5 numbers may be the position")
    if len(rows) == 4:
        return None if width == 4 else _Reading.BASES
    if width == 4:
        return _Reading.POSITIONS
    looks = ", which look like dinucleotides" if width == 16 else ""
    raise MotifError(
        f"{source}, line {block.line}: {block.label} has {len(rows)} rows of {width} "
        f"numbers{looks}; a matrix has 4 rows (JASPAR: A, C, G, T) or rows of 4 numbers (HOMER, "
        "HOCOMOCO)"
    )


def _by_sums(block: _Block, known: set[_Reading], source: str) -> _Reading:
    """What four rows of four numbers are: by HOMER's header, sums, and the file's other motifs."""
    rows = block.rows
    if rows == list(zip(*rows, strict=True)) or min(map(min, rows)) < 0:
        return _Reading.POSITIONS  # both readings are the same, or weights, which are refused later
    even = {
        reading
        for reading, sums in (
            (_Reading.POSITIONS, map(sum, rows)),
            (_Reading.BASES, _column_sums(rows)),
        )
        if _even(sums)
    }
    hint = {_Reading.POSITIONS} if _homer(block) else known
    if len(even) == 1 and (len(hint) != 1 or even == hint):
        return even.pop()
    if len(even) != 1 and len(hint) == 1:
        return next(iter(hint))
    why = (
        "its header or the other motifs suggest one, and its sums the other"
        if len(even) == 1
        else "the sums of rows and of columns do not show which"
    )
    raise _ambiguous(block, source, why)


def _ambiguous(block: _Block, source: str, why: str) -> MotifError:
    return MotifError(
        f"{source}, line {block.line}: {block.label}: its 4 rows may be the bases A, C, G, T "
        f"(JASPAR) or 4 positions (HOMER, HOCOMOCO): {why}; begin the rows with A, C, G and T, or "
        "put a line 'A C G T' above them"
    )


def _warn_of_widths(blocks: Sequence[_Block], source: str) -> None:
    """Log a warning for HOMER's motifs that have more or fewer rows than letters of consensus."""
    wrong = []
    for block in blocks:
        fields = _homer_fields(block.heads[0]) if block.marked and block.rows else None
        if fields and fields[0].isalpha() and not block.letters:
            width = len(block.rows) if len(block.rows[0]) == 4 else len(block.rows[0])
            if width != len(fields[0]):
                wrong.append(printable(block.names()[0]))
    if wrong:
        logger.warning(
            "%s: %d of %d motifs have not as many positions as HOMER's consensus has letters: %s; "
            "check that no row is missing",
            source,
            len(wrong),
            len(blocks),
            shortened(wrong),
        )


def _is_doubtful(block: _Block) -> bool:
    """Return whether only the shape shows that rows are positions, and their sums do not."""
    if not block.rows or block.columns or _homer(block) or min(map(min, block.rows)) < 0:
        return False
    return not _even(map(sum, block.rows), _VERY_UNEVEN)


def _is_numbered(rows: Sequence[Row]) -> bool:
    first = [row[0] for row in rows]
    return first in ([*range(len(rows))], [*range(1, len(rows) + 1)])


def _column_sums(rows: Sequence[Row]) -> Iterable[float]:
    return map(sum, zip(*rows, strict=True))


def _even(sums: Iterable[float], most: float = _EVEN) -> bool:
    """Return whether sums are equal, but for rounding.

    Examples
    --------
    >>> _even([1, 0.999, 1.001]), _even([20, 24])
    (True, False)
    """
    listed = list(sums)
    return max(listed) - min(listed) <= most * max(listed)
