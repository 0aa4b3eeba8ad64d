"""Memory, disk and time, told or checked before a command begins."""

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
"""Key of a context's meta: when the command began, by the monotonic clock."""

logger = logging.getLogger(__name__)


class Plan(Protocol):
    """A run that is to come.

    Attributes
    ----------
    bound_tells_all : bool
        Whether an estimate would say no more of memory and disk.
    """

    bound_tells_all: bool

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
        except ResourceError:  # a rehearsal would not fit either
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
