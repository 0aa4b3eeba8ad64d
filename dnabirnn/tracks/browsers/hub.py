"""Write a UCSC track hub, and sessions of IGV and JBrowse 2, for tracks in one folder.

The settings of a hub are described at
https://genome.ucsc.edu/goldenPath/help/trackDb/trackDbHub.html.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from dnabirnn.errors import OptionError
from dnabirnn.files import OutputFiles, PathLike
from dnabirnn.names import is_printable, printable
from dnabirnn.tracks.browsers.sessions import session_files
from dnabirnn.tracks.browsers.shown import (
    Kind,
    check_importance,
    check_tracks,
    kind_of,
    shown_tracks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnabirnn.tracks.browsers.shown import ShownTrack


__all__ = ["check_hub", "write_hub"]

_GENOME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NOBODY = "nobody@example.org"
_LONGEST_SHORT_LABEL = 17  # UCSC shows no more characters


def write_hub(
    tracks: Sequence[PathLike],
    folder: PathLike,
    genome: str,
    *,
    email: str | None = None,
    importance: Sequence[PathLike] = (),
) -> None:
    """Write the files of a hub and of sessions into the folder of the tracks.

    They are hub.txt, genomes.txt, trackDb.txt, igv_session.xml and jbrowse2.json. Scores are shown
    as one overlay, with one colour per class. Calls are shown in the colours that their file
    contains. Importance is drawn as letters. Paths are relative, so the folder can be moved and
    served unchanged.

    Parameters
    ----------
    tracks : sequence of path
        bigWig and bigBed files in the folder.
    folder : path
    genome : str
        Name of the assembly at UCSC, such as hs1.
    email : str, optional
        Address of the person responsible for the hub. UCSC requires one.
    importance : sequence of path, optional
        bigWig files in the folder with the importance of bases.

    Raises
    ------
    OptionError
        As for `check_hub`; a track that is missing.
    OutputError
        The folder cannot be written.
    """
    check_importance(importance)
    check_hub([*tracks, *importance], folder, genome)
    check_tracks([*tracks, *importance])
    shown = shown_tracks(tracks, folder, importance)
    name = f"dnabirnn_{genome}"
    hub = {
        "hub": re.sub(r"\W", "_", name),
        "shortLabel": "dnabirnn",
        "longLabel": f"Motifs found by dnabirnn in {genome}",
        "genomesFile": "genomes.txt",
        "email": printable(email or _NOBODY),
    }
    texts = {
        "trackDb.txt": "\n".join(map(_stanza, _track_db(shown))),
        "genomes.txt": _stanza({"genome": genome, "trackDb": "trackDb.txt"}),
        **session_files(shown, genome),
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
        if kind_of(track) not in (Kind.BIGWIG, Kind.BIGBED):
            raise OptionError(
                f"{track}: a hub holds bigWig and bigBed only; end the name in .bw for scores, .bb "
                "for calls"
            )
        if place not in Path(os.path.realpath(track)).parents:
            raise OptionError(
                f"{track}: is outside {folder}; write it there, so that the hub is one folder"
            )


def _track_db(shown: Sequence[ShownTrack]) -> Iterator[dict[str, str]]:
    """Yield the stanzas of trackDb.txt."""
    scores = [track for track in shown if track.kind is Kind.BIGWIG and not track.importance]
    importance = [track for track in shown if track.importance]
    calls = [track for track in shown if track.kind is Kind.BIGBED]
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
    for number, track in enumerate(importance, 1):
        yield {
            "track": f"dnabirnnImportance{number}",
            "type": "bigWig",
            "bigDataUrl": track.url,
            "shortLabel": track.label[:_LONGEST_SHORT_LABEL],
            "longLabel": f"{track.label} of bases, by dnabirnn",
            "visibility": "full",
            # Letters of the sequence, as high as the value (a dynseq track).
            "logo": "on",
            "autoScale": "on",
            "alwaysZero": "on",
            "maxHeightPixels": "128:64:16",
            "color": track.colour,
        }


def _stanza(settings: dict[str, str]) -> str:
    return "".join(f"{' '.join((key, value))}\n" for key, value in settings.items())
