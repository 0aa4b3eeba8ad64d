"""Formats of tracks and calls: their names, the endings that tell them, what each can hold."""

from __future__ import annotations

import os
import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from dnabirnn.errors import OutputError
from dnabirnn.files import is_compressed, is_stream

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import Output

__all__ = ["FORMAT_NAMES", "TrackFormat", "Traits", "endings", "track_format", "track_path"]


class Traits(NamedTuple):
    """What a format is like.

    Attributes
    ----------
    title : str
        Its name in prose.
    endings : tuple of str
        Ends of names that tell it, in lower case, the usual one first; none if it must be named.
    scores, calls : bool
        Whether it holds per-base scores, and whether calls.
    split : bool
        A file holds one output, so a track is a file an output.
    binary : bool
        It is compressed and indexed in itself; no bgzip, no tabix.
    """

    title: str
    endings: tuple[str, ...]
    scores: bool = True
    calls: bool = True
    split: bool = False
    binary: bool = False


class TrackFormat(Enum):
    """What a track or calls are written as; the value is what `--format` takes."""

    BED = "bed"
    BED9 = "bed9"
    BEDGRAPH = "bedgraph"
    BIGWIG = "bigwig"
    BIGBED = "bigbed"
    GFF3 = "gff3"
    NARROWPEAK = "narrowpeak"
    TSV = "tsv"
    PARQUET = "parquet"

    @property
    def traits(self) -> Traits:
        """What the format is like."""
        return _TRAITS[self]


_TRAITS = {
    TrackFormat.BED: Traits("BED", (".bed",)),
    TrackFormat.BED9: Traits("BED9", (".bed9",)),
    TrackFormat.BEDGRAPH: Traits("bedGraph", (".bedgraph", ".bg"), calls=False, split=True),
    TrackFormat.BIGWIG: Traits("bigWig", (".bw", ".bigwig"), calls=False, split=True, binary=True),
    TrackFormat.BIGBED: Traits("bigBed", (".bb", ".bigbed"), binary=True),
    TrackFormat.GFF3: Traits("GFF3", (".gff3", ".gff"), scores=False),
    TrackFormat.NARROWPEAK: Traits("narrowPeak", (".narrowpeak",), scores=False),
    TrackFormat.TSV: Traits("TSV", (".tsv",)),
    TrackFormat.PARQUET: Traits("Parquet", (".parquet",), binary=True),
}
assert list(_TRAITS) == list(TrackFormat)

FORMAT_NAMES = tuple(form.value for form in TrackFormat)
"""What `--format` takes."""

_BY_ENDING = {ending: form for form, traits in _TRAITS.items() for ending in traits.endings}
_ENDING = re.compile(
    rf"({'|'.join(map(re.escape, sorted(_BY_ENDING, key=len, reverse=True)))})(?:\.b?gz)?$",
    re.IGNORECASE,
)


def endings(*, calls: bool = False, binary: bool = True) -> str:
    """Endings of names that are known, for help and messages.

    Parameters
    ----------
    calls : bool
        Those of calls, not of scores.
    binary : bool
        Those of binary formats too.

    Examples
    --------
    >>> endings(calls=True, binary=False)
    '.bed, .bed9, .gff3, .narrowpeak or .tsv'
    """
    first = [
        traits.endings[0]
        for traits in _TRAITS.values()
        if (traits.calls if calls else traits.scores)
        and traits.endings
        and (binary or not traits.binary)
    ]
    return f"{', '.join(first[:-1])} or {first[-1]}"


def track_format(path: PathLike, given: str | None = None, *, calls: bool = False) -> TrackFormat:
    """Format of a track or of calls, from the end of the name unless it is given.

    Parameters
    ----------
    path : path
        "-" and what else is no regular file is BED, unless a format is given.
    given : str, optional
        Value of a `TrackFormat`.
    calls : bool
        The file is to hold calls, not scores.

    Raises
    ------
    OutputError
        An ending that says nothing; a format that does not hold these; a binary format under a
        name that asks for compression.

    Examples
    --------
    >>> track_format("scores.bg.gz").value, track_format("-").value
    ('bedgraph', 'bed')
    >>> track_format("calls.txt", "gff3", calls=True).value
    'gff3'
    """
    name = os.fspath(path)
    found = _ENDING.search(name)
    if given is not None:
        form = TrackFormat(given)
    elif is_stream(path):
        form = TrackFormat.BED
    elif found:
        form = _BY_ENDING[found[1].lower()]
    elif os.path.isdir(name):
        raise OutputError(f"{name}: a folder; give the name of a file")
    else:
        raise OutputError(
            f"{name}: no known format; end the name in {endings(calls=calls)}, each text with .gz "
            "or .bgz if it is to be compressed, or name the format with --format"
        )
    title = form.traits.title
    if not (form.traits.calls if calls else form.traits.scores):
        what, other = ("calls", "scores") if calls else ("scores", "calls")
        raise OutputError(
            f"{name}: {title} holds {other}, and these are {what}; end the name in "
            f"{endings(calls=calls)}"
        )
    if form.traits.binary and is_compressed(path):
        raise OutputError(f"{name}: {title} is compressed in itself; leave the last ending out")
    return form


def track_path(path: PathLike, output: Output) -> str:
    """File of one output, where a track is a file an output.

    Letters of a class unfit for a name become %XX.

    Examples
    --------
    >>> from dnabirnn.motif_classes import Output
    >>> track_path("out.bedgraph.gz", Output("REP", "+"))
    'out.REP.plus.bedgraph.gz'
    >>> track_path("out.bw", Output("LINE/L1", "."))
    'out.LINE%2FL1.both.bw'
    """
    name = os.fspath(path)
    found = _ENDING.search(name)
    at = found.start() if found else len(name)
    label = quote(output.class_name, safe="+=,@") + output.label[len(output.class_name) :]
    return f"{name[:at]}.{label}{name[at:]}"
