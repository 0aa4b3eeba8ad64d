from __future__ import annotations

import dataclasses
import logging

import pytest
from random_models import random_checkpoint

from dnabirnn.errors import OptionError
from dnabirnn.network.call_choice import call_settings
from dnabirnn.network.call_rules import CallLengths, CallMethod, CallRule
from dnabirnn.network.checkpoint import Checkpoint

RATES = {
    "A": {"bases": {"0.01": None, "0.05": 300}, "calls": {"0.01": None, "0.05": 420}},
    "B": {"bases": {"0.01": 900, "0.05": 700}, "calls": {"0.01": None, "0.05": None}},
}
BOTH = dataclasses.replace(random_checkpoint(), discoveries=RATES)
ONLY_B = dataclasses.replace(
    BOTH, calls={"B": CallRule(300, 2, 1)}, unlearned={"A": CallLengths(7, 5)}
)


def thresholds(checkpoint: Checkpoint, **options: object) -> dict[str, int]:
    rules = call_settings(checkpoint, **options).rules  # type: ignore[arg-type]
    return {name: rule.threshold for name, rule in rules.items()}


def test_options_change_the_rules_of_a_model() -> None:
    settings = call_settings(BOTH, "mss", threshold=0.62, min_length_bp=4, merge_gap_bp=9)
    assert settings.rules == {name: CallRule(620, 4, 9) for name in "AB"}
    assert settings.method is CallMethod.MSS
    assert thresholds(BOTH, threshold={"B": 0.0625}) == {"A": 500, "B": 63}
    with pytest.raises(OptionError, match="--method hmm"):
        call_settings(BOTH, "hmm")
    with pytest.raises(OptionError, match=r"--threshold C=0.5: the model has no class .* A, B"):
        call_settings(BOTH, threshold={"C": 0.5})
    for value in (-0.1, 1.2, float("nan")):
        with pytest.raises(OptionError, match="--threshold"):
            call_settings(BOTH, threshold={"A": value})


def test_a_class_that_is_not_learned_is_named_and_not_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert call_settings(ONLY_B).rules == {"B": CallRule(300, 2, 1)}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("A: no calls")
    assert "--threshold CLASS=P" in record.getMessage()
    caplog.clear()
    by_class = call_settings(ONLY_B, threshold={"A": 0.4}).rules
    assert by_class == {"A": CallRule(400, 7, 5), "B": CallRule(300, 2, 1)}
    assert [*by_class] == ["A", "B"]
    assert thresholds(ONLY_B, threshold=0.4) == {"A": 400, "B": 400}
    assert thresholds(BOTH) == {"A": 500, "B": 500}
    assert not caplog.records


def test_rules_at_a_false_discovery_rate(caplog: pytest.LogCaptureFixture) -> None:
    rules = call_settings(BOTH, fdr=0.05).rules
    assert {name: rule.threshold for name, rule in rules.items()} == {"A": 420, "B": 700}
    assert rules["A"].min_length_bp == BOTH.calls["A"].min_length_bp
    low = {"calls": {"0.05": None}, "bases": {"0.05": 1}}
    usual = dataclasses.replace(BOTH, discoveries={"A": low, "B": low})
    assert thresholds(usual, fdr=0.05) == {"A": 500, "B": 500}
    assert not caplog.records


def test_classes_that_cannot_keep_the_rate_are_named_and_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert thresholds(BOTH, fdr=0.01) == {"B": 900}
    (record,) = caplog.records
    assert record.getMessage().startswith("--fdr 0.01: no calls of A, because")
    caplog.clear()
    assert thresholds(BOTH, fdr=0.01, threshold={"A": 0.8}) == {"A": 800, "B": 900}
    assert not caplog.records
    # The rate of a class that is not learned is not used.
    assert thresholds(ONLY_B, fdr=0.05) == {"B": 700}
    assert [r.getMessage()[:11] for r in caplog.records] == ["A: no calls"]


def test_a_rate_that_no_class_keeps_is_an_error() -> None:
    with pytest.raises(OptionError, match=r"--fdr 0.2: .* class A keeps .*; choose one of 0.05"):
        call_settings(BOTH, fdr=0.2)
    with pytest.raises(OptionError, match=r"choose a --threshold"):
        call_settings(random_checkpoint(), fdr=0.05)
    with pytest.raises(OptionError, match=r"--fdr and --threshold: both"):
        call_settings(BOTH, fdr=0.05, threshold=0.5)


def test_the_method_is_that_of_the_model_by_class_unless_it_is_given() -> None:
    learned = {"A": CallRule(400, 2, 1, least_evidence=9000), "B": CallRule(300)}
    checkpoint = dataclasses.replace(BOTH, calls=learned)
    settings = call_settings(checkpoint, threshold={"A": 0.2})
    assert settings.rules["A"] == CallRule(200, 2, 1, least_evidence=9000)
    assert settings.method_of("A") is CallMethod.EVIDENCE
    assert settings.method_of("B") is CallMethod.THRESHOLD
    assert call_settings(checkpoint, "threshold").method_of("A") is CallMethod.THRESHOLD
    assert not settings.exclusive


@pytest.mark.parametrize("least", [None, 9000])
def test_calls_exclude_each_other_in_exclusive_models_with_evidence(least: int | None) -> None:
    exclusive = random_checkpoint(exclusive=True)
    rules = {
        name: dataclasses.replace(rule, least_evidence=least)
        for name, rule in exclusive.calls.items()
    }
    checkpoint = dataclasses.replace(exclusive, calls=rules)
    assert call_settings(checkpoint).exclusive == (least is not None)
    assert call_settings(checkpoint, "evidence").exclusive
    assert not call_settings(checkpoint, "threshold").exclusive
