"""Formats of tracks and calls: names, file name endings, and what each can hold."""

from __future__ import annotations

import os
import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from dnabirnn.errors import OutputError
from dnabirnn.files import file_name, is_compressed, is_stream

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import Output

__all__ = ["FORMAT_NAMES", "TrackFormat", "Traits", "endings", "track_format", "track_path"]


class Traits(NamedTuple):
    """Properties of a format.

    Attributes
    ----------
    title : str
        Its name in prose.
    endings : tuple of str
        File name endings of the format, in lower case, the usual one first. Empty if the format
        must be named.
    scores, calls : bool
        Whether it can hold per-base scores, and whether it can hold calls.
    split : bool
        Whether a file holds one output only, so that a track is one file per output.
    binary : bool
        Whether the format has its own compression and index, so that bgzip and tabix do not apply.
    """

    title: str
    endings: tuple[str, ...]
    scores: bool = True
    calls: bool = True
    split: bool = False
    binary: bool = False


class TrackFormat(Enum):
    """Format of a track or of calls. The value is its name for `--format`."""

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
        """Properties of the format."""
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
"""Values of `--format`."""

_BY_ENDING = {ending: form for form, traits in _TRAITS.items() for ending in traits.endings}
_ENDING = re.compile(
    rf"({'|'.join(map(re.escape, sorted(_BY_ENDING, key=len, reverse=True)))})(?:\.b?gz)?$",
    re.IGNORECASE,
)


def endings(*, calls: bool | None = False, binary: bool = True) -> str:
    """Return the known file name endings as text, for help and messages.

    Parameters
    ----------
    calls : bool, optional
        Return endings for calls instead of scores; None for both.
    binary : bool
        Include binary formats.

    Examples
    --------
    >>> endings(calls=True, binary=False)
    '.bed, .bed9, .gff3, .narrowpeak or .tsv'
    """
    first = [
        traits.endings[0]
        for traits in _TRAITS.values()
        if (calls is None or (traits.calls if calls else traits.scores))
        and traits.endings
        and (binary or not traits.binary)
    ]
    return f"{', '.join(first[:-1])} or {first[-1]}"


def track_format(
    path: PathLike,
    given: str | None = None,
    *,
    calls: bool | None = False,
    option: str = "--format",
) -> TrackFormat:
    """Return the format of a track or of calls, from the file name unless it is given.

    Parameters
    ----------
    path : path
        "-" and anything that is not a regular file is BED, unless a format is given.
    given : str, optional
        Value of a `TrackFormat`.
    calls : bool, optional
        Whether the file holds calls instead of scores; None for either.
    option : str
        Option that names the format, for the message.

    Raises
    ------
    OutputError
        An unknown ending; a format that cannot hold scores or calls, whichever is written; a
        binary format with a name that ends in .gz or .bgz.

    Examples
    --------
    >>> track_format("scores.bg.gz").value, track_format("-").value
    ('bedgraph', 'bed')
    >>> track_format("calls.txt", "gff3", calls=True).value
    'gff3'
    """
    name = os.fspath(path)
    found = _ENDING.search(file_name(name))
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
            f"{name}: unknown format; end the name in {endings(calls=calls)}, add .gz or .bgz to "
            f"compress a text format, or name the format with {option}"
        )
    title = form.traits.title
    if calls is not None and not (form.traits.calls if calls else form.traits.scores):
        what, other = ("calls", "scores") if calls else ("scores", "calls")
        raise OutputError(
            f"{name}: {title} holds {other}, and these are {what}; end the name in "
            f"{endings(calls=calls)}"
        )
    if form.traits.binary and is_compressed(path):
        raise OutputError(f"{name}: {title} is already compressed; remove the last ending")
    return form


def track_path(path: PathLike, output: Output) -> str:
    """Return the file of one output, where a track is one file per output.

    Characters of the class name that do not fit in a file name become %XX.

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
