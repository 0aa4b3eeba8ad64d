"""Checks of the options that commands and the library share."""

from __future__ import annotations

from enum import StrEnum

from dnabirnn.errors import OptionError

__all__ = ["AUTO", "MAX_DELETION", "ImportanceMethod", "check_deletions", "check_reach"]

AUTO = "auto"
"""Reach that is measured."""
MAX_DELETION = 100
"""Longest deletion in bases."""


class ImportanceMethod(StrEnum):
    """How the importance of bases is computed."""

    MUTAGENESIS = "mutagenesis"
    GRADIENT = "gradient"
    INTEGRATED_GRADIENTS = "integrated-gradients"


def check_reach(reach: int | str, window_bp: int, option: str = "--reach") -> int:
    """Return a reach that is given as a number or its digits, at most that of a scoring window.

    Raises
    ------
    OptionError
        If it is not a positive integer. The message names the option.
    """
    if isinstance(reach, str) and reach.isdecimal():
        reach = int(reach)
    if isinstance(reach, str) or reach < 1:
        raise OptionError(f"{option} {reach}: must be a number of bases, 1 or more, or {AUTO}")
    # No change acts further than a window is long.
    return min(reach, max(window_bp - 1, 1))


def check_deletions(longest: int) -> None:
    """Raise OptionError unless this can be the longest deletion."""
    if not 0 <= longest <= MAX_DELETION:
        raise OptionError(f"--deletions {longest}: must be 0 to {MAX_DELETION} bases")
