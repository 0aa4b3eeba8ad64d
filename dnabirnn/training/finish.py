"""What a fitted network becomes: a model, with all that is set on validation sequence."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from dnabirnn.engine import engine_of
from dnabirnn.network import Checkpoint, prior_shift, weights_of
from dnabirnn.training.calibration import call_defaults, choose_scoring_window, fitted_map
from dnabirnn.training.false_discovery import base_thresholds, call_thresholds
from dnabirnn.training.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.evaluation import Histogram, ScoreCounts
    from dnabirnn.network import CallRule, LogOddsMap, Network, ScoringWindow
    from dnabirnn.training.sampling import Prevalence, Sampler

__all__ = ["VALIDATION_BP", "finish"]

logger = logging.getLogger(__name__)

VALIDATION_BP = 4_000_000
"""Bases, about, that a network is held against again and again."""


def finish(
    network: Network,
    maps: Sequence[LogOddsMap],
    encoded: EncodedSet,
    sampler: Sampler,
    validation: Validation,
    prevalence: Prevalence,
    plan: Mapping[str, Any],
    threads: int,
) -> Checkpoint:
    """The network as a model.

    Parameters
    ----------
    network : Network
        With its best weights.
    maps : sequence of LogOddsMap
        Of the classes' log-odds, as the prior alone tells them.
    encoded : EncodedSet
    sampler : Sampler
    validation : Validation
        Of about `VALIDATION_BP` bases.
    prevalence : Prevalence
    plan : mapping
        What is told of the training.
    threads : int
    """
    architecture, settings = network.architecture, sampler.settings
    network.eval()
    window = choose_scoring_window(
        validation, engine_of(network, maps), settings.window_bp, threads
    )
    measure = _Measure(encoded, validation, window, threads)
    # Of an exclusive network a class's probability depends on the other classes' maps too.
    for _ in range(1 + architecture.exclusive):
        histograms, _ = measure.counts(network, maps, validation)
        left = [fitted_map(histograms[name]) for name, _ in architecture.classes]
        maps = tuple(later.after(first) for later, first in zip(left, maps, strict=True))
    whole = Validation(encoded)
    histograms, counts = measure.counts(network, maps, whole)
    here = {name: _share(histograms[name]) for name, _ in architecture.classes}
    there = here | plan["priors"]
    rarer = {name: _odds(here[name]) / _odds(there[name]) for name in here}
    if plan["priors"]:
        moves = prior_shift(architecture, [*here.values()], [*there.values()])
        maps = tuple(move.after(first) for move, first in zip(moves, maps, strict=True))
        histograms, counts = measure.counts(network, maps, whole)
        counts = {name: counts[name].thinned(factor) for name, factor in rarer.items()}
    best = {name: counted.best() for name, counted in counts.items()}
    calls = call_defaults(
        {name: best[name].threshold for name, _ in architecture.classes},
        sampler.site_lengths_bp(),
    )
    metrics = {
        name: {
            "ap_stranded": histogram.average_precision(),
            "best_f1_stranded": best[name].f1,
            "positives": int(histogram.positives.sum()),
        }
        for name, histogram in histograms.items()
        if name not in measure.absent
    }
    shares = {
        name: {"sequence": float(p), "sampled": float(q), "calibrated": float(r)}
        for (name, r), p, q in zip(
            there.items(), prevalence.sequence, prevalence.sampled, strict=True
        )
    }
    return Checkpoint(
        architecture=architecture,
        weights=weights_of(network),
        training_window_bp=settings.window_bp,
        scoring_window=window,
        mask=str(encoded.mask.value),
        maps=tuple(maps),
        calls=calls,
        discoveries=measure.discoveries(network, maps, counts, calls, rarer),
        training={
            **plan,
            "inputs": encoded.manifest["inputs"],
            "prevalence": shares,
        },
        metrics={"split": validation.split, "classes": metrics},
    )


class _Measure:
    """Scores of validation sequence, and of training sequence for classes that it lacks."""

    def __init__(
        self, encoded: EncodedSet, validation: Validation, window: ScoringWindow, threads: int
    ) -> None:
        self._window = window
        self._threads = threads
        self._validation = validation
        self.absent = validation.absent()
        self._standing_in = None
        if self.absent:
            _warn_of_absence(self.absent, len(encoded.classes), validation.split)
            self._standing_in = Validation(encoded, VALIDATION_BP, "train")

    def counts(
        self, network: Network, maps: Sequence[LogOddsMap], validation: Validation
    ) -> tuple[dict[str, Histogram], dict[str, ScoreCounts]]:
        """Scores a class."""
        engine = engine_of(network, maps)
        histograms, counts = validation.histograms(engine, self._window, self._threads)
        if self._standing_in is not None:
            known, known_counts = self._standing_in.histograms(engine, self._window, self._threads)
            histograms |= {name: known[name] for name in self.absent}
            counts |= {name: known_counts[name] for name in self.absent}
        return histograms, counts

    def discoveries(
        self,
        network: Network,
        maps: Sequence[LogOddsMap],
        counts: Mapping[str, ScoreCounts],
        rules: Mapping[str, CallRule],
        rarer: Mapping[str, float],
    ) -> dict[str, dict[str, dict[str, int | None]]]:
        """Thresholds for false discovery rates, a class, of bases and of calls."""
        engine = engine_of(network, maps)
        outputs = network.architecture.outputs
        of_calls = call_thresholds(
            self._validation, engine, self._window, outputs, rules, rarer, self._threads
        )
        if self._standing_in is not None:
            known = call_thresholds(
                self._standing_in, engine, self._window, outputs, rules, rarer, self._threads
            )
            of_calls |= {name: known[name] for name in self.absent}
        return {
            name: {"bases": base_thresholds(counted), "calls": of_calls[name]}
            for name, counted in counts.items()
        }


def _share(histogram: Histogram) -> float:
    positives, negatives = int(histogram.positives.sum()), int(histogram.negatives.sum())
    return positives / max(positives + negatives, 1)


def _odds(share: float) -> float:
    return max(share, 1e-12) / max(1 - share, 1e-12)


def _warn_of_absence(absent: Sequence[str], classes: int, split: str) -> None:
    """Tell for which classes validation sequence says nothing."""
    logger.warning(
        "%s: no site in the %s split; the training split stands in to set the threshold%s",
        ", ".join(absent),
        split,
        ", and the last weights are kept" if len(absent) == classes else "",
    )
