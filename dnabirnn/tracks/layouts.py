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
from dnabirnn.tracks.rows import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.tracks.rows import Rows

__all__ = ["SO_TYPE", "Layout", "header_of", "layout_of"]

SO_TYPE = "sequence_feature"
"""Default type of a call in GFF3. It is true of every motif (SO:0000110)."""

# Characters that need no %XX in column 1, and in columns 2 to 9: GFF3 specification 1.26,
# "Description of the Format".
_GFF3_SEQID = "".join(map(chr, (*range(48, 58), *range(65, 91), *range(97, 123)))) + ".:^*$@!+_?-|"
_GFF3_VALUE = "".join(chr(i) for i in range(32, 127) if chr(i) not in "%;=&,")
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
    """

    tails: Sequence[str]
    before: Callable[[str], str] = str
    first: int = 0
    numbers: Callable[[Rows], NDArray[np.int64]] | None = None
    finals: Sequence[str] = ()


def layout_of(form: TrackFormat, outputs: Sequence[Output], so_type: str | None = None) -> Layout:
    r"""Return the layout of a text format.

    Parameters
    ----------
    form : TrackFormat
        A text format that holds all outputs in one file.
    outputs : sequence of Output
    so_type : str, optional
        Type of the features in GFF3.

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
    if form is TrackFormat.GFF3:
        return _gff3(outputs, SO_TYPE if so_type is None else so_type)
    bed = [f"{name}\t{score}\t{strand}" for name, strand in outputs for score in _scores()]
    if form is TrackFormat.BED9:
        return Layout(bed, numbers=_thick, finals=_colours(outputs))
    if form is TrackFormat.NARROWPEAK:
        tails = [
            f"{name}\t{score}\t{strand}\t{score / MAX_SCORE:.3f}\t-1\t-1"
            for name, strand in outputs
            for score in _scores()
        ]
        return Layout(tails, numbers=_peak)
    assert form in (TrackFormat.BED, TrackFormat.TSV)
    return Layout(bed)


def header_of(form: TrackFormat) -> str:
    r"""Return the lines that a file of a text format begins with.

    Examples
    --------
    >>> header_of(TrackFormat.GFF3), header_of(TrackFormat.BED)
    ('##gff-version 3\n', '')
    """
    return {
        TrackFormat.GFF3: "##gff-version 3\n",
        TrackFormat.TSV: "\t".join(COLUMNS) + "\n",
    }.get(form, "")


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
