"""Estimate of the memory, disk and time of an encoding run.

Memory and disk follow from the number of bases and contigs. Time depends on the machine, so it
comes from a rehearsal: a sample of the sequences is encoded into a temporary folder, and its time
is scaled up by bases.
"""

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

    from dnabirnn.encoded.backgrounds import Backgrounds
    from dnabirnn.encoded.encoded_set import MaskMode
    from dnabirnn.encoded.splits import SplitPlan
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Labels
    from dnabirnn.sequences import Record

__all__ = ["ENCODING_REMEDIES", "EncodingPlan"]

ENCODING_REMEDIES = {
    "memory": "free some, ask the cluster for more, or cut the longest contig",
    "disk": "make room, or write elsewhere",
}
# Memory of Python and its libraries.
_ENCODING_BYTES = 110 * MB
_BYTES_PER_CONTIG = 4_000
# Time of the checks for warnings, per labelled base. Their numbers of words and sites are limited,
# and so is their time.
_WARNING_SECONDS_PER_BASE = 1e-6
_MAX_WARNING_SECONDS = 0.8
# Drawing and pasting: Markov chains take the most.
_PASTING_SECONDS_PER_BASE = 5e-7


@dataclass
class EncodingPlan:
    """Plan of an `encode` run that has not started yet.

    Attributes
    ----------
    fasta : sequence of str or PathLike
    labels : Labels
    out : str or PathLike
        Folder of the encoded set.
    mask : MaskMode or str
    split : SplitPlan
    exclude : Regions, optional
    progress : callable
        Called with the number of bases that have been read since the last call.
    records : sequence of Record, optional
        Sequences in memory, with case, in place of those of `fasta`.
    backgrounds : Backgrounds, optional
        Sequences to paste training sites into.
    """

    fasta: Sequence[PathLike]
    labels: Labels
    out: PathLike
    mask: MaskMode | str
    split: SplitPlan
    exclude: Regions | None = None
    progress: Callable[[int], object] = lambda bases: None
    records: Sequence[Record] | None = None
    backgrounds: Backgrounds | None = None
    bound_tells_all = False

    def bound(self) -> Estimate | None:
        """Return upper bounds on memory and disk from the sizes of the files; None for pipes."""
        if self.records is None:
            bases = most_bases(self.fasta)
        else:
            bases = sum(len(record.codes) for record in self.records)
        return None if bases is None else self._from_sizes(bases, bases)

    def estimate(self) -> Estimate:
        """Estimate memory, disk and time: read all sequences, and encode a sample of them.

        Raises
        ------
        DnabirnnError
            Any error that the run itself would raise for its inputs, except for classes that the
            training split lacks.
        """
        check_folder(self.out)
        records = read_fasta(*self.fasta, case=True) if self.records is None else self.records
        found = survey_contigs(records, progress=self.progress)
        fitting(self.fasta, self.labels, self.exclude, self.split, found.lengths)
        for contig, length in found.lengths.items():
            self.labels.paint(contig, length, None)
        added_bp = self._added_bp(found.bases)
        sampled_bp = sum(len(piece.codes) for piece in found.sample)
        with rehearsing():
            seconds = rehearse(found.sample, self.labels, self.mask)
        seconds *= (found.bases + added_bp) / max(sampled_bp, 1)
        seconds += added_bp * _PASTING_SECONDS_PER_BASE
        frame = self.labels.frame
        labelled_bp = int((frame["end"] - frame["start"]).sum())
        seconds += min(labelled_bp * _WARNING_SECONDS_PER_BASE, _MAX_WARNING_SECONDS)
        estimate = self._from_sizes(found.bases, found.longest_bp, len(found.lengths))
        return estimate._replace(seconds=found.seconds + seconds)

    def _added_bp(self, bases: int) -> int:
        """Return the bases of added contigs, if all bases are for training."""
        return 0 if self.backgrounds is None else self.backgrounds.added_bp(bases)

    def _from_sizes(self, bases: int, longest_bp: int, contigs: int = 0) -> Estimate:
        label_bytes = self.labels.table.dtype.itemsize
        folder = Path(os.path.realpath(self.out)).parent
        # Per base of a contig: one byte each for codes and case, and the labels. On disk, case
        # takes one bit.
        memory = _ENCODING_BYTES + longest_bp * (2 + label_bytes) + contigs * _BYTES_PER_CONTIG
        memory += 3 * round(self.labels.frame.estimated_size())
        if self.backgrounds is not None:
            memory += self.backgrounds.held_bp
        bases += self._added_bp(bases)
        return Estimate(memory, {folder: bases * (1 + label_bytes) + bases // 8})
