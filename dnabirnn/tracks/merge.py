"""Merge the shards of one output into one file."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from dnabirnn.errors import OptionError, TrackError
from dnabirnn.files import (
    OutputFiles,
    PathLike,
    beside,
    check_line,
    check_readable,
    input_exists,
    is_address,
    local_copy,
    read_blocks,
)
from dnabirnn.tracks.formats import TrackFormat, track_format
from dnabirnn.tracks.layouts import header_of
from dnabirnn.tracks.tabix import add_index, add_vcf_index, is_vcf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from dnabirnn.tracks.big_read import BigReader
    from dnabirnn.tracks.big_rows import BigRows

__all__ = [
    "EVIDENCE_ENDING",
    "SEQUENCE_COLUMNS",
    "format_of_shards",
    "is_with_evidence",
    "merge_shards",
]

EVIDENCE_ENDING = ".evidence"
"""Ending of the file beside the calls of a shard that was scored with `--qvalue`."""
SEQUENCE_COLUMNS = (
    *("name", "length", "class", "probability", "called"),
    *("start", "end", "strand", "score"),
)
"""First columns of a table of whole sequences (`dnabirnn score --per-sequence`)."""
_READ_BYTES = 1 << 22


def merge_shards(
    shards: Sequence[PathLike],
    out: PathLike,
    *,
    form: str | None = None,
    index: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Merge files of one output that a command wrote with `--shard`, in the given order.

    Merged text is, when decompressed, the same as that of one run over all sequences.

    Parameters
    ----------
    shards : sequence of str or PathLike
        Files of one format, compressed or not: of scores, calls, effects or variants, or tables of
        whole sequences. A shard may have no rows.
    out : str or PathLike
        File of the same format. Text is compressed if the name ends in .gz.
    form : str, optional
        Format of all files. By default it is detected from their names.
    index : bool
        Add a tabix index.
    progress : callable
        Called with 1 after each shard.

    Raises
    ------
    OptionError
        The shards and the output have different formats.
    TrackError
        A shard that is missing, truncated or damaged; a contig in two shards.
    OutputError
        As for `OutputFiles.open`.
    """
    # A file that is given twice is two shards: `_Contigs` distinguishes shards by identity.
    shards = [_Shard(os.fspath(shard)) for shard in shards]
    for shard in shards:
        check_readable(shard, TrackError)
    if form is None and is_vcf(out):
        _merge_vcf(shards, out, index=index, progress=progress)
        return
    contigs = _Contigs()
    if form is None and shards and _is_of_sequences(shards[0]):
        if index:
            raise OptionError(f"--index: {shards[0]} is a table of whole sequences; remove it")
        header = "\t".join(SEQUENCE_COLUMNS)
        with OutputFiles() as files:
            _merge_text(files.open(out), shards, header, contigs, progress)
        return
    target = format_of_shards(shards, out, form)
    with OutputFiles() as files:
        if target is TrackFormat.BIGWIG:
            _merge_big(files, shards, out, ".bw", contigs, progress)
        elif target is TrackFormat.BIGBED:
            _merge_big(files, shards, out, ".bb", contigs, progress)
        elif target is TrackFormat.PARQUET:
            _merge_parquet(files, shards, out, contigs, progress)
        else:
            _merge_text(files.open(out), shards, header_of(target), contigs, progress)
        if index:
            add_index(files, out, target)


def format_of_shards(
    shards: Sequence[PathLike], out: PathLike, form: str | None, *, calls: bool | None = None
) -> TrackFormat:
    """Return the format of an output and of its shards; parameters as for `track_format`.

    Raises
    ------
    OptionError
        The shards and the output have different formats.
    """
    target = track_format(out, form, calls=calls)
    for shard in shards:
        if (found := track_format(shard, form, calls=calls)) is not target:
            raise OptionError(
                f"{shard}: is {found.traits.title}, but {out} is {target.traits.title}; merge "
                "files of one format, one output at a time"
            )
    return target


def is_with_evidence(shards: Sequence[PathLike]) -> bool:
    """Return whether shards of calls have files of evidence beside them: all, or none.

    Raises
    ------
    TrackError
        Some have, and others do not.
    """
    having = [input_exists(beside(shard, EVIDENCE_ENDING)) for shard in shards]
    if any(having) and not all(having):
        lacking = shards[having.index(False)]
        raise TrackError(
            f"{beside(lacking, EVIDENCE_ENDING)}: no such file, but other shards have one; keep "
            "these files beside the calls, or score the shard again with --qvalue"
        )
    return any(having)


class _Shard(os.PathLike[str]):
    """Path or address of a shard, distinct from other objects of the same path."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return self._path

    def __str__(self) -> str:
        return self._path


class _Contigs:
    """Contigs seen so far, with the shard of each."""

    def __init__(self) -> None:
        self._shard_of: dict[str, PathLike] = {}

    def add(self, names: Iterable[str], shard: PathLike) -> None:
        """Add the contigs of a shard. Raise if another shard has one of them."""
        for name in names:
            first = self._shard_of.setdefault(name, shard)
            if first is not shard:
                raise TrackError(
                    f"{shard}: rows of {name}, which {first} has too; give each shard of one run "
                    "once, and shards of one output only"
                )


def _merge_text(
    file: BinaryIO,
    shards: Sequence[PathLike],
    known: str,
    contigs: _Contigs,
    progress: Callable[[int], None],
) -> None:
    """Merge text; `known` is what the header begins with, or empty."""
    needed = known.encode().rstrip()
    header: bytes | None = None
    for shard in shards:
        first = True
        for lines in _whole_lines(shard):
            if first:
                line = _header(lines, needed, shard)
                if header is None:
                    file.write(line)
                    header = line
                elif line != header:
                    raise TrackError(
                        f"{shard}, line 1: other columns than those of {shards[0]}; merge shards "
                        "of one output"
                    )
                lines = lines[len(line) :]
            first = False
            contigs.add(_names(lines, shard), shard)
            file.write(lines)
        progress(1)
    if header is None:
        file.write(known.encode())


def _is_of_sequences(shard: PathLike) -> bool:
    """Return whether a file is a table of whole sequences."""
    return next(_whole_lines(shard), b"").startswith("\t".join(SEQUENCE_COLUMNS).encode())


def _header(lines: bytes, needed: bytes, shard: PathLike) -> bytes:
    """Return the first line if it is a header; raise if a needed one is missing.

    The header of calls can have further columns. That of BED begins with #.
    """
    line = lines[: lines.find(b"\n") + 1]
    if needed and not line.rstrip().startswith(needed):
        raise TrackError(
            f"{shard}, line 1: does not begin with {needed.decode()!r}; give a file that dnabirnn "
            "wrote"
        )
    return line if needed or line.startswith(b"#chrom\t") else b""


def _merge_vcf(
    shards: Sequence[PathLike], out: PathLike, *, index: bool, progress: Callable[[int], None]
) -> None:
    """Merge VCFs that have the same header."""
    contigs = _Contigs()
    first: bytes | None = None
    for shard in shards:
        if not is_vcf(shard):
            raise OptionError(f"{shard}: is no VCF, but {out} is; merge files of one format")
    with OutputFiles() as files:
        file = files.open(out)
        for shard in shards:
            header, pieces = _vcf_header(shard)
            if first is None:
                first = header
                file.write(header)
            elif header != first:
                raise TrackError(
                    f"{shard}: has another header than {shards[0]}; give shards of one run"
                )
            for lines in pieces:
                contigs.add(_names(lines, shard), shard)
                file.write(lines)
            progress(1)
        if index:
            add_vcf_index(files, out)


def _vcf_header(shard: PathLike) -> tuple[bytes, Iterator[bytes]]:
    """Return the header of a VCF, and its rows in pieces."""
    header, pieces = b"", _whole_lines(shard)
    for piece in pieces:
        begin = 0
        while piece.startswith(b"#", begin):
            begin = piece.index(b"\n", begin) + 1
        header += piece[:begin]
        if begin < len(piece):
            pieces = chain([piece[begin:]], pieces)
            break
    if not header:
        raise TrackError(f"{shard}: has no header of VCF; give a file that dnabirnn wrote")
    return header, pieces


def _whole_lines(shard: PathLike) -> Iterator[bytes]:
    """Yield pieces of a text that consist of whole lines."""
    rest = b""
    for block in read_blocks(shard, TrackError, block_bytes=_READ_BYTES):
        lines, newline, after = block.rpartition(b"\n")
        if newline:
            yield rest + lines + newline
            rest = after
        else:
            rest += block
        check_line(len(rest), str(shard), TrackError)
    if rest:
        yield rest + b"\n"


def _names(lines: bytes, shard: PathLike = "") -> list[str]:
    r"""Return the contigs of whole lines, in order. The rows of a contig are contiguous.

    Examples
    --------
    >>> _names(b"a\t1\t2\na\t3\t4\nb\t0\t9\n")
    ['a', 'b']
    """
    found: list[str] = []
    begin, size = 0, len(lines)
    while begin < size:
        name, tab, _ = lines[begin : lines.find(b"\n", begin)].partition(b"\t")
        if not tab:
            raise TrackError(f"{shard}: a row has no tab; give a file that dnabirnn wrote")
        found.append(name.decode("utf-8", "backslashreplace"))
        begin = _end_of_contig(lines, begin, name + b"\t")
    return found


def _end_of_contig(lines: bytes, begin: int, start: bytes) -> int:
    """Return the position after the last line of a contig.

    A block may have one contig or many. A binary search over positions is fast in both cases::

        |--- lines of the contig ---|--- lines of others ---|
        begin      low -->                   <-- high
    """
    low, high = begin, len(lines)  # a line of the contig begins at low, and none at high or later
    while True:
        middle = lines.rfind(b"\n", low, (low + high) // 2) + 1
        if middle <= low:
            middle = lines.find(b"\n", low) + 1 or high
            if middle >= high:
                return high
        if lines.startswith(start, middle):
            low = middle
        else:
            high = middle


def _merge_big(
    files: OutputFiles,
    shards: Sequence[PathLike],
    out: PathLike,
    ending: str,
    contigs: _Contigs,
    progress: Callable[[int], None],
) -> None:
    from dnabirnn.tracks.big import N_BED9, write_bigbed, write_bigwig
    from dnabirnn.tracks.big_read import BigReader

    wig = ending == ".bw"
    described: list[bytes] = []
    columns = N_BED9
    places: dict[str, tuple[BigReader, PathLike]] = {}
    with ExitStack() as stack:
        for shard in shards:
            with _damage(shard, f"cannot be read as {'bigWig' if wig else 'bigBed'}"):
                reader = stack.enter_context(BigReader(shard))
                if reader.is_bigwig is not wig:
                    raise ValueError(f"it is {'bigWig' if reader.is_bigwig else 'bigBed'}")
                if not wig and reader.columns < N_BED9:
                    raise ValueError(f"it has {reader.columns} columns, not {N_BED9} or more")
            if described and reader.sql != described[0]:
                raise TrackError(
                    f"{shard}: other columns than those of {shards[0]}; merge shards of one output"
                )
            described.append(reader.sql)
            columns = reader.columns
            contigs.add(reader.sizes, shard)
            places |= dict.fromkeys(reader.sizes, (reader, shard))
            progress(1)
        sizes = [(name, places[name][0].sizes[name]) for name in sorted(places, key=str.encode)]
        write = (
            write_bigwig
            if wig
            else partial(write_bigbed, columns=columns - N_BED9, sql=described[0])
        )
        write(
            files.reserve(out, ending),
            sizes,
            lambda whole: _rows_of_shards(sizes, places),
            lambda name: f"{places[name][1]}: {name}",
        )


def _rows_of_shards(
    sizes: Sequence[tuple[str, int]], places: Mapping[str, tuple[BigReader, PathLike]]
) -> Iterator[BigRows]:
    """Yield the rows of all contigs, in pieces of whole blocks."""
    from dnabirnn.tracks.big import CHUNK_ROWS
    from dnabirnn.tracks.big_rows import joined_rows

    held: list[BigRows] = []
    count = 0
    for number, (name, _) in enumerate(sizes):
        reader, shard = places[name]
        with _damage(shard, f"damaged at {name}"):
            for rows in reader.rows(name, number):
                held.append(rows)
                count += rows.start.size
                if count >= CHUNK_ROWS:
                    yield joined_rows(held)
                    held, count = [], 0
    if held:
        yield joined_rows(held)


@contextmanager
def _damage(shard: PathLike, what: str) -> Iterator[None]:
    """Turn what a reader raises for a damaged bigWig or bigBed into TrackError."""
    try:
        yield
    except (ValueError, OSError, OverflowError, struct.error, zlib.error) as cause:
        raise TrackError(f"{shard}: {what} ({cause}); create it again") from cause


def _merge_parquet(
    files: OutputFiles,
    shards: Sequence[PathLike],
    out: PathLike,
    contigs: _Contigs,
    progress: Callable[[int], None],
) -> None:
    import polars as pl

    from dnabirnn.tracks.parquet import sink
    from dnabirnn.tracks.schema import EFFECT_SCHEMA, ROW_SCHEMA, VARIANT_SCHEMA

    frames: list[pl.LazyFrame] = []
    schema: pl.Schema | None = None
    with ExitStack() as opened:
        for shard in shards:
            try:
                frame = pl.scan_parquet(_for_polars(shard, opened), glob=False)
                found = frame.collect_schema()
                begin = pl.Schema([*found.items()][: len(ROW_SCHEMA)])
                if begin != ROW_SCHEMA and found not in (EFFECT_SCHEMA, VARIANT_SCHEMA):
                    raise TrackError(
                        f"{shard}: does not have the columns {' '.join(ROW_SCHEMA)}; give a file "
                        "that dnabirnn wrote"
                    )
                schema = schema or found
                if found != schema:
                    raise TrackError(
                        f"{shard}: other columns than those of {shards[0]}; merge shards of one "
                        "output"
                    )
                names = frame.select(pl.col("chrom").unique(maintain_order=True))
                contigs.add(names.collect(engine="streaming")["chrom"], shard)
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as cause:
                raise TrackError(
                    f"{shard}: cannot be read as Parquet ({cause}); create it again"
                ) from cause
            frames.append(frame)
            progress(1)
        sink(pl.concat(frames), files.reserve(out))


def _for_polars(path: PathLike, opened: ExitStack) -> str | BinaryIO:
    """Return a path; if its name is not UTF-8, which polars does not take, the open file.

    An address is copied first: the rows of all shards are read several times.
    """
    name = os.fspath(path)
    if is_address(name):
        return str(opened.enter_context(local_copy(name, TrackError)))
    try:
        name.encode()
    except UnicodeEncodeError:
        return opened.enter_context(open(name, "rb"))
    return name
