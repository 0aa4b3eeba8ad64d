"""Read files as blocks of bytes: plain, gzip, bgzip, standard input, addresses.

All inputs are opened here: with `read_blocks` as a stream, with `open_input` at any place, and with
`local_copy` for libraries that open files by name.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, cast

from dnabirnn.files.journal import check_state, note_read, noting
from dnabirnn.files.remote import file_name, is_address, known_state, open_remote
from dnabirnn.names import printable

if TYPE_CHECKING:
    from dnabirnn.errors import DnabirnnError

__all__ = [
    "BLOCK_BYTES",
    "LONGEST_LINE_BYTES",
    "PathLike",
    "check_line",
    "check_readable",
    "input_exists",
    "is_bgzf",
    "listed",
    "local_copy",
    "open_input",
    "read_blocks",
    "read_head",
    "size_of",
]

PathLike: TypeAlias = "str | os.PathLike[str]"

BLOCK_BYTES = 1 << 20
"""Bytes of text per block; 256 KiB to 4 MiB all read at the same speed, within 5 %."""
LONGEST_LINE_BYTES = 1 << 24
"""Limit of headers and rows, far above that of any format: a longer line shows a wrong format, or a
small gzip file that would fill the memory. Lines of sequence may have any length."""
_COMPRESSED_BYTES = 1 << 17
"""Bytes per read of a compressed file. Larger reads copy more: after each of bgzip's small members,
zlib copies the unused rest of the input."""

_OTHER_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_HEADER_BYTES = 18


def read_blocks(
    path: PathLike,
    error: type[DnabirnnError],
    digests: dict[str, str] | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Generator[bytes]:
    """Yield the content of a file in blocks, decompressed if its first bytes are those of gzip.

    A byte-order mark of UTF-8, which spreadsheets and editors write, is left out.

    Parameters
    ----------
    path : str or PathLike
        "-" is standard input.
    error : class
        Exception to raise if the file cannot be read, is truncated or damaged, or changes while
        it is read.
    digests : dict, optional
        As in `read_fasta`.
    block_bytes : int
        Maximum number of bytes per block.

    Yields
    ------
    bytes
        A block that is not empty.
    """
    check_readable(path, error)
    source = str(path)
    state = note_read(path, error)
    try:
        with _open(path) as file:
            digest = hashlib.sha256() if digests is not None else None
            prefix = file.read(_BGZF_HEADER_BYTES)
            packed = prefix.startswith(_GZIP_MAGIC)
            step = min(_COMPRESSED_BYTES, block_bytes) if packed else block_bytes
            raw = chain([prefix], iter(lambda: file.read(step), b""))
            if digest is not None:
                raw = chain.from_iterable(_hashed(piece, digest) for piece in raw)
            blocks = _inflate(raw, source, error, block_bytes) if packed else raw
            yield from (block for block in _without_mark(blocks) if block)
            check_state(path, state, error)
    except OSError as cause:
        raise error(f"{source}: cannot be read: {cause.strerror or cause}") from cause
    if digests is not None and digest is not None:
        # A name that is not text could not be written to JSON as UTF-8.
        digests[_free_key(printable(file_name(source)), digests)] = digest.hexdigest()


def _without_mark(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield blocks without the byte-order mark at their beginning, if there is one."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= len(codecs.BOM_UTF8):
            break
    yield head.removeprefix(codecs.BOM_UTF8)
    yield from blocks


def _hashed(piece: bytes, digest: hashlib._Hash) -> tuple[bytes]:
    digest.update(piece)
    return (piece,)


def _free_key(name: str, taken: dict[str, str]) -> str:
    key, number = name, 1
    while key in taken:
        number += 1
        key = f"{name} ({number})"
    return key


def check_line(size: int, source: str, error: type[DnabirnnError]) -> None:
    """Raise `error` if a header or row, of which `size` bytes have been read, is too long."""
    if size > LONGEST_LINE_BYTES:
        raise error(
            f"{source}: a line of over {LONGEST_LINE_BYTES:,} bytes where a header or a row should "
            "be; create or download the file again"
        )


def listed(digests: Mapping[str, str]) -> list[dict[str, str]]:
    """Return digests in the form of manifests and metrics.

    Examples
    --------
    >>> listed({"genome.fa": "4355a46b"})
    [{'name': 'genome.fa', 'sha256': '4355a46b'}]
    """
    return [{"name": name, "sha256": digest} for name, digest in digests.items()]


def _open(path: PathLike) -> AbstractContextManager[BinaryIO]:
    if os.fspath(path) == "-":
        return nullcontext(sys.stdin.buffer)
    if is_address(path):
        return open_remote(os.fspath(path))
    return Path(path).open("rb")


def open_input(path: PathLike) -> BinaryIO:
    """Open a file or an address to read it at any place.

    A server that sends files only as a whole is read into a temporary file first, which is removed
    when the file is closed.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    if not is_address(path):
        return open(path, "rb")
    file = open_remote(os.fspath(path))
    if file.seekable():
        return file
    with file:
        copy = tempfile.TemporaryFile(prefix="dnabirnn-")  # noqa: SIM115
        shutil.copyfileobj(file, copy, BLOCK_BYTES)
    copy.seek(0)
    return cast("BinaryIO", copy)


def read_head(path: PathLike, count: int, error: type[DnabirnnError]) -> bytes:
    """Return the first bytes of a file or an address, as they are stored.

    Raises
    ------
    error
        The file cannot be read.
    """
    try:
        with _open(path) as file:
            return file.read(count)
    except OSError as cause:
        raise error(f"{path}: cannot be read: {cause.strerror or cause}") from cause


@contextmanager
def local_copy(path: PathLike, error: type[DnabirnnError]) -> Iterator[Path]:
    """Yield the path of a file, or of a temporary copy of an address, removed when the block ends.

    Raises
    ------
    error
        An address that cannot be read. An `error` from inside the block names the address.
    """
    if not is_address(path):
        state = note_read(path, error)
        yield Path(path)
        check_state(path, state, error)
        return
    check_readable(path, error)
    state = note_read(path, error)
    # `noting` keeps the copy out of the journal of the run.
    with tempfile.TemporaryDirectory(prefix="dnabirnn-") as folder, noting():
        copy = Path(folder, file_name(path) or "copy")
        try:
            with open_remote(os.fspath(path)) as file, copy.open("wb") as out:
                shutil.copyfileobj(file, out, BLOCK_BYTES)
        except OSError as cause:
            raise error(f"{path}: cannot be read: {cause.strerror or cause}") from cause
        check_state(path, state, error)
        try:
            yield copy
        except error as cause:
            raise error(str(cause).replace(str(copy), os.fspath(path))) from cause


def size_of(file: BinaryIO) -> int:
    """Return the size of a seekable file in bytes; it is then at its beginning."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def input_exists(path: PathLike) -> bool:
    """Return whether a path or an address is that of an input; servers without an answer say no."""
    if not is_address(path):
        return os.path.exists(path)
    try:
        known_state(os.fspath(path))
    except OSError:
        return False
    return True


def check_readable(path: PathLike, error: type[DnabirnnError]) -> None:
    """Raise `error` if the path is not a file, before any work is done."""
    if os.fspath(path) == "-":
        return
    if is_address(path):
        try:
            known_state(os.fspath(path))
        except OSError as cause:
            raise error(f"{path}: {cause.strerror}") from cause
        return
    scheme = _OTHER_ADDRESS.match(os.fspath(path))
    if scheme is not None and not os.path.exists(path):
        raise error(
            f"{path}: {scheme[0]} addresses are not read; give a path, or an https://, s3:// or "
            "gs:// address"
        )
    try:
        mode = os.stat(path).st_mode
    except OSError as cause:
        reason = "no such file" if isinstance(cause, FileNotFoundError) else cause.strerror
        raise error(f"{path}: {reason}; check the path") from cause
    if stat.S_ISDIR(mode):
        raise error(f"{path}: is a folder; name a file in it")


def _inflate(
    raw: Iterable[bytes], source: str, error: type[DnabirnnError], block_bytes: int
) -> Iterator[bytes]:
    """Decompress gzip members, end to end; zeros after the last one are padding.

    A complete BGZF file ends in an empty block (SAM format specification, section 4.1.2).
    """
    remedy = "create or download the file again"
    member = zlib.decompressobj(wbits=31)
    started = False
    head, size = b"", 0
    for piece in raw:
        while piece := piece if started else piece.lstrip(b"\0"):
            if not started:
                started, head, size = True, b"", 0
            head += piece[: _BGZF_HEADER_BYTES - len(head)]
            try:
                data = member.decompress(piece, block_bytes)
            except zlib.error as cause:
                raise error(f"{source}: damaged gzip data ({cause}); {remedy}") from cause
            size += len(data)
            yield data
            piece = member.unconsumed_tail
            if member.eof:
                piece = member.unused_data
                member, started = zlib.decompressobj(wbits=31), False
    if started:
        raise error(f"{source}: truncated gzip file; {remedy}")
    if is_bgzf(head) and size:
        raise error(f"{source}: truncated bgzip file: its end block is missing; {remedy}")


def is_bgzf(head: bytes) -> bool:
    """Return whether the first 18 bytes of a gzip file have the extra field of BGZF."""
    return len(head) >= _BGZF_HEADER_BYTES and bool(head[3] & 4) and head[12:14] == b"BC"
