"""Records of any sequence format: name, codes and case."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, CODE_OF_BYTE, INVALID
from dnabirnn.errors import FastaError, OptionError
from dnabirnn.files import lenient_text
from dnabirnn.names import is_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike

__all__ = [
    "WHITE_SPACE",
    "Contig",
    "ParseContext",
    "PrefixedPath",
    "Record",
    "is_lower",
    "prefixed",
]

WHITE_SPACE = b" \t\r\n\v\f"
"""Bytes that may stand between the letters of a sequence."""

_LOWER_OF_BYTE = bytes(chr(byte).islower() and byte < 128 for byte in range(256))
_HARD_MASKED = bytes(
    AMBIGUOUS if lower and code != INVALID else code
    for code, lower in zip(CODE_OF_BYTE, _LOWER_OF_BYTE, strict=True)
)
_INVALID_BYTES = bytes(
    code == INVALID and byte not in WHITE_SPACE for byte, code in enumerate(CODE_OF_BYTE)
)

_LETTER_HINTS = dict.fromkeys("EFIJLOPQZefijlopqz", "a protein? give DNA or RNA") | {
    "\xef": "a byte-order mark inside the file? remove it",
    "-": "an alignment gap? remove gaps",
    ".": "an alignment gap? remove gaps",
    "*": "a protein with a stop codon? give DNA or RNA",
    ">": "a header must start a line",
    "@": "a read without '+' line and qualities before it? create or download the file again",
}


class Record(NamedTuple):
    """A sequence from a file.

    Attributes
    ----------
    name : str
        The first word of the header.
    codes : ndarray, (L,) uint8
        See `dnabirnn.alphabet`; the caller may change the array.
    lower : ndarray, (L,) bool, or None
        True where the letter is lower case (soft-masked); None if case was not requested.
    """

    name: str
    codes: Codes
    lower: NDArray[np.bool_] | None


@dataclass(frozen=True)
class PrefixedPath(os.PathLike[str]):
    """A sequence file, and the prefix of the names of its records.

    Attributes
    ----------
    path : str
        "-" is standard input.
    prefix : str
        Such as `HG002#1#`, which makes PanSN names: sample, haplotype, contig.
    """

    path: str
    prefix: str

    def __post_init__(self) -> None:
        if self.prefix.startswith("#") or any(not is_printable(c) or c == " " for c in self.prefix):
            raise OptionError(
                f"--name-prefix {self.prefix!r}: must be printable, without white space, and not "
                "begin with '#', which starts a comment in BED"
            )

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path


def prefixed(paths: Sequence[str], prefixes: Sequence[str]) -> list[PathLike]:
    """Return files with their prefixes: none, one for all files, or one per file.

    Raises
    ------
    OptionError
        A different number of prefixes, or a prefix that cannot be part of a name.

    Examples
    --------
    >>> prefixed(["a.fa", "b.fa"], ["x#"])
    [PrefixedPath(path='a.fa', prefix='x#'), PrefixedPath(path='b.fa', prefix='x#')]
    """
    if not prefixes:
        return list(paths)
    if len(prefixes) not in (1, len(paths)):
        raise OptionError(
            f"--name-prefix: given {len(prefixes)} times for {len(paths)} FASTA files; give it "
            "once for all, or once for each, in their order"
        )
    each = list(prefixes) * (len(paths) if len(prefixes) == 1 else 1)
    return [PrefixedPath(path, prefix) for path, prefix in zip(paths, each, strict=True)]


@dataclass(frozen=True)
class ParseContext:
    """Options and state of reading one file.

    Attributes
    ----------
    source : str
        Name of the file, for errors.
    case : bool
        Fill `Record.lower`.
    hard_mask : bool
        Give lower-case letters code 4.
    prefix : str
        Added before every name.
    names : dict
        File of each name read so far, from this file and earlier ones; updated by `name`.
    """

    source: str
    case: bool = False
    hard_mask: bool = False
    prefix: str = ""
    names: dict[str, str] = field(default_factory=dict)

    def name(self, word: bytes, line: int | None = None) -> str:
        """Return the full name of a record, and add it to `names`.

        Bytes that are not UTF-8 are read as Latin-1, as in labels.

        Raises
        ------
        FastaError
            A duplicate name, or one that cannot be written to BED.
        """
        name = self.prefix + lenient_text(word)
        if name in self.names:
            raise FastaError(
                f"{self.place(line)}: record {name!r} occurs twice, first in "
                f"{self.names[name]}; names must be unique: rename one of them, or give each file "
                "a different --name-prefix"
            )
        if not is_printable(name):
            raise FastaError(
                f"{self.place(line)}: record {name!r} has a character that cannot be printed; "
                "rename it"
            )
        if name.startswith("#"):
            raise FastaError(
                f"{self.place(line)}: record {name!r}: BED readers treat rows that begin with "
                "'#' as comments; rename it"
            )
        self.names[name] = self.source
        return name

    def place(self, line: int | None) -> str:
        """Return the file and line, for errors."""
        return self.source if line is None else f"{self.source}, line {line}"

    def codes(self, text: bytes) -> bytes:
        """Return the codes of letters; drop white space; other bytes become `INVALID`."""
        return text.translate(_HARD_MASKED if self.hard_mask else CODE_OF_BYTE, WHITE_SPACE)

    def record(self, name: str, codes: bytearray, lower: bytearray) -> Record:
        """Return a record that takes over the buffers; `lower` is used only if `case` is set."""
        return Record(
            name,
            np.frombuffer(codes, dtype=np.uint8),
            np.frombuffer(lower, dtype=np.bool_) if self.case else None,
        )

    def bad_letter(self, name: str | None, text: bytes, line: int | None) -> FastaError:
        """Return the error for the first invalid letter of a text, which starts on `line`."""
        position = text.translate(_INVALID_BYTES).index(1)
        letter = chr(text[position])
        hint = _LETTER_HINTS.get(letter, "only IUPAC nucleotide letters are read")
        place = "" if line is None else f", line {line + text.count(bytes([10]), 0, position)}"
        return FastaError(
            f"{self.source}: record {name!r}{place}: {letter!r} is not a nucleotide letter ({hint})"
        )


def is_lower(text: bytes) -> bytes:
    r"""Return one byte per letter, 1 for lower case; drop white space.

    Examples
    --------
    >>> is_lower(b"aC g")
    b'\x01\x00\x01'
    """
    return text.translate(_LOWER_OF_BYTE, WHITE_SPACE)


class Contig(Protocol):
    """Anything that can be scored: it has a name and codes, (L,) uint8."""

    @property
    def name(self) -> str:
        """First word of the header."""

    @property
    def codes(self) -> Codes:
        """Bases as codes."""
