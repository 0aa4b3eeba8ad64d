"""Targets that a model finds itself: its calls, or the best intervals of whole sequences."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import polars as pl

from dnabirnn.explanation import Sites
from dnabirnn.intervals import Regions
from dnabirnn.network import default_min_score
from dnabirnn.scoring import calls_frame, find_calls, find_runs, score_sequences, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallSettings, SequenceScores
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular
    from dnabirnn.tracks import Block

__all__ = ["own_targets"]

logger = logging.getLogger(__name__)

_COLUMNS = {
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "class": pl.String,
    "strand": pl.String,
}


def own_targets(
    model: Model,
    fasta: Sequence[PathLike],
    settings: CallSettings,
    circular: Circular | None = None,
    progress: Callable[[int], object] = lambda bases: None,
) -> Sites:
    """Return the calls of a model on sequences, as targets.

    A model that learned labels of whole sequences has no calls of its own. Then the targets are the
    best intervals of the sequences whose probability reaches the threshold of a class.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    settings : CallSettings
        How calls are made.
    circular : Circular, optional
        Circular contigs.
    progress : callable
        Called with the number of bases of each block that is scored.

    Raises
    ------
    FastaError, OptionError
        If the sequences cannot be read, or a circular contig does not exist.
    """
    contigs = model.contigs(*fasta)
    contigs = contigs if circular is None else circular.checked(contigs)
    blocks = watched(model.blocks(contigs, circular=circular or ()), progress)
    sequences = model.checkpoint.sequences
    if sequences is not None:
        frame = _best_intervals(model, blocks, sequences)
    else:
        lowest = default_min_score([*model.checkpoint.calls.values(), *settings.rules.values()])
        frame = calls_frame(
            find_calls(find_runs(blocks, min_score=lowest), model.outputs, settings), model.outputs
        )
    for name, number in frame.group_by("class", maintain_order=True).len().iter_rows():
        logger.info("%s: %d targets", name, number)
    return _sites(frame.select(*_COLUMNS), model.outputs)


def _best_intervals(
    model: Model, blocks: Iterable[Block], sequences: SequenceScores
) -> pl.DataFrame:
    classes = model.checkpoint.architecture.classes
    rows = []
    for found in score_sequences(blocks, classes, sequences.site_bp, sequences.length_bp):
        probabilities = sequences.probabilities(found.log_odds[None])[0]
        for number, best in enumerate(found.best):
            name = classes[number].name
            if best is not None and probabilities[number] >= sequences.rules[name].threshold:
                rows.append((found.name, best.start, best.end, name, best.strand))
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def _sites(frame: pl.DataFrame, outputs: Sequence[Output]) -> Sites:
    frame = frame.with_row_index("line", 1)
    by_output = [
        Regions(frame.filter((pl.col("class") == name) & (pl.col("strand") == strand)))
        for name, strand in outputs
    ]
    return Sites(by_output, Regions(frame), calls=True)
