"""Shortest call of classes whose sites all have one length.

In general, the shortest call is half of a short site, so that a site that is found only in part is
kept (`dnabirnn.training.calibration`). If all sites have one length, a shorter call is more often
false: on start codons of the fly (3 bases), F1 of calls on validation sequence was 0.21 from 1 base
on, and 0.26 with 3. But a threshold may also cut the ends of true calls. On promoters of 40 bp, F1
fell from 0.11 to 0.07 if all 40 bases were required, and on yeast factors (7 to 13 bases) all but
one was mostly best, with up to 0.05 more F1 than half. So three lengths are tried: half, all but
one, and all. The one with the best F1 of calls on validation sequence is taken.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.evaluation import CallEvaluation, Truth
from dnabirnn.network import CallSettings
from dnabirnn.scoring import find_calls, find_runs
from dnabirnn.training.false_discovery import by_contig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.engine import Engine
    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallRule, ScoringWindow
    from dnabirnn.tracks import Rows
    from dnabirnn.training.validation import Validation

__all__ = ["fixed_length", "shortest_calls"]

logger = logging.getLogger(__name__)

_QUANTILES = (0.05, 0.95)
_LONGEST_BP = 100


def fixed_length(lengths_bp: NDArray[np.int64]) -> int | None:
    """Return the length of the sites of a class, if nearly all have one.

    None if the 5 % and the 95 % quantile differ, or for sites of over 100 bp.

    Examples
    --------
    >>> fixed_length(np.array([3] * 50 + [7])), fixed_length(np.array([3, 4, 3, 4]))
    (3, None)
    """
    low, high = np.quantile(lengths_bp, _QUANTILES).tolist()
    return int(low) if low == high <= _LONGEST_BP else None


def shortest_calls(
    validation: Validation,
    engine: Engine,
    window: ScoringWindow,
    outputs: Sequence[Output],
    rules: Mapping[str, CallRule],
    fixed_bp: Mapping[str, int],
    threads: int,
) -> dict[str, int]:
    """Return the shortest call of classes with sites of one length, in bases.

    Parameters
    ----------
    validation : Validation
    engine : Engine
    window : ScoringWindow
    outputs : sequence of Output
    rules : mapping of class name to CallRule
        Default rules, with half of the length.
    fixed_bp : mapping of class name to int
        Lengths of the sites of these classes.
    threads : int
    """
    tried = {
        name: sorted({rules[name].min_length_bp, max(length - 1, 1), length})
        for name, length in fixed_bp.items()
    }
    rounds = max(map(len, tried.values()), default=0)
    if not rounds:
        return {}
    settings = [
        CallSettings(
            {
                name: replace(rules[name], min_length_bp=lengths[min(number, len(lengths) - 1)])
                for name, lengths in tried.items()
            }
        )
        for number in range(rounds)
    ]
    found = [CallEvaluation(validation.classes) for _ in settings]
    lowest = min(rules[name].threshold for name in tried)
    rows = find_runs(validation.blocks(engine, window, threads), min_score=lowest)
    for of_contig in by_contig(rows):
        contig = validation.contig(of_contig[0].chrom)
        truth = Truth.of(np.asarray(contig.labels), codes=np.asarray(contig.codes))
        for evaluation, setting in zip(found, settings, strict=True):
            for calls in find_calls(of_contig, outputs, setting):
                evaluation.add(_spans(calls, len(outputs)), truth)
    figures = [evaluation.finish(replicates=0) for evaluation in found]
    chosen = {}
    for name, lengths in tried.items():
        f1 = [(of[name] or {}).get("f1") or 0.0 for of in figures[: len(lengths)]]
        chosen[name] = lengths[int(np.argmax(f1))]  # the shortest of several that are best
        pairs = ", ".join(f"{bp} bp {value:.3f}" for bp, value in zip(lengths, f1, strict=True))
        logger.info("%s: F1 of calls on validation sequence by shortest call: %s", name, pairs)
    return chosen


def _spans(calls: Rows, outputs: int) -> list[NDArray[np.int64]]:
    """Return the calls of each output, (n, 2)."""
    spans = np.column_stack((calls.start, calls.end))
    return [spans[calls.output == output] for output in range(outputs)]
