"""Columns of a line in each text format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import numpy as np

from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.tracks.colours import item_colours
from dnabirnn.tracks.formats import TrackFormat
from dnabirnn.tracks.rows import CALL_COLUMNS, COLUMNS, NOTHING, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.tracks.rows import Rows

__all__ = ["SO_TYPE", "Layout", "columns_of", "header_of", "layout_of"]

SO_TYPE = "sequence_feature"
"""Default type of a call in GFF3. It is true of every motif (SO:0000110)."""

# Characters that need no %XX in column 1, and in columns 2 to 9: GFF3 specification 1.26,
# "Description of the Format".
_GFF3_SEQID = "".join(map(chr, (*range(48, 58), *range(65, 91), *range(97, 123)))) + ".:^*$@!+_?-|"
_GFF3_VALUE = "".join(chr(i) for i in range(32, 127) if chr(i) not in "%;=&,")
_BED9 = ("thickStart", "thickEnd", "itemRgb")
_NO_VALUES = "\t-1\t-1"
_SO_TYPE = re.compile(r"[A-Za-z0-9_]+(?::[0-9]+)?")


class Layout(NamedTuple):
    """Parts of a line, in the order in which they are written.

    A line is::

        before(chrom)  start  end  tail  [numbers ...]  final

    Tails and finals take few values, so they are made once for every output and score and looked up
    by number: tail ``output * 1001 + score`` belongs to a row of that output and that score.

    Attributes
    ----------
    tails : sequence of str
        Text after the end column.
    before : function
        Takes the contig's name and returns the text before the start column.
    first : int
        Number of a contig's first base in the start column.
    numbers : function, optional
        Takes rows and returns the numbers after the tail, (n, k) int64.
    finals : sequence of str
        Text after those numbers.
    whole : function, optional
        Takes rows and returns all text after the end column of each row, in place of the tail, the
        numbers and the final. For calls with further columns.
    """

    tails: Sequence[str]
    before: Callable[[str], str] = str
    first: int = 0
    numbers: Callable[[Rows], NDArray[np.int64]] | None = None
    finals: Sequence[str] = ()
    whole: Callable[[Rows], list[str]] | None = None


def layout_of(
    form: TrackFormat,
    outputs: Sequence[Output],
    so_type: str | None = None,
    columns: Sequence[str] = (),
) -> Layout:
    r"""Return the layout of a text format.

    Parameters
    ----------
    form : TrackFormat
        A text format that holds all outputs in one file.
    outputs : sequence of Output
    so_type : str, optional
        Type of the features in GFF3.
    columns : sequence of str
        Further columns of calls. Formats without room for them leave them out, see `columns_of`.

    Raises
    ------
    OptionError
        A type that GFF3 cannot hold, or a type for another format.

    Examples
    --------
    >>> from dnabirnn.motif_classes import Output
    >>> layout_of(TrackFormat.BED, [Output("REP", "+")]).tails[981]
    'REP\t981\t+'
    """
    if so_type is not None and form is not TrackFormat.GFF3:
        raise OptionError(f"--so-type {so_type}: applies to GFF3 only; end the name in .gff3")
    layout = _plain(form, outputs, so_type)
    further = columns_of(form, columns)
    return _with_columns(layout, form, further) if further else layout


def _plain(form: TrackFormat, outputs: Sequence[Output], so_type: str | None) -> Layout:
    """Return the layout without further columns."""
    if form is TrackFormat.GFF3:
        return _gff3(outputs, SO_TYPE if so_type is None else so_type)
    bed = [f"{name}\t{score}\t{strand}" for name, strand in outputs for score in _scores()]
    if form is TrackFormat.BED9:
        return Layout(bed, numbers=_thick, finals=_colours(outputs))
    if form is TrackFormat.NARROWPEAK:
        tails = [
            f"{name}\t{score}\t{strand}\t{score / MAX_SCORE:.3f}{_NO_VALUES}"
            for name, strand in outputs
            for score in _scores()
        ]
        return Layout(tails, numbers=_peak)
    assert form in (TrackFormat.BED, TrackFormat.TSV)
    return Layout(bed)


def columns_of(form: TrackFormat, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the further columns of calls that a format has.

    BED and BED9 have them only together with q-values, so that other calls stay as tools expect
    them. narrowPeak has room for q-values only.

    Examples
    --------
    >>> columns_of(TrackFormat.BED, ["evidence"]), columns_of(TrackFormat.TSV, ["evidence"])
    ((), ('evidence',))
    """
    chosen = tuple(name for name in CALL_COLUMNS if name in columns)
    if form is TrackFormat.NARROWPEAK:
        return chosen if "qvalue" in chosen else ()
    if form in (TrackFormat.BED, TrackFormat.BED9) and "qvalue" not in chosen:
        return ()
    return chosen


def header_of(form: TrackFormat, columns: Sequence[str] = ()) -> str:
    r"""Return the lines that a file of a text format begins with.

    Examples
    --------
    >>> header_of(TrackFormat.GFF3), header_of(TrackFormat.BED)
    ('##gff-version 3\n', '')
    """
    further = columns_of(form, columns)
    names = "\t".join((*COLUMNS, *(_BED9 if form is TrackFormat.BED9 else ()), *further))
    if form is TrackFormat.GFF3:
        return "##gff-version 3\n"
    if form is TrackFormat.TSV:
        return f"{names}\n"
    return f"#{names}\n" if form in (TrackFormat.BED, TrackFormat.BED9) and further else ""


def _with_columns(layout: Layout, form: TrackFormat, columns: Sequence[str]) -> Layout:
    """Return a layout with further columns."""

    def whole(rows: Rows) -> list[str]:
        tail = rows.output.astype(np.int64) * (MAX_SCORE + 1) + rows.score
        parts = [[layout.tails[number] for number in tail.tolist()]]
        if form is TrackFormat.NARROWPEAK:
            parts = [[text.removesuffix(_NO_VALUES) for text in parts[0]]]
            parts += [_minus_log10(values) for values in _significance(rows)]
        if layout.numbers is not None:
            parts += [list(map(str, column)) for column in layout.numbers(rows).T.tolist()]
        if layout.finals:
            parts += [[layout.finals[number].removeprefix("\t") for number in tail.tolist()]]
        if form is TrackFormat.GFF3:
            texts = [_attributes(rows, name) for name in columns]
            return list(map("".join, zip(*parts, *texts, strict=True)))
        if form is not TrackFormat.NARROWPEAK:
            parts += [texts_of(rows, name) for name in columns]
        return list(map("\t".join, zip(*parts, strict=True)))

    return layout._replace(whole=whole)


def _attributes(rows: Rows, name: str) -> list[str]:
    """Return a column as attributes of GFF3; empty ones are left out."""
    # In GFF3, names of attributes that begin with a capital have a fixed meaning.
    key = "Note" if name == "note" else name
    missing = ("0", NOTHING) if name in ("period", "copies", "note") else ()
    return ["" if text in missing else f";{key}={text}" for text in texts_of(rows, name)]


def _significance(rows: Rows) -> list[NDArray[np.float64]]:
    """Return p-values and q-values.

    The p-value of a call is the probability of one call or more of its evidence by chance, given
    the expected number E: 1 - exp(-E).
    """
    assert rows.extra is not None
    return [-np.expm1(-rows.extra["evalue"]), rows.extra["qvalue"]]


def _minus_log10(values: NDArray[np.float64]) -> list[str]:
    return [f"{value + 0:.5f}" for value in (-np.log10(values)).tolist()]


def _scores() -> range:
    return range(MAX_SCORE + 1)


def _colours(outputs: Sequence[Output]) -> list[str]:
    colours = item_colours(output.class_name for output in outputs)
    return [f"\t{colours[output.class_name]}" for output in outputs for _ in _scores()]


def _thick(rows: Rows) -> NDArray[np.int64]:
    return np.stack([rows.start, rows.end], axis=1)


def _peak(rows: Rows) -> NDArray[np.int64]:
    assert rows.summit is not None  # `Target.summits` made the caller find them
    return (rows.summit - rows.start)[:, np.newaxis]


def _gff3(outputs: Sequence[Output], so_type: str) -> Layout:
    if not _SO_TYPE.fullmatch(so_type):
        raise OptionError(
            f"--so-type {so_type}: not a term of the Sequence Ontology; give one such as "
            "repeat_region or SO:0000657"
        )
    tails = [
        f"{score / MAX_SCORE:.3f}\t{strand}\t.\tName={quote(name, safe=_GFF3_VALUE)}"
        for name, strand in outputs
        for score in _scores()
    ]

    def before(chrom: str) -> str:
        return f"{quote(chrom, safe=_GFF3_SEQID)}\tdnabirnn\t{so_type}"

    return Layout(tails, before, first=1)
