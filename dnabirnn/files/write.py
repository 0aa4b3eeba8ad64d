"""Write outputs that are complete or absent: temporary names, bgzip, pipes."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from dnabirnn.errors import OutputError
from dnabirnn.files.failures import failures_of
from dnabirnn.files.journal import check_read, note_scratch, note_written
from dnabirnn.files.remote import is_address
from dnabirnn.files.temporary import Scratch, temporary_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from typing_extensions import Buffer

    from dnabirnn.files.read import PathLike


__all__ = [
    "OutputFile",
    "OutputFiles",
    "check_local",
    "check_target",
    "is_compressed",
    "is_stream",
    "write_text",
]

_COMPRESSED = (".gz", ".bgz")
_STANDARD_OUTPUT = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")

# The block size of bgzip: the largest that fits into a BGZF block (64 KiB) even if the data do not
# compress.
_BLOCK_BYTES = 0xFF00
# Score tracks on one core: level 4 writes 3.9 million rows/s at 21 % of their size, level 6 writes
# 1.1 million rows/s at 20 %.
_LEVEL = 4
# Target in place of a stream, which has no folder: temporary files are made beside it.
_STREAM_TARGET = Path(tempfile.gettempdir(), "dnabirnn")


def is_stream(path: PathLike) -> bool:
    """Return whether a path is written directly: "-", a descriptor, an existing pipe or device.

    Examples
    --------
    >>> is_stream("-"), is_stream("/dev/null"), is_stream("scores.bed")
    (True, True, False)
    """
    name = os.fspath(path)
    if name in _STANDARD_OUTPUT or _DESCRIPTOR.fullmatch(name):
        return True
    try:
        mode = os.stat(name).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_compressed(path: PathLike) -> bool:
    """Return whether the name asks for bgzip: it ends in .gz or .bgz.

    Examples
    --------
    >>> is_compressed("scores.bed.gz"), is_compressed("scores.bed")
    (True, False)
    """
    return os.fspath(path).lower().endswith(_COMPRESSED)


class OutputFile(io.BufferedIOBase):
    """A binary file to write, plain or bgzip; its failures are `OutputError`.

    A closed pipe stays a `BrokenPipeError`: it is not a failure, since the reader has stopped on
    purpose.
    """

    def __init__(self, raw: BinaryIO, name: str, *, compress: bool, owned: bool = True) -> None:
        self.name = name
        self._raw = raw
        self._owned = owned
        self._block = bytearray()
        self._bgzip: Any = None
        if compress:
            from Bio import bgzf

            writer: Any = bgzf.BgzfWriter  # has no type annotations
            self._bgzip = writer(fileobj=raw, compresslevel=_LEVEL)

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True for a plain regular file."""
        return self._bgzip is None and self._raw.seekable()

    def write(self, data: Buffer, /) -> int:
        """Write all of `data`; return its number of bytes."""
        with memoryview(data) as view, view.cast("B") as octets, failures_of(self.name):
            if self._bgzip is None:
                self._raw.write(octets)
            else:
                self._compress(octets)
            return octets.nbytes

    def _compress(self, octets: memoryview) -> None:
        # BgzfWriter copies its whole buffer for each block, so pass it one block at a time.
        taken = 0
        while taken < octets.nbytes:
            piece = octets[taken : taken + _BLOCK_BYTES - len(self._block)]
            self._block += piece
            taken += piece.nbytes
            if len(self._block) == _BLOCK_BYTES:
                self._end_block()

    def _end_block(self) -> None:
        self._bgzip.write(bytes(self._block))
        self._bgzip.flush()
        self._block.clear()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move within a plain regular file."""
        if not self.seekable():
            raise io.UnsupportedOperation("seek")
        with failures_of(self.name):
            return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """Return the position in a plain regular file."""
        if not self.seekable():
            raise io.UnsupportedOperation("tell")
        return self._raw.tell()

    def flush(self) -> None:
        """Write the buffer, except for an incomplete bgzip block."""
        if not self.closed:
            with failures_of(self.name):
                self._raw.flush()

    def close(self) -> None:
        """Write the buffer and, for bgzip, the end block; then close the file."""
        if self.closed:
            return
        try:
            with failures_of(self.name):
                if self._bgzip is not None:
                    if self._block:
                        self._end_block()
                    self._bgzip.close()
                elif self._owned:
                    self._raw.close()
                else:
                    self._raw.flush()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file without the end block of bgzip, so that readers see it is truncated."""
        if self.closed:
            return
        with suppress(OSError, ValueError):
            if self._owned:
                self._raw.close()
        self._raw = io.BytesIO()  # super().close() flushes it once more
        super().close()


class OutputFiles:
    """Context manager for the files that a command writes: all are complete, or none exists.

    A regular file is written under a temporary name in its folder, and renamed when the block ends
    without an exception. The file opened first is renamed last, so once it exists, the others exist
    too. Other paths ("-", a pipe, /dev/null) are written directly. A file whose name ends in .gz or
    .bgz is compressed as bgzip. If a file that was read has changed, nothing gets its final name.

    At the end of a block, in this order::

        copy to streams -> close files -> before_renaming steps -> check what was read
        -> rename, last opened first

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "scores.bed")
    ...     with OutputFiles() as files:
    ...         written = files.open(path).write(b"chr1")
    ...         before = path.exists()
    ...     before, path.read_bytes()
    (False, b'chr1')
    """

    def __init__(self) -> None:
        self._files: list[OutputFile] = []
        self._renames: list[tuple[Path, Path]] = []
        self._copies: list[tuple[Path, OutputFile]] = []
        self._steps: list[Callable[[], None]] = []
        self._scratch: list[Scratch] = []
        self._temporaries: list[Path] = []
        self._taken: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                if self._copies:  # these cannot be taken back
                    check_read()
                for source, stream in self._copies:
                    with source.open("rb") as file:
                        shutil.copyfileobj(file, stream)
                for output in self._files:
                    output.close()
                for step in self._steps:
                    step()
                for scratch in self._scratch:
                    note_scratch(os.fstat(scratch.fileno()).st_size)
                check_read()
                self._rename()
        finally:
            for output in self._files:
                output.abandon()
            for scratch in self._scratch:
                scratch.abandon()
            for temporary in self._temporaries:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def open(self, path: PathLike) -> BinaryIO:
        """Open an output.

        Parameters
        ----------
        path : path
            "-" is standard output. A symbolic link is followed.

        Returns
        -------
        file : binary file
            For writing inside the block; it is closed when the block ends.

        Raises
        ------
        OutputError
            A folder that is missing or cannot be written, a path that is a folder, a file that is
            write-protected, a path opened twice.
        """
        name = os.fspath(path)
        file = self._open_stream(name) if is_stream(name) else self._open_regular(name)
        self._files.append(file)
        return cast("BinaryIO", file)

    def reserve(self, path: PathLike, ending: str = "") -> Path:
        """Return a temporary path of an output, for a library that opens files by name.

        The file there is renamed to the output when the block ends, or copied to it if the output
        is not a regular file.

        Parameters
        ----------
        path : path
        ending : str
            End of the temporary name, for a library that detects formats by it.

        Raises
        ------
        OutputError
            As for `open`.
        """
        name = os.fspath(path)
        if is_stream(name):
            stream = self._open_stream(name)
            self._files.append(stream)
            temporary = self._temporary(_STREAM_TARGET, ending)
            with failures_of(str(temporary)):  # private, before a library opens it
                os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self._copies.append((temporary, stream))
            return temporary
        target = _target(name)
        self._take(str(target), name)
        temporary = self._temporary(target, ending)
        self._renames.append((temporary, target))
        return temporary

    def scratch(self, path: PathLike) -> BinaryIO:
        """Open a scratch file in the folder of an output; it is removed when the block ends."""
        name = os.fspath(path)
        target = _STREAM_TARGET if is_stream(name) else _target(name)
        scratch = Scratch(self._temporary(target, ".scratch"), name)
        self._scratch.append(scratch)
        return cast("BinaryIO", scratch)

    def temporary_of(self, path: PathLike) -> Path:
        """Return the temporary path of an output that was opened or reserved."""
        target = Path(os.path.realpath(path))
        return next(temporary for temporary, own in self._renames if own == target)

    def before_renaming(self, step: Callable[[], None]) -> None:
        """Register a step to run after all files are closed, such as indexing one of them."""
        self._steps.append(step)

    def _temporary(self, target: Path, ending: str = "") -> Path:
        """Return a path to remove in the end; noted before the file exists, in case of a signal."""
        temporary = temporary_path(target, ending)
        self._temporaries.append(temporary)
        return temporary

    def _take(self, key: str, name: str) -> None:
        if key in self._taken and key != os.devnull:
            raise OutputError(f"{name}: two outputs have this name; give each a different one")
        self._taken.add(key)

    def _open_stream(self, name: str) -> OutputFile:
        if name in _STANDARD_OUTPUT:
            self._take("-", name)
            return OutputFile(sys.stdout.buffer, "standard output", compress=False, owned=False)
        self._take(os.path.realpath(name), name)
        with failures_of(name):
            descriptor = _DESCRIPTOR.fullmatch(name)
            # Copy the descriptor: opening it again by its name would truncate a file.
            raw = open(os.dup(int(descriptor[1])) if descriptor else name, "wb")  # noqa: SIM115
        return OutputFile(raw, name, compress=is_compressed(name))

    def _open_regular(self, name: str) -> OutputFile:
        target = _target(name)
        self._take(str(target), name)
        temporary = self._temporary(target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with failures_of(name):
            # The usual mode of new files, from which the umask removes permissions.
            raw = open(os.open(temporary, flags, 0o666), "wb")  # noqa: SIM115
        self._renames.append((temporary, target))
        return OutputFile(raw, name, compress=is_compressed(name))

    def _rename(self) -> None:
        while self._renames:
            temporary, target = self._renames[-1]
            with failures_of(str(target)):
                temporary.replace(target)
            note_written(target)
            self._renames.pop()


def write_text(path: PathLike, text: str) -> None:
    """Write `text` as UTF-8; the file is complete or absent.

    In locales without UTF-8, the letters of an argument arrive as single bytes. They become text
    again; bytes that are not UTF-8 become U+FFFD.

    Raises
    ------
    OutputError
        As for `OutputFiles.open`.
    """
    with OutputFiles() as files:
        data = text.encode("utf-8", "surrogateescape")
        if not text.isascii():
            data = data.decode("utf-8", "replace").encode("utf-8")
        files.open(path).write(data)


def check_target(path: PathLike) -> None:
    """Raise an error if a file cannot be written; for commands that would find out after hours.

    Raises
    ------
    OutputError
        As for `OutputFiles.open`.
    """
    if not is_stream(path):
        _target(os.fspath(path))


def check_local(path: PathLike) -> None:
    """Raise OutputError if an output is an address."""
    if is_address(path):
        raise OutputError(
            f"{path}: outputs are local files; give a path, and copy the file to the address "
            "afterwards"
        )


def _target(name: str) -> Path:
    """Return the path with symbolic links resolved; raise OutputError unless it can be written."""
    check_local(name)
    if not name or name.endswith(os.sep) or os.path.isdir(name):
        raise OutputError(f"{name or '(empty)'}: a folder; give the name of a file")
    target = Path(os.path.realpath(name))
    if not target.parent.is_dir():
        raise OutputError(f"{name}: there is no folder {target.parent}; create it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(
            f"{name}: no permission to write in {target.parent}; choose another folder"
        )
    with failures_of(name):
        exists = target.exists()
    if target.is_symlink():
        raise OutputError(f"{name}: a symbolic link that leads to itself; remove it")
    if exists and not os.access(target, os.W_OK):
        raise OutputError(f"{name}: write-protected; remove it or give another name")
    return target
