"""Metrics of a stream: against scikit-learn, whatever the blocks, on either strand."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn import metrics as sk

from dnabirnn.evaluation.bootstrap import GROUPS, draw
from dnabirnn.evaluation.evaluate import Evaluation, evaluate_blocks, metrics_table
from dnabirnn.labels.bits import output_masks
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.call_rules import CallRule, CallSettings
from dnabirnn.tracks.block import Block, integer_scores

CLASSES = (MotifClass("REP", True), MotifClass("IS", False), MotifClass("Chi", True))
THRESHOLDS = {"REP": 400, "IS": 700, "Chi": 500}
COLUMNS = {"REP": [0, 1], "IS": [2], "Chi": [3, 4]}
FIGURES = ("ap", "auroc", "best_f1", "precision", "recall", "f1", "mcc")
OTHERS = (
    *("best_f1_threshold", "threshold", "positives", "bases", "brier", "ece"),
    *("expected_over_observed", "calibration_slope", "calibration_intercept"),
)


def contig(length, seed, prevalence=0.05):
    """Scores, truth and what counts of a made-up contig; Chi is nowhere."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(rng.random((length // 20 + 1, 5)) < prevalence, 20, axis=0)[:length]
    truth[:, 3:] = False
    logits = np.where(truth, 2, -3) + rng.normal(0, 2, (length, 5))
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return scores, truth, rng.random(length) < 0.9


def contigs(lengths, **options):
    return {f"c{i}": contig(n, seed=i, **options) for i, n in enumerate(lengths)}


def cut(name, length, places):
    """Starts and ends of the blocks of a contig cut at some places."""
    edges = [0, *sorted({p for p in places if 0 < p < length}), length]
    for start, end in itertools.pairwise(edges):
        yield name, start, end, end == length


def labels_of(truth):
    """Bits of each base, (L,), from what each output should say, (L, 5)."""
    return (truth @ np.array(output_masks(CLASSES))).astype(np.uint8)


def run(data, places=(), **options):
    options = {"replicates": 50, "block_bp": 100} | options
    evaluation = Evaluation(CLASSES, THRESHOLDS, **options)
    for name, (scores, truth, counted) in data.items():
        for _, start, end, last in cut(name, len(counted), places):
            codes = np.zeros(end - start, dtype=np.uint8)
            block = Block(name, start, scores[start:end], codes, last)
            evaluation.add(block, labels_of(truth[start:end]), counted[start:end])
    return evaluation.finish()


def items_of(data, class_name, stranded):
    """Scores, truth and 100 bp block of each item, in plain arrays."""
    scores, truth, blocks, seen = [], [], [], 0
    for p, t, counted in data.values():
        p, t = p[:, COLUMNS[class_name]], t[:, COLUMNS[class_name]]
        if not stranded:
            p, t = p.max(axis=1, keepdims=True), t.any(axis=1, keepdims=True)
        place, number = np.unique(np.flatnonzero(counted) // 100, return_inverse=True)
        scores.append(p[counted].ravel())
        truth.append(t[counted].ravel())
        blocks.append(np.repeat(number + seen, p.shape[1]))
        seen += place.size
    return tuple(map(np.concatenate, (scores, truth, blocks)))


def exact_figures(scores, truth, threshold, **options):
    called = integer_scores(scores) >= threshold
    precision, recall, _ = sk.precision_recall_curve(truth, scores, **options)
    return {
        "ap": sk.average_precision_score(truth, scores, **options),
        "auroc": sk.roc_auc_score(truth, scores, **options),
        "best_f1": np.nanmax(2 * precision * recall / (precision + recall + 1e-300)),
        "precision": sk.precision_score(truth, called, **options),
        "recall": sk.recall_score(truth, called, **options),
        "f1": sk.f1_score(truth, called, **options),
        "mcc": sk.matthews_corrcoef(truth, called, **options),
    }


# --- figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stranded", [False, True], ids=["blind", "stranded"])
@pytest.mark.parametrize("name", ["REP", "IS"])
def test_figures_are_those_of_scikit_learn(name, stranded):
    data = contigs([30_000, 7, 12_345])
    entry = run(data).classes[name]
    scores, truth, _ = items_of(data, name, stranded)
    suffix = "_stranded" if stranded else ""
    for key, value in exact_figures(scores, truth, THRESHOLDS[name]).items():
        assert entry[key + suffix] == pytest.approx(value, abs=1e-4), key
    assert entry["positives" + suffix] == truth.sum()
    assert entry["bases" + suffix] == truth.size
    assert entry["threshold" + suffix] == THRESHOLDS[name] / 1000
    brier = sk.brier_score_loss(truth, scores.astype(np.float64))
    assert entry["brier" + suffix] == pytest.approx(brier, rel=1e-4)


def test_every_figure_has_its_form_by_strand_and_its_interval():
    entry = run(contigs([3000])).classes["REP"]
    expected = {key + form for key in (*FIGURES, *OTHERS) for form in ("", "_stranded")}
    expected |= {f"{key}{form}_ci" for key in FIGURES for form in ("", "_stranded")}
    assert set(entry) == expected


def test_without_strands_both_forms_are_the_same():
    entry = run(contigs([3000])).classes["IS"]
    for key in (*FIGURES, *OTHERS, *(f"{key}_ci" for key in FIGURES)):
        form = key.replace("_ci", "_stranded_ci") if key.endswith("_ci") else key + "_stranded"
        assert entry[key] == entry[form]


def test_a_class_without_truth_is_null_and_what_was_called_of_it_is_told():
    data = contigs([3000])
    metrics = run(data)
    assert metrics.classes["Chi"] is None
    scores, _, _ = items_of(data, "Chi", stranded=False)
    called = np.sum(integer_scores(scores) >= 500)
    assert metrics.absent["Chi"]["called_bases"] == called > 0
    assert metrics.absent["Chi"]["bases"] == scores.size
    assert metrics.absent["Chi"]["called_per_mb"] == pytest.approx(called / scores.size * 1e6)
    assert metrics.absent["Chi"]["bases_stranded"] == 2 * scores.size
    assert list(metrics.absent) == ["Chi"]


def test_truth_that_does_not_count_is_no_truth():
    scores, truth, counted = contig(2000, seed=0)
    metrics = run({"c": (scores, truth, counted & ~truth[:, 2])})
    assert metrics.classes["IS"] is None


def test_nothing_at_all():
    metrics = run({"c": (*contig(0, seed=0)[:2], np.zeros(0, dtype=np.bool_))})
    assert metrics.classes == dict.fromkeys(THRESHOLDS)
    assert metrics.absent["IS"]["called_per_mb"] is None
    assert metrics.curves == []


def test_a_class_of_which_nothing_is_called():
    scores, truth, counted = contig(2000, seed=0)
    entry = run({"c": (scores * np.float32(0.3), truth, counted)}).classes["REP"]
    assert entry["precision"] is None
    assert entry["precision_ci"] is None
    assert entry["recall"] == entry["f1"] == entry["mcc"] == 0


def test_the_result_is_json():
    metrics = run(contigs([3000]))
    text = json.dumps({"classes": metrics.classes, "absent": metrics.absent}, allow_nan=False)
    assert json.loads(text)["classes"] == metrics.classes


def test_curves_are_strand_blind_and_by_strand():
    curves = run(contigs([30_000])).curves
    forms = [(curve.class_name, curve.stranded) for curve in curves]
    assert forms == [("REP", False), ("REP", True), ("IS", False)]
    assert all(len(curve.precision_recall.recall) <= 1000 for curve in curves)
    assert curves[2].prevalence == pytest.approx(0.05, abs=0.01)


# --- what must not matter ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few_contigs():
    data = contigs([2000, 0, 733, 1200])
    return data, run(data)[:2]


@settings(max_examples=15, deadline=None)
@given(places=st.lists(st.integers(1, 1999), max_size=30))
def test_blocks_may_be_cut_anywhere(few_contigs, places):
    data, expected = few_contigs
    assert run(data, places)[:2] == expected


def test_many_short_contigs_share_groups():
    data = contigs([60] * (GROUPS + 300), prevalence=0.2)
    metrics = run(data)
    scores, truth, blocks = items_of(data, "REP", stranded=False)
    assert blocks.max() == GROUPS + 299
    assert metrics.classes["REP"]["ap"] == pytest.approx(
        sk.average_precision_score(truth, scores), abs=1e-4
    )


def test_the_mirror_image_has_the_same_figures():
    data = contigs([5000, 777])
    opposite = [1, 0, 2, 4, 3]
    mirrored = {
        name: (scores[::-1, opposite], truth[::-1, opposite], counted[::-1])
        for name, (scores, truth, counted) in data.items()
    }
    assert run(mirrored, replicates=0)[:2] == run(data, replicates=0)[:2]


# --- intervals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [[20_000], [60_000]], ids=["groups of 1", "blocks dealt"])
@pytest.mark.parametrize("stranded", [False, True], ids=["blind", "stranded"])
def test_intervals_are_those_of_a_plain_bootstrap(lengths, stranded):
    """Draw the same groups, weigh every base, and let scikit-learn compute each replicate."""
    data = contigs(lengths)
    entry = run(data, replicates=20, seed=5).classes["REP"]
    scores, truth, blocks = items_of(data, "REP", stranded)
    weights = draw(int(blocks.max()) + 1, 20, 5)
    replicates = [
        exact_figures(scores, truth, 400, sample_weight=row[blocks % GROUPS]) for row in weights
    ]
    for key in FIGURES:
        expected = np.percentile([figures[key] for figures in replicates], [2.5, 97.5])
        found = entry[f"{key}_stranded_ci" if stranded else f"{key}_ci"]
        # At the threshold counts are exact; the best threshold is one of those of 1,024 bins.
        error = {"ap": 1e-3, "auroc": 1e-3, "best_f1": 3e-3}.get(key, 1e-9)
        np.testing.assert_allclose(found, expected, rtol=0, atol=error, err_msg=key)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """For a class that is found at random, AUROC is one half."""
    covered = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        scores = rng.random((4000, 5), dtype=np.float32)
        truth = np.repeat(rng.random((400, 5)) < 0.1, 10, axis=0)
        data = {"c": (scores, truth, np.ones(4000, dtype=np.bool_))}
        low, high = run(data, replicates=100).classes["IS"]["auroc_ci"]
        covered += low <= 0.5 <= high
    assert covered >= 16


def test_intervals_depend_on_the_seed_and_on_nothing_else():
    data = contigs([5000])
    assert run(data, seed=1)[:2] == run(data, seed=1)[:2]
    assert run(data, seed=1).classes["REP"]["ap_ci"] != run(data, seed=2).classes["REP"]["ap_ci"]


def test_one_block_has_no_interval():
    entry = run(contigs([3000]), block_bp=10_000).classes["REP"]
    assert all(entry[f"{key}_ci"] is None for key in FIGURES)


def test_blocks_without_a_counted_base_take_no_part():
    scores, truth, counted = contig(5000, seed=3)
    gap = np.zeros((4000, 5))
    padded = (
        np.concatenate([scores[:2000], gap.astype(np.float32), scores[2000:]]),
        np.concatenate([truth[:2000], gap.astype(np.bool_), truth[2000:]]),
        np.concatenate([counted[:2000], np.zeros(4000, dtype=np.bool_), counted[2000:]]),
    )
    assert run({"c": padded})[:2] == run({"c": (scores, truth, counted)})[:2]


# --- the whole stream ----------------------------------------------------------------------------

SETTINGS = CallSettings({name: CallRule(THRESHOLDS[name]) for name in THRESHOLDS})


def planted(name, length, plus=(), minus=(), both=()):
    """Blocks and labels of a contig on which REP (+, -) and IS stand and are found."""
    labels = np.zeros(length, dtype=np.uint8)
    scores = np.full((length, 5), 0.01, dtype=np.float32)
    for column, bit, spans in ((0, 2, plus), (1, 4, minus), (2, 24, both)):
        for start, end in spans:
            labels[start:end] |= bit
            scores[start:end, column] = 0.9
    return name, labels, scores, np.zeros(length, dtype=np.uint8)


def blocks_of(*parts, size=64):
    for name, _, scores, codes in parts:
        for start in range(0, max(len(codes), 1), size):
            span = slice(start, start + size)
            yield Block(name, start, scores[span], codes[span], start + size >= len(codes))


def evaluate_parts(*parts, calls=SETTINGS, **options):
    labels = {name: bits for name, bits, _, _ in parts}
    options = {"replicates": 20} | options
    return evaluate_blocks(
        blocks_of(*parts), labels.__getitem__, CLASSES, THRESHOLDS, calls=calls, **options
    )


def test_what_is_planted_is_found():
    parts = (
        planted("a", 500, plus=[(0, 30), (100, 140)], minus=[(200, 230)], both=[(470, 500)]),
        planted("empty", 0),
        planted("b", 300, minus=[(60, 90)]),
    )
    metrics, curves = evaluate_parts(*parts)
    for name, calls in (("REP", 4), ("IS", 1)):
        assert metrics["classes"][name]["ap"] == metrics["classes"][name]["f1"] == 1
        assert metrics["calls"][name]["f1"] == 1
        assert metrics["calls"][name]["matched"] == calls
        assert metrics["calls"][name]["boundary_median_bp"] == 0
    assert metrics["classes"]["REP"]["bases"] == 800
    assert metrics["classes"]["Chi"] is metrics["calls"]["Chi"] is None
    assert metrics["absent"]["Chi"]["calls"] == 0
    assert len(curves) == 3


def test_a_call_on_the_wrong_strand_is_wrong():
    name, labels, scores, codes = planted("a", 500, plus=[(100, 140)])
    metrics, _ = evaluate_parts((name, labels, scores[:, [1, 0, 2, 3, 4]], codes))
    assert metrics["classes"]["REP"]["f1"] == 1
    assert metrics["classes"]["REP"]["f1_stranded"] == 0
    assert metrics["calls"]["REP"]["matched"] == 0


def test_ignored_ambiguous_and_outside_bases_do_not_count():
    name, labels, scores, codes = planted(
        "a", 500, plus=[(0, 30), (100, 140), (200, 240), (300, 340)]
    )
    labels[90:150] |= 1
    codes[200:240] = 4
    scores[200:240] = 0
    scores[105:115] = 0.99
    inside = np.array([[50, 400]])
    metrics, _ = evaluate_parts((name, labels, scores, codes), regions=lambda _: inside)
    assert metrics["classes"]["REP"]["bases"] == 350 - 60 - 40
    assert metrics["classes"]["REP"]["positives"] == 40
    assert (metrics["calls"]["REP"]["truth"], metrics["calls"]["REP"]["calls"]) == (1, 1)
    assert metrics["absent"]["Chi"]["calls"] == 0


def test_scores_too_low_for_a_track_make_no_calls():
    name, labels, scores, codes = planted("a", 500, plus=[(100, 140)])
    scores[100:140, 0] = 0.09
    part = (name, labels, scores, codes)
    low = CallSettings({"REP": CallRule(50)})
    assert evaluate_parts(part, calls=low).metrics["calls"]["REP"]["matched"] == 1
    assert evaluate_parts(part, calls=low, min_score=100).metrics["calls"]["REP"]["matched"] == 0


def test_without_settings_there_are_no_calls():
    metrics, _ = evaluate_parts(planted("a", 500, plus=[(100, 140)]), calls=None)
    assert metrics["calls"] == {}
    assert metrics["classes"]["REP"]["f1"] == 1


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 700))
def test_the_whole_stream_may_be_cut_anywhere(size):
    parts = [planted("a", 500, plus=[(0, 30)], minus=[(63, 65)], both=[(130, 192)])]
    parts.append(planted("b", 200, both=[(0, 200)]))
    labels = {name: bits for name, bits, _, _ in parts}
    results = []
    for blocks in (blocks_of(*parts, size=size), blocks_of(*parts, size=10_000)):
        options = {"calls": SETTINGS, "replicates": 20}
        results.append(evaluate_blocks(blocks, labels.__getitem__, CLASSES, THRESHOLDS, **options))
    assert results[0].metrics == results[1].metrics


# --- the table -----------------------------------------------------------------------------------


def test_the_table_is_aligned_and_leaves_out_what_is_not_defined():
    metrics, _ = evaluate_parts(planted("a", 30_000, plus=[(100, 140), (12_000, 12_050)]))
    lines = metrics_table(metrics).splitlines()
    assert lines[0].split("  ")[0] == "class"
    assert len(lines) == 4 + 2
    assert len({len(line) for line in lines[:4]}) == 1
    assert "1.0000-1.0000" in lines[1]
    assert set(lines[2].split()[1:]) == set(lines[3].split()[1:]) == {"-"}
    assert lines[4] == "IS: no true bases; 0 of 30000 bases are called"


def test_the_table_of_metrics_read_back_from_json():
    metrics, _ = evaluate_parts(planted("a", 500, plus=[(100, 140)]))
    assert metrics_table(json.loads(json.dumps(metrics))) == metrics_table(metrics)
