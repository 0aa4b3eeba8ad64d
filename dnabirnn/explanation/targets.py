"""Intervals that effects are computed for: regions, or calls by output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.explanation.importance import near_targets
from dnabirnn.intervals import Regions
from dnabirnn.scoring import bases_needed
from dnabirnn.tracks import calls_by_line

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import Output
    from dnabirnn.sequences import Needed

__all__ = ["Sites"]

_NO_REGIONS = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}
_LONGEST_CONTIG_BP = 1 << 40


class Sites:
    """Intervals by contig and output.

    Parameters
    ----------
    by_output : sequence of Regions
        One for each output.
    source : Regions
        All intervals, to check them against the contigs.
    calls : bool
        Whether they are calls, whose surroundings matter too.
    """

    def __init__(self, by_output: Sequence[Regions], source: Regions, *, calls: bool) -> None:
        self._by_output = by_output
        self._source = source
        self.calls = calls

    @classmethod
    def of_regions(cls, regions: Regions, outputs: Sequence[Output]) -> Sites:
        """Return regions, which are the same for all outputs."""
        return cls([regions] * len(outputs), regions, calls=False)

    @classmethod
    def of_calls(cls, path: PathLike, outputs: Sequence[Output]) -> Sites:
        """Read calls that `dnabirnn score --calls` or `dnabirnn call` wrote, in any format.

        Raises
        ------
        TrackError, LabelError
            As `dnabirnn.read_calls`.
        """
        calls = calls_by_line(path, outputs)  # once: the file may be a pipe
        return cls._by_class(calls, Regions(calls, str(path)), outputs)

    @classmethod
    def of_frame(cls, calls: pl.DataFrame, outputs: Sequence[Output]) -> Sites:
        """Return calls with the columns chrom, start, end, class and strand, as `Model.calls` has.

        Raises
        ------
        LabelError
            A class or strand is not an output of the model.
        """
        known = {(output.class_name, output.strand) for output in outputs}
        for name, strand in calls.select("class", "strand").unique().rows():
            if (name, strand) not in known:
                raise LabelError(
                    f"calls: {name} on strand {strand} is not an output of the model; give calls "
                    "that it made"
                )
        source = Regions(calls.with_row_index("line", offset=1), "calls")
        return cls._by_class(calls, source, outputs)

    @classmethod
    def _by_class(cls, calls: pl.DataFrame, source: Regions, outputs: Sequence[Output]) -> Sites:
        by_output = [
            Regions(calls.filter((pl.col("class") == name) & (pl.col("strand") == strand)))
            for name, strand in outputs
        ]
        return cls(by_output, source, calls=True)

    @classmethod
    def everything(cls) -> Sites:
        """Return one site per contig and output, the whole contig."""
        return _Everything([], Regions(pl.DataFrame(schema=_NO_REGIONS)), calls=False)

    def of(self, chrom: str, output: int) -> NDArray[np.int64]:
        """Return the intervals of a contig for an output: (n, 2) int64, sorted and disjoint."""
        return self._by_output[output].of(chrom)

    def needed(self, reach_bp: int, window_bp: int, circular: Container[str]) -> Needed | None:
        """Return the bases to read to explain the intervals, as `needed` of `read_fasta`.

        Bases within reach of an interval are changed, and the changes act as far again, through
        windows of a length.
        """

        def intervals(chrom: str) -> NDArray[np.int64]:
            return near_targets(chrom, _LONGEST_CONTIG_BP, self.of, self._outputs, 0, False)

        return bases_needed(intervals, 2 * reach_bp + window_bp, circular)

    def check_contigs(self, lengths: Mapping[str, int]) -> None:
        """Raise LabelError unless the intervals fit contigs of these lengths."""
        self._source.check_contigs(lengths)

    def wanted(
        self, reach_bp: int, circular: Container[str]
    ) -> Callable[[str, int], NDArray[np.int64]]:
        """Return a function from a contig's name and length to the bases to change.

        These are the bases of the regions, or those of calls and within reach of them.
        """
        around = reach_bp if self.calls else 0

        def intervals(chrom: str, length: int) -> NDArray[np.int64]:
            turned = bool(around) and chrom in circular
            return near_targets(chrom, length, self.of, self._outputs, around, turned)

        return intervals

    @property
    def _outputs(self) -> int:
        """Outputs whose intervals differ: regions are the same for all."""
        return len(self._by_output) if self.calls else 1


class _Everything(Sites):
    def of(self, chrom: str, output: int) -> NDArray[np.int64]:
        return np.array([[0, _LONGEST_CONTIG_BP]])
