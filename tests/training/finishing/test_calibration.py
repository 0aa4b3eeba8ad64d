from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from planted import encoded_set, write_genome
from random_models import random_checkpoint
from sklearn.linear_model import LogisticRegression
from told_scores import OUTPUTS, STRANDED, told

from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import split_plan
from dnabirnn.engine.choose import make_engine
from dnabirnn.engine.torch_engine import TorchEngine
from dnabirnn.errors import TrainingError
from dnabirnn.evaluation.metrics import Histogram
from dnabirnn.evaluation.reliability import logistic_fit
from dnabirnn.labels.load import load_labels
from dnabirnn.network.architecture import Architecture
from dnabirnn.network.call_rules import CallRule
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.network.torch_network import Network
from dnabirnn.training.finishing.calibration import (
    call_defaults,
    choose_scoring_window,
    fitted_map,
    fixed_length,
    is_learned,
    scoring_windows,
    shortest_calls,
)
from dnabirnn.training.validation import Validation, mean_of

Sites = list[tuple[int, int, str, float]]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("calibration"))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("slope", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("shift", [-4.0, 0.0, 2.5])
def test_the_fitted_map_gives_the_probabilities_back(slope: float, shift: float) -> None:
    rng = np.random.default_rng(1)
    log_odds = rng.normal(-4, 2, 400_000)
    truth = rng.random(log_odds.size) < sigmoid(log_odds)
    given = (log_odds - shift) / slope
    histogram = Histogram()
    histogram.add(sigmoid(given).astype(np.float32), truth)
    found = fitted_map(histogram)
    assert found.slope == pytest.approx(slope, rel=0.03)
    mapped = sigmoid(found.slope * given + found.shift)
    assert mapped.sum() == pytest.approx(truth.sum(), rel=0.01)
    for low in (0.05, 0.3, 0.7):
        some = mapped >= low
        assert mapped[some].sum() == pytest.approx(truth[some].sum(), rel=0.05)


def test_too_few_positives_fit_no_map() -> None:
    histogram = Histogram()
    histogram.add(np.full(5000, 0.01, np.float32), np.arange(5000) < 99)
    assert fitted_map(histogram) == LogOddsMap(1.0, 0.0)


def test_scores_that_say_the_opposite_fit_no_map() -> None:
    rng = np.random.default_rng(1)
    log_odds = rng.normal(0, 2, 10_000)
    histogram = Histogram()
    histogram.add(sigmoid(-log_odds).astype(np.float32), rng.random(10_000) < sigmoid(log_odds))
    assert fitted_map(histogram) == LogOddsMap(1.0, 0.0)


def test_maps_follow_one_another() -> None:
    first, second = LogOddsMap(2.0, 1.0), LogOddsMap(0.5, -3.0)
    assert second.after(first) == LogOddsMap(1.0, -2.5)


def test_call_defaults_follow_short_sites_but_not_far() -> None:
    lengths = {"short": np.array([2, 2, 2]), "REP": np.full(9, 34), "array": np.array([240_000])}
    defaults = call_defaults({"short": 500, "REP": 30, "array": 900}, lengths)
    assert defaults == {
        "short": CallRule(500, 1, 1),
        "REP": CallRule(30, 17, 17),
        "array": CallRule(900, 100, 500),
    }


@pytest.mark.parametrize(
    ("precision", "f1", "share", "learned"),
    [
        (0.9, 0.9, 0.001, True),
        (0.02, 0.0999, 0.001, False),
        (0.02, 0.1, 0.001, True),
        (0.0029, 0.2, 0.001, False),
        (0.0031, 0.2, 0.001, True),
        (0.5, 0.67, 0.5, False),  # all bases are called
        (0.76, 0.7, 0.5, True),
        (1.0, 1.0, 0.99, True),
        (1.0, 1.0, 1.0, True),
        (float("nan"), float("nan"), 0.0, False),
    ],
)
def test_a_class_is_learned_if_it_is_found_better_than_by_chance(
    precision: float, f1: float, share: float, learned: bool
) -> None:
    assert is_learned(precision, f1, share) == learned


def test_mean_leaves_out_classes_without_truth() -> None:
    assert mean_of({"a": 0.5, "b": None, "c": 1.0}) == 0.75
    assert mean_of({"b": None}) is None


@pytest.mark.parametrize("window_bp", [1, 200, 1000, 16_383])
def test_scoring_windows_are_longer_than_training_windows(window_bp: int) -> None:
    windows = scoring_windows(window_bp)
    assert [w.length_bp for w in windows] == sorted((w.length_bp for w in windows), reverse=True)
    assert all(w.length_bp >= 4 * window_bp and w.halo_bp >= window_bp // 2 for w in windows)


def choose(figures: dict[int, dict[str, float | None]], split: str = "val") -> ScoringWindow:
    def average_precision(engine, window, threads):  # type: ignore[no-untyped-def]
        return figures[window.length_bp]

    validation = SimpleNamespace(split=split, average_precision=average_precision)
    return choose_scoring_window(validation, None, scoring_windows(200), 1)  # type: ignore[arg-type]


def test_the_longest_window_that_loses_little_for_any_class_is_chosen() -> None:
    same = {"a": 0.9, "b": 0.8, "c": None}
    assert choose(dict.fromkeys((4000, 2000, 1000), same)).length_bp == 4000
    worse = {"a": 0.99, "b": 0.797, "c": None}
    assert choose({4000: worse, 2000: same | {"b": 0.7985}, 1000: same}).length_bp == 1000
    assert choose({4000: worse | {"a": 0.9}, 2000: same, 1000: same}).length_bp == 2000
    assert choose({}, split="train").length_bp == 1000


def test_a_sample_of_validation_sequence_has_every_class(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 3_000, "b": 900_000}, every=300)
    rows = [row for row in bed.read_text().splitlines() if row.startswith("a")]
    rows += ["a\t10\t60\trare\t0\t+", "b\t250000\t250050\trare\t0\t-", "b\t5\t9\tM\t0\t+"]
    bed.write_text("\n".join(rows) + "\n")
    made = encode_genome(
        [fasta], load_labels([bed]), tmp_path / "s", split=split_plan(val_chroms=["b"])
    )
    validation = Validation(made, most_bp=300_000)
    sizes = [len(contig.codes) for contig in validation.contigs]
    assert max(sizes) <= 100_000
    assert 300_000 <= sum(sizes) <= 400_000
    assert any(np.any(np.asarray(contig.labels) & 0b11000) for contig in validation.contigs)


def test_validation_is_the_whole_split_by_default(encoded: EncodedSet) -> None:
    (contig,) = Validation(encoded).contigs
    assert len(contig.codes) == 15_000


def test_probabilities_that_are_not_finite_are_refused(encoded: EncodedSet) -> None:
    network = Network(Architecture(encoded.classes, hidden=4)).eval()
    network.head.bias.data.fill_(float("nan"))
    engine = TorchEngine(network)
    with pytest.raises(
        TrainingError, match=r"record 'val:60000-75000', base 0.*not a finite.* lower --lr$"
    ):
        Validation(encoded).average_precision(engine, ScoringWindow(1000, 100), threads=1)


def test_the_logistic_function_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    scores = np.sort(rng.normal(-10, 8, 300))
    positives = rng.binomial(2000, 1 / (1 + np.exp(4 - 0.3 * scores)))
    negatives = 2000 - positives
    model = LogisticRegression(C=np.inf, tol=1e-10)
    design, weights = np.tile(scores, 2)[:, None], np.concatenate((positives, negatives))
    model.fit(design, np.repeat([1, 0], 300), sample_weight=weights)
    found = logistic_fit(scores, positives, negatives)
    assert found == pytest.approx((model.coef_[0, 0], model.intercept_[0]), rel=1e-3)


@pytest.mark.parametrize(
    ("positives", "negatives"),
    [
        ([0, 0, 5], [9, 9, 0]),
        ([0, 0, 0], [9, 9, 9]),
        ([5, 0, 0], [0, 9, 9]),
        ([0, 5, 0], [0, 9, 0]),
    ],
)
def test_the_slope_is_always_up(positives: list[int], negatives: list[int]) -> None:
    slope, intercept = logistic_fit(
        np.array([-9.0, 0.0, 4.0]), np.array(positives), np.array(negatives)
    )
    assert 0 < slope < 100
    assert np.isfinite(intercept)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([3], 3),
        ([3] * 96 + [9] * 4, 3),
        ([3] * 90 + [9] * 10, None),
        ([1] * 10 + [3] * 90, None),
        ([100] * 9, 100),
        ([101] * 9, None),
    ],
)
def test_fixed_length(lengths: list[int], expected: int | None) -> None:
    assert fixed_length(np.array(lengths)) == expected


def shortest(called: Sites, truth: list[tuple[int, int, str]], length: int) -> dict[str, int]:
    engine = make_engine(random_checkpoint(STRANDED), device="cpu")
    rules, window = {"A": CallRule(500, max(length // 2, 1), 0)}, ScoringWindow(60, 10)
    fixed = {"A": length}
    return shortest_calls(told(called, truth), engine, window, OUTPUTS, rules, fixed, 1)


def spaced(number: int, length: int, first: int = 0) -> list[tuple[int, int, str]]:
    places = range(first, first + 100 * number, 100)
    return [(start, start + length, "+-"[start % 200 // 100]) for start in places]


def test_false_calls_that_are_shorter_decide_for_the_whole_length() -> None:
    truth = spaced(50, 3)
    whole = [(*site, 0.9) for site in truth]
    assert shortest(whole, truth, 3) == {"A": 1}  # nothing speaks against short calls
    two = [(*site, 0.8) for site in spaced(30, 2, 20_000)]
    assert shortest(whole + two, truth, 3) == {"A": 3}
    one = [(*site, 0.8) for site in spaced(30, 1, 20_000)]
    assert shortest(whole + one, truth, 3) == {"A": 2}
    below = [(*site, 0.4) for site in spaced(30, 1, 20_000)]
    assert shortest(whole + below, truth, 3) == {"A": 1}


def test_true_calls_with_cut_ends_decide_for_a_shorter_one() -> None:
    truth = spaced(50, 40)
    cut = [(start + 2, end - 3, strand, 0.9) for start, end, strand in truth]
    false = [(*site, 0.8) for site in spaced(20, 21, 20_000)]
    assert shortest(cut + false, truth, 40) == {"A": 20}


def test_a_class_without_fixed_length_is_not_scored() -> None:
    engine = make_engine(random_checkpoint(STRANDED), device="cpu")
    window = ScoringWindow(60, 10)
    assert shortest_calls(told([], []), engine, window, OUTPUTS, {}, {}, 1) == {}
