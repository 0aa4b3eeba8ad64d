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
    from dnabirnn.resources import check, estimate_table, fits

    bound = None if dry_run else plan.bound()
    if not dry_run and (bound is None or fits(bound)):
        return True
    before = time.monotonic() - click.get_current_context().meta[BEGUN]
    estimate = bound if bound is not None and plan.bound_tells_all else plan.estimate()
    if dry_run:
        seconds = None if estimate.seconds is None else before + estimate.seconds
        click.echo(estimate_table(estimate._replace(seconds=seconds)))
    for warning in check(estimate, remedies):
        logger.warning("%s", warning)
    return not dry_run
