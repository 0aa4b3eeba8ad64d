"""Create tabix indexes of bgzip files, with htslib through pysam."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from dnabirnn.errors import OptionError, OutputError
from dnabirnn.files import is_compressed, is_stream
from dnabirnn.tracks.formats import TrackFormat

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from dnabirnn.files import OutputFiles, PathLike

__all__ = ["add_index", "add_vcf_index", "can_index", "check_index", "is_vcf"]

# Columns of contig, start and end, numbered from 0.
_COLUMNS = {TrackFormat.GFF3: (0, 3, 4)}
_BED_COLUMNS = (0, 1, 2)


def can_index(path: PathLike, form: TrackFormat) -> bool:
    """Whether an output is a file that tabix can index: bgzipped text.

    Examples
    --------
    >>> can_index("a.bed.gz", TrackFormat.BED), can_index("a.bw", TrackFormat.BIGWIG)
    (True, False)
    """
    return not form.traits.binary and is_compressed(path) and not is_stream(path)


def check_index(path: PathLike, form: TrackFormat) -> ModuleType:
    """Raise for an output that cannot have an index. Return the module that creates indexes.

    Raises
    ------
    OptionError
        A binary format, a name without .gz, or a pipe; pysam is not installed.
    """
    if form.traits.binary:
        raise OptionError(
            f"--index: {path} is {form.traits.title}, which has an index already; leave --index out"
        )
    if not can_index(path, form):
        raise OptionError(f"--index: {path} is not a bgzip file; end the name in .gz")
    return _pysam()


def _pysam() -> ModuleType:
    try:
        import pysam
    except ImportError as cause:
        raise OptionError(
            "--index: needs pysam, which is not installed; install it with "
            '`pip install "dnabirnn[index]"`'
        ) from cause
    return pysam  # type: ignore[no-any-return, unused-ignore]


def add_index(files: OutputFiles, path: PathLike, form: TrackFormat) -> None:
    """Index an output when it is complete: PATH.tbi, or PATH.csi if a contig exceeds 512 Mb.

    Parameters
    ----------
    files : OutputFiles
        Files of the run, in which `path` is open.
    path : path
        A bgzip file with sorted rows.
    form : TrackFormat

    Raises
    ------
    OptionError
        As for `check_index`.
    OutputError
        Raised when the output is complete, if it could not be indexed.
    """
    pysam = check_index(path, form)
    contig, start, end = _COLUMNS.get(form, _BED_COLUMNS)
    rows = {
        "seq_col": contig,
        "start_col": start,
        "end_col": end,
        "zerobased": form is not TrackFormat.GFF3,
        "line_skip": 1 if form is TrackFormat.TSV else 0,
    }
    _index_in_the_end(files, path, pysam, rows)


def is_vcf(path: PathLike) -> bool:
    """Whether a name is that of a VCF, compressed or not.

    Examples
    --------
    >>> is_vcf("a.vcf.gz"), is_vcf("a.bcf")
    (True, False)
    """
    return re.search(r"\.vcf(\.b?gz)?$", os.fspath(path).lower()) is not None


def add_vcf_index(files: OutputFiles, path: PathLike) -> None:
    """Index a VCF when it is complete, as `add_index`.

    Raises
    ------
    OptionError, OutputError
        As for `add_index`.
    """
    if not is_compressed(path) or is_stream(path):
        raise OptionError(f"--index: {path} is not a bgzip file; end the name in .vcf.gz")
    _index_in_the_end(files, path, _pysam(), {"preset": "vcf"})


def _index_in_the_end(
    files: OutputFiles, path: PathLike, pysam: ModuleType, rows: Mapping[str, object]
) -> None:
    def make() -> None:
        source = str(files.temporary_of(path))
        for kind in ("tbi", "csi"):
            made = f"{source}.{kind}"
            try:
                # htslib would print that a contig is too long for .tbi. That is not an error: .csi
                # is tried next.
                verbosity = pysam.set_verbosity(0)
                pysam.tabix_index(source, **rows, csi=kind == "csi", index=made, force=True)
            except OSError as cause:
                Path(made).unlink(missing_ok=True)
                if kind == "csi":
                    raise OutputError(f"{path}: could not be indexed: {cause}") from cause
            else:
                Path(made).replace(files.reserve(f"{os.fspath(path)}.{kind}"))
                return
            finally:
                pysam.set_verbosity(verbosity)

    files.before_renaming(make)
