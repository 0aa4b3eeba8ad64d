"""The table of `score --per-sequence`: one row per record.

Columns, separated by tabs, after a header: `name`, `length` (bases), `class` (the most probable
one), `probability` (calibrated), `called` (1 if it reaches the threshold of the class, else 0), and
the best interval of that class: `start`, `end` (0-based, half-open), `strand` and `score` (the mean
probability of its bases in thousandths, not calibrated). With several classes, a column
`probability_NAME` for each follows. Of a record without a base, the interval is `.`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.scoring.sequences import SequenceReader
from dnabirnn.tracks import SEQUENCE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from dnabirnn.files import OutputFiles, PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.network import Checkpoint, SequenceScores
    from dnabirnn.scoring.sequences import ScoredSequence
    from dnabirnn.tracks import Block

__all__ = ["SequenceFile", "check_sequences"]


def check_sequences(checkpoint: Checkpoint) -> SequenceScores:
    """Return how a model scores whole sequences.

    Raises
    ------
    OptionError
        The model did not learn labels of whole sequences.
    """
    if checkpoint.sequences is None:
        raise OptionError(
            "the model learned labels of bases, and its scores of whole sequences are not "
            "calibrated; train on a set of `encode --positives` or --sequence-labels"
        )
    return checkpoint.sequences


class SequenceFile:
    """Rows about the records of a stream of blocks.

    Parameters
    ----------
    checkpoint : Checkpoint
    path : str or PathLike
        TSV file to write.
    regions : Regions, optional
        Regions to which a run is limited: an error.
    """

    def __init__(
        self, checkpoint: Checkpoint, path: PathLike, regions: Regions | None = None
    ) -> None:
        self._scores = check_sequences(checkpoint)
        if regions is not None:
            raise OptionError(
                "--per-sequence: is about whole records, of which --regions scores parts; remove "
                "one of the two"
            )
        self._classes = checkpoint.architecture.classes
        self._path = path
        scores = self._scores
        self._reader = SequenceReader(self._classes, scores.site_bp, scores.length_bp, scores.words)
        self._file: BinaryIO | None = None

    def open(self, outputs: OutputFiles) -> None:
        """Open the file, and write the header."""
        names = [name for name, _ in self._classes]
        head = [*SEQUENCE_COLUMNS, *(f"probability_{name}" for name in names if len(names) > 1)]
        self._file = outputs.open(self._path)
        self._write(head)

    def watched(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield blocks unchanged, and write a row about each record that ends."""
        for block in blocks:
            yield block
            found = self._reader.add(block)
            if found is not None:
                self._write(self._row(found))

    def _row(self, found: ScoredSequence) -> list[str]:
        probabilities = self._scores.probabilities(found.log_odds[None])[0]
        number = int(np.argmax(probabilities))
        name = self._classes[number].name
        called = probabilities[number] >= self._scores.rules[name].threshold
        best = found.best[number]
        where = ["."] * 4
        if best is not None:
            score = round(best.score * MAX_SCORE)
            where = [str(best.start), str(best.end), best.strand, str(score)]
        each = [f"{p:.6g}" for p in probabilities]
        row = [found.name, str(found.length_bp), name, each[number], str(int(called)), *where]
        return row + (each if len(each) > 1 else [])

    def _write(self, row: Sequence[str]) -> None:
        assert self._file is not None, "opened before the first block"
        self._file.write(("\t".join(row) + "\n").encode())
