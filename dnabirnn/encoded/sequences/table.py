"""Sequences and their labels from a table: CSV or TSV with a header.

Columns are found by name: `sequence` and `label`, and where they exist `split` and `name`. Others
are ignored. A label is the name of a class; one label stands for negatives.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import encode
from dnabirnn.encoded.sequences.labelled import LabelledSequence, place_of
from dnabirnn.encoded.splits import SPLITS
from dnabirnn.errors import LabelError, OptionError
from dnabirnn.files import file_name, is_address, read_blocks, text_lines
from dnabirnn.names import is_printable

if TYPE_CHECKING:
    from dnabirnn.files import PathLike

__all__ = ["read_table", "split_of_file"]

_SPLIT_NAMES = dict.fromkeys(("val", "valid", "validation", "dev"), "val") | {
    "train": "train",
    "test": "test",
}
_ENDINGS = (".gz", ".csv", ".tsv", ".txt")


def split_of_file(given: str) -> tuple[str | None, str]:
    """Return the split and the path of `--sequence-labels [SPLIT=]FILE`.

    Examples
    --------
    >>> split_of_file("dev=a.csv"), split_of_file("a.csv")
    (('val', 'a.csv'), (None, 'a.csv'))
    """
    name, equals, path = given.partition("=")
    if not equals or is_address(given) or os.path.exists(given):
        return None, given
    if name not in _SPLIT_NAMES:
        raise OptionError(
            f"--sequence-labels {given}: {name!r} is not a split; give train=, val= or test="
        )
    return _SPLIT_NAMES[name], path


def read_table(
    path: PathLike,
    split: str | None = None,
    *,
    negative: str = "0",
    class_name: str | None = None,
    hard_mask: bool = False,
    digests: dict[str, str] | None = None,
) -> Iterator[LabelledSequence]:
    """Yield the sequences of a table.

    Parameters
    ----------
    path : str or PathLike
        CSV or TSV, plain or gzip, with a header.
    split : str, optional
        Split of all sequences; by default as in the column `split`.
    negative : str
        Label of negatives.
    class_name : str, optional
        Class of all labels except for that of negatives; by default each label is a class.
    hard_mask : bool
        Read lower case as N.
    digests : dict, optional
        As in `read_fasta`.

    Raises
    ------
    LabelError
        A file that cannot be read; a row without a sequence or label, with a letter that is not a
        nucleotide, or with an unknown split.
    """
    source = str(path)
    lines = text_lines(read_blocks(path, LabelError, digests), source, LabelError, "a CSV table")
    head = next(lines, "")
    delimiter = "\t" if "\t" in head else ","
    names = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
    for needed in ("sequence", "label"):
        if needed not in names:
            raise LabelError(
                f"{source}, line 1: no column {needed!r}; the first line must name the columns, "
                "such as sequence,label"
            )
    stem = _stem(source)
    for number, row in enumerate(_rows(lines, delimiter, source), 2):
        if not row:
            continue
        if len(row) != len(names):
            raise LabelError(
                f"{source}, line {number}: {len(row)} columns, but the header has {len(names)}; "
                "correct the row"
            )
        fields = dict(zip(names, (cell.strip() for cell in row), strict=True))
        found = _Row(fields, f"{source}, line {number}", f"{stem}:{number - 1}")
        yield found.of(split, negative, class_name, hard_mask)


def _rows(lines: Iterator[str], delimiter: str, source: str) -> Iterator[list[str]]:
    """Yield the rows of a table."""
    rows = csv.reader(lines, delimiter=delimiter)
    try:
        yield from rows
    except csv.Error as cause:
        raise LabelError(
            f"{source}, line {rows.line_num + 1}: {cause}; correct the row, or give long sequences "
            "as FASTA with --positives"
        ) from cause


class _Row:
    """A row of a table, checked."""

    def __init__(self, fields: dict[str, str], place: str, name: str) -> None:
        self.text, self.label, self.place = fields["sequence"], fields["label"], place
        self.split = fields.get("split", "")
        self.name = fields.get("name", "") or name
        if not self.text or not self.label:
            raise LabelError(f"{place}: no sequence, or no label; correct or remove the row")
        if not is_printable(self.name) or self.name.startswith("#"):
            raise LabelError(
                f"{place}: name {self.name!r} begins with '#', or cannot be printed; rename it"
            )
        try:
            self.codes = encode(self.text)
        except ValueError as cause:
            raise LabelError(f"{place}: sequence: {cause}") from cause

    def of(
        self, split: str | None, negative: str, class_name: str | None, hard_mask: bool
    ) -> LabelledSequence:
        """Return the sequence; parameters as for `read_table`."""
        if split is None and self.split:
            split = _SPLIT_NAMES.get(self.split.lower())
            if split is None:
                raise LabelError(f"{self.place}: split {self.split!r}; write {', '.join(SPLITS)}")
        lower = np.frombuffer(self.text.encode("ascii"), np.uint8) >= ord("a")
        codes = np.where(lower, np.uint8(4), self.codes) if hard_mask else self.codes
        own = () if self.label == negative else (class_name or self.label,)
        return LabelledSequence(self.name, codes, lower, frozenset(own), split, place_of(self.name))


def _stem(source: str) -> str:
    """Return the name of a file without its endings."""
    name = file_name(source)
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name or "sequence"
