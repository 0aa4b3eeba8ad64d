"""MEME's motif format: minimal files, which are also written, and the output of its tools."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from dnabirnn.errors import MotifError
from dnabirnn.motifs.matrix import ALPHABETS, MatrixEntry, is_number, to_numbers
from dnabirnn.names import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.motifs.matrix import Row

__all__ = ["is_meme", "meme_text", "read_meme"]

_MATRIX = re.compile(r"\s*letter-probability matrix\b:?(.*)")
_MOTIF = re.compile(r"\s*MOTIF(?:\s+(.*))?$")
_ALPHABET = re.compile(r"\s*ALPHABET\b(.*)")
_TOOLS = {"MEME", "STREME", "DREME", "XSTREME", "GLAM2", "HOMER", "."}
"""Second words of MOTIF lines that are the same for all motifs of a file, so they name none."""


_SITES = 1000
"""Number of sites in files that are written, where it is not known. Tools that turn probabilities
into counts, such as Biopython, then round them to thousandths; with MEME's default, to 0.05."""


def is_meme(text: str) -> bool:
    """Return whether a text is in MEME's motif format."""
    return bool(re.search(r"^\s*(MEME version|letter-probability matrix\b)", text, re.MULTILINE))


def read_meme(text: str, source: str) -> list[MatrixEntry]:
    """Read the motifs of a text in MEME's format, in its order.

    Parameters
    ----------
    text : str
    source : str
        Name of the text, for errors.

    Raises
    ------
    MotifError
        If the alphabet is not that of DNA or RNA, or a matrix is damaged.
    """
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if _MOTIF.match(line)]
    _check_alphabet(lines[: starts[0]] if starts else lines, source)
    entries = []
    for first, end in pairwise([*starts, len(lines)]):
        head = _MOTIF.match(lines[first])
        words = (head[1] or "").split() if head else []
        if not words:
            raise MotifError(
                f"{source}, line {first + 1}: a MOTIF line of MEME's format without a name; write "
                "one behind MOTIF"
            )
        name = _name(words)
        rows = _read_matrix(lines, first + 1, end, source, name)
        entries.append(MatrixEntry(name, words[0], rows))
    return entries


def _name(words: Sequence[str]) -> str:
    """Name of a motif, from the words after MOTIF.

    Examples
    --------
    >>> _name("MA0139.1 CTCF".split()), _name("1 width = 7 sites = 9".split())
    ('CTCF', '1')
    >>> _name("1 MEME width = 7".split()), _name("TGASTCA MEME-1 width = 7".split())
    ('1', 'MEME-1')
    """
    identifier, name, following, *_ = [*words, "", ""]
    if not name or "=" in name + following[:1] or name in _TOOLS:
        return identifier
    return name


def _check_alphabet(lines: Sequence[str], source: str) -> None:
    """Raise if the alphabet, which is optional, has other letters than those of DNA or RNA."""
    for number, line in enumerate(lines):
        if (found := _ALPHABET.match(line)) is None:
            continue
        # Either "ALPHABET= ACGT", or a name, DNA-LIKE or nothing, and a block of letters.
        words = re.sub(r'"[^"]*"|\S+-LIKE\b|=', " ", found[1]).split()
        letters = words[0] if words else _core_letters(lines[number + 1 :])
        if letters.upper() not in ALPHABETS:
            kind = "proteins" if len(letters) >= 20 else f"the alphabet {printable(letters)}"
            raise MotifError(
                f"{source}, line {number + 1}: MEME motifs of {kind}; give motifs of DNA or RNA, "
                "with the alphabet ACGT or ACGU"
            )
        return


def _core_letters(block: Sequence[str]) -> str:
    """Letters of a custom alphabet, sorted as in the columns of its matrices.

    Lines with "=" define letters that stand for others. MEME's own text output has a line of
    asterisks before and after the block instead of END ALPHABET.
    """
    letters: set[str] = set()
    for line in block:
        plain = re.sub(r'"[^"]*"', " ", line).split("#")[0].strip()
        if plain.startswith("END ALPHABET") or (plain.startswith("***") and letters):
            break
        if plain and "=" not in plain and not plain.startswith("***"):
            letters |= {part.split()[0] for part in plain.split("~") if part.strip()}
    return "".join(sorted(letters))


def _read_matrix(
    lines: Sequence[str], first: int, end: int, source: str, name: str
) -> Sequence[Row]:
    """Read the matrix in the lines of one motif; no row if it has none."""
    heads = [number for number in range(first, end) if _MATRIX.match(lines[number])]
    if not heads:
        return ()
    motif = f"MEME motif {name!r}"
    if len(heads) > 1:
        raise MotifError(
            f"{source}, line {heads[1] + 1}: {motif} has a second letter-probability matrix; put a "
            "MOTIF line with a name before it"
        )
    head = lines[heads[0]]
    rows: list[Row] = []
    for number in range(heads[0] + 1, end):
        fields = lines[number].split()
        if not fields:
            continue
        numbers = sum(map(is_number, fields))
        if not is_number(fields[0]) and (numbers < 2 or len(fields) != 4):
            break  # the end of the matrix, and not a damaged row
        if len(fields) != 4:
            raise MotifError(
                f"{source}, line {number + 1}: {motif} has a row of {len(fields)} numbers, and a "
                "matrix of DNA has 4 (A, C, G, T); correct the row, or remove the motif"
            )
        rows.append(to_numbers(fields, f"{source}, line {number + 1}", motif))
    width = re.search(r"\bw\s*=\s*(\d+)", head)
    if width is not None and width[1].lstrip("0") != str(len(rows)):
        raise MotifError(
            f"{source}, line {heads[0] + 1}: {motif} has w= {width[1][:9]}, but {len(rows)} rows; "
            "correct w, or copy the missing rows from the original file"
        )
    return rows


def meme_text(
    motifs: Mapping[str, NDArray[np.float64]],
    background: NDArray[np.float64],
    sites: Mapping[str, float] | None = None,
) -> str:
    """Return motifs as a minimal file in MEME's format.

    Parameters
    ----------
    motifs : mapping of str to ndarray, (W, 4) float64
        Probabilities of A, C, G and T in each column, by name, or by identifier and name with a
        space between.
    background : ndarray, (4,) float64
        Share of each base in the background.
    sites : mapping of str to float, optional
        Number of sites of each motif; 1000 where it is not given. There is no E-value in the file:
        the format makes it optional.

    Examples
    --------
    >>> import numpy as np
    >>> text = meme_text({"m1": np.array([[0.7, 0.1, 0.1, 0.1]])}, np.full(4, 0.25))
    >>> text.splitlines()[-3], text.splitlines()[-1]
    ('MOTIF m1', ' 0.700000 0.100000 0.100000 0.100000')
    """
    shares = " ".join(f"{base} {share:.6f}" for base, share in zip("ACGT", background, strict=True))
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    lines += ["Background letter frequencies", shares]
    for name, columns in motifs.items():
        lines += ["", f"MOTIF {name}"]
        number = max(round((sites or {}).get(name, _SITES)), 1)
        lines.append(f"letter-probability matrix: alength= 4 w= {len(columns)} nsites= {number}")
        lines += ["".join(f" {share:.6f}" for share in column) for column in columns.tolist()]
    return "\n".join([*lines, ""])
