"""Text for a terminal: control characters in names from files are escaped."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["aligned", "is_printable", "printable", "shortened"]

_SPACES_AND_UNKNOWN = {"Zs", "Cn", "Co"}
"""Unicode categories that `str.isprintable` rejects although terminals only display them: spaces
other than " ", unassigned and private-use characters."""


def is_printable(text: str) -> bool:
    r"""Return whether text has no character that controls a terminal.

    Examples
    --------
    >>> is_printable("al\u00a0pha"), is_printable("chr1\x1b[2J"), is_printable("a\u202eb")
    (True, False, False)
    """
    return text.isprintable() or all(
        c.isprintable() or unicodedata.category(c) in _SPACES_AND_UNKNOWN for c in text
    )


def printable(text: str) -> str:
    r"""Escape control characters and other unprintable characters of text.

    A name from a file may contain an escape sequence, which a terminal would obey when an error
    message shows the name.

    Examples
    --------
    >>> printable("chr1\x1b[2J"), printable("plain")
    ('chr1\\x1b[2J', 'plain')
    """
    if is_printable(text):
        return text
    return "".join(c if is_printable(c) else ascii(c)[1:-1] for c in text)


def _clear(name: str) -> str:
    """Quote a name that a list would not show as it is: with odd spaces, or a comma."""
    odd = name != name.strip() or "  " in name or "," in name or not name
    return repr(name) if odd or not name.isprintable() else name


def shortened(names: Sequence[str], most: int = 5) -> str:
    """Return the first `most` names of a list and the number of others, for a message.

    Names with spaces at an end, spaces other than " ", or commas are quoted, as in Python.

    Examples
    --------
    >>> shortened(["chr1", "chr2", "chr3"], most=2)
    'chr1, chr2 and 1 more'
    >>> print(shortened(["chr1 ", "a,b", "two words"]))
    'chr1 ', 'a,b', two words
    """
    listed = ", ".join(map(_clear, names[:most]))
    return f"{listed} and {len(names) - most} more" if len(names) > most else listed


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column to the left, the others to the right.

    Examples
    --------
    >>> aligned([["class", "calls"], ["REP", "7"]])
    ['class  calls', 'REP        7']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
