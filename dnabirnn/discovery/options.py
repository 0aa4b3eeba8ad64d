"""Options of the search for motifs."""

from __future__ import annotations

from dataclasses import dataclass

from dnabirnn.errors import OptionError

__all__ = ["DiscoveryOptions"]


@dataclass(frozen=True)
class DiscoveryOptions:
    """What is searched, and which motifs count.

    Attributes
    ----------
    max_targets : int
        Most targets of a class that are explained; a sample of them if there are more.
    min_sites : int
        Fewest sites of a motif.
    max_motifs : int
        Most motifs of a class.

    Raises
    ------
    OptionError
        If a number is too small.
    """

    max_targets: int = 2_000
    min_sites: int = 20
    max_motifs: int = 10

    def __post_init__(self) -> None:
        for option, value, least in (
            ("--max-sites", self.max_targets, 2),
            ("--min-sites", self.min_sites, 2),
            ("--max-motifs", self.max_motifs, 1),
        ):
            if value < least:
                raise OptionError(f"{option} {value}: must be {least} or more")
