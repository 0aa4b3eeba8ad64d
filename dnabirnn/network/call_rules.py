"""Rules for calls: threshold, minimum length and gap of each class."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MAX_SCORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CallLengths", "CallMethod", "CallRule", "CallSettings", "default_min_score"]

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


class CallLengths(NamedTuple):
    """What a model knows about the calls of a class that it has not learned: no threshold.

    Attributes as those of `CallRule`.
    """

    min_length_bp: int
    merge_gap_bp: int


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


def default_min_score(rules: Iterable[CallRule]) -> int:
    """Return the default lowest score of a track: 100, or the lowest threshold if below 100.

    Examples
    --------
    >>> default_min_score([CallRule(640), CallRule(35)])
    35
    """
    return min([_DEFAULT_MIN_SCORE, *(rule.threshold for rule in rules)])
