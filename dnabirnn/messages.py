"""Text for a terminal: what others wrote cannot move its cursor, nor begin a line."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    r"""Text whose control characters, and whatever else cannot be printed, are escaped.

    Names in files are chosen by whoever made the files: an escape sequence among them would be
    obeyed by the terminal that an error is told on.

    Examples
    --------
    >>> printable("chr1\x1b[2J"), printable("plain")
    ('chr1\\x1b[2J', 'plain')
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
