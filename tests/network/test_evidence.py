"""Evidence of bases against the formula, in floating point."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from dnabirnn.network.call_rules import CallMethod, CallRule, CallSettings
from dnabirnn.network.evidence import EvidenceScale, base_log_odds, millinats


def test_log_odds_of_scores() -> None:
    expected = 1000 * logit(np.clip(np.arange(1001), 0.5, 999.5) / 1000)
    np.testing.assert_array_equal(base_log_odds(), np.rint(expected).astype(np.int64))
    assert (base_log_odds() == -base_log_odds()[::-1]).all()


@pytest.mark.parametrize("share", [0.0, 1e-300, 1e-6, 0.3, 0.999, 1.0])
def test_log_odds_of_shares(share: float) -> None:
    clipped = min(max(share, 1e-9), 1 - 1e-9)
    assert millinats(share) == pytest.approx(1000 * logit(clipped), abs=0.5001)


@pytest.mark.parametrize(("threshold", "floor"), [(500, 100), (100, 100), (40, 40), (1, 1)])
def test_gains_and_absent_bases_add_up_to_the_evidence_of_a_base(
    threshold: int, floor: int
) -> None:
    scale = EvidenceScale.of(0.01, threshold, absent=-2000)
    evidence = scale.gains() + scale.absent
    expected = base_log_odds() - millinats(0.01)
    np.testing.assert_array_equal(evidence[floor:], expected[floor:])
    assert (evidence[:floor] == -2000).all()


def test_without_a_share_a_base_at_the_threshold_has_no_evidence() -> None:
    for threshold in (1, 30, 500, 999):
        scale = EvidenceScale.above(threshold)
        assert scale.gains()[threshold] + scale.absent == 0


def test_settings_follow_the_rules() -> None:
    scale = EvidenceScale.of(0.01, 500)
    rules = {"a": CallRule(500, least_evidence=0), "b": CallRule(30)}
    settings = CallSettings(rules, scales={"a": scale, "b": scale})
    assert settings.method_of("a") is CallMethod.EVIDENCE
    assert settings.method_of("b") is CallMethod.THRESHOLD
    assert CallSettings(rules, CallMethod.MSS).method_of("a") is CallMethod.MSS
    assert (settings.scale_of("a").floor, settings.scale_of("b").floor) == (100, 30)
    assert CallSettings(rules).scale_of("b") == EvidenceScale.above(30)
