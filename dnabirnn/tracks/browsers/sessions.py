"""Sessions of genome browsers: IGV and JBrowse 2."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnabirnn.errors import OptionError
from dnabirnn.files import OutputFiles, beside, check_readable, file_name, input_exists, is_address
from dnabirnn.names import is_printable
from dnabirnn.tracks.browsers.shown import (
    Kind,
    check_importance,
    check_tracks,
    kind_of,
    place_from,
    shown_tracks,
    url_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.files import PathLike
    from dnabirnn.tracks.browsers.shown import ShownTrack

__all__ = ["IGV_FILE", "JBROWSE_FILE", "can_show", "session_files", "write_sessions"]

IGV_FILE, JBROWSE_FILE = "igv_session.xml", "jbrowse2.json"

_SEQUENCES = re.compile(r"\.(fa|fasta|fas|fna|fsa|ffn|frn|2bit)(\.b?gz)?$", re.IGNORECASE)
_UCSC = "https://hgdownload.soe.ucsc.edu/goldenPath/{0}/bigZips/{0}.2bit"
_ADAPTERS = {
    Kind.BIGWIG: ("QuantitativeTrack", "BigWigAdapter", "bigWigLocation"),
    Kind.BIGBED: ("FeatureTrack", "BigBedAdapter", "bigBedLocation"),
    Kind.BED: ("FeatureTrack", "BedAdapter", "bedLocation"),
    Kind.GFF3: ("FeatureTrack", "Gff3Adapter", "gffLocation"),
}
_TABIX = {
    Kind.BED: ("BedTabixAdapter", "bedGzLocation"),
    Kind.GFF3: ("Gff3TabixAdapter", "gffGzLocation"),
}
"""Types of tracks and adapters of JBrowse 2: https://jbrowse.org/jb2/docs/config_guide."""


def write_sessions(
    tracks: Sequence[PathLike],
    folder: PathLike,
    fasta: PathLike,
    *,
    place: str = "",
    importance: Sequence[PathLike] = (),
) -> None:
    """Write igv_session.xml and jbrowse2.json for the tracks of an assembly.

    Paths in them are relative to the folder.

    Parameters
    ----------
    tracks : sequence of path
        bigWig, bigBed, BED and GFF3 files.
    folder : path
        Folder of the sessions. It is made if it is missing.
    fasta : path
        Sequences of the assembly: FASTA or 2bit.
    place : str
        Region to show first, such as "chr1:1,000-2,000".
    importance : sequence of path, optional
        bigWig files with the importance of bases.

    Raises
    ------
    OptionError
        A track or sequences that browsers cannot show.
    OutputError
        The folder cannot be written.
    """
    if not is_printable(os.fspath(fasta)) or not _SEQUENCES.search(file_name(fasta)):
        raise OptionError(
            f"--fasta {fasta}: IGV and JBrowse 2 read FASTA and 2bit; give one of them"
        )
    if is_address(fasta):
        check_readable(fasta, OptionError)
    elif not os.path.isfile(fasta):
        raise OptionError(f"--fasta {fasta}: no such file; check the path")
    check_importance(importance)
    check_tracks([*tracks, *importance])
    os.makedirs(folder, exist_ok=True)
    sequences = place_from(folder, fasta)
    shown = shown_tracks(tracks, folder, importance)
    texts = session_files(shown, sequences, folder=folder, place=place)
    with OutputFiles() as outputs:
        for file, text in texts.items():
            outputs.open(Path(folder, file)).write(text.encode())


def can_show(path: PathLike) -> bool:
    """Return whether sessions can show a file, by its name.

    Examples
    --------
    >>> can_show("sites.bed"), can_show("sites.gb")
    (True, False)
    """
    return is_printable(os.fspath(path)) and kind_of(path) is not None


def session_files(
    shown: Sequence[ShownTrack], genome: str, *, folder: PathLike = "", place: str = ""
) -> dict[str, str]:
    """Return the text of both sessions by file name.

    Parameters
    ----------
    shown : sequence of ShownTrack
    genome : str
        Name of an assembly at UCSC, or path of its sequences relative to the folder.
    folder : path
        Where indexes of the sequences are looked for.
    place : str
        Region to show first.
    """
    return {
        IGV_FILE: _igv(shown, genome, place),
        JBROWSE_FILE: json.dumps(_jbrowse(shown, genome, folder, place), indent=2) + "\n",
    }


def _igv(shown: Sequence[ShownTrack], genome: str, place: str) -> str:
    """Return the XML of an IGV session: https://github.com/igvteam/igv/wiki (sessions)."""
    session = ElementTree.Element("Session", genome=genome, version="8")
    if place:
        session.set("locus", place)
    resources = ElementTree.SubElement(session, "Resources")
    panel = ElementTree.SubElement(session, "Panel", name="DataPanel")
    for track in shown:
        ElementTree.SubElement(resources, "Resource", path=track.path, type=track.kind.value)
        own = ElementTree.SubElement(
            panel, "Track", id=track.path, name=track.label, color=track.colour, visible="true"
        )
        if track.importance:
            own.set("autoScale", "true")
        elif track.kind is Kind.BIGWIG:
            own.set("autoScale", "false")
            ElementTree.SubElement(
                own, "DataRange", minimum="0.0", baseline="0.0", maximum="1.0", type="LINEAR"
            )
    ElementTree.indent(session)
    return ElementTree.tostring(session, encoding="unicode", xml_declaration=True) + "\n"


def _jbrowse(
    shown: Sequence[ShownTrack], genome: str, folder: PathLike, place: str
) -> dict[str, Any]:
    """Return the configuration of JBrowse 2, with a session in which all tracks are open."""
    name = _SEQUENCES.sub("", file_name(genome))
    tracks = []
    for number, track in enumerate(shown, 1):
        kind, adapter, location = _ADAPTERS[track.kind]
        source: dict[str, Any] = {"type": adapter, location: _at(track.url)}
        if track.kind in _TABIX and os.path.isfile(f"{Path(folder, track.path)}.tbi"):
            adapter, location = _TABIX[track.kind]
            index = {"location": _at(f"{track.url}.tbi")}
            source = {"type": adapter, location: _at(track.url), "index": index}
        tracks.append(
            {
                "type": kind,
                "trackId": f"dnabirnn{number}",
                "name": track.label,
                "assemblyNames": [name],
                "adapter": source,
            }
        )
    view = {
        "assembly": name,
        **({"loc": place} if place else {}),
        "tracks": [track["trackId"] for track in tracks],
    }
    return {
        "assemblies": [
            {
                "name": name,
                "sequence": {
                    "type": "ReferenceSequenceTrack",
                    "trackId": "sequence",
                    "adapter": _sequence_adapter(genome, folder),
                },
            }
        ],
        "tracks": tracks,
        "defaultSession": {
            "name": f"dnabirnn {name}",
            "views": [{"id": "dnabirnn", "type": "LinearGenomeView", "init": view}],
        },
    }


def _sequence_adapter(genome: str, folder: PathLike) -> dict[str, Any]:
    named = _SEQUENCES.search(file_name(genome))
    if named is None:
        return {"type": "TwoBitAdapter", "twoBitLocation": _at(_UCSC.format(genome))}
    url = url_of(genome)
    if named[1].lower() == "2bit":
        return {"type": "TwoBitAdapter", "twoBitLocation": _at(url)}
    if named[2]:
        indexes = {
            "faiLocation": _at(beside(url, ".fai")),
            "gziLocation": _at(beside(url, ".gzi")),
        }
        return {"type": "BgzipFastaAdapter", "fastaLocation": _at(url), **indexes}
    sequences = genome if is_address(genome) else Path(folder, genome)
    if input_exists(beside(sequences, ".fai")):
        index = {"faiLocation": _at(beside(url, ".fai"))}
        return {"type": "IndexedFastaAdapter", "fastaLocation": _at(url), **index}
    return {"type": "UnindexedFastaAdapter", "fastaLocation": _at(url)}


def _at(url: str) -> dict[str, str]:
    return {"uri": url, "locationType": "UriLocation"}
