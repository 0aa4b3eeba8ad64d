"""The grid of scoring windows that is its own mirror image: cut and stitch.

A recurrent network remembers past any halo, so scores are the same on both strands only where
the grid of windows is the same. Windows of one length are therefore laid inward from both ends
of a contig as mirrored pairs. The first window has no left halo, the last no right one, and bases
in the middle that both halves keep get the mean of the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from dnabirnn.errors import OptionError

__all__ = ["MAX_WINDOW_BP", "ScoringWindow"]

MAX_WINDOW_BP = 65_535
"""cuDNN's recurrent kernels fail on longer sequences."""


@dataclass(frozen=True)
class ScoringWindow:
    """What the network reads when it scores.

    Attributes
    ----------
    length_bp : int
        Bases of a window.
    halo_bp : int
        Bases at either end whose scores are thrown away, except at the ends of a contig.
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
        """Bases of an inner window whose scores are kept."""
        return self.length_bp - 2 * self.halo_bp
