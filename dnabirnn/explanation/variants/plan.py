"""Estimate of the memory, disk and time of a run on variants.

Time and disk come from a rehearsal on neighboring rows in the middle of the file.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dnabirnn.errors import OptionError
from dnabirnn.explanation.plan import memory_of_effects
from dnabirnn.explanation.stream import RESULT_BYTES
from dnabirnn.explanation.variants.annotate import annotate_variants
from dnabirnn.explanation.variants.output import VariantFormat, variant_format
from dnabirnn.explanation.variants.vcf import VariantFile
from dnabirnn.files import check_target, is_stream, noting
from dnabirnn.resources import Estimate, rehearsing
from dnabirnn.sequences import contig_lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dnabirnn.explanation.variants.annotate import VariantRun
    from dnabirnn.files import PathLike

__all__ = ["VARIANT_REMEDIES", "VariantPlan"]

VARIANT_REMEDIES = {
    "memory": "free some, ask the cluster for more, or use fewer --threads",
    "disk": "make room, write elsewhere, or annotate a part of the contigs with --shard",
}

_FEW_ROWS, _MORE_ROWS = 100, 2100
"""Rows of the two rehearsals: the difference of their times is that of the rows."""


@dataclass
class VariantPlan:
    """Plan of a `variants` run that has not started yet.

    Attributes
    ----------
    run : VariantRun
    out : str or PathLike
    progress : callable
        Called with the number of rows that have been read since the last call.
    """

    run: VariantRun
    out: PathLike
    progress: Callable[[int], object] = lambda rows: None
    bound_tells_all = False

    def bound(self) -> None:
        """Return None: the size of the files bounds neither the number of alleles nor the time."""
        return

    def estimate(self) -> Estimate:
        """Estimate memory, disk and time: read all rows, and annotate some of them.

        Raises
        ------
        OptionError
            If the variants are standard input or a pipe, which can be read only once.
        DnabirnnError
            Any error that the run itself would raise for its inputs.
        """
        if is_stream(self.run.variants):
            raise OptionError(
                "--dry-run: reads the variants twice, which standard input and pipes do not allow; "
                "give a file"
            )
        if not is_stream(self.out):
            check_target(self.out)
        form, begun = variant_format(self.out), time.monotonic()
        source = VariantFile(self.run.variants)
        lengths = contig_lengths(*self.run.fasta)
        rows, known, sample = self._read(source, lengths)
        reading = time.monotonic() - begun
        memory = memory_of_effects(
            self.run.model,
            self.run.max_distance_bp,
            RESULT_BYTES,
            max(lengths.values(), default=0),
            parquet=form is VariantFormat.PARQUET,
        )
        folder = Path(os.path.realpath(self.out)).parent
        if not rows:
            return Estimate(memory, {folder: 0}, reading)
        few = sample[:_FEW_ROWS]
        self._timed(source, few[:1])  # the first run compiles kernels
        start, least = self._timed(source, few)
        seconds, of_row = start, least / len(few)
        if known > len(few):
            more, largest = self._timed(source, sample)
            further = len(sample) - len(few)
            seconds += max(more - start, 0) / further * (known - len(few))
            of_row = max(largest - least, 0) / further
        # VCF and BCF also have the rows of other contigs.
        written = known if form in (VariantFormat.TSV, VariantFormat.PARQUET) else rows
        size = least + of_row * (written - len(few))
        disk = 0 if is_stream(self.out) else round(size)
        return Estimate(memory, {folder: disk}, reading + seconds)

    def _read(
        self, source: VariantFile, lengths: Mapping[str, int]
    ) -> tuple[int, int, list[bytes]]:
        """Read all rows; return their number, that on contigs of the FASTA, and some of these."""
        rows, known, last = 0, 0, deque[bytes](maxlen=2 * _MORE_ROWS)
        sample: list[bytes] = []
        names: dict[str, bool] = {}  # and whether the FASTA has them
        for row in self.run.rows(source):
            rows += 1
            if row.chrom not in names:
                names[row.chrom] = self.run.name_of(row.chrom) in lengths
            if names[row.chrom]:
                known += 1
                last.append(row.line)
                # The rows in the middle of those that have been read, each time these are doubled.
                if known >= 2 * _MORE_ROWS and known & (known - 1) == 0:
                    sample = [*last][:_MORE_ROWS]
            self.progress(1)
        self.run.check_names(names, lengths)
        return rows, known, sample or [*last][:_MORE_ROWS]

    @rehearsing()
    def _timed(self, source: VariantFile, rows: list[bytes]) -> tuple[float, int]:
        """Annotate some rows; return the seconds, and the bytes that are written."""
        with tempfile.TemporaryDirectory(prefix="dnabirnn-") as name:
            variants = Path(name, "sample.vcf")
            variants.write_bytes(b"".join(line + b"\n" for line in [*source.header, *rows]))
            ending = "vcf" if is_stream(self.out) else Path(self.out).name
            out = Path(name, f"out.{ending}")
            run = replace(self.run, variants=variants, shard=None)
            begun = time.monotonic()
            with noting() as noted:  # keeps these files out of the journal of the run
                annotate_variants(run, out)
            return time.monotonic() - begun, out.stat().st_size + noted.scratch_bytes
