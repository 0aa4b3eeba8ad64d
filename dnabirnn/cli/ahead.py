"""Memory, disk and time, told or checked before a command begins."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from dnabirnn.resources import Estimate

__all__ = ["look_ahead"]

logger = logging.getLogger(__name__)


class Plan(Protocol):
    """A run that is to come."""

    def bound(self) -> Estimate | None:
        """The most that it can take, found at once; None where that cannot be."""

    def estimate(self) -> Estimate:
        """What it will take, found with some work."""


def look_ahead(plan: Plan, remedies: Mapping[str, str], *, dry_run: bool) -> bool:
    """Whether a command is to go on; what it takes is told first where that is asked for.

    A run whose bound leaves room to spare begins at once; of any other an estimate is made.

    Raises
    ------
    ResourceError
        There is too little memory or disk.
    """
    from dnabirnn.resources import check, estimate_table, fits

    if not dry_run:
        bound = plan.bound()
        if bound is None or fits(bound):
            return True
    estimate = plan.estimate()
    if dry_run:
        click.echo(estimate_table(estimate))
    for warning in check(estimate, remedies):
        logger.warning("%s", warning)
    return not dry_run
