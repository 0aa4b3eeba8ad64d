"""Bases as codes: A C G T = 0 1 2 3, any other nucleotide letter = 4, padding = 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AMBIGUOUS",
    "CODE_OF_BYTE",
    "COMPLEMENT",
    "INVALID",
    "ONE_HOT",
    "PADDING",
    "Codes",
    "decode",
    "encode",
    "one_hot",
    "reverse_complement",
]

Codes: TypeAlias = "NDArray[np.uint8]"

AMBIGUOUS = 4
"""Code of every nucleotide letter that is not one of A, C, G, T, U."""
PADDING = 5
"""Code that fills a batch to the right of a shorter sequence; never part of a sequence."""
INVALID = 255
"""Value of `CODE_OF_BYTE` for a byte that is not a nucleotide letter."""

_UNAMBIGUOUS = "ACGT"
_OTHER_LETTERS = "RYSWKMBDHVNX"


def _code_of_byte() -> bytes:
    table = bytearray([INVALID]) * 256
    letters = {letter: code for code, letter in enumerate(_UNAMBIGUOUS)}
    letters["U"] = letters["T"]
    letters.update(dict.fromkeys(_OTHER_LETTERS, AMBIGUOUS))
    for letter, code in letters.items():
        table[ord(letter)] = table[ord(letter.lower())] = code
    return bytes(table)


CODE_OF_BYTE = _code_of_byte()
"""Code of each of the 256 byte values; a table for `bytes.translate`."""

_LETTER_OF_CODE = np.frombuffer(b"ACGTN-", dtype=np.uint8)
COMPLEMENT = np.array([3, 2, 1, 0, AMBIGUOUS, PADDING], dtype=np.uint8)
"""Complement of each code; codes 4 and 5 are their own complements."""

ONE_HOT: NDArray[np.float32] = np.eye(6, 4, dtype=np.float32)
"""One-hot vector of code c in row c: shape (6, 4); zeros for codes 4 and 5."""
ONE_HOT.setflags(write=False)


def encode(sequence: str | bytes) -> Codes:
    """Return the code of each letter of a sequence; case is ignored.

    Parameters
    ----------
    sequence : str or bytes
        IUPAC nucleotide letters and X; U is read as T.

    Returns
    -------
    codes : ndarray, (L,) uint8
        0 to 3 for A, C, G, T; 4 for every other nucleotide letter.

    Raises
    ------
    ValueError
        A letter that is not a nucleotide code; the message gives its 0-based position.

    Examples
    --------
    >>> encode("ACgtN")
    array([0, 1, 2, 3, 4], dtype=uint8)
    """
    raw = sequence.encode("utf-8") if isinstance(sequence, str) else sequence
    codes = np.frombuffer(raw.translate(CODE_OF_BYTE), dtype=np.uint8)
    if codes.size and codes.max() == INVALID:
        position = int(np.argmax(codes == INVALID))
        raise ValueError(
            f"{chr(raw[position])!r} at position {position} is not a nucleotide letter"
        )
    return codes


def decode(codes: Codes) -> str:
    """Return the letters of codes: A, C, G, T, N for code 4, - for padding.

    Examples
    --------
    >>> decode(encode("acgtRy"))
    'ACGTNN'
    """
    return _LETTER_OF_CODE[codes].tobytes().decode("ascii")


def one_hot(codes: Codes) -> NDArray[np.float32]:
    """Return one-hot vectors of codes; zeros for code 4 and padding.

    Parameters
    ----------
    codes : ndarray, (..., L) uint8

    Returns
    -------
    vectors : ndarray, (..., L, 4) float32

    Examples
    --------
    >>> one_hot(encode("GN"))
    array([[0., 0., 1., 0.],
           [0., 0., 0., 0.]], dtype=float32)
    """
    return ONE_HOT[codes]


def reverse_complement(codes: Codes) -> Codes:
    """Return the codes of the opposite strand, 5' to 3'.

    Parameters
    ----------
    codes : ndarray, (..., L) uint8

    Returns
    -------
    opposite : ndarray, (..., L) uint8
        A new array.

    Examples
    --------
    >>> decode(reverse_complement(encode("AACGN")))
    'NCGTT'
    """
    return COMPLEMENT[codes[..., ::-1]]
