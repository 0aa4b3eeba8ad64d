"""Read BED with a chosen class column, narrowPeak, broadPeak and gappedPeak.

The peak formats are BED6 with three or four more columns, or BED12 with three more
(https://genome.ucsc.edu/FAQ/FAQformat.html#format12). They are 0-based and half-open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import polars as pl

from dnabirnn.files import lenient_text
from dnabirnn.intervals import check_empty, parse_bed
from dnabirnn.labels.formats.detect import LabelFormat
from dnabirnn.labels.formats.features import Features, Selection, no_column

__all__ = ["read_rows"]

_BED6 = ("chrom", "start", "end", "name", "score", "strand")
_BLOCKS = ("thickStart", "thickEnd", "itemRgb", "blockCount", "blockSizes", "blockStarts")
_PEAK = ("signalValue", "pValue", "qValue")
_COLUMNS = {
    LabelFormat.BED: (*_BED6, *_BLOCKS),
    LabelFormat.NARROW_PEAK: (*_BED6, *_PEAK, "peak"),
    LabelFormat.BROAD_PEAK: (*_BED6, *_PEAK),
    LabelFormat.GAPPED_PEAK: (*_BED6, *_BLOCKS, *_PEAK),
}
_PEAK_CLASS = "peak"
_ORDINALS = {4: "the fourth column"}


def read_rows(
    blocks: Iterable[bytes], source: str, selection: Selection, form: LabelFormat
) -> Features:
    r"""Read the intervals of BED or of a peak format.

    Parameters
    ----------
    blocks : iterable of bytes
        Blocks as yielded by `dnabirnn.files.read.read_blocks`.
    source : str
        Name of the file, for errors.
    selection : Selection
        Its column: a number from 1, a column name of the format, or a name from the header, which
        is the last `#` line before the first row. By default column 4 for BED. All peaks are of
        class `peak` by default.
    form : LabelFormat

    Returns
    -------
    features : Features

    Raises
    ------
    LabelError
        As for `dnabirnn.read_bed`, except for scores and strands, which are not checked here; many
        rows with a negative start; no row with a base; a row of a peak file with another number of
        columns, if a column is given; a column that does not exist.

    Examples
    --------
    >>> text = b"#chrom\tstart\tend\tid\tscore\tstrand\tfamily\nchr1\t10\t44\tr1\t0\t-\tREP\n"
    >>> read_rows([text], "in.bed", Selection("family"), LabelFormat.BED).frame["name"].item()
    'REP'
    """
    names = _COLUMNS[form]
    wanted = selection.class_column
    width = None if form is LabelFormat.BED else (form.value, len(names))
    blocks = iter(blocks)
    if wanted is None and width is not None:
        frame = parse_bed(
            blocks, source, selection.span, name_column=None, width=width, tolerant=True
        )
        check_empty(frame, source)
        return Features(frame.with_columns(name=pl.lit(_PEAK_CLASS)), "the file format")
    column = 4
    if wanted is not None:
        head = next(blocks, b"")
        column = _number(wanted, source, form, _header(head))
        blocks = chain([head], blocks)
    frame = parse_bed(
        blocks, source, selection.span, name_column=column - 1, width=width, tolerant=True
    )
    check_empty(frame, source)
    return Features(frame, _ORDINALS.get(column, f"column {column}"))


def _number(wanted: str, source: str, form: LabelFormat, header: Sequence[str]) -> int:
    """Return the number of a column, from 1."""
    names = _COLUMNS[form]
    if wanted.isascii() and wanted.isdigit() and 0 < int(wanted) < 1000:
        return int(wanted)
    for known in (header, names):
        if wanted in known:
            return known.index(wanted) + 1
    raise no_column(source, wanted, form.value, ", ".join(dict.fromkeys((*names, *header))))


def _header(head: bytes) -> list[str]:
    """Return column names from the last comment before the first row, if it has a tab."""
    header: list[str] = []
    for line in lenient_text(head).split("\n"):
        if line.startswith("#"):
            names = line.lstrip("#").strip().split("\t") if "\t" in line else []
            header = [name.strip() for name in names]
        elif line.strip():
            break
    return header
