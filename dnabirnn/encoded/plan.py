"""encoded.plan."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dnabirnn.encoded.encode import check_folder, fitting, rehearse
from dnabirnn.resources import MB, Estimate, rehearsing
from dnabirnn.sequences import most_bases, read_fasta, survey_contigs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnabirnn.encoded.encoded_set import MaskMode
    from dnabirnn.encoded.splits import SplitPlan
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Labels

__all__ = ["ENCODING_REMEDIES", "EncodingPlan"]

ENCODING_REMEDIES = {
    "memory": "free some, ask the cluster for more, or cut the longest contig",
    "disk": "make room, or write elsewhere",
}
# Python and its libraries.
_ENCODING_BYTES = 110 * MB
_BYTES_A_CONTIG = 4_000
# What is looked for at labelled bases, to warn of, stops at so many words and sites.
_WARNING_SECONDS_A_BASE = 1e-6
_MOST_WARNING_SECONDS = 0.8


@dataclass
class EncodingPlan:
    """A run of `encode` that is to come.

    Attributes
    ----------
    fasta : sequence of str or PathLike
    labels : Labels
    out : str or PathLike
        The folder.
    mask : MaskMode or str
    split : SplitPlan
    exclude : Regions, optional
    progress : callable
        Told the bases that are read.
    """

    fasta: Sequence[PathLike]
    labels: Labels
    out: PathLike
    mask: MaskMode | str
    split: SplitPlan
    exclude: Regions | None = None
    progress: Callable[[int], object] = lambda bases: None
    bound_tells_all = False

    def bound(self) -> Estimate | None:
        """The most that the run can take, by the sizes of its files; None for pipes."""
        bases = most_bases(self.fasta)
        return None if bases is None else self._of(bases, bases)

    def estimate(self) -> Estimate:
        """What the run will take: all sequences are read, and a sample of them is encoded.

        Raises
        ------
        DnabirnnError
            What the run would raise for its inputs, but for classes that the training split lacks.
        """
        check_folder(self.out)
        found = survey_contigs(read_fasta(*self.fasta, case=True), progress=self.progress)
        fitting(self.fasta, self.labels, self.exclude, self.split, found.lengths)
        for contig, length in found.lengths.items():
            self.labels.paint(contig, length, None)
        sampled_bp = sum(len(piece.codes) for piece in found.sample)
        with rehearsing():
            seconds = rehearse(found.sample, self.labels, self.mask)
        seconds *= found.bases / max(sampled_bp, 1)
        frame = self.labels.frame
        labelled_bp = int((frame["end"] - frame["start"]).sum())
        seconds += min(labelled_bp * _WARNING_SECONDS_A_BASE, _MOST_WARNING_SECONDS)
        told = self._of(found.bases, found.longest_bp, len(found.lengths))
        return told._replace(seconds=found.seconds + seconds)

    def _of(self, bases: int, longest_bp: int, contigs: int = 0) -> Estimate:
        label_bytes = self.labels.table.dtype.itemsize
        folder = Path(os.path.realpath(self.out)).parent
        # Codes, case and labels of a contig; on disk case takes a bit.
        memory = _ENCODING_BYTES + longest_bp * (2 + label_bytes) + contigs * _BYTES_A_CONTIG
        memory += 3 * round(self.labels.frame.estimated_size())
        return Estimate(memory, {folder: bases * (1 + label_bytes) + bases // 8})
