"""What a training says in the end, or when it is interrupted; only its first process says it."""

from __future__ import annotations

import functools
import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli.streams import tell
from dnabirnn.errors import DnabirnnError, TrainingError
from dnabirnn.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dnabirnn.network import Checkpoint

__all__ = ["follows_another", "one_reports", "say_figures", "says_what_is_kept"]

logger = logging.getLogger(__name__)


def follows_another() -> bool:
    """Return whether this process follows another: Fabric starts those with this variable."""
    return os.environ.get("LOCAL_RANK", "0") != "0"


def says_what_is_kept(function: Callable[..., None]) -> Callable[..., None]:
    """Print one line if the command is interrupted, in place of click's."""

    @functools.wraps(function)
    def command(*arguments: Any, **given: Any) -> None:
        try:
            function(*arguments, **given)
        except (KeyboardInterrupt, SystemExit) as stop:
            notes = ["interrupted; run the same command again"]
            notes += getattr(stop, "__notes__", [])
            if not follows_another():
                if isinstance(stop, KeyboardInterrupt) and sys.stderr.isatty():
                    tell()  # after the ^C of the terminal
                tell(f"dnabirnn train: {printable(notes[-1])}")
            code = stop.code if isinstance(stop, SystemExit) else 1
            click.get_current_context().exit(int(code or 0))

    return command


@contextmanager
def one_reports(follows: bool) -> Iterator[None]:
    """Exit silently in a process that follows another, where the other reports the error."""
    from dnabirnn.training import LEFT_ALONE

    try:
        yield
    except (DnabirnnError, RuntimeError) as error:
        left_alone = isinstance(error, RuntimeError) and _is_left_alone(error)
        if follows and (isinstance(error, DnabirnnError) or left_alone):
            click.get_current_context().exit(1)
        if left_alone:
            raise TrainingError(LEFT_ALONE) from error
        raise


def _is_left_alone(error: RuntimeError) -> bool:
    """Return whether gloo or NCCL reports that another process has ended."""
    words = str(error).lower()
    ends = ("closed by peer", "reset by peer", "closed by remote peer", "broken pipe")
    return any(end in words for end in ends)


def say_figures(checkpoint: Checkpoint) -> None:
    """Log the accuracy of a model on validation sequence, by class."""
    whole = checkpoint.sequences is not None
    for name, figures in checkpoint.metrics["classes"].items():
        if whole:
            logger.info(
                "%s: AUROC %.4f, AP %.4f, MCC %.4f on sequences of %s",
                name,
                *(figures[key] or 0.0 for key in ("auroc", "ap", "mcc")),
                checkpoint.metrics["split"],
            )
            continue
        logger.info(
            "%s: AP %.4f, best F1 %.4f on %s",
            name,
            figures["ap_stranded"],
            figures["best_f1_stranded"],
            checkpoint.metrics["split"],
        )
