"""Scores of validation sequences as a whole, and metrics on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.errors import ScoreError, TrainingError
from dnabirnn.evaluation import sequence_metrics
from dnabirnn.scoring import score, score_sequences
from dnabirnn.training.sequences.loss import SITE_BP
from dnabirnn.training.sequences.sampling import classes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.engine import Engine
    from dnabirnn.network import ScoringWindow, Words

__all__ = ["SequenceValidation"]


class _Contig(NamedTuple):
    """A sequence, or as much of it as the model is calibrated for."""

    name: str
    codes: Codes


class SequenceValidation:
    """Validation sequences, on which a network is evaluated.

    Parameters
    ----------
    encoded : EncodedSet
    length_bp : int
        Length of the sequences that the model is for: that of a training window.
    most_bp : int, optional
        Maximum number of bases, about. Of more sequences, evenly spread ones are used.

    Attributes
    ----------
    split : str
        "val", or "train" where the encoded set has no validation sequence.
    contigs : list of contigs
    truth : ndarray, (n, K) bool
        Classes of the sequences.
    """

    def __init__(self, encoded: EncodedSet, length_bp: int, most_bp: int | None = None) -> None:
        self.classes = encoded.classes
        self.length_bp = length_bp
        self.split = "val" if len(encoded.split("val")) else "train"
        spans = encoded.split(self.split)
        bases = int((spans[:, 1] - spans[:, 0]).sum())
        if most_bp is not None and bases > most_bp:
            chosen = np.linspace(0, len(spans) - 1, max(2, len(spans) * most_bp // bases))
            spans = spans[np.unique(chosen.round().astype(np.int64))]
        self.truth = classes_of(encoded, spans)
        self.contigs = [
            _Contig(f"{self.split}:{start}-{end}", encoded.codes[start:end])
            for start, end in spans.tolist()
        ]

    def log_odds(
        self, engine: Engine, scoring: ScoringWindow, threads: int, words: Words | None = None
    ) -> NDArray[np.float64]:
        """Return the log-odds of all sequences by class: (n, K).

        Raises
        ------
        TrainingError
            A score is not finite.
        """
        columns = sum(1 + stranded for _, stranded in self.classes)
        blocks = score(self.contigs, engine, scoring, columns, threads=threads)
        try:
            found = score_sequences(blocks, self.classes, SITE_BP, self.length_bp, words)
            return np.stack([one.log_odds for one in found])
        except ScoreError as error:
            raise TrainingError(f"validation: {error}") from error

    def word_log_odds(self, words: Words) -> NDArray[np.float64]:
        """Return what the words add to the log-odds, at most: (n, K)."""
        return np.stack(
            [
                words.sums(one.codes, min(self.length_bp, len(one.codes))).max(axis=0)
                for one in self.contigs
            ]
        )

    def average_precision(
        self, engine: Engine, scoring: ScoringWindow, threads: int
    ) -> dict[str, float | None]:
        """Return the average precision per class; None for a class without truth."""
        log_odds = self.log_odds(engine, scoring, threads)
        found: dict[str, float | None] = {}
        for number, (name, _) in enumerate(self.classes):
            figures = sequence_metrics(log_odds[:, number], self.truth[:, number], 0.0)
            found[name] = figures["ap"]
        return found
