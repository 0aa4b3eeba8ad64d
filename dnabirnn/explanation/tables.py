"""Write effects: as a Parquet table, or as arrays in an npz file.

Both are written in pieces, so that memory does not grow with the genome.
"""

from __future__ import annotations

import queue
import threading
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from dnabirnn.alphabet import AMBIGUOUS, decode
from dnabirnn.errors import OutputError
from dnabirnn.explanation.changes import Changes
from dnabirnn.tracks import EFFECT_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dnabirnn.explanation.reach import Reach
    from dnabirnn.explanation.stream import EffectBlock
    from dnabirnn.files import OutputFiles, PathLike
    from dnabirnn.motif_classes import Output

__all__ = ["EffectArrays", "EffectTable", "EffectWriter", "FrameTable", "frame_of"]

_BASES = pl.Series(list("ACGT"))
_DELETED = "-"
# Rows per row group, as in tables of scores.
_GROUP_ROWS = 1 << 17
_SECONDS = 0.2  # between two looks at whether the other thread has failed


class EffectWriter(Protocol):
    """Writer of effects, one block after another."""

    def add(self, block: EffectBlock) -> None:
        """Add the next block."""

    def close(self) -> None:
        """Write what is still held."""

    def abandon(self) -> None:
        """Stop after a failure; does nothing after `close`."""


def frame_of(block: EffectBlock, outputs: Sequence[Output], reach: Reach) -> pl.DataFrame:
    """Return the rows of a block: by position, then new base, then deletions, then output."""
    of_bases, of_sizes = block.substitutions, block.deletions
    sizes, width = of_sizes.gain.shape[1], len(outputs)
    there = np.isfinite(np.concatenate([of_bases.gain, of_sizes.gain], axis=1)[..., 0])
    known = block.codes < AMBIGUOUS
    there[np.flatnonzero(known), block.codes[known]] = False
    place, kind = np.nonzero(there)  # kinds 0 to 3 are new bases; the others are deletions
    rows = np.repeat(np.arange(len(place)), width)
    output = np.tile(np.arange(width), len(place))
    removed = np.maximum(kind - 3, 1)
    start = place + block.start
    ref, alt = _BASES.gather(block.codes[place]), _BASES.gather(np.minimum(kind, 3))
    if sizes:
        text = decode(np.concatenate([block.codes, block.following]))
        deleted = np.flatnonzero(kind > 3)
        gone = [text[p : p + n] for p, n in zip(place[deleted], removed[deleted], strict=True)]
        ref = ref.scatter(deleted, pl.Series(gone, dtype=pl.String))
        alt = alt.scatter(deleted, pl.Series([_DELETED] * len(gone), dtype=pl.String))
    columns: dict[str, Any] = {
        "start": start[rows],
        "end": (start + removed)[rows],
        "ref": ref.gather(rows),
        "alt": alt.gather(rows),
        "class": pl.Series([one.class_name for one in outputs]).gather(output),
        "strand": pl.Series([one.strand for one in outputs]).gather(output),
    }
    for name, first, second in zip(Changes._fields[:-1], of_bases, of_sizes, strict=False):
        columns[name] = np.concatenate([first, second], axis=1)[there].reshape(-1)
    beyond = reach.log_odds if reach.sampled else None
    constant = {"chrom": block.name, "reach": reach.bp, "log_odds_beyond": beyond}
    return pl.DataFrame(columns).select(
        (pl.lit(constant[name]) if name in constant else pl.col(name)).cast(kind).alias(name)
        for name, kind in EFFECT_SCHEMA.items()
    )


class FrameTable:
    """Writer of frames as one Parquet table.

    polars writes a table in pieces if it asks for them. So it runs in a thread of its own, and
    takes the pieces from a queue.

    Parameters
    ----------
    path : Path
    schema : mapping of str to polars type
        Columns of all frames.
    """

    def __init__(self, path: Path, schema: Mapping[str, type[pl.DataType]]) -> None:
        self._path, self._schema = path, dict(schema)
        self._frames: queue.Queue[pl.DataFrame | None] = queue.Queue(maxsize=2)
        self._error: BaseException | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def add_frame(self, frame: pl.DataFrame) -> None:
        """Add the rows of a frame."""
        self._put(frame)

    def close(self) -> None:
        """Write the rest, and wait until the file is complete."""
        self._put(None)
        self._thread.join()
        self._check()

    def abandon(self) -> None:
        """Stop without a complete file."""
        self._abandoned = True
        self._thread.join()

    def _put(self, frame: pl.DataFrame | None) -> None:
        while True:
            self._check()
            try:
                return self._frames.put(frame, timeout=_SECONDS)
            except queue.Full:
                continue

    def _check(self) -> None:
        if isinstance(self._error, KeyboardInterrupt):
            raise KeyboardInterrupt from self._error
        if self._error is not None:
            raise OutputError(
                f"{self._path.parent}: Parquet could not be written ({self._error}); make room or "
                "write elsewhere"
            ) from self._error

    def _pieces(self) -> Iterator[pl.DataFrame]:
        while not self._abandoned:
            try:
                frame = self._frames.get(timeout=_SECONDS)
            except queue.Empty:
                continue
            if frame is None:
                return
            yield frame

    def _write(self) -> None:
        def source(
            columns: list[str] | None,
            predicate: pl.Expr | None,
            rows: int | None,
            batch: int | None,
        ) -> Iterator[pl.DataFrame]:
            yield from self._pieces()

        try:
            with self._path.open("wb") as file:
                table = register_io_source(source, schema=self._schema)
                table.sink_parquet(file, row_group_size=_GROUP_ROWS, maintain_order=True)
        # polars raises KeyboardInterrupt in this thread too, where nobody would catch it.
        except (
            OSError,
            pl.exceptions.PolarsError,
            pl.exceptions.PanicException,
            KeyboardInterrupt,
        ) as error:
            self._error = error


class EffectTable(FrameTable):
    """Writer of effects as one Parquet table.

    Parameters
    ----------
    path : Path
    outputs : sequence of Output
    reach : Reach
    """

    def __init__(self, path: Path, outputs: Sequence[Output], reach: Reach) -> None:
        super().__init__(path, EFFECT_SCHEMA)
        self._outputs, self._reach = outputs, reach

    def add(self, block: EffectBlock) -> None:
        """Add the rows of a block."""
        self.add_frame(frame_of(block, self._outputs, self._reach))


class EffectArrays:
    """Writer of effects as arrays in an npz file, which `numpy.load` reads.

    Parameters
    ----------
    files : OutputFiles
    path : str or PathLike
    outputs : sequence of Output
    reach : Reach
    """

    def __init__(
        self, files: OutputFiles, path: PathLike, outputs: Sequence[Output], reach: Reach
    ) -> None:
        self._files, self._path = files, path
        self._out = files.open(path)
        self._spools: dict[str, _Spool] = {}
        self._contigs: list[str] = []
        self._small = {
            "classes": np.array([output.class_name for output in outputs]),
            "strands": np.array([output.strand for output in outputs]),
            "reach": np.array(reach.bp),
            "sampled": np.array(reach.sampled),
            "sampled_beyond": np.array(reach.beyond),
            "log_odds_beyond": np.array(reach.log_odds if reach.sampled else np.nan, np.float32),
        }
        self._outputs = len(outputs)

    def add(self, block: EffectBlock) -> None:
        """Add the arrays of a block."""
        if not self._contigs or self._contigs[-1] != block.name:
            self._contigs.append(block.name)
        bases = len(block.codes)
        self._append("contig", np.full(bases, len(self._contigs) - 1, np.int32))
        self._append("position", np.arange(block.start, block.start + bases))
        self._append("ref", block.codes)
        for prefix, changes in (("", block.substitutions), ("deletion_", block.deletions)):
            for name, array in zip(Changes._fields, changes, strict=True):
                if array.size:
                    self._append(prefix + name, array)

    def close(self) -> None:
        """Write the file."""
        if not self._spools:  # nothing was changed
            for name, kind in (("contig", np.int32), ("position", np.int64), ("ref", np.uint8)):
                self._small[name] = np.zeros(0, kind)
        with zipfile.ZipFile(self._out, "w", zipfile.ZIP_STORED) as archive:
            for name, array in (
                {"contigs": np.array(self._contigs, np.str_)} | self._small
            ).items():
                with _entry(archive, name) as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)
            for name, spool in self._spools.items():
                with _entry(archive, name) as entry:
                    spool.copy_to(entry)

    def abandon(self) -> None:
        """Do nothing: the files are removed with the others."""

    def _append(self, name: str, array: NDArray[Any]) -> None:
        if name not in self._spools:
            self._spools[name] = _Spool(self._files.scratch(self._path))
        self._spools[name].add(array)


class _Spool:
    """Rows of one array, kept in a temporary file until their number is known."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rows = 0
        self._like: NDArray[Any] | None = None

    def add(self, array: NDArray[Any]) -> None:
        self._file.write(np.ascontiguousarray(array).data.cast("B"))
        self._rows += len(array)
        self._like = array[:0]

    def copy_to(self, entry: Any) -> None:
        """Write the array in NumPy's format."""
        assert self._like is not None
        header = {
            "descr": np.lib.format.dtype_to_descr(self._like.dtype),
            "fortran_order": False,
            "shape": (self._rows, *self._like.shape[1:]),
        }
        np.lib.format.write_array_header_1_0(entry, header)
        self._file.seek(0)
        while data := self._file.read(1 << 20):
            entry.write(data)


def _entry(archive: zipfile.ZipFile, name: str) -> Any:
    """Open a member of an npz file; it has no time, so that equal runs give equal bytes."""
    return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)
