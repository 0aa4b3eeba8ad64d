"""Motifs as text in the formats of MEME, JASPAR and TRANSFAC, which `read_motifs` reads."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.errors import OptionError
from dnabirnn.motifs.meme import meme_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.motifs.motif import Motif

__all__ = ["MotifFormat", "motif_format", "motifs_text"]


class MotifFormat(StrEnum):
    """Format of a file of motifs."""

    MEME = "meme"
    """Minimal motif format of the MEME Suite: probabilities and the number of sites."""
    JASPAR = "jaspar"
    """Counts, one row per base."""
    TRANSFAC = "transfac"
    """Counts, one row per column of the motif."""


_ENDINGS = {
    ".meme": MotifFormat.MEME,
    ".jaspar": MotifFormat.JASPAR,
    ".pfm": MotifFormat.JASPAR,
    ".transfac": MotifFormat.TRANSFAC,
    ".tf": MotifFormat.TRANSFAC,
    ".dat": MotifFormat.TRANSFAC,
}


def motif_format(path: PathLike, form: str | None = None) -> MotifFormat:
    """Return the format of an output, by its name if it is not given.

    Parameters
    ----------
    path : str or PathLike
        An ending in .gz or .bgz is not part of the name.
    form : str, optional
        Name of the format.

    Raises
    ------
    OptionError
        If the name of the file ends like none of the formats.

    Examples
    --------
    >>> motif_format("motifs.jaspar.gz").value, motif_format("-", "meme").value
    ('jaspar', 'meme')
    """
    if form is not None:
        return MotifFormat(form)
    name, ending = os.path.splitext(os.fspath(path).lower())
    if ending in (".gz", ".bgz"):
        ending = os.path.splitext(name)[1]
    if ending not in _ENDINGS:
        raise OptionError(
            f"{path}: no format of motifs has this ending; end the name in .meme, .jaspar or "
            ".transfac, or give --format"
        )
    return _ENDINGS[ending]


def motifs_text(
    motifs: Sequence[Motif], form: MotifFormat, background: NDArray[np.float64] | None = None
) -> str:
    """Return motifs as the text of a file.

    Parameters
    ----------
    motifs : sequence of Motif
        With different names. White space in names is replaced by underscores, as when reading.
    form : MotifFormat
    background : ndarray, (4,) float64, optional
        Shares of A, C, G and T, for MEME; equal by default.

    Examples
    --------
    >>> from dnabirnn.motifs import Motif
    >>> motif = Motif("CTCF_1", "CTCF_1", np.array([[5.0, 0, 1, 0], [0, 2.5, 0, 3.5]]))
    >>> print(motifs_text([motif], MotifFormat.JASPAR))
    >CTCF_1
    A [ 5 0 ]
    C [ 0 2.5 ]
    G [ 1 0 ]
    T [ 0 3.5 ]
    <BLANKLINE>
    """
    if form is MotifFormat.MEME:
        names = [_label(motif) for motif in motifs]
        equal = np.full(4, 0.25)
        return meme_text(
            {name: motif.frequencies for name, motif in zip(names, motifs, strict=True)},
            equal if background is None else background,
            {name: _sites(motif) for name, motif in zip(names, motifs, strict=True)},
        )
    write = _jaspar if form is MotifFormat.JASPAR else _transfac
    return "".join(map(write, motifs))


def _label(motif: Motif) -> str:
    """Return identifier and name, or only the name if they are the same."""
    names = dict.fromkeys("_".join(text.split()) for text in (motif.identifier, motif.name))
    return " ".join(names)


def _sites(motif: Motif) -> float:
    return float(motif.counts.sum(axis=1).max())


def _jaspar(motif: Motif) -> str:
    rows = zip("ACGT", motif.counts.T.tolist(), strict=True)
    lines = [f"{base} [ {' '.join(map(_number, row))} ]" for base, row in rows]
    return "\n".join([f">{_label(motif)}", *lines, ""])


def _transfac(motif: Motif) -> str:
    *identifier, name = _label(motif).split()
    lines = [f"AC  {identifier[0]}", "XX"] if identifier else []
    lines += [f"ID  {name}", "XX", "P0      A      C      G      T"]
    for place, column in enumerate(motif.counts.tolist(), 1):
        numbers = " ".join(f"{_number(count):>6}" for count in column)
        lines.append(f"{place:02d} {numbers}      {motif.consensus[place - 1]}")
    return "\n".join([*lines, "XX", "//", ""])


def _number(count: float) -> str:
    """Return a count with at most six digits behind the point, and none if it is whole.

    Examples
    --------
    >>> _number(12.0), _number(0.25), _number(1e-9)
    ('12', '0.25', '0')
    """
    return f"{count:.6f}".rstrip("0").rstrip(".")
