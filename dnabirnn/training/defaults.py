"""Defaults that follow the task. Tuning starts from them (`dnabirnn.tuning`)."""

from __future__ import annotations

__all__ = ["default_bases"]

_LEAST_BASES, _MOST_BASES = 30_000_000, 80_000_000


def default_bases(classes: int) -> int:
    """Return the number of bases that a network with this number of classes is trained on.

    All classes together get half of the windows, so a network with more classes needs more.

    Examples
    --------
    >>> [default_bases(classes) // 1_000_000 for classes in (1, 2, 8)]
    [30, 40, 80]
    """
    return min(max(20_000_000 + 10_000_000 * classes, _LEAST_BASES), _MOST_BASES)
