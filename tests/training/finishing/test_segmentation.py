"""Rules for calls by evidence: what validation sequence with told scores decides."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import random_checkpoint
from told_scores import OUTPUTS, STRANDED, told

from dnabirnn.engine.choose import make_engine
from dnabirnn.evaluation.calls import CallEvaluation
from dnabirnn.evaluation.metrics import ScoreCounts
from dnabirnn.evaluation.truth import Truth
from dnabirnn.network.call_rules import CallMethod, CallRule, CallSettings
from dnabirnn.network.evidence import EvidenceScale
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.calls import find_calls
from dnabirnn.scoring.runs import find_runs
from dnabirnn.training.finishing.segmentation import _Search, absent_evidence, evidence_rules

Sites = list[tuple[int, int, str, float]]
RULE = CallRule(500, 20, 20)
SCALE = EvidenceScale.of(0.05, 500)


def chosen(scores: Sites, truth: list[tuple[int, int, str]]) -> CallRule:
    engine = make_engine(random_checkpoint(STRANDED), device="cpu")
    lengths = {"A": np.array([end - start for start, end, _ in truth])}
    window = ScoringWindow(60, 10)
    rules = evidence_rules(
        told(scores, truth), engine, window, OUTPUTS, {"A": RULE}, {"A": SCALE}, lengths, 1
    )
    return rules["A"].rule


def f1(scores: Sites, truth: list[tuple[int, int, str]], rule: CallRule) -> float:
    """F1 by the code that evaluates models."""
    validation = told(scores, truth)
    evaluation = CallEvaluation(STRANDED)
    (contig,) = validation.contigs
    settings = CallSettings({"A": rule}, scales={"A": SCALE})
    for calls in find_calls(find_runs(validation.blocks(), min_score=50), OUTPUTS, settings):
        spans = np.column_stack((calls.start, calls.end))
        by_output = [spans[calls.output == output] for output in range(2)]
        evaluation.add(by_output, Truth.of(contig.labels, codes=contig.codes))
    return float((evaluation.finish(replicates=0)["A"] or {}).get("f1") or 0)


ARRAYS = [(1000 + 3000 * k, 2000 + 3000 * k, "+-"[k % 2]) for k in range(10)]
WHOLE = [(*site, 0.99) for site in ARRAYS]
ISLANDS = [(2500 + 3000 * k, 2530 + 3000 * k, "+", 0.9) for k in range(10)]


def test_short_islands_of_high_scores_are_dropped() -> None:
    rule = chosen(WHOLE + ISLANDS, ARRAYS)
    assert rule.method is CallMethod.EVIDENCE
    assert rule.least_evidence is not None
    weight = SCALE.gains()[900] + SCALE.absent - (SCALE.gains()[500] + SCALE.absent)
    assert rule.least_evidence > 30 * weight  # more than an island
    assert rule.least_evidence < 400 * weight  # and far less than an array
    assert f1(WHOLE + ISLANDS, ARRAYS, rule) == 1
    assert f1(WHOLE + ISLANDS, ARRAYS, RULE) == pytest.approx(2 / 3)


def test_weak_stretches_are_bridged() -> None:
    weak = [
        (start + at, start + at + 60, strand, 0.3)
        for start, _, strand in ARRAYS
        for at in (200, 500, 800)
    ]
    rule = chosen(WHOLE + weak, ARRAYS)
    assert rule.method is CallMethod.EVIDENCE
    assert (f1(WHOLE + weak, ARRAYS, rule), f1(WHOLE + weak, ARRAYS, RULE)) == (1, 0)


def test_a_rule_that_is_good_is_left_as_it_is() -> None:
    assert chosen(WHOLE, ARRAYS) == RULE


def test_a_class_without_scores_is_left_as_it_is() -> None:
    assert chosen([], ARRAYS) == RULE


def test_longer_calls_are_asked_for_if_it_helps() -> None:
    # As much evidence in islands as in arrays, but on a third of the bases.
    arrays = [(start, end, strand, 0.7) for start, end, strand in ARRAYS]
    islands = [(2400 + 3000 * k, 2400 + 3000 * k + 330, "+", 0.999) for k in range(10)]
    rule = chosen(arrays + islands, ARRAYS)
    assert 330 < rule.min_length_bp <= 500
    assert f1(arrays + islands, ARRAYS, rule) == 1


def test_contigs_end_to_end_are_as_contigs_alone() -> None:
    """The F1 of the search is that of the evaluation, for all that it tries."""
    rng = np.random.default_rng(0)
    scores = WHOLE + [
        (int(s), int(s + rng.integers(1, 60)), "+-"[k % 2], float(rng.uniform(0.05, 1)))
        for k, s in enumerate(rng.integers(0, 39_000, 60))
    ]
    search = _Search(RULE, SCALE)
    validation = told(scores, ARRAYS)
    for place in (0, 50_000):
        for rows in find_runs(validation.blocks(), min_score=50):
            for output, own in rows.by_output():
                search.add_rows(output, own, place)
        for output, strand in enumerate("+-"):
            sites = [(start, end) for start, end, of in ARRAYS if of == strand]
            search.add_sites(output, np.array(sites) + place)
    counted = np.arange(100_001, dtype=np.int32)
    rules = [
        RULE,
        *(CallRule(threshold, 20, gap, 1000 * nats)
          for threshold in (100, 500, 900) for gap in (0, 50) for nats in (0, 20, 400)),
    ]  # fmt: skip
    search.chosen("A", np.array([1000]), counted)
    expected = [f1(scores, ARRAYS, rule) for rule in rules]
    assert search._f1(rules).tolist() == pytest.approx(expected)
    assert max(expected) > 0.3


def test_absent_bases() -> None:
    counts = ScoreCounts()
    counts.positives[[0, 900]] = 100, 900
    counts.negatives[[0, 120]] = 9900, 100
    assert absent_evidence(counts, 100) == pytest.approx(1000 * np.log(0.1 / 0.99), abs=6)
    counts.negatives[[0, 120]] = 0, 10_000
    assert absent_evidence(counts, 100) == -1  # they would speak for the class
