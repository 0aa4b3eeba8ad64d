"""Text for a terminal: names with control characters, tables, and long command lines."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["aligned", "is_printable", "printable", "shortened", "wrapped_commands"]

_SPACES_AND_UNKNOWN = {"Zs", "Cn", "Co"}
"""Unicode categories that `str.isprintable` rejects although terminals only display them: spaces
other than " ", unassigned and private-use characters."""
_WORD = re.compile(r"(?:'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|[^\s'\"\\])+")
_WIDTH = 96
_INDENT = "    "


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


def wrapped_commands(text: str, width: int = _WIDTH) -> str:
    r"""Break long command lines before options, so that they can still be pasted.

    Parameters
    ----------
    text : str
        Lines of a shell. Those that do not run `dnabirnn` are left as they are.
    width : int
        Longest line, in characters. A single option with its values may be longer.

    Examples
    --------
    >>> print(wrapped_commands("dnabirnn train 'my set' --bases 30M --seed 1", width=32))
    dnabirnn train 'my set' \
        --bases 30M --seed 1
    """
    return "\n".join(_wrapped(line, width) for line in text.split("\n"))


def _wrapped(line: str, width: int) -> str:
    words = _WORD.findall(line)
    if len(line) <= width or words[:1] != ["dnabirnn"] or " ".join(words) != line.strip():
        return line
    groups: list[list[str]] = [[]]
    for word in words:
        if re.match(r"--?[a-zA-Z]", word):
            groups.append([])
        groups[-1].append(word)
    lines = [" ".join(groups[0])]
    for group in groups[1:]:
        own = " ".join(group)
        if len(lines[-1]) + 1 + len(own) + 2 <= width:
            lines[-1] += f" {own}"
        else:
            lines.append(f"{_INDENT}{own}")
    return " \\\n".join(lines)
