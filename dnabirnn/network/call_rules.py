"""Rules for calls: threshold, minimum length, gap and least evidence of each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.network.evidence import EvidenceScale

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "CallLengths",
    "CallMethod",
    "CallRule",
    "CallSettings",
    "default_min_score",
    "discoveries_of",
]

_DEFAULT_MIN_SCORE = 100
_MAX_BP = 10**12
"""Limit of lengths and gaps: 100 times the longest chromosome, and far below the int64 limit."""
_MAX_EVIDENCE = 10**15
_DEFAULT_LEAST_EVIDENCE = 10_000
"""Least evidence, in millinats, of segments of a class for which none was learned."""


class CallMethod(StrEnum):
    """Methods that turn scores into intervals."""

    THRESHOLD = "threshold"
    """Maximal runs of bases whose scores reach the threshold."""
    MSS = "mss"
    """Maximal scoring segments of the weights 2 (score - threshold) + 1 (Ruzzo and Tompa 1999).
    A dip below the threshold is bridged if the bases on both sides outweigh it, and if no stretch
    of it that is missing from the track is longer than the rule's gap."""
    EVIDENCE = "evidence"
    """Segments of maximum evidence: the best path through two states, inside and outside of a site.
    See `dnabirnn.scoring.segments`."""


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
    least_evidence : int, optional
        Least evidence of a segment above the threshold, in millinats, with which the class is
        called by `CallMethod.EVIDENCE`. None for a class that is called by its threshold.
    """

    threshold: int
    min_length_bp: int = 1
    merge_gap_bp: int = 0
    least_evidence: int | None = None

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
        if self.least_evidence is not None and not 0 <= self.least_evidence <= _MAX_EVIDENCE:
            raise OptionError(
                f"least evidence {self.least_evidence}: must be 0 or more millinats, and at most "
                "10^15"
            )

    @property
    def method(self) -> CallMethod:
        """Method by which the class is called, unless the user chooses another."""
        return CallMethod.THRESHOLD if self.least_evidence is None else CallMethod.EVIDENCE

    def segment_evidence(self) -> int:
        """Return the least evidence of a segment, in millinats; a default if none was learned."""
        return _DEFAULT_LEAST_EVIDENCE if self.least_evidence is None else self.least_evidence


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
    method : CallMethod, optional
        Method for all classes. By default that of each rule.
    scales : mapping of str to EvidenceScale
        How the evidence of calls is measured. By default relative to the threshold of the rule.
    exclusive : bool
        Of calls that overlap, whatever their class and strand, only those with the most evidence
        are kept.
    """

    rules: Mapping[str, CallRule]
    method: CallMethod | None = None
    scales: Mapping[str, EvidenceScale] = field(default_factory=dict)
    exclusive: bool = False

    def method_of(self, class_name: str) -> CallMethod:
        """Return the method by which a class is called."""
        return self.rules[class_name].method if self.method is None else self.method

    def scale_of(self, class_name: str) -> EvidenceScale:
        """Return how the evidence of a class is measured."""
        threshold = self.rules[class_name].threshold
        scale = self.scales.get(class_name)
        if scale is None:
            return EvidenceScale.above(threshold)
        return scale._replace(floor=min(scale.floor, threshold))


def default_min_score(rules: Iterable[CallRule]) -> int:
    """Return the default lowest score of a track: 100, or the lowest threshold if below 100.

    Examples
    --------
    >>> default_min_score([CallRule(640), CallRule(35)])
    35
    """
    return min([_DEFAULT_MIN_SCORE, *(rule.threshold for rule in rules)])


def discoveries_of(plain: Mapping[str, Any]) -> dict[str, dict[str, int | None]]:
    """Return thresholds by false discovery rate, of bases and of calls, from plain values.

    Raises
    ------
    ValueError
        If a value is not a threshold.
    """
    found: dict[str, dict[str, int | None]] = {}
    for kind in ("bases", "calls"):
        found[kind] = {str(float(rate)): value for rate, value in plain[kind].items()}
        for value in found[kind].values():
            if value is not None and not (isinstance(value, int) and 1 <= value <= MAX_SCORE):
                raise ValueError(f"discoveries: {value!r} is not a threshold")
    return found
