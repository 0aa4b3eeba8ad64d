"""What a call is: thresholds, lengths and gaps, by class."""

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
_LONGEST_BP = 10**12
"""A hundred times the longest chromosome, and far from where int64 ends."""


class CallMethod(StrEnum):
    """How intervals are made of scores."""

    THRESHOLD = "threshold"
    """The longest runs of bases that reach the threshold."""
    MSS = "mss"
    """Maximal scoring segments of the weights 2 (score - threshold) + 1 (Ruzzo and Tompa 1999):
    a dip below the threshold is bridged where what lies on both sides outweighs it, and where no
    stretch of it that the track leaves out is longer than the rule's gap."""


@dataclass(frozen=True)
class CallRule:
    """What a call of one class is.

    Attributes
    ----------
    threshold : int
        A base speaks for the class from this score on, 1 to 1000.
    min_length_bp : int
        Shorter calls are dropped, after joining.
    merge_gap_bp : int
        Calls of one strand that lie no further apart become one.
    """

    threshold: int
    min_length_bp: int = 1
    merge_gap_bp: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= MAX_SCORE:
            raise OptionError(
                f"--threshold {self.threshold / MAX_SCORE:g}: must be from 0.001 to 1, the "
                "probability from which a base is called"
            )
        for option, value in (
            ("min-length", self.min_length_bp),
            ("merge-gap", self.merge_gap_bp),
        ):
            if not 0 <= value <= _LONGEST_BP:
                raise OptionError(f"--{option} {value}: must be 0 or more, and at most 10^12")


@dataclass(frozen=True)
class CallSettings:
    """How calls are made.

    Attributes
    ----------
    rules : mapping of str to CallRule
        One for each class that is to be called; the others give no calls.
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
    """Rules of a model, with what the user wants otherwise.

    Parameters
    ----------
    rules : mapping of class name to CallRule
    method : str
        "threshold" or "mss".
    threshold : float, optional
        Probability from which a base speaks for its class; rounded to thousandths.
    min_length_bp, merge_gap_bp : int, optional

    Raises
    ------
    OptionError
        A method that does not exist, or a value out of range.

    Examples
    --------
    >>> call_settings({"REP": CallRule(640, 15, 15)}, threshold=0.5, merge_gap_bp=0).rules
    {'REP': CallRule(threshold=500, min_length_bp=15, merge_gap_bp=0)}
    """
    if method not in list(CallMethod):
        raise OptionError(f"--method {method}: must be threshold or mss")
    if threshold is not None and not 0 <= threshold <= 1:
        raise OptionError(f"--threshold {threshold:g}: must be from 0.001 to 1, a probability")
    wanted = {
        name: CallRule(
            rule.threshold if threshold is None else math.floor(threshold * MAX_SCORE + 0.5),
            rule.min_length_bp if min_length_bp is None else min_length_bp,
            rule.merge_gap_bp if merge_gap_bp is None else merge_gap_bp,
        )
        for name, rule in rules.items()
    }
    return CallSettings(wanted, CallMethod(method))


def default_min_score(rules: Iterable[CallRule]) -> int:
    """Lowest score that a track tells unless the user says otherwise: 100, or less for calls.

    Examples
    --------
    >>> default_min_score([CallRule(640), CallRule(35)])
    35
    """
    return min([_DEFAULT_MIN_SCORE, *(rule.threshold for rule in rules)])
