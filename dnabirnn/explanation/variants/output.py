"""Write variants with what they change: as VCF or BCF, or as a table."""

from __future__ import annotations

import importlib
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from urllib.parse import quote

import numpy as np
import polars as pl

from dnabirnn.errors import OptionError, OutputError
from dnabirnn.explanation.tables import FrameTable
from dnabirnn.explanation.variants.changes import AlleleChanges
from dnabirnn.explanation.variants.vcf import import_pysam, with_definitions, with_info
from dnabirnn.files import is_stream
from dnabirnn.tracks import VARIANT_SCHEMA, add_vcf_index, is_vcf

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dnabirnn.explanation.variants.alleles import Allele
    from dnabirnn.explanation.variants.stream import Annotated
    from dnabirnn.explanation.variants.vcf import VariantFile
    from dnabirnn.files import OutputFiles, PathLike
    from dnabirnn.motif_classes import Output

__all__ = ["VariantFormat", "VariantWriter", "frame_of", "open_variants", "variant_format"]

_FIELDS = ("class", "strand", *AlleleChanges._fields)
_NAMES = (b"DNABIRNN", b"DNABIRNN_MAX")
_DECIMALS = 4
# Characters that need no %XX: VCF 4.3, section 1.2, and the separators of this field.
_SAFE = "!#$()*+-./<>?@[]^_`{}~"


class VariantFormat(StrEnum):
    """Formats of annotated variants."""

    VCF = "vcf"
    BCF = "bcf"
    TSV = "tsv"
    PARQUET = "parquet"


def variant_format(path: PathLike) -> VariantFormat:
    """Return the format of annotated variants, from the file name; streams are VCF.

    Raises
    ------
    OutputError
        If the ending is not known.

    Examples
    --------
    >>> variant_format("a.vcf.gz").value, variant_format("a.tsv").value
    ('vcf', 'tsv')
    """
    name = os.fspath(path).lower()
    if is_vcf(name) or is_stream(path):
        return VariantFormat.VCF
    if name.endswith(".bcf"):
        return VariantFormat.BCF
    if name.endswith((".tsv", ".tsv.gz", ".tsv.bgz")):
        return VariantFormat.TSV
    if name.endswith(".parquet"):
        return VariantFormat.PARQUET
    raise OutputError(
        f"{path}: unknown format; end the name in .vcf, .vcf.gz, .bcf, .tsv, .tsv.gz or .parquet"
    )


class VariantWriter(Protocol):
    """Writer of annotated rows, one group after another."""

    def add(self, rows: Annotated) -> None:
        """Add the next rows."""

    def close(self) -> None:
        """Write what is still held."""

    def abandon(self) -> None:
        """Stop after a failure; does nothing after `close`."""


def open_variants(
    files: OutputFiles,
    out: PathLike,
    source: VariantFile,
    outputs: Sequence[Output],
    reach_bp: int,
    *,
    index: bool,
    haplotypes: bool,
) -> VariantWriter:
    """Open the writer of an output, by the ending of its name.

    Parameters
    ----------
    files : OutputFiles
    out : str or PathLike
    source : VariantFile
        Its header goes before the rows of a VCF.
    outputs : sequence of Output
    reach_bp : int
    index : bool
        Add an index of a compressed VCF.
    haplotypes : bool
        Whether haplotypes are compared.

    Raises
    ------
    OptionError
        If the output cannot have an index, or pysam is not installed.
    OutputError
        As for `OutputFiles.open`.
    """
    form = variant_format(out)
    if index and form is not VariantFormat.VCF:
        raise OptionError(f"--index: {out} is not a VCF; end the name in .vcf.gz")
    if form is VariantFormat.PARQUET:
        return _Parquet(files.reserve(out), outputs, reach_bp)
    if form is VariantFormat.TSV:
        return _Tsv(files.open(out), outputs, reach_bp)
    definitions = _definitions(reach_bp, haplotypes)
    if form is VariantFormat.BCF:
        import_pysam(f"{out}: BCF")
        text = files.scratch(out)
        writer = _Vcf(text, source, outputs, definitions, haplotypes)
        return _Bcf(writer, text, files.scratch(out), files.reserve(out, ".bcf"))
    if index:
        add_vcf_index(files, out)
    return _Vcf(files.open(out), source, outputs, definitions, haplotypes)


def frame_of(rows: Annotated, outputs: Sequence[Output], reach_bp: int) -> pl.DataFrame:
    """Return a table of annotated rows, by row, allele, haplotype and output."""
    width = len(outputs)
    chosen = [rows.rows[number] for number, _ in rows.alleles]
    alleles = [allele for _, allele in rows.alleles]
    count = len(alleles)
    of_alleles: dict[str, Any] = {
        "chrom": [row.chrom for row in chosen],
        "start": [row.start for row in chosen],
        "end": [row.start + len(row.ref) for row in chosen],
        "id": [None if row.id == "." else row.id for row in chosen],
        "ref": [row.ref.decode() for row in chosen],
        "alt": [
            row.alts[allele.number].decode() for row, allele in zip(chosen, alleles, strict=True)
        ],
        "haplotype": [allele.haplotype or None for allele in alleles],
    }
    repeated = np.repeat(np.arange(count), width)
    columns: dict[str, pl.Series] = {
        name: pl.Series(name, values, VARIANT_SCHEMA[name], strict=False).gather(repeated)
        for name, values in of_alleles.items()
    }
    columns["class"] = pl.Series([output.class_name for output in outputs] * count, dtype=pl.String)
    columns["strand"] = pl.Series([output.strand for output in outputs] * count, dtype=pl.String)
    for name, values in rows.changes._asdict().items():
        series = pl.Series(name, values.reshape(-1))
        if name.startswith("calls_"):
            series = series.set(series < 0, None)
        elif name.endswith("log_odds"):
            series = series.fill_nan(None)
        columns[name] = series
    columns["max_distance"] = pl.Series([reach_bp] * count * width, dtype=pl.Int32)
    return pl.DataFrame(columns).select(
        pl.col(name).cast(kind) for name, kind in VARIANT_SCHEMA.items()
    )


class _Parquet(FrameTable):
    def __init__(self, path: Path, outputs: Sequence[Output], reach_bp: int) -> None:
        super().__init__(path, VARIANT_SCHEMA)
        self._outputs, self._reach_bp = outputs, reach_bp

    def add(self, rows: Annotated) -> None:
        self.add_frame(frame_of(rows, self._outputs, self._reach_bp))


class _Tsv:
    def __init__(self, file: BinaryIO, outputs: Sequence[Output], reach_bp: int) -> None:
        self._file, self._outputs, self._reach_bp = file, outputs, reach_bp
        file.write("\t".join(VARIANT_SCHEMA).encode() + b"\n")

    def add(self, rows: Annotated) -> None:
        text = frame_of(rows, self._outputs, self._reach_bp).write_csv(
            separator="\t", include_header=False, float_precision=_DECIMALS, quote_style="never"
        )
        self._file.write(text.encode())

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class _Vcf:
    def __init__(
        self,
        file: BinaryIO,
        source: VariantFile,
        outputs: Sequence[Output],
        definitions: Sequence[bytes],
        haplotypes: bool,
    ) -> None:
        self._file, self._haplotypes = file, haplotypes
        self._outputs = [f"{quote(name, safe=_SAFE)}|{strand}" for name, strand in outputs]
        header = with_definitions(source.header, _NAMES, definitions)
        file.write(b"".join(line + b"\n" for line in header))

    def add(self, rows: Annotated) -> None:
        entries: list[dict[int, list[str]]] = [{} for _ in rows.rows]
        largest: list[dict[int, float]] = [{} for _ in rows.rows]
        columns = [array.tolist() for array in rows.changes]
        for number, ((row, allele), *values) in enumerate(zip(rows.alleles, *columns, strict=True)):
            entries[row].setdefault(allele.number, []).append(self._entry(allele, values))
            most = float(max(rows.changes.gain[number].max(), rows.changes.loss[number].max()))
            largest[row][allele.number] = max(most, largest[row].get(allele.number, 0.0))
        lines = []
        for row, own, most_of in zip(rows.rows, entries, largest, strict=True):
            added: list[bytes] = []
            if own:
                alts = range(len(row.alts))
                texts = ["&".join(own[n]) if n in own else "." for n in alts]
                numbers = [f"{most_of[n]:.{_DECIMALS}f}" if n in own else "." for n in alts]
                added = [
                    _NAMES[0] + b"=" + ",".join(texts).encode(),
                    _NAMES[1] + b"=" + ",".join(numbers).encode(),
                ]
            lines.append(with_info(row.line, _NAMES, added) + b"\n")
        self._file.write(b"".join(lines))

    def _entry(self, allele: Allele, values: Sequence[Sequence[float]]) -> str:
        """Return the text of an allele: one part per output."""
        haplotype = f"{allele.haplotype}|" if self._haplotypes else ""
        gain, at_gain, of_gain, loss, at_loss, of_loss, gained, lost = values
        return "&".join(
            f"{haplotype}{output}|{gain[o]:.4f}|{at_gain[o]}|{_number(of_gain[o])}|{loss[o]:.4f}|"
            f"{at_loss[o]}|{_number(of_loss[o])}|{_count(gained[o])}|{_count(lost[o])}"
            for o, output in enumerate(self._outputs)
        )

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class _Bcf:
    """Writer of a VCF in a scratch file, which is converted in the end."""

    def __init__(self, writer: _Vcf, text: BinaryIO, completed: BinaryIO, out: Path) -> None:
        self._writer, self._text, self._completed, self._out = writer, text, completed, out

    def add(self, rows: Annotated) -> None:
        self._writer.add(rows)

    def close(self) -> None:
        self._text.flush()
        _write_bcf(self._text, self._completed, self._out)

    def abandon(self) -> None:
        pass


def _number(value: float) -> str:
    return "." if value != value else f"{value:.4f}"


def _count(value: float) -> str:
    return "." if value < 0 else str(value)


def _definitions(reach_bp: int, haplotypes: bool) -> list[bytes]:
    """Return the definitions of the INFO fields."""
    names = (*(("haplotype",) if haplotypes else ()), *_FIELDS)
    what = (
        "What the haplotypes that carry the allele change"
        if haplotypes
        else "What the allele changes"
    )
    text = (
        f"{what} in the probabilities of motifs within {reach_bp} bases, by dnabirnn. One part per "
        f"{'haplotype and ' if haplotypes else ''}output, joined by &. Format: {'|'.join(names)}. "
        "gain and loss: largest increase and decrease of the probability of a base; distance: "
        "position of this base minus POS; log_odds: change of its log-odds; calls_gained and "
        "calls_lost: calls of one sequence of which no base is called in the other"
    )
    return [
        f'##INFO=<ID=DNABIRNN,Number=A,Type=String,Description="{text}">'.encode(),
        b"##INFO=<ID=DNABIRNN_MAX,Number=A,Type=Float,Description="
        b'"Largest gain or loss in DNABIRNN">',
    ]


def _write_bcf(text: BinaryIO, completed: BinaryIO, out: Path) -> None:
    """Convert a VCF to BCF.

    Parameters
    ----------
    text, completed : binary file
        The VCF, and an empty file for the same rows with a complete header.
    out : Path
    """
    pysam = import_pysam(f"{out}: BCF")
    bcftools = importlib.import_module("pysam.bcftools")
    verbosity = pysam.set_verbosity(0)
    try:
        # htslib adds definitions that the header lacks while it reads rows, and refuses to write
        # these rows. So all of them are read first, and then again below the header so completed.
        with pysam.VariantFile(str(text.name)) as rows:
            for _ in rows:
                pass
            completed.write(str(rows.header).encode("utf-8", "surrogateescape"))
        text.seek(0)
        for line in text:
            if not line.startswith(b"#"):
                completed.write(line)
        completed.flush()
        # pysam itself would add END to rows with symbolic alleles.
        bcftools.view(
            *("--no-version", "-Ob", "-o", str(out), str(completed.name)), catch_stdout=False
        )
    except (OSError, ValueError, pysam.SamtoolsError) as error:
        raise OutputError(
            f"{out.name}: could not be written as BCF ({error}); correct the rows, or write .vcf.gz"
        ) from error
    finally:
        pysam.set_verbosity(verbosity)
