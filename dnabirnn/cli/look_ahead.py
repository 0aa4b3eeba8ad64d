"""Estimates of memory, disk and time, checked before a command starts."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from dnabirnn.resources import Estimate

__all__ = ["BEGUN", "look_ahead"]

BEGUN = "dnabirnn.begun"
"""Key in `click.Context.meta`: start of the command, by the monotonic clock."""

logger = logging.getLogger(__name__)


class Plan(Protocol):
    """A planned run.

    Attributes
    ----------
    bound_tells_all : bool
        Whether `bound` is as good as `estimate` for memory and disk.
    """

    bound_tells_all: bool

    def bound(self) -> Estimate | None:
        """Upper bound of what it needs, computed at once; None if there is no bound."""

    def estimate(self) -> Estimate:
        """Estimate of what it needs, which takes some work."""


def look_ahead(plan: Plan, remedies: Mapping[str, str], *, dry_run: bool) -> bool:
    """Return whether a command should go on; with `dry_run`, print the estimate first.

    If the bound leaves enough room, the run starts at once. Otherwise an estimate is made.

    Raises
    ------
    ResourceError
        There is not enough memory or disk space.
    """
    from dnabirnn.errors import RehearsalError, ResourceError
    from dnabirnn.resources import check, estimate_table, fits

    bound = plan.bound()
    if not dry_run and (bound is None or fits(bound)):
        return True
    before = time.monotonic() - click.get_current_context().meta[BEGUN]
    estimate = bound if plan.bound_tells_all else None
    if estimate is not None and dry_run:
        try:
            check(estimate, remedies)
        except ResourceError:  # a trial run would not fit either
            click.echo(estimate_table(estimate))
            raise
    if estimate is None or dry_run:
        try:
            estimate = plan.estimate()
        except RehearsalError as error:
            if dry_run:
                raise
            logger.warning("%s", error)
            return True
    if dry_run:
        seconds = None if estimate.seconds is None else before + estimate.seconds
        click.echo(estimate_table(estimate._replace(seconds=seconds)))
    for warning in check(estimate, remedies):
        logger.warning("%s", warning)
    return not dry_run
