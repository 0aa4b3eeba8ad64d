"""Read the rows of VCF and BCF, and write them with one more INFO field.

Rows of VCF are kept as the bytes of their lines, so that all other fields are written as they were
read. pysam reads BCF, and gives its rows as lines of VCF.
"""

from __future__ import annotations

import os
import re
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from dnabirnn.errors import OptionError, VariantError
from dnabirnn.files import check_encoding, check_line, lenient_text, local_copy, read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from dnabirnn.files import PathLike

__all__ = ["Row", "VariantFile", "import_pysam", "with_definitions", "with_info"]

_BCF = b"BCF\2"
_COLUMNS = 8
_FIRST_SAMPLE = 9
_ID = re.compile(rb"##INFO=<ID=([^,>]+)")
_LETTERS = re.compile(rb"[A-Za-z]+")


class Row(NamedTuple):
    """A row of a VCF.

    Attributes
    ----------
    place : str
        File and line, or file and number of the record of a BCF, for errors.
    line : bytes
        Without its end.
    chrom : str
    start : int
        0-based position of the first base of `ref`: POS - 1.
    id : str
    ref : bytes
    alts : list of bytes
        Alternative alleles; none if ALT is ".".
    """

    place: str
    line: bytes
    chrom: str
    start: int
    id: str
    ref: bytes
    alts: list[bytes]

    def sample_fields(self, column: int) -> dict[bytes, bytes]:
        """Return the fields of a sample by their names in FORMAT, such as GT."""
        fields = self.line.split(b"\t", column + 1)
        if len(fields) <= column:
            raise VariantError(f"{self.place}: has no column for the sample; add it")
        names, values = fields[_FIRST_SAMPLE - 1].split(b":"), fields[column].split(b":")
        return dict(zip(names, values, strict=False))  # empty fields at the end may be left out


class VariantFile:
    """A VCF, plain, gzip or bgzip, or a BCF; its header is read at once.

    Parameters
    ----------
    path : str or PathLike
        "-" is standard input, for VCF.

    Attributes
    ----------
    path : str
    header : list of bytes
        Lines that begin with "#", without their ends; the last names the columns.

    Raises
    ------
    VariantError
        If the file is missing, damaged, or not VCF or BCF.
    OptionError
        For BCF if pysam is not installed, or if it comes from standard input.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = os.fspath(path)
        blocks = read_blocks(path, VariantError)
        first = next(blocks, b"")
        self._first_row: bytes | None = None
        if first.startswith(_BCF):
            blocks.close()
            self._lines, self._unit = self._bcf_lines(), "record"
        else:
            check_encoding(first, self.path, VariantError)
            self._lines, self._unit = self._text_lines(chain([first], blocks)), "line"
        self.header: list[bytes] = []
        for line in self._lines:
            if not line.startswith(b"#"):
                self._first_row = line
                break
            self.header.append(line)
        columns = self.header[-1].split(b"\t") if self.header else []
        if columns[:_COLUMNS] != b"#CHROM POS ID REF ALT QUAL FILTER INFO".split():
            raise VariantError(
                f"{self.path}: no header line #CHROM POS ID REF ALT QUAL FILTER INFO; give a VCF "
                "or BCF"
            )

    @property
    def samples(self) -> list[str]:
        """Names of the samples."""
        return [lenient_text(name) for name in self.header[-1].split(b"\t")[_FIRST_SAMPLE:]]

    def sample_column(self, name: str | None) -> int:
        """Return the column of a sample; without a name, that of the only one.

        Raises
        ------
        OptionError
            If there is no such sample, or no name and not exactly one sample.
        """
        samples = self.samples
        if name is None and len(samples) == 1:
            return _FIRST_SAMPLE
        if name is None or name not in samples:
            some = ", ".join(samples[:5]) + (", ..." if len(samples) > 5 else "")
            asked = "--haplotypes" if name is None else f"--sample {name}"
            has = f"has the samples {some}; choose one with --sample" if samples else "has none"
            raise OptionError(f"{asked}: {self.path} {has}")
        return _FIRST_SAMPLE + samples.index(name)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows; once."""
        before = len(self.header) if self._unit == "line" else 0
        rows = self._lines if self._first_row is None else chain([self._first_row], self._lines)
        for number, line in enumerate(rows, before + 1):
            if line:
                yield _row(line, f"{self.path}, {self._unit} {number}")

    def _text_lines(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        rest = b""
        for block in blocks:
            *lines, rest = (rest + block).split(b"\n")
            check_line(len(rest), self.path, VariantError)
            for line in lines:
                yield line.removesuffix(b"\r")
        if rest:
            yield rest.removesuffix(b"\r")

    def _bcf_lines(self) -> Iterator[bytes]:
        if self.path == "-":
            raise OptionError(
                "-: BCF cannot be read from standard input; give its file, or pipe VCF"
            )
        pysam = import_pysam(f"{self.path}: BCF")
        verbosity = pysam.set_verbosity(0)
        try:
            with local_copy(self.path, VariantError) as copy, pysam.VariantFile(copy) as file:
                for line in str(file.header).splitlines():
                    yield line.encode("utf-8", "surrogateescape")
                for record in file:
                    yield str(record).rstrip("\n").encode("utf-8", "surrogateescape")
        except (OSError, ValueError) as error:
            raise VariantError(
                f"{self.path}: cannot be read as BCF ({error}); create or download the file again"
            ) from error
        finally:
            pysam.set_verbosity(verbosity)


def import_pysam(what: str) -> ModuleType:
    """Return pysam; raise OptionError with what needs it if it is not installed."""
    try:
        import pysam
    except ImportError as cause:
        raise OptionError(
            f"{what} needs pysam, which is not installed; install it with "
            '`pip install "dnabirnn[index]"`, or use VCF'
        ) from cause
    return pysam  # type: ignore[no-any-return, unused-ignore]


def _row(line: bytes, place: str) -> Row:
    fields = line.split(b"\t", _COLUMNS)
    if len(fields) < _COLUMNS:
        raise VariantError(
            f"{place}: has {len(fields)} columns separated by tabs; a row of VCF has {_COLUMNS} or "
            "more: create the file again"
        )
    chrom, text, name, ref, alt = fields[:5]
    if not text.isdigit() or len(text) > 15:
        raise VariantError(
            f"{place}: POS is {lenient_text(text)!r}; it must be the 1-based position of the first "
            "base of REF"
        )
    if not _LETTERS.fullmatch(ref):
        raise VariantError(f"{place}: REF is {lenient_text(ref)!r}; it must be bases")
    return Row(
        place,
        line,
        lenient_text(chrom),
        int(text) - 1,
        lenient_text(name),
        ref,
        [] if alt == b"." else alt.split(b","),
    )


def with_info(line: bytes, names: Sequence[bytes], entries: Sequence[bytes]) -> bytes:
    r"""Return a row with more entries in INFO, in place of those of the same names.

    Parameters
    ----------
    line : bytes
    names : sequence of bytes
        Names of entries to remove.
    entries : sequence of bytes
        Entries to add, `name=value`.

    Examples
    --------
    >>> with_info(b"c\t1\t.\tA\tT\t.\t.\tAC=1;X=3;DB", [b"X"], [b"X=5"])
    b'c\t1\t.\tA\tT\t.\t.\tAC=1;DB;X=5'
    """
    fields = line.split(b"\t", _COLUMNS)
    own = [] if fields[7] == b"." else fields[7].split(b";")
    kept = [entry for entry in own if entry.split(b"=", 1)[0] not in names]
    fields[7] = b";".join([*kept, *entries]) or b"."
    return b"\t".join(fields)


def with_definitions(
    header: Sequence[bytes], names: Sequence[bytes], definitions: Sequence[bytes]
) -> list[bytes]:
    """Return a header with more definitions of INFO, in place of those of the same names."""
    kept = []
    for line in header[:-1]:
        found = _ID.match(line)
        if found is None or found[1] not in names:
            kept.append(line)
    return [*kept, *definitions, header[-1]]
