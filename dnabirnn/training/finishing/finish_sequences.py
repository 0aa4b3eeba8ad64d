"""Turn a network that learned labels of whole sequences into a model: calibrate its sequences.

Words are weighed beside the network (`dnabirnn.training.sequences.words`), if they help.
The log-odds of sequences are calibrated on validation sequences, in their natural composition of
classes. Those of bases are not, because no label is about a base: the maps of the model are
identities, and its classes have no threshold for bases.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.engine import engine_of
from dnabirnn.evaluation import best_mcc_threshold, logistic_fit, sequence_metrics
from dnabirnn.network import (
    CallLengths,
    Checkpoint,
    LogOddsMap,
    SequenceRule,
    SequenceScores,
    weights_of,
)
from dnabirnn.training.finishing.calibration import scoring_windows
from dnabirnn.training.sequences.loss import SITE_BP
from dnabirnn.training.sequences.validation import SequenceValidation
from dnabirnn.training.sequences.words import chosen_words, fitted_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.network import EnsembleNetwork, Network
    from dnabirnn.training.sampling import SamplingSettings

__all__ = ["finish_sequences", "fitted_sequence_map"]

logger = logging.getLogger(__name__)

# The fit has failed if calibrated log-odds vary by less than this, or by more than its reciprocal.
_LEAST_SPREAD = 0.05


def fitted_sequence_map(log_odds: NDArray[np.float64], truth: NDArray[np.bool_]) -> LogOddsMap:
    """Fit the slope and the shift that calibrate the log-odds of sequences.

    Parameters
    ----------
    log_odds : ndarray, (n,) float64
    truth : ndarray, (n,) bool
        With positives and negatives.

    Returns
    -------
    map : LogOddsMap
        With slope 1 if the standard deviation of the calibrated log-odds is not from 0.05 to 20.
    """
    positives = truth.astype(np.int64)
    slope, shift = logistic_fit(log_odds, positives, 1 - positives)
    # What words add can be large beside a network, so that the slope itself says nothing.
    if _LEAST_SPREAD <= slope * (float(log_odds.std()) or 1.0) <= 1 / _LEAST_SPREAD:
        return LogOddsMap(slope, shift)
    return LogOddsMap(1.0, 0.0)


def finish_sequences(
    network: Network | EnsembleNetwork,
    encoded: EncodedSet,
    settings: SamplingSettings,
    plan: Mapping[str, Any],
    threads: int,
) -> Checkpoint:
    """Make the model from a fitted network.

    Parameters
    ----------
    network : Network or EnsembleNetwork
        With its best weights.
    encoded : EncodedSet
    settings : SamplingSettings
    plan : mapping
        Settings of the training, which are stored in the model.
    threads : int
    """
    network.eval()
    architecture = network.architecture
    maps = (LogOddsMap(1.0, 0.0),) * len(architecture.classes)
    window = scoring_windows(settings.window_bp)[-1]
    validation = SequenceValidation(encoded, settings.window_bp)
    engine = engine_of(network, maps)
    log_odds = validation.log_odds(engine, window, threads)
    words = None
    # On training sequences, any words would seem to help.
    if validation.split == "val":
        candidates = [
            (words, validation.word_log_odds(words))
            for words in fitted_words(encoded, settings.window_bp)
        ]
        words = chosen_words(candidates, log_odds, validation.truth)
    network_alone = log_odds
    if words is not None:
        log_odds = validation.log_odds(engine, window, threads, words)
    site_bp = min(SITE_BP, settings.window_bp)
    rules, metrics = {}, {}
    for number, (name, _) in enumerate(architecture.classes):
        own, truth = log_odds[:, number], validation.truth[:, number]
        fitted = fitted_sequence_map(own, truth)
        alone = SequenceScores(site_bp, settings.window_bp, {name: SequenceRule(fitted, 0.5)})
        probabilities = alone.probabilities(own[:, None])[:, 0]
        threshold = best_mcc_threshold(probabilities)
        rules[name] = SequenceRule(fitted, threshold)
        metrics[name] = {
            **sequence_metrics(probabilities, truth, threshold),
            "auroc_without_words": sequence_metrics(network_alone[:, number], truth, 0.0)["auroc"],
        }
    return Checkpoint(
        architecture=architecture,
        weights=weights_of(network),
        training_window_bp=settings.window_bp,
        scoring_window=window,
        mask=str(encoded.mask.value),
        maps=maps,
        calls={},
        unlearned={name: CallLengths(site_bp, 0) for name, _ in architecture.classes},
        training={**plan, "inputs": encoded.manifest["inputs"], "prevalence": {}},
        metrics={"split": validation.split, "classes": metrics},
        sequences=SequenceScores(site_bp, settings.window_bp, rules, words),
    )
