"""Open tracks and calls for writing, in any format."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dnabirnn.errors import OptionError
from dnabirnn.files import PathLike, is_stream
from dnabirnn.tracks.formats import TrackFormat, track_format, track_path
from dnabirnn.tracks.layouts import columns_of, header_of, layout_of
from dnabirnn.tracks.tabix import add_index, can_index, check_index
from dnabirnn.tracks.text import BedGraphTracks, TextTrack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnabirnn.files import OutputFiles
    from dnabirnn.motif_classes import Output
    from dnabirnn.tracks.big import ValueTracks
    from dnabirnn.tracks.text import Track

__all__ = ["Target", "open_track", "open_values", "targets", "track_paths"]


@dataclass(frozen=True)
class Target:
    """File and format for a track or for calls.

    Attributes
    ----------
    path : str or PathLike
    form : TrackFormat
    index : bool
        Add a tabix index.
    so_type : str, optional
        Type of the features in GFF3.
    """

    path: PathLike
    form: TrackFormat
    index: bool = False
    so_type: str | None = None

    @classmethod
    def of(cls, path: PathLike | Target, *, calls: bool = False) -> Target:
        """Return a target with the format of the file name, or a `Target` unchanged."""
        return path if isinstance(path, Target) else cls(path, track_format(path, calls=calls))

    @property
    def summits(self) -> bool:
        """Whether the format needs the position of each call's highest score."""
        return self.form is TrackFormat.NARROWPEAK

    def files(self, outputs: Sequence[Output]) -> list[str]:
        """Return the names of the files that are written, see `track_paths`."""
        return track_paths(self.path, self.form, outputs)

    def check_sizes(self, sizes: Mapping[str, int] | None) -> None:
        """Raise OptionError if lengths of contigs are missing, or given without effect."""
        needed = self.form is TrackFormat.BIGBED
        if needed and sizes is None:
            raise OptionError(
                f"{self.path}: bigBed needs the lengths of the contigs, which the scores do not "
                "contain; give a chrom.sizes or .fai file with --sizes"
            )
        if sizes is not None and not needed:
            raise OptionError(
                f"--sizes: applies to bigBed only, and {self.path} is {self.form.traits.title}; "
                "leave it out"
            )

    def open(
        self,
        files: OutputFiles,
        outputs: Sequence[Output],
        sizes: Mapping[str, int],
        columns: Sequence[str] = (),
    ) -> Track:
        """Open the target for writing, see `open_track`."""
        return open_track(
            files,
            self.path,
            self.form,
            outputs,
            sizes,
            so_type=self.so_type,
            index=self.index,
            columns=columns,
        )


def targets(
    out: PathLike,
    form: str | None = None,
    calls_out: PathLike | None = None,
    calls_form: str | None = None,
    index: bool = False,
    so_type: str | None = None,
) -> tuple[Target, Target | None]:
    """Return the targets of the scores and of the calls of one run.

    Parameters
    ----------
    out, calls_out : path
        Files for scores and for calls.
    form, calls_form : str, optional
        Formats. By default they are detected from the names.
    index : bool
        Add an index to each of the two that is bgzipped text.
    so_type : str, optional
        Type of the calls in GFF3.

    Raises
    ------
    OptionError, OutputError
        A format that is not possible; an option that would have no effect.
    """
    if calls_out is None:
        for option, value in (("--calls-format", calls_form), ("--so-type", so_type)):
            if value is not None:
                raise OptionError(
                    f"{option}: applies to calls, and no calls are written; add --calls"
                )
    track = Target(out, track_format(out, form), index)
    if calls_out is None:
        return track, None
    calls_as = track_format(calls_out, calls_form, calls=True, option="--calls-format")
    called = Target(calls_out, calls_as, index, so_type)
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
    columns: Sequence[str] = (),
) -> Track:
    """Open a track for rows of scores or calls.

    Parameters
    ----------
    files : OutputFiles
    path : path
        Name of the output. `track_paths` gives the names if the format has one file per output.
    form : TrackFormat
    outputs : sequence of Output
        Outputs of the model.
    sizes : mapping
        Length of each contig, for bigWig and bigBed. May be filled until the track is closed.
    so_type : str, optional
        Type of the features in GFF3.
    index : bool
        Add a tabix index.
    columns : sequence of str
        Further columns of calls, see `dnabirnn.tracks.layouts.columns_of`.

    Raises
    ------
    OptionError
        An index or a type that the format does not have; several files on one stream.
    OutputError
        As for `OutputFiles.open`.
    """
    paths = track_paths(path, form, outputs)
    if index:
        for one in paths:
            check_index(one, form)
    layout: Any = None
    if not form.traits.split and (so_type is not None or not form.traits.binary):
        layout = layout_of(form, outputs, so_type, columns)
    track: Track
    if form is TrackFormat.BIGWIG:
        from dnabirnn.tracks.big import BigWigTracks

        spools = [files.scratch(one) for one in paths]
        track = BigWigTracks([files.reserve(one, ".bw") for one in paths], sizes, spools)
    elif form is TrackFormat.BIGBED:
        from dnabirnn.tracks.big import BigBedTrack

        further = columns_of(form, columns)
        track = BigBedTrack(
            files.reserve(path, ".bb"), outputs, sizes, files.scratch(path), further
        )
    elif form is TrackFormat.PARQUET:
        from dnabirnn.tracks.parquet import ParquetTrack

        further = columns_of(form, columns)
        track = ParquetTrack(files.reserve(path), outputs, files.scratch(path), further)
    elif form is TrackFormat.BEDGRAPH:
        track = BedGraphTracks([files.open(one) for one in paths])
    else:
        track = TextTrack(files.open(path), outputs, layout, header_of(form, columns))
    if index:
        for one in paths:
            add_index(files, one, form)
    return track


def open_values(
    files: OutputFiles, path: PathLike, outputs: Sequence[Output], sizes: Mapping[str, int]
) -> ValueTracks:
    """Open bigWig files for one value per base and output.

    Parameters
    ----------
    files, path, outputs, sizes
        As for `open_track`.

    Raises
    ------
    OptionError, OutputError
        As for `open_track`.
    """
    from dnabirnn.tracks.big import ValueTracks

    paths = track_paths(path, TrackFormat.BIGWIG, outputs)
    spools = [files.scratch(one) for one in paths]
    return ValueTracks([files.reserve(one, ".bw") for one in paths], sizes, spools)


def track_paths(path: PathLike, form: TrackFormat, outputs: Sequence[Output]) -> list[str]:
    """Return the files of a track.

    Raises
    ------
    OptionError
        A format with one file per output, several outputs, and a stream instead of a file.
    """
    if not form.traits.split:
        return [os.fspath(path)]
    if not is_stream(path):
        return [track_path(path, output) for output in outputs]
    if len(outputs) > 1:
        raise OptionError(
            f"{path}: {form.traits.title} is one file per output, and the model has {len(outputs)} "
            "outputs; give the name of a file"
        )
    return [os.fspath(path)]
