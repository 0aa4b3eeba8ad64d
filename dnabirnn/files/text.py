"""Text of files: UTF-8, or Latin-1 where bytes are not UTF-8."""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from dnabirnn.files.read import check_line, read_blocks

if TYPE_CHECKING:
    from dnabirnn.errors import DnabirnnError
    from dnabirnn.files.read import PathLike

__all__ = [
    "Decoded",
    "check_encoding",
    "decoded",
    "lenient_text",
    "read_text",
    "text_lines",
    "warn_of_latin1",
]

logger = logging.getLogger(__name__)

_MAX_TEXT_BYTES = 1 << 27
"""Limit of files that are read whole: a hundred times the size for the largest assemblies."""
_BOM = "\ufeff"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF16 = re.compile(rb"(?:[^\0]\0){4}|(?:\0[^\0]){4}")
"""Text of mostly ASCII letters in UTF-16, which may lack a byte-order mark."""
_MAGICS = (b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"BAM\x01", b"CRAM", b"%PDF")
"""First bytes of binary formats, of which a small file may have no control character."""
_CONTROLS = bytes([*range(1, 9), *range(14, 26), *range(28, 32), 127])
"""Control characters that no text has: all except white space, the escape character, and Ctrl-Z,
with which files of DOS end."""


class Decoded(NamedTuple):
    """Text of a file or of a part of it.

    Attributes
    ----------
    text : str
    wrong : int
        Number of lines with bytes that are not UTF-8, which were read as Latin-1.
    """

    text: str
    wrong: int


def _latin1(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8, for `bytes.decode`.

    In Windows-1252, Latin-1's codes 128 to 159 are letters and quotes instead of control
    characters. Such bytes are nearly always Windows-1252. It leaves five of them undefined.
    """
    assert isinstance(error, UnicodeDecodeError)
    wrong = error.object[error.start : error.end]
    try:
        return wrong.decode("cp1252"), error.end
    except UnicodeDecodeError:
        return wrong.decode("latin-1"), error.end


codecs.register_error("dnabirnn.latin1", _latin1)


def lenient_text(data: bytes) -> str:
    r"""Decode UTF-8; bytes that are not UTF-8 are read as Latin-1 (Windows-1252), one by one.

    So a word is decoded in the same way wherever it stands, whatever else the file contains.

    Examples
    --------
    >>> lenient_text("ß é".encode() + b" \xe9")
    'ß é é'
    """
    return data.decode("utf-8", "dnabirnn.latin1")


def check_encoding(head: bytes, source: str, error: type[DnabirnnError]) -> None:
    r"""Raise `error` for text in UTF-16, or text whose lines end in a bare carriage return.

    Parameters
    ----------
    head : bytes
        Beginning of a file, with its first lines.
    source : str
        Name of the file.
    error : class

    Examples
    --------
    >>> from dnabirnn.errors import FastaError
    >>> check_encoding(b">a\rACGT\r", "x.fa", FastaError)
    Traceback (most recent call last):
    dnabirnn.errors.FastaError: x.fa: lines end in a bare carriage return; convert to line feeds
    """
    _check_utf16(head, source, error)
    if b"\r" in head and b"\n" not in head and b"\r" in head.rstrip():
        raise error(f"{source}: lines end in a bare carriage return; convert to line feeds")


def _check_utf16(data: bytes, source: str, error: type[DnabirnnError]) -> None:
    if data.startswith(_UTF16_MARKS) or (b"\0" in data and _UTF16.match(data)):
        raise error(
            f"{source}: is text in UTF-16; save it as UTF-8, or convert it with "
            "`iconv -f UTF-16 -t UTF-8`"
        )


def decoded(data: bytes, source: str, error: type[DnabirnnError], wanted: str) -> Decoded:
    r"""Decode a file, or a part of it that begins and ends with whole lines.

    Parameters
    ----------
    data : bytes
    source : str
        Name of the file, for errors.
    error : class
        Exception to raise for bytes that are not text.
    wanted : str
        Expected format, for errors.

    Examples
    --------
    >>> from dnabirnn.errors import LabelError
    >>> decoded(b"Ren\xe9\n\xc3\xa9\n", "x.bed", LabelError, "BED")
    Decoded(text='René\né\n', wrong=1)
    """
    _check_utf16(data, source, error)
    try:
        text, wrong = data.decode("utf-8"), 0
    except UnicodeDecodeError:
        text = lenient_text(data)
        wrong = sum(not _is_utf8(line) for line in data.split(b"\n"))
    binary = wrong and (
        data.startswith(_MAGICS) or len(data.translate(None, _CONTROLS)) < len(data)
    )
    if b"\0" in data or binary:
        raise error(f"{source}: not a text file; give {wanted}")
    return Decoded(text, wrong)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def warn_of_latin1(source: str, wrong: int, lines: int) -> None:
    """Warn that lines of a file were read as Latin-1, if there are any."""
    if wrong:
        logger.warning(
            "%s: %d of %d lines are not UTF-8; they are read as Latin-1: if a name in them is "
            "wrong, save the file as UTF-8",
            source,
            wrong,
            lines,
        )


def read_text(
    path: PathLike,
    error: type[DnabirnnError],
    wanted: str,
    digests: dict[str, str] | None = None,
    *,
    lenient: bool = False,
) -> str:
    r"""Read a text file that is small enough to be read whole.

    Parameters
    ----------
    path, error, digests
        As for `read_blocks`.
    wanted : str
        Expected format, for errors.
    lenient : bool
        Replace bytes that are not text by U+FFFD instead of raising an error.

    Returns
    -------
    text : str
        Lines end in "\n", whatever the end is in the file.
    """
    data = bytearray()
    for block in read_blocks(path, error, digests):
        data += block
        if len(data) > _MAX_TEXT_BYTES:
            raise error(f"{path}: over {_MAX_TEXT_BYTES:,} bytes of text; give {wanted}")
    if lenient:
        return data.decode("utf-8", "replace")
    content = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text, wrong = decoded(bytes(content), str(path), error, wanted)
    warn_of_latin1(str(path), wrong, text.count("\n") + (not text.endswith("\n")))
    return text


def text_lines(
    blocks: Iterable[bytes],
    source: str,
    error: type[DnabirnnError],
    wanted: str,
    *,
    warn: bool = True,
) -> Iterator[str]:
    r"""Yield the lines of a text, each with the line end "\n", which the last one may lack.

    Parameters
    ----------
    blocks : iterable of bytes
        As from `read_blocks`. A byte-order mark is left out.
    source, error, wanted
        As for `decoded`.
    warn : bool
        Warn of bytes that are not UTF-8.

    Examples
    --------
    >>> from dnabirnn.errors import LabelError
    >>> list(text_lines([b"\xef\xbb\xbfa\r", b"\n\nb"], "x", LabelError, "GenBank"))
    ['a\n', '\n', 'b']
    """
    rest, lines, wrong = b"", 0, 0
    for block in blocks:
        whole, end, rest = (rest + block).rpartition(b"\n")
        check_line(len(rest), source, error)
        if end:
            text, count = decoded(whole, source, error, wanted)
            wrong += count
            for line in (text if lines else text.removeprefix(_BOM)).split("\n"):
                lines += 1
                yield line.removesuffix("\r") + "\n"
    if rest:
        text, count = decoded(rest, source, error, wanted)
        wrong += count
        yield text if lines else text.removeprefix(_BOM)
        lines += 1
    if warn:
        warn_of_latin1(source, wrong, lines)
