"""Position weight matrices in training: which classes start from theirs, and comparison with them.

A class with few and short training sites starts as the calibrated matrix of its sites, and the
network learns what the context adds. A class with more learns more from random weights: on REP
elements, with 449 sites, average precision by strand on validation sequence was 0.91 from random
weights and 0.89 from the matrix. On eight yeast factors with 47 to 308 sites, the matrices are far
ahead of what a network learns from random weights.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dnabirnn.evaluation import Baseline, Histogram, Matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.evaluation import FittedMatrix
    from dnabirnn.training.validation import Validation

__all__ = ["FEW_BASES", "FEW_SITES", "compare", "inside_network", "precision_of"]

logger = logging.getLogger(__name__)

FEW_SITES, FEW_BASES = 400, 10_000
"""A class with fewer training sites, and fewer bases in them, starts from its matrix."""
_MARGIN = 0.02
"""A class may be behind its matrix by this much without a warning."""


def inside_network(fitted: Sequence[FittedMatrix | None]) -> list[FittedMatrix | None]:
    """Return the matrices that the network has: those of classes with few training sites."""
    return [
        matrix if matrix and matrix.sites < FEW_SITES and matrix.bases < FEW_BASES else None
        for matrix in fitted
    ]


def precision_of(
    matrices: Sequence[FittedMatrix | None], validation: Validation
) -> dict[str, float]:
    """Return the average precision of matrices by themselves, by class.

    Each base counts once per strand. Classes without a matrix, or without truth, are left out.
    """
    found, column = {}, 0
    for motif_class, fitted in zip(validation.classes, matrices, strict=False):
        columns = slice(column, column + 1 + motif_class.stranded)
        column = columns.stop
        if fitted is None:
            continue
        matrix = Matrix(fitted.log_odds, fitted.flank_bp, fitted.slope, fitted.shift)
        blocks = Baseline([motif_class], [matrix]).blocks(validation.contigs)
        histogram = Histogram()
        for probabilities, truth in validation.counted(blocks):
            histogram.add(probabilities, truth[:, columns])
        if histogram.positives.any():
            found[motif_class.name] = histogram.average_precision()
    return found


def compare(name: str, learned: float, alone: float) -> None:
    """Log the average precision of a class beside that of its matrix; warn if it is behind."""
    if learned < alone - _MARGIN:
        logger.warning(
            "%s: AP %.4f on validation sequence, less than that of its position weight matrix "
            "(%.4f); train this class by itself, or give more sites",
            name,
            learned,
            alone,
        )
    else:
        logger.info("%s: AP of the position weight matrix by itself %.4f", name, alone)
