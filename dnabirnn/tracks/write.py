"""What a track or calls are written with, by their format."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dnabirnn.errors import OptionError
from dnabirnn.files import PathLike, is_stream, read_text
from dnabirnn.tracks.formats import TrackFormat, track_format, track_path
from dnabirnn.tracks.layouts import header_of, layout_of
from dnabirnn.tracks.tabix import add_index, can_index, check_index
from dnabirnn.tracks.text import BedGraphTracks, TextTrack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnabirnn.files import OutputFiles
    from dnabirnn.motif_classes import Output
    from dnabirnn.tracks.text import Track

__all__ = ["Target", "open_track", "read_sizes", "targets", "track_paths"]


@dataclass(frozen=True)
class Target:
    """Where a track or calls go, and as what.

    Attributes
    ----------
    path : str or PathLike
    form : TrackFormat
    index : bool
        Add a tabix index.
    so_type : str, optional
        Of features in GFF3.
    """

    path: PathLike
    form: TrackFormat
    index: bool = False
    so_type: str | None = None

    @classmethod
    def of(cls, path: PathLike | Target, *, calls: bool = False) -> Target:
        """Format of a track or of calls from the end of the name; a `Target` as it is."""
        return path if isinstance(path, Target) else cls(path, track_format(path, calls=calls))

    @property
    def summits(self) -> bool:
        """Whether calls are to tell where the score is highest."""
        return self.form is TrackFormat.NARROWPEAK

    def files(self, outputs: Sequence[Output]) -> list[str]:
        """Names of the files that are written, see `track_paths`."""
        return track_paths(self.path, self.form, outputs)

    def check_sizes(self, sizes: Mapping[str, int] | None) -> None:
        """Raise OptionError where lengths of contigs are lacking, or given in vain."""
        needed = self.form is TrackFormat.BIGBED
        if needed and sizes is None:
            raise OptionError(
                f"{self.path}: bigBed holds the lengths of the contigs, which the scores do not "
                "tell; name a chrom.sizes or .fai file with --sizes"
            )
        if sizes is not None and not needed:
            raise OptionError(
                f"--sizes: is for bigBed, and {self.path} is {self.form.traits.title}"
            )

    def open(
        self, files: OutputFiles, outputs: Sequence[Output], sizes: Mapping[str, int]
    ) -> Track:
        """Open it, see `open_track`."""
        return open_track(
            files, self.path, self.form, outputs, sizes, so_type=self.so_type, index=self.index
        )


def targets(
    out: PathLike,
    form: str | None = None,
    calls_out: PathLike | None = None,
    calls_form: str | None = None,
    index: bool = False,
    so_type: str | None = None,
) -> tuple[Target, Target | None]:
    """Where scores and calls of one run go.

    Parameters
    ----------
    out, calls_out : path
    form, calls_form : str, optional
        Formats, where not by the names.
    index : bool
        Add an index to each of the two that is bgzipped text.
    so_type : str, optional
        Of calls in GFF3.

    Raises
    ------
    OptionError, OutputError
        A format that cannot be; an option that would have no effect.
    """
    if calls_out is None:
        for option, value in (("--calls-format", calls_form), ("--so-type", so_type)):
            if value is not None:
                raise OptionError(f"{option}: is for calls, and none are asked for; add --calls")
    track = Target(out, track_format(out, form), index)
    if calls_out is None:
        return track, None
    called = Target(calls_out, track_format(calls_out, calls_form, calls=True), index, so_type)
    if index and can_index(track.path, track.form) != can_index(called.path, called.form):
        track = replace(track, index=can_index(track.path, track.form))
        called = replace(called, index=can_index(called.path, called.form))
    return track, called


def open_track(
    files: OutputFiles,
    path: PathLike,
    form: TrackFormat,
    outputs: Sequence[Output],
    sizes: Mapping[str, int],
    *,
    so_type: str | None = None,
    index: bool = False,
) -> Track:
    """Open what rows of scores or calls are written to.

    Parameters
    ----------
    files : OutputFiles
    path : path
        Where the format is a file an output, `track_paths` gives their names.
    form : TrackFormat
    outputs : sequence of Output
        Those of the model.
    sizes : mapping
        Length of each contig, for bigWig and bigBed; may be filled until the track is closed.
    so_type : str, optional
        Of features in GFF3.
    index : bool
        Add a tabix index.

    Raises
    ------
    OptionError
        An index or a type that the format does not have.
    OutputError
        As for `Outputs.open`; several files on one stream.
    """
    paths = track_paths(path, form, outputs)
    if index:
        for one in paths:
            check_index(one, form)
    layout: Any = None
    if not form.traits.split and (so_type is not None or not form.traits.binary):
        layout = layout_of(form, outputs, so_type)
    track: Track
    if form is TrackFormat.BIGWIG:
        from dnabirnn.tracks.big import BigWigTracks

        spools = [files.scratch(one) for one in paths]
        track = BigWigTracks([files.reserve(one, ".bw") for one in paths], sizes, spools)
    elif form is TrackFormat.BIGBED:
        from dnabirnn.tracks.big import BigBedTrack

        track = BigBedTrack(files.reserve(path, ".bb"), outputs, sizes, files.scratch(path))
    elif form is TrackFormat.PARQUET:
        from dnabirnn.tracks.parquet import ParquetTrack

        track = ParquetTrack(files.reserve(path), outputs, files.scratch(path))
    elif form is TrackFormat.BEDGRAPH:
        track = BedGraphTracks([files.open(one) for one in paths])
    else:
        track = TextTrack(files.open(path), outputs, layout, header_of(form))
    if index:
        for one in paths:
            add_index(files, one, form)
    return track


def track_paths(path: PathLike, form: TrackFormat, outputs: Sequence[Output]) -> list[str]:
    """Files that a track is made of.

    Raises
    ------
    OptionError
        A file an output, and several outputs, on one stream.
    """
    if not form.traits.split:
        return [os.fspath(path)]
    if not is_stream(path):
        return [track_path(path, output) for output in outputs]
    if len(outputs) > 1:
        raise OptionError(
            f"{path}: {form.traits.title} is a file an output, and the model has {len(outputs)}; "
            "give the name of a file"
        )
    return [os.fspath(path)]


def read_sizes(path: PathLike) -> dict[str, int]:
    """Lengths of contigs, from a table whose first columns are name and length.

    Parameters
    ----------
    path : path
        Such as UCSC's chrom.sizes or the .fai that samtools makes.

    Raises
    ------
    OptionError
        A file that cannot be read; a line of another kind; a contig twice.
    """
    sizes: dict[str, int] = {}
    text = read_text(path, OptionError, "a chrom.sizes or .fai file")
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, length = (*line.split("\t"), "")[:2]
        if not re.fullmatch("[0-9]{1,18}", length := length.strip()):
            raise OptionError(
                f"{path}, line {number}: no contig and length; give a chrom.sizes or .fai file"
            )
        if name in sizes:
            raise OptionError(f"{path}, line {number}: {name} comes twice; remove one line")
        sizes[name] = int(length)
    return sizes
