"""Write a UCSC track hub and an IGV session for tracks in one folder.

The settings of a hub are described at
https://genome.ucsc.edu/goldenPath/help/trackDb/trackDbHub.html.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from dnabirnn.errors import OptionError
from dnabirnn.files import OutputFiles, PathLike
from dnabirnn.names import is_printable, printable
from dnabirnn.tracks.colours import item_colours
from dnabirnn.tracks.formats import TrackFormat

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


__all__ = ["check_hub", "write_hub"]

_STRAND_OF_LABEL = {"plus": "+", "minus": "-", "both": "."}
_SPLIT_NAME = re.compile(r"\.([^.]+)\.(plus|minus|both)\.\w+$")
_GENOME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NOBODY = "nobody@example.org"
_LONGEST_SHORT_LABEL = 17  # UCSC shows no more characters
_MAGIC = {
    TrackFormat.BIGWIG: b"\x88\x8f\xfc\x26",
    TrackFormat.BIGBED: b"\x87\x89\xf2\xeb",
}
"""First four bytes; reversed in files of the other byte order."""


class _HubTrack(NamedTuple):
    """File of a track, with its label and colour."""

    url: str
    label: str
    colour: str


def write_hub(
    tracks: Sequence[PathLike], folder: PathLike, genome: str, *, email: str | None = None
) -> None:
    """Write hub.txt, genomes.txt, trackDb.txt and igv_session.xml into the folder of the tracks.

    Scores are shown as one overlay, with one colour per class. Calls are shown in the colours that
    their file contains. Paths are relative, so the folder can be moved and served unchanged.

    Parameters
    ----------
    tracks : sequence of path
        bigWig and bigBed files in the folder.
    folder : path
    genome : str
        Name of the assembly at UCSC, such as hs1.
    email : str, optional
        Address of the person responsible for the hub. UCSC requires one.

    Raises
    ------
    OptionError
        As for `check_hub`; a track that is missing.
    OutputError
        The folder cannot be written.
    """
    check_hub(tracks, folder, genome)
    for track in tracks:
        if not os.path.isfile(track):
            raise OptionError(f"{track}: no such file; check the path")
        _check_content(track)
    scores, calls = _shown(tracks, folder)
    name = f"dnabirnn_{genome}"
    hub = {
        "hub": re.sub(r"\W", "_", name),
        "shortLabel": "dnabirnn",
        "longLabel": f"Motifs found by dnabirnn in {genome}",
        "genomesFile": "genomes.txt",
        "email": printable(email or _NOBODY),
    }
    texts = {
        "trackDb.txt": "\n".join(map(_stanza, _track_db(scores, calls))),
        "genomes.txt": _stanza({"genome": genome, "trackDb": "trackDb.txt"}),
        "igv_session.xml": _session(scores, calls, genome),
    }
    with OutputFiles() as outputs:
        outputs.open(Path(folder, "hub.txt")).write(_stanza(hub).encode())
        for file, text in texts.items():
            outputs.open(Path(folder, file)).write(text.encode())


def check_hub(tracks: Sequence[PathLike], folder: PathLike, genome: str | None) -> None:
    """Raise OptionError for tracks that a hub in the folder cannot contain.

    Parameters
    ----------
    tracks : sequence of path
        Need not exist yet.
    folder : path
    genome : str or None
    """
    if genome is None:
        raise OptionError(
            "--hub: the name of the assembly at UCSC is missing; add --genome, such as --genome hs1"
        )
    if not _GENOME.fullmatch(genome):
        raise OptionError(
            f"--genome {genome}: not the name of an assembly; give one such as hs1 or hg38"
        )
    place = Path(os.path.realpath(folder))
    for track in tracks:
        if not is_printable(os.fspath(track)):
            raise OptionError(
                f"{track}: the name has a character that cannot be printed, which a hub does not "
                "allow; rename the file"
            )
        if _kind(track) not in (TrackFormat.BIGWIG, TrackFormat.BIGBED):
            raise OptionError(
                f"{track}: a hub holds bigWig and bigBed only; end the name in .bw for scores, .bb "
                "for calls"
            )
        if place not in Path(os.path.realpath(track)).parents:
            raise OptionError(
                f"{track}: is outside {folder}; write it there, so that the hub is one folder"
            )


def _check_content(track: PathLike) -> None:
    """Raise OptionError for a file whose content does not match its name."""
    kind = _kind(track)
    with open(track, "rb") as file:
        first = file.read(4)
    if kind is not None and _MAGIC[kind] not in (first, first[::-1]):
        raise OptionError(f"{track}: is not {kind.traits.title}, but is named like one; rename it")


def _kind(path: PathLike) -> TrackFormat | None:
    """Return bigWig or bigBed by the ending of a file name, or None for any other."""
    lowered = os.fspath(path).lower()
    for form in (TrackFormat.BIGWIG, TrackFormat.BIGBED):
        if lowered.endswith(form.traits.endings):
            return form
    return None


def _shown(tracks: Sequence[PathLike], folder: PathLike) -> tuple[list[_HubTrack], list[_HubTrack]]:
    """Return the tracks of scores and those of calls."""
    scores: list[tuple[str, str, str]] = []
    calls: list[_HubTrack] = []
    for path in tracks:
        url = quote(os.path.relpath(os.path.realpath(path), os.path.realpath(folder)))
        base = os.path.basename(path)
        if _kind(path) is TrackFormat.BIGBED:
            calls.append(_HubTrack(url, os.path.splitext(base)[0], "0,0,0"))
        elif named := _SPLIT_NAME.search(base):
            scores.append((url, printable(unquote(named[1])), _STRAND_OF_LABEL[named[2]]))
        else:
            scores.append((url, os.path.splitext(base)[0], "."))
    colours = item_colours(name for _, name, _ in scores)
    return [
        _HubTrack(url, name if strand == "." else f"{name} {strand}", _shade(colours[name], strand))
        for url, name, strand in scores
    ], calls


def _shade(colour: str, strand: str) -> str:
    """Return the colour of the class, or half-way to white for the minus strand."""
    if strand != "-":
        return colour
    return ",".join(str((int(part) + 255) // 2) for part in colour.split(","))


def _track_db(scores: Sequence[_HubTrack], calls: Sequence[_HubTrack]) -> Iterator[dict[str, str]]:
    """Yield the stanzas of trackDb.txt."""
    if scores:
        yield {
            "track": "dnabirnnScores",
            "container": "multiWig",
            "type": "bigWig 0 1",
            "shortLabel": "dnabirnn scores",
            "longLabel": "Probability of a base to belong to a motif, by dnabirnn",
            "visibility": "full",
            "aggregate": "transparentOverlay",
            "showSubtrackColorOnUi": "on",
            "autoScale": "off",
            "viewLimits": "0:1",
            "maxHeightPixels": "128:48:16",
        }
    for number, track in enumerate(scores, 1):
        yield {
            "track": f"dnabirnnScore{number}",
            "parent": "dnabirnnScores",
            "type": "bigWig 0 1",
            "bigDataUrl": track.url,
            "shortLabel": track.label[:_LONGEST_SHORT_LABEL],
            "longLabel": f"{track.label}: probability by dnabirnn",
            "color": track.colour,
        }
    for number, track in enumerate(calls, 1):
        yield {
            "track": f"dnabirnnCalls{number}",
            "type": "bigBed 9",
            "bigDataUrl": track.url,
            "shortLabel": track.label[:_LONGEST_SHORT_LABEL],
            "longLabel": f"{track.label}: motifs called by dnabirnn",
            "visibility": "pack",
            "itemRgb": "on",
        }


def _stanza(settings: dict[str, str]) -> str:
    return "".join(f"{' '.join((key, value))}\n" for key, value in settings.items())


def _session(scores: Sequence[_HubTrack], calls: Sequence[_HubTrack], genome: str) -> str:
    """Return the XML of an IGV session: https://github.com/igvteam/igv/wiki (sessions)."""
    session = ElementTree.Element("Session", genome=genome, version="8")
    resources = ElementTree.SubElement(session, "Resources")
    panel = ElementTree.SubElement(session, "Panel", name="DataPanel")
    for track, kind in (*((one, "bigwig") for one in scores), *((one, "bigbed") for one in calls)):
        path = unquote(track.url)
        ElementTree.SubElement(resources, "Resource", path=path, type=kind)
        shown = ElementTree.SubElement(
            panel, "Track", id=path, name=track.label, color=track.colour, visible="true"
        )
        if kind == "bigwig":
            shown.set("autoScale", "false")
            ElementTree.SubElement(
                shown, "DataRange", minimum="0.0", baseline="0.0", maximum="1.0", type="LINEAR"
            )
    ElementTree.indent(session)
    return ElementTree.tostring(session, encoding="unicode", xml_declaration=True) + "\n"
