"""Scoring window of a model: its length and its halo.

Scores depend on both, so they belong to the model file, and no engine, device or batch may choose
them. `dnabirnn.scoring.grid` lays such windows on a contig.
"""

from __future__ import annotations

from dataclasses import dataclass

from dnabirnn.errors import OptionError

__all__ = ["MAX_WINDOW_BP", "ScoringWindow"]

MAX_WINDOW_BP = 65_535
"""cuDNN's recurrent kernels fail on longer sequences."""


@dataclass(frozen=True)
class ScoringWindow:
    """Length and halo of a scoring window.

    Attributes
    ----------
    length_bp : int
        Bases per window.
    halo_bp : int
        Bases at each end whose scores are discarded, except at the ends of a contig.
    """

    length_bp: int
    halo_bp: int

    def __post_init__(self) -> None:
        if not 1 <= self.length_bp <= MAX_WINDOW_BP:
            raise OptionError(
                f"scoring window of {self.length_bp} bp: must be 1 to {MAX_WINDOW_BP} bp"
            )
        if not 0 <= 2 * self.halo_bp < self.length_bp:
            raise OptionError(
                f"halo of {self.halo_bp} bp: must be less than half of the scoring window "
                f"of {self.length_bp} bp"
            )

    @property
    def core_bp(self) -> int:
        """Number of bases whose scores are kept in a window inside a contig."""
        return self.length_bp - 2 * self.halo_bp
