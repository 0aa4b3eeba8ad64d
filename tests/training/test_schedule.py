"""Learning rates, and the early end of a training."""

from __future__ import annotations

import pytest
import torch

from dnabirnn.training.schedule import Schedule, learning_rate, no_longer_improves


def test_learning_rate_is_that_of_torch() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], 0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.01, total_steps=51, cycle_momentum=False
    )
    for step in range(51):
        # torch counts the turning point one step earlier where 0.3 times the steps is uneven.
        expected = schedule.get_last_lr()[0]
        assert learning_rate(step, 51, 0.01) == pytest.approx(expected, rel=0.15, abs=2e-4)
        optimizer.step()
        if step < 50:
            schedule.step()


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_few_steps_have_a_learning_rate(steps: int) -> None:
    assert all(0 < learning_rate(step, steps, 1.0) <= 1.0 for step in range(steps))


@pytest.mark.parametrize(("planned", "at"), [(100, 40), (100, 80), (11, 5), (7, 1)])
def test_a_shortened_schedule_falls_without_a_jump(planned: int, at: int) -> None:
    whole, short = Schedule(planned, 1.0), Schedule(planned, 1.0)
    assert short.can_shorten(at)
    short.falls_from = at
    assert not short.can_shorten(at)
    assert short.steps == at + max(1, round(planned / 10)) < planned
    rates = [short.rate(step) for step in range(short.steps)]
    assert rates[:at] == [whole.rate(step) for step in range(at)]
    if len(rates) > at + 1:
        assert rates[at] == whole.rate(at)
        assert rates[at:] == sorted(rates[at:], reverse=True)
        assert rates[-1] == pytest.approx(whole.rate(planned - 1))


@pytest.mark.parametrize(("planned", "at"), [(100, 90), (100, 99), (1, 0), (2, 1)])
def test_a_schedule_about_to_end_is_not_shortened(planned: int, at: int) -> None:
    assert not Schedule(planned, 1.0).can_shorten(at)


RISING = [0.1, 0.3, 0.5, 0.6, 0.65, 0.68, 0.7, 0.72, 0.73]


@pytest.mark.parametrize(
    ("figures", "ends"),
    [
        ([0.5] * 4, True),
        ([0.5] * 3, False),  # too early
        ([0.5, 0.5, 0.5, 0.502], True),
        ([0.5, 0.5, 0.5, 0.5021], False),
        ([0.5, 0.6, 0.4, 0.4], False),  # the best is among the last three
        ([0.5, 0.6, 0.4, 0.4, 0.4], True),
        (RISING, False),
        ([*RISING[:5], 0.6, 0.6, 0.651], True),
        ([0.0] * 4, True),
        ([], False),
    ],
)
def test_validation_no_longer_improves(figures: list[float], ends: bool) -> None:
    """Validations after each tenth of the steps, to the nearest step."""
    for planned in (10, 23, 2344):
        at = [round(planned * (number + 1) / 10) for number in range(len(figures))]
        assert no_longer_improves(list(zip(at, figures, strict=True)), planned) is ends


def test_patience_does_not_depend_on_the_number_of_validations() -> None:
    many = [(at, 0.5) for at in range(1, 101)]
    assert [no_longer_improves(many[:at], 100) for at in (39, 40)] == [False, True]
    assert not no_longer_improves([(50, 0.5)], 100)
    assert not no_longer_improves([(50, 0.5), (75, 0.5)], 1000)
