"""Rules for calls: threshold, minimum length and gap of each class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MAX_SCORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CallMethod", "CallRule", "CallSettings", "call_settings", "default_min_score"]

_DEFAULT_MIN_SCORE = 100
_MAX_BP = 10**12
"""Limit of lengths and gaps: 100 times the longest chromosome, and far below the int64 limit."""


class CallMethod(StrEnum):
    """Methods that turn scores into intervals."""

    THRESHOLD = "threshold"
    """Maximal runs of bases whose scores reach the threshold."""
    MSS = "mss"
    """Maximal scoring segments of the weights 2 (score - threshold) + 1 (Ruzzo and Tompa 1999).
    A dip below the threshold is bridged if the bases on both sides outweigh it, and if no stretch
    of it that is missing from the track is longer than the rule's gap."""


@dataclass(frozen=True)
class CallRule:
    """Rule for the calls of one class.

    Attributes
    ----------
    threshold : int
        Score at or above which a base counts as its class, 1 to 1000.
    min_length_bp : int
        Shorter calls are dropped, after merging.
    merge_gap_bp : int
        Calls on the same strand are merged if they are at most this far apart.
    """

    threshold: int
    min_length_bp: int = 1
    merge_gap_bp: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= MAX_SCORE:
            raise OptionError(
                f"--threshold {self.threshold / MAX_SCORE:g}: must be from 0.001 to 1, the "
                "probability at or above which a base is called"
            )
        for option, value in (
            ("min-length", self.min_length_bp),
            ("merge-gap", self.merge_gap_bp),
        ):
            if not 0 <= value <= _MAX_BP:
                raise OptionError(f"--{option} {value}: must be 0 or more, and at most 10^12")


@dataclass(frozen=True)
class CallSettings:
    """Method and rules for making calls.

    Attributes
    ----------
    rules : mapping of str to CallRule
        One rule per class to call. Classes without a rule get no calls.
    method : CallMethod
    """

    rules: Mapping[str, CallRule]
    method: CallMethod = CallMethod.THRESHOLD


def call_settings(
    rules: Mapping[str, CallRule],
    method: str = CallMethod.THRESHOLD,
    threshold: float | None = None,
    min_length_bp: int | None = None,
    merge_gap_bp: int | None = None,
) -> CallSettings:
    """Return the rules of a model, changed by the options that the user gave.

    Parameters
    ----------
    rules : mapping of class name to CallRule
    method : str
        "threshold" or "mss".
    threshold : float, optional
        Probability at or above which a base counts as its class; rounded to thousandths.
    min_length_bp, merge_gap_bp : int, optional

    Raises
    ------
    OptionError
        If the method does not exist, or a value is out of range.

    Examples
    --------
    >>> call_settings({"REP": CallRule(640, 15, 15)}, threshold=0.5, merge_gap_bp=0).rules
    {'REP': CallRule(threshold=500, min_length_bp=15, merge_gap_bp=0)}
    """
    if method not in list(CallMethod):
        raise OptionError(f"--method {method}: must be threshold or mss")
    if threshold is not None and not 0 <= threshold <= 1:
        raise OptionError(f"--threshold {threshold:g}: must be from 0.001 to 1, a probability")
    changed = {
        name: CallRule(
            rule.threshold if threshold is None else math.floor(threshold * MAX_SCORE + 0.5),
            rule.min_length_bp if min_length_bp is None else min_length_bp,
            rule.merge_gap_bp if merge_gap_bp is None else merge_gap_bp,
        )
        for name, rule in rules.items()
    }
    return CallSettings(changed, CallMethod(method))


def default_min_score(rules: Iterable[CallRule]) -> int:
    """Return the default lowest score of a track: 100, or the lowest threshold if below 100.

    Examples
    --------
    >>> default_min_score([CallRule(640), CallRule(35)])
    35
    """
    return min([_DEFAULT_MIN_SCORE, *(rule.threshold for rule in rules)])
