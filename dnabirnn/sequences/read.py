"""Read records from sequence files of any format: names and codes, one byte per base.

`read_fasta` detects the format of each file by its content and calls the parser of that format.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from itertools import chain

from dnabirnn.errors import FastaError
from dnabirnn.files import (
    BLOCK_BYTES,
    PathLike,
    check_encoding,
    check_readable,
    is_stream,
    read_blocks,
    read_head,
)
from dnabirnn.sequences.embl import is_embl, parse_embl
from dnabirnn.sequences.fasta import parse_fasta
from dnabirnn.sequences.fastq import parse_fastq
from dnabirnn.sequences.genbank import is_genbank, parse_genbank
from dnabirnn.sequences.indexed import Needed, has_index, read_index, read_indexed
from dnabirnn.sequences.records import ParseContext, PrefixedPath, Record
from dnabirnn.sequences.twobit import is_twobit, read_twobit

__all__ = ["contig_lengths", "has_parts", "read_fasta"]

_HEAD_BYTES = 1 << 12
"""Beginning of a file that shows its format; comments may precede the first record of GenBank."""


def read_fasta(
    *paths: PathLike,
    case: bool = False,
    hard_mask: bool = False,
    digests: dict[str, str] | None = None,
    needed: Needed | None = None,
) -> Iterator[Record]:
    r"""Yield the records of sequence files in order, with one contig in memory at a time.

    Parameters
    ----------
    *paths : str or PathLike
        FASTA, FASTQ, GenBank or EMBL (plain, gzip or bgzip), or 2bit; the format is detected by
        content. "-" is standard input, and https://, s3:// and gs:// are addresses. A
        `PrefixedPath` adds a prefix to the names of its records.
    case : bool
        Fill `Record.lower`, which takes one more byte per base.
    hard_mask : bool
        Give lower-case letters code 4.
    digests : dict, optional
        After a file has been read to its end, `digests[basename]` is set to the SHA-256 (hex) of
        its bytes as stored. A second file of the same basename has the key "basename (2)".
    needed : callable, (name, length) -> ndarray (n, 2) int64 or None, optional
        Bases that are needed of a record: sorted, disjoint intervals, or None to leave it out. Of
        2bit, and of FASTA with an index (`samtools faidx`), only these are read. Other bases of the
        record are those of the file or code 4.

    Yields
    ------
    Record
        Records of length 0 are included.

    Raises
    ------
    FastaError
        A file that is missing, empty, truncated, damaged or of unknown format; a letter that is
        not a nucleotide code; a name that is missing, or that occurs twice in one or several files.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "two.fa")
    >>> _ = path.write_text(">a first\nACG\nTn\n>b\n")
    >>> [(record.name, record.codes.tolist()) for record in read_fasta(path)]
    [('a', [0, 1, 2, 3, 4]), ('b', [])]
    """
    if not paths:
        raise FastaError("no FASTA file given; name at least one, or - for standard input")
    for path in paths:
        check_readable(path, FastaError)
    names: dict[str, str] = {}
    for path in paths:
        prefix = path.prefix if isinstance(path, PrefixedPath) else ""
        reading = ParseContext(str(path), case, hard_mask, prefix, names)
        some = None
        if needed is not None and digests is None:
            some = read_indexed(path, reading, needed)
        yield from _records(path, reading, digests, needed) if some is None else some


def _records(
    path: PathLike,
    reading: ParseContext,
    digests: dict[str, str] | None,
    needed: Needed | None = None,
) -> Iterator[Record]:
    """Yield the records of one file, with the parser of the format that its first bytes show."""
    with closing(read_blocks(path, FastaError, digests)) as blocks:
        head = b""
        for block in blocks:
            head += block
            if is_twobit(head) or len(head) > BLOCK_BYTES:
                break
            if len(head) > _HEAD_BYTES and head.strip():
                break
        if not is_twobit(head):
            check_encoding(head, reading.source, FastaError)
            parse = parse_fasta
            if head.lstrip().startswith(b"@"):
                parse = parse_fastq
            elif is_genbank(head):
                parse = parse_genbank
            elif is_embl(head):
                parse = parse_embl
            records = parse(chain([head], blocks), reading)
            yield from records if needed is None else _chosen(records, needed)
            return
    # 2bit needs random access, so the file is opened by its path, and read again for its digest.
    yield from read_twobit(path, reading, needed)
    if digests is not None:
        deque(read_blocks(path, FastaError, digests), maxlen=0)


def _chosen(records: Iterator[Record], needed: Needed) -> Iterator[Record]:
    """Yield the records that are needed, whole."""
    for record in records:
        if needed(record.name, len(record.codes)) is not None:
            yield record
        del record  # so that it is freed before the next is read


def has_parts(*paths: PathLike) -> bool:
    """Return whether parts of all files can be read: 2bit, or FASTA with an index.

    Raises
    ------
    FastaError
        As `read_fasta`, for a file that cannot be read or an index that is damaged.
    """
    if any(os.fspath(path) == "-" or is_stream(path) for path in paths):
        return False
    return all(has_index(path) or is_twobit(read_head(path, 4, FastaError)) for path in paths)


def contig_lengths(*paths: PathLike) -> dict[str, int]:
    """Return the length of each record in bases, by name, in the order of the files.

    They are read from the index of a FASTA (`samtools faidx`) or of 2bit if there is one.

    Raises
    ------
    FastaError
        As `read_fasta`.
    """
    names: dict[str, str] = {}
    lengths: dict[str, int] = {}

    def note(name: str, length: int) -> None:
        lengths[name] = length

    for path in paths:
        check_readable(path, FastaError)
        prefix = path.prefix if isinstance(path, PrefixedPath) else ""
        reading = ParseContext(str(path), prefix=prefix, names=names)
        entries = read_index(path)
        if entries is not None:
            lengths |= {reading.name(entry.word): entry.length for entry in entries}
            continue
        deque(_records(path, reading, None, note), maxlen=0)
    return lengths
