"""Thresholds that keep to false discovery rates, against counts by hand."""

from __future__ import annotations

import pytest
from planted import encoded_set
from random_models import random_checkpoint
from told_scores import OUTPUTS, STRANDED, told

from dnabirnn.engine.choose import make_engine
from dnabirnn.evaluation.metrics import ScoreCounts
from dnabirnn.network.call_rules import CallRule
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.training.finishing.false_discovery import RATES, base_thresholds, call_thresholds
from dnabirnn.training.validation import Validation


def counts_of(positives: dict[int, int], negatives: dict[int, int]) -> ScoreCounts:
    counts = ScoreCounts()
    for array, given in ((counts.positives, positives), (counts.negatives, negatives)):
        for score, number in given.items():
            array[score] = number
    return counts


def test_the_lowest_threshold_that_keeps_to_a_rate() -> None:
    counts = counts_of({900: 990, 500: 900, 100: 100}, {900: 10, 500: 70, 100: 900})
    # From 501 on 10 of 1000 are false, from 101 on 80 of 1970, from 1 on 980 of 2970.
    assert base_thresholds(counts) == {"0.01": 501, "0.05": 101, "0.1": 101}


def test_too_few_say_nothing_of_a_low_rate() -> None:
    assert base_thresholds(counts_of({900: 19}, {})) == {"0.01": None, "0.05": None, "0.1": 1}
    assert base_thresholds(counts_of({900: 20}, {})) == {"0.01": None, "0.05": 1, "0.1": 1}
    assert base_thresholds(ScoreCounts()) == dict.fromkeys(RATES)


def thresholds(validation: Validation, rarer: float = 1) -> dict[str, int | None]:
    rules = {"A": CallRule(500, 5, 0)}
    engine = make_engine(random_checkpoint(STRANDED), device="cpu")
    window = ScoringWindow(60, 10)
    return call_thresholds(validation, engine, window, OUTPUTS, rules, {"A": rarer}, 1)["A"]


def test_calls_are_false_if_under_half_of_them_is_true() -> None:
    sites = [(100 * n, 100 * n + 20, "+-"[n % 2], 0.9) for n in range(100)]
    truth = [(start, end, strand) for start, end, strand, _ in sites]
    assert thresholds(told(sites, truth)) == {"0.01": 10, "0.05": 10, "0.1": 10}
    # The first half of a call is true: it is; less than half: it is not.
    halves = [(start, start + 10, strand) for start, _, strand in truth]
    assert thresholds(told(sites, halves)) == {"0.01": 10, "0.05": 10, "0.1": 10}
    less = [(start, start + 9, strand) for start, _, strand in truth]
    assert thresholds(told(sites, less)) == dict.fromkeys(RATES)
    opposite = [(start, end, "-+"["+-".index(strand)]) for start, end, strand in truth]
    assert thresholds(told(sites, opposite)) == dict.fromkeys(RATES)
    # Of bases that do not count, ignored or N, nothing is said.
    unknown = told(sites, less)
    for start, end, _ in truth:
        unknown.contigs[0].codes[start + 9 : end] = 4
    assert thresholds(unknown) == {"0.01": 10, "0.05": 10, "0.1": 10}
    ignored = [(start + 9, end, "i") for start, end, _ in truth]
    assert thresholds(told(sites, less + ignored)) == {"0.01": 10, "0.05": 10, "0.1": 10}


def test_false_calls_of_low_scores_raise_the_threshold() -> None:
    sites = [(100 * n, 100 * n + 20, "+", 0.9) for n in range(100)]
    truth = [(start, end, strand) for start, end, strand, _ in sites]
    sites += [(20_000 + 100 * n, 20_020 + 100 * n, "+", 0.3) for n in range(8)]
    sites += [(30_000 + 100 * n, 30_020 + 100 * n, "+", 0.72) for n in range(3)]
    # 11 of 111 are false from 10 on, 3 of 103 from 301 on, none from 721 on.
    assert thresholds(told(sites, truth)) == {"0.01": 725, "0.05": 325, "0.1": 10}
    # Where sites are four times rarer: 44 of 144, 12 of 112, 0 of 100.
    assert thresholds(told(sites, truth), 4) == {"0.01": 725, "0.05": 725, "0.1": 725}


def test_calls_shorter_than_the_rule_do_not_count() -> None:
    sites = [(100 * n, 100 * n + 20, "+", 0.9) for n in range(100)]
    truth = [(start, end, strand) for start, end, strand, _ in sites]
    sites += [(20_000 + 100 * n, 20_004 + 100 * n, "+", 0.9) for n in range(90)]
    assert thresholds(told(sites, truth)) == {"0.01": 10, "0.05": 10, "0.1": 10}


def test_all_pieces_and_contigs_are_counted(tmp_path_factory: pytest.TempPathFactory) -> None:
    encoded = encoded_set(tmp_path_factory.mktemp("discoveries"))
    checkpoint = random_checkpoint(encoded.classes, scoring=ScoringWindow(200, 20))
    engine = make_engine(checkpoint, device="cpu")
    rules = {"M": CallRule(500, 1, 0)}
    outputs = checkpoint.architecture.outputs
    found = call_thresholds(
        Validation(encoded), engine, checkpoint.scoring_window, outputs, rules, {"M": 1}, 2
    )
    # Weights by chance find nothing.
    assert found == {"M": dict.fromkeys(RATES)}
