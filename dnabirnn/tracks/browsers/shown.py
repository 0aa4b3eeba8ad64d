"""The tracks that a browser shows: files of scores, calls and labels."""

from __future__ import annotations

import os
import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from dnabirnn.errors import OptionError
from dnabirnn.files import check_readable, file_name, is_address, open_input
from dnabirnn.names import is_printable, printable
from dnabirnn.tracks.colours import item_colours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnabirnn.files import PathLike

__all__ = [
    "Kind",
    "ShownTrack",
    "check_importance",
    "check_tracks",
    "kind_of",
    "place_from",
    "shown_tracks",
    "url_of",
]

_STRAND_OF_LABEL = {"plus": "+", "minus": "-", "both": "."}
_SPLIT_NAME = re.compile(r"\.([^.]+)\.(plus|minus|both)\.\w+$")
_BLACK = "0,0,0"


class Kind(Enum):
    """Format of a track, as IGV names it."""

    BIGWIG = "bigwig"
    BIGBED = "bigbed"
    BED = "bed"
    GFF3 = "gff3"

    @property
    def title(self) -> str:
        """Name of the format in prose."""
        return {"bigwig": "bigWig", "bigbed": "bigBed"}.get(self.value, self.name)


_ENDINGS = {
    Kind.BIGWIG: (".bw", ".bigwig"),
    Kind.BIGBED: (".bb", ".bigbed"),
    Kind.BED: (".bed", ".bed9", ".bed.gz", ".bed.bgz", ".bed9.gz", ".bed9.bgz"),
    Kind.GFF3: (".gff3", ".gff", ".gff3.gz", ".gff3.bgz", ".gff.gz", ".gff.bgz"),
}
_MAGIC = {Kind.BIGWIG: b"\x88\x8f\xfc\x26", Kind.BIGBED: b"\x87\x89\xf2\xeb"}
"""First four bytes; reversed in files of the other byte order."""


class ShownTrack(NamedTuple):
    """File of a track.

    Attributes
    ----------
    url : str
        Path relative to the folder of the session or hub, with %XX for special characters.
    label : str
    colour : str
        "red,green,blue", each 0 to 255.
    kind : Kind
    importance : bool
        Whether it is the importance of bases, which is not a probability.
    """

    url: str
    label: str
    colour: str
    kind: Kind
    importance: bool = False

    @property
    def path(self) -> str:
        """Path relative to the folder of the session or hub."""
        return unquote(self.url)


def kind_of(path: PathLike) -> Kind | None:
    """Return the format by the ending of a file name, or None for any other.

    Examples
    --------
    >>> kind_of("scores.BW").title, kind_of("calls.bed.gz").title, kind_of("g.fa")
    ('bigWig', 'BED', None)
    """
    lowered = file_name(path).lower()
    for kind, endings in _ENDINGS.items():
        if lowered.endswith(endings):
            return kind
    return None


def check_tracks(tracks: Sequence[PathLike]) -> None:
    """Raise OptionError for a track that is missing, unprintable, or not what its name says."""
    for track in tracks:
        if not is_printable(os.fspath(track)):
            raise OptionError(
                f"{track}: the name has a character that cannot be printed, which browsers do not "
                "allow; rename the file"
            )
        check_readable(track, OptionError)
        kind = kind_of(track)
        if kind is None:
            raise OptionError(
                f"{track}: sessions show bigWig, bigBed, BED and GFF3; end the name in .bw, .bb, "
                ".bed or .gff3"
            )
        if kind in _MAGIC:
            with open_input(track) as file:
                first = file.read(4)
            if _MAGIC[kind] not in (first, first[::-1]):
                raise OptionError(f"{track}: is not {kind.title}, but is named like one; rename it")


def shown_tracks(
    tracks: Sequence[PathLike], folder: PathLike, importance: Sequence[PathLike] = ()
) -> list[ShownTrack]:
    """Return the tracks with labels and colours: scores first, in one colour per class.

    bigWig files of the importance of bases come last, in the colours of the scores.
    """
    both = [path for path in (*tracks, *importance) if kind_of(path) is Kind.BIGWIG]
    colours = item_colours(_class_and_strand(path)[0] for path in both)
    scores, others = [], []
    for path in tracks:
        kind = kind_of(path)
        assert kind is not None  # `check_tracks`
        if kind is Kind.BIGWIG:
            scores.append(_values(path, folder, colours))
        else:
            others.append(ShownTrack(_url(path, folder), _stem(path), _BLACK, kind))
    return (
        scores
        + others
        + [
            track._replace(label=f"{track.label} importance", importance=True)
            for track in (_values(path, folder, colours) for path in importance)
        ]
    )


def check_importance(importance: Sequence[PathLike]) -> None:
    """Raise OptionError for importance that is not in a bigWig file."""
    for track in importance:
        if kind_of(track) is not Kind.BIGWIG:
            raise OptionError(
                f"--importance {track}: must be a bigWig; write it with dnabirnn explain -o NAME.bw"
            )


def _values(path: PathLike, folder: PathLike, colours: Mapping[str, str]) -> ShownTrack:
    """Return the track of a bigWig, in the colour of its class and strand."""
    name, strand = _class_and_strand(path)
    label = name if strand == "." else f"{name} {strand}"
    return ShownTrack(_url(path, folder), label, _shade(colours[name], strand), Kind.BIGWIG)


def _class_and_strand(path: PathLike) -> tuple[str, str]:
    """Return the class and strand that a bigWig is named after, else its name and "."."""
    if named := _SPLIT_NAME.search(file_name(path)):
        return printable(unquote(named[1])), _STRAND_OF_LABEL[named[2]]
    return _stem(path), "."


def _stem(path: PathLike) -> str:
    base = re.sub(r"\.b?gz$", "", file_name(path), flags=re.IGNORECASE)
    return os.path.splitext(base)[0]


def _url(path: PathLike, folder: PathLike) -> str:
    return url_of(place_from(folder, path))


def place_from(folder: PathLike, path: PathLike) -> str:
    """Return the path of a file relative to a folder; an address stays as it is."""
    if is_address(path):
        return os.fspath(path)
    return os.path.relpath(os.path.realpath(path), os.path.realpath(folder))


def url_of(place: str) -> str:
    """Return a path with its special characters as %XX; an address stays as it is."""
    return place if is_address(place) else quote(place)


def _shade(colour: str, strand: str) -> str:
    """Return the colour of the class, or half-way to white for the minus strand."""
    if strand != "-":
        return colour
    return ",".join(str((int(part) + 255) // 2) for part in colour.split(","))
