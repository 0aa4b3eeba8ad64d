"""Turn a fitted network into a model: calibrate it, and choose its window and thresholds."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dnabirnn.engine import engine_of
from dnabirnn.names import shortened
from dnabirnn.network import (
    HIGHEST_FLOOR,
    CallLengths,
    Checkpoint,
    EvidenceScale,
    Network,
    Pooling,
    prior_shift,
    weights_of,
)
from dnabirnn.training.finishing.calibration import (
    call_defaults,
    choose_scoring_window,
    fitted_map,
    fixed_length,
    is_learned,
    scoring_windows,
    shortest_calls,
)
from dnabirnn.training.finishing.false_discovery import base_thresholds, call_thresholds
from dnabirnn.training.finishing.finish_sequences import finish_sequences
from dnabirnn.training.finishing.segmentation import Chosen, absent_evidence, evidence_rules
from dnabirnn.training.finishing.stacking import stacked
from dnabirnn.training.matrices import compare, precision_of
from dnabirnn.training.sampling import Sampler
from dnabirnn.training.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.evaluation import FittedMatrix, Histogram, ScoreCounts
    from dnabirnn.network import CallRule, EnsembleNetwork, LogOddsMap, ScoringWindow
    from dnabirnn.training.sampling import Prevalence
    from dnabirnn.training.sequences.sampling import SequenceSampler
    from dnabirnn.training.sequences.validation import SequenceValidation

__all__ = ["VALIDATION_BP", "finish"]

logger = logging.getLogger(__name__)

VALIDATION_BP = 4_000_000
"""Size in bases, about, of the validation sequence that is scored repeatedly during training."""
_CALLS_BP, _CALLS_PIECE_BP = 20_000_000, 2_000_000
"""Size of the validation sequence on which rules for calls by evidence are chosen, and of its
pieces, whose ends may cut arrays."""


def finish(
    network: Network | EnsembleNetwork,
    maps: Sequence[LogOddsMap],
    encoded: EncodedSet,
    sampler: Sampler | SequenceSampler,
    validation: Validation | SequenceValidation,
    prevalence: Prevalence,
    matrices: Sequence[FittedMatrix | None],
    plan: Mapping[str, Any],
    threads: int,
) -> Checkpoint:
    """Make the model from a fitted network.

    Parameters
    ----------
    network : Network or EnsembleNetwork
        With its best weights.
    maps : sequence of LogOddsMap
        One map per class, with the shift from windows to sequence (`prior_shift`).
    encoded : EncodedSet
    sampler : Sampler or SequenceSampler
    validation : Validation or SequenceValidation
        Of about `VALIDATION_BP` bases.
    prevalence : Prevalence
    matrices : sequence of FittedMatrix or None
        Position weight matrix of each class, for comparison; empty to compare with none.
    plan : mapping
        Settings of the training, which are stored in the model.
    threads : int
    """
    settings = sampler.settings
    if encoded.whole_sequences:
        return finish_sequences(network, encoded, settings, plan, threads)
    assert isinstance(validation, Validation), "labels are those of bases"
    assert isinstance(sampler, Sampler), "labels are those of bases"
    network.eval()
    shortest = scoring_windows(settings.window_bp, network.architecture.matrix_reach_bp)[-1]
    if isinstance(network, Network):  # the members of an ensemble already are
        network = stacked(network, maps, matrices, validation, shortest, threads)
    architecture = network.architecture
    window = choose_scoring_window(
        validation,
        engine_of(network, maps),
        scoring_windows(settings.window_bp, architecture.matrix_reach_bp),
        threads,
    )
    measure = _Measure(encoded, validation, window, threads)
    # Classes of an exclusive network share one softmax, so the probabilities of a class depend on
    # the maps of the others. A second round fits each map with the others in place.
    for _ in range(1 + architecture.exclusive):
        histograms, _ = measure.counts(network, maps, validation)
        left = [fitted_map(histograms[name]) for name, _ in architecture.classes]
        maps = tuple(later.after(first) for later, first in zip(left, maps, strict=True))
    whole = Validation(encoded)
    histograms, counts = measure.counts(network, maps, whole)
    here = {name: _share(histograms[name]) for name, _ in architecture.classes}
    learned = [
        name
        for name, of in histograms.items()
        if is_learned(of.average_precision(), counts[name].best().f1, here[name])
    ]
    there = here | plan["priors"]
    rarer = {name: _odds(here[name]) / _odds(there[name]) for name in here}
    if plan["priors"]:
        moves = prior_shift(architecture, [*here.values()], [*there.values()])
        maps = tuple(move.after(first) for move, first in zip(moves, maps, strict=True))
        histograms, counts = measure.counts(network, maps, whole)
        counts = {name: counts[name].thinned(factor) for name, factor in rarer.items()}
    best = {name: counted.best() for name, counted in counts.items()}
    site_lengths_bp = sampler.site_lengths_bp()
    rules = call_defaults(
        {name: best[name].threshold for name, _ in architecture.classes}, site_lengths_bp
    )
    fixed_bp = {name: fixed_length(site_lengths_bp[name]) for name in learned}
    rules = measure.fitted(network, maps, rules, {n: bp for n, bp in fixed_bp.items() if bp})
    absent = {
        name: absent_evidence(counts[name], min(HIGHEST_FLOOR, rules[name].threshold))
        for name in learned
    }
    scales = {
        name: EvidenceScale.of(there[name], rules[name].threshold, absent[name]) for name in learned
    }
    chosen = measure.by_evidence(network, maps, rules, scales, site_lengths_bp)
    rules |= {name: of.rule for name, of in chosen.items()}
    metrics = {
        name: {
            "ap_stranded": histogram.average_precision(),
            "best_f1_stranded": best[name].f1,
            "positives": int(histogram.positives.sum()),
        }
        for name, histogram in histograms.items()
        if name not in measure.absent
    }
    for name, alone in precision_of(matrices, whole).items():
        if name in metrics:
            metrics[name]["matrix_ap_stranded"] = alone
            compare(name, float(metrics[name]["ap_stranded"]), alone)
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
        calls={name: rule for name, rule in rules.items() if name in learned},
        unlearned=_unlearned(rules, learned),
        absent=absent,
        poolings={n: of.pooling for n, of in chosen.items() if of.pooling != Pooling()},
        discoveries=measure.discoveries(network, maps, counts, rules, rarer),
        training={
            **plan,
            "inputs": encoded.manifest["inputs"],
            "prevalence": shares,
        },
        metrics={"split": validation.split, "classes": metrics},
    )


class _Measure:
    """Counts and thresholds on validation sequence, or on the train split for classes it lacks."""

    def __init__(
        self, encoded: EncodedSet, validation: Validation, window: ScoringWindow, threads: int
    ) -> None:
        self._encoded = encoded
        self._window = window
        self._threads = threads
        self._validation = validation
        self.absent = validation.absent()
        self._train_part = None
        if self.absent:
            _warn_of_absence(self.absent, len(encoded.classes), validation.split)
            self._train_part = Validation(encoded, VALIDATION_BP, "train")

    def counts(
        self, network: Network | EnsembleNetwork, maps: Sequence[LogOddsMap], validation: Validation
    ) -> tuple[dict[str, Histogram], dict[str, ScoreCounts]]:
        """Return the histogram and the integer score counts of each class."""
        engine = engine_of(network, maps)
        histograms, counts = validation.histograms(engine, self._window, self._threads)
        if self._train_part is not None:
            train_histograms, train_counts = self._train_part.histograms(
                engine, self._window, self._threads
            )
            histograms |= {name: train_histograms[name] for name in self.absent}
            counts |= {name: train_counts[name] for name in self.absent}
        return histograms, counts

    def fitted(
        self,
        network: Network | EnsembleNetwork,
        maps: Sequence[LogOddsMap],
        rules: Mapping[str, CallRule],
        fixed_bp: Mapping[str, int],
    ) -> dict[str, CallRule]:
        """Return the rules with the shortest calls of classes whose sites have one length."""
        engine, outputs = engine_of(network, maps), network.architecture.outputs
        shortest: dict[str, int] = {}
        for part, absent in ((self._validation, False), (self._train_part, True)):
            own = {name: bp for name, bp in fixed_bp.items() if (name in self.absent) == absent}
            if part is not None:
                shortest |= shortest_calls(
                    part, engine, self._window, outputs, rules, own, self._threads
                )
        return {
            name: replace(rule, min_length_bp=shortest.get(name, rule.min_length_bp))
            for name, rule in rules.items()
        }

    def by_evidence(
        self,
        network: Network | EnsembleNetwork,
        maps: Sequence[LogOddsMap],
        rules: Mapping[str, CallRule],
        scales: Mapping[str, EvidenceScale],
        site_lengths_bp: Mapping[str, NDArray[np.int64]],
    ) -> dict[str, Chosen]:
        """Return rules for calls, of the classes of `scales` with validation sites."""
        if self._validation.split != "val":
            return {}
        part = Validation(self._encoded, _CALLS_BP, piece_bp=_CALLS_PIECE_BP)
        absent = part.absent()
        own = {name: rules[name] for name in scales if name not in absent}
        engine, outputs = engine_of(network, maps), network.architecture.outputs
        return evidence_rules(
            part, engine, self._window, outputs, own, scales, site_lengths_bp, self._threads
        )

    def discoveries(
        self,
        network: Network | EnsembleNetwork,
        maps: Sequence[LogOddsMap],
        counts: Mapping[str, ScoreCounts],
        rules: Mapping[str, CallRule],
        rarer: Mapping[str, float],
    ) -> dict[str, dict[str, dict[str, int | None]]]:
        """Return the thresholds of each class for false discovery rates of bases and of calls."""
        engine = engine_of(network, maps)
        outputs = network.architecture.outputs
        of_calls = call_thresholds(
            self._validation, engine, self._window, outputs, rules, rarer, self._threads
        )
        if self._train_part is not None:
            of_train = call_thresholds(
                self._train_part, engine, self._window, outputs, rules, rarer, self._threads
            )
            of_calls |= {name: of_train[name] for name in self.absent}
        return {
            name: {"bases": base_thresholds(counted), "calls": of_calls[name]}
            for name, counted in counts.items()
        }


def _unlearned(rules: Mapping[str, CallRule], learned: Container[str]) -> dict[str, CallLengths]:
    """Return what is known of classes that are not learned, and warn of them."""
    others = {
        name: CallLengths(rule.min_length_bp, rule.merge_gap_bp)
        for name, rule in rules.items()
        if name not in learned
    }
    if others:
        logger.warning(
            "%s: not learned: average precision about that of chance, or best F1 below 0.1, on "
            "validation sequence; the model makes no calls of it; train with more sites or bases, "
            "or give --threshold CLASS=P when calling",
            shortened([*others]),
        )
    return others


def _share(histogram: Histogram) -> float:
    positives, negatives = int(histogram.positives.sum()), int(histogram.negatives.sum())
    return positives / max(positives + negatives, 1)


def _odds(share: float) -> float:
    return max(share, 1e-12) / max(1 - share, 1e-12)


def _warn_of_absence(absent: Sequence[str], classes: int, split: str) -> None:
    """Warn about classes that have no site in validation sequence."""
    logger.warning(
        "%s: no site in the %s split; the threshold is chosen on the training split%s",
        ", ".join(absent),
        split,
        ", and the last weights are kept" if len(absent) == classes else "",
    )
