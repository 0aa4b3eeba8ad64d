"""Text for a terminal: what others wrote cannot move its cursor, nor begin a line."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["is_printable", "printable"]

_SPACES_AND_UNKNOWN = {"Zs", "Cn", "Co"}
"""Categories that Python does not call printable, though no terminal obeys them."""


def is_printable(text: str) -> bool:
    r"""Whether a terminal shows text and obeys none of it.

    Examples
    --------
    >>> is_printable("al\u00a0pha"), is_printable("chr1\x1b[2J"), is_printable("a\u202eb")
    (True, False, False)
    """
    return text.isprintable() or all(
        c.isprintable() or unicodedata.category(c) in _SPACES_AND_UNKNOWN for c in text
    )


def printable(text: str) -> str:
    r"""Text whose control characters, and whatever else cannot be printed, are escaped.

    Names in files are chosen by whoever made the files: an escape sequence among them would be
    obeyed by the terminal that an error is told on.

    Examples
    --------
    >>> printable("chr1\x1b[2J"), printable("plain")
    ('chr1\\x1b[2J', 'plain')
    """
    if is_printable(text):
        return text
    return "".join(c if is_printable(c) else ascii(c)[1:-1] for c in text)


def shortened(names: Sequence[str], most: int = 5) -> str:
    """First names of a list, for a message.

    Examples
    --------
    >>> shortened(["chr1", "chr2", "chr3"], most=2)
    'chr1, chr2 and 1 more'
    """
    listed = ", ".join(names[:most])
    return f"{listed} and {len(names) - most} more" if len(names) > most else listed
