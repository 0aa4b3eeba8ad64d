"""What a line of each text format holds."""

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
"""What a call is in GFF3 unless told otherwise: true of every motif (SO:0000110)."""

# Characters that column 1 and columns 2 to 9 may hold as they are: GFF3 specification 1.26,
# "Description of the Format".
_GFF3_SEQID = "".join(map(chr, (*range(48, 58), *range(65, 91), *range(97, 123)))) + ".:^*$@!+_?-|"
_GFF3_VALUE = "".join(chr(i) for i in range(32, 127) if chr(i) not in "%;=&,")
_SO_TYPE = re.compile(r"[A-Za-z0-9_]+(?::[0-9]+)?")


class Layout(NamedTuple):
    """How rows become lines; tails and finals are numbered output * 1001 + score.

    Attributes
    ----------
    tails : sequence of str
        What stands after the end.
    before : function from the contig's name to what stands before the start
    first : int
        Number of a contig's first base in the start column.
    numbers : function from rows to (n, k) int64, optional
        What follows the tail.
    finals : sequence of str
        What follows those numbers.
    """

    tails: Sequence[str]
    before: Callable[[str], str] = str
    first: int = 0
    numbers: Callable[[Rows], NDArray[np.int64]] | None = None
    finals: Sequence[str] = ()


def layout_of(form: TrackFormat, outputs: Sequence[Output], so_type: str | None = None) -> Layout:
    r"""Lines of a text format.

    Parameters
    ----------
    form : TrackFormat
        A text format that holds all outputs in one file.
    outputs : sequence of Output
    so_type : str, optional
        Of features in GFF3.

    Raises
    ------
    OptionError
        A type that GFF3 cannot hold, or one for another format.

    Examples
    --------
    >>> from dnabirnn.motif_classes import Output
    >>> layout_of(TrackFormat.BED, [Output("REP", "+")]).tails[981]
    'REP\t981\t+'
    """
    if so_type is not None and form is not TrackFormat.GFF3:
        raise OptionError(f"--so-type {so_type}: is for GFF3; end the name in .gff3")
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
    r"""Lines that a file of a text format begins with.

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
    assert rows.summit is not None  # the caller was told to find them
    return (rows.summit - rows.start)[:, np.newaxis]


def _gff3(outputs: Sequence[Output], so_type: str) -> Layout:
    if not _SO_TYPE.fullmatch(so_type):
        raise OptionError(
            f"--so-type {so_type}: is no term of the Sequence Ontology, such as repeat_region or "
            "SO:0000657"
        )
    tails = [
        f"{score / MAX_SCORE:.3f}\t{strand}\t.\tName={quote(name, safe=_GFF3_VALUE)}"
        for name, strand in outputs
        for score in _scores()
    ]

    def before(chrom: str) -> str:
        return f"{quote(chrom, safe=_GFF3_SEQID)}\tdnabirnn\t{so_type}"

    return Layout(tails, before, first=1)
