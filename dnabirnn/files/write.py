"""Whole or not at all: temporary names, bgzip, pipes."""

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
from dnabirnn.files.journal import note_scratch, note_written
from dnabirnn.files.temporary import Scratch, failures_of, temporary_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from typing_extensions import Buffer

    from dnabirnn.files.read import PathLike


__all__ = ["OutputFile", "OutputFiles", "check_target", "is_compressed", "is_stream", "write_text"]

_COMPRESSED = (".gz", ".bgz")
_STANDARD_OUTPUT = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")

# bgzip's own block size: the largest that fits a block even where nothing compresses.
_BLOCK_BYTES = 0xFF00
# Score tracks, one core: level 4 writes 3.9 million rows/s to 21 % of their size, level 6 1.1
# million to 20 %.
_LEVEL = 4
# Beside it lies what is on its way to a stream.
_NOWHERE = Path(tempfile.gettempdir(), "dnabirnn")


def is_stream(path: PathLike) -> bool:
    """True for what is written straight: "-", a descriptor, an existing pipe or device.

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
    """True for names under which bgzip is written.

    Examples
    --------
    >>> is_compressed("scores.bed.gz"), is_compressed("scores.bed")
    (True, False)
    """
    return os.fspath(path).lower().endswith(_COMPRESSED)


class OutputFile(io.BufferedIOBase):
    """A binary file to write, plain or bgzip, whose failures are `OutputError`.

    A closed pipe stays a `BrokenPipeError`: it is no fault, but a reader that has seen enough.
    """

    def __init__(self, raw: BinaryIO, name: str, *, compress: bool, owned: bool = True) -> None:
        self.name = name
        self._raw = raw
        self._owned = owned
        self._block = bytearray()
        self._bgzip: Any = None
        if compress:
            from Bio import bgzf

            writer: Any = bgzf.BgzfWriter  # it has no types
            self._bgzip = writer(fileobj=raw, compresslevel=_LEVEL)

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True for a plain regular file."""
        return self._bgzip is None and self._raw.seekable()

    def write(self, data: Buffer, /) -> int:
        """Write all of `data`; the number of its bytes."""
        with memoryview(data) as view, view.cast("B") as octets, failures_of(self.name):
            if self._bgzip is None:
                self._raw.write(octets)
            else:
                self._compress(octets)
            return octets.nbytes

    def _compress(self, octets: memoryview) -> None:
        # BgzfWriter copies its whole buffer once a block, so it gets a block at a time.
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
        """Place in a plain regular file."""
        if not self.seekable():
            raise io.UnsupportedOperation("tell")
        return self._raw.tell()

    def flush(self) -> None:
        """Pass on what is buffered, but for a block of bgzip that is not full."""
        if not self.closed:
            with failures_of(self.name):
                self._raw.flush()

    def close(self) -> None:
        """Write what is buffered and, for bgzip, the mark of the end; then close the file."""
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
        """Close the file without the mark of the end: a reader sees that it is cut short."""
        if self.closed:
            return
        with suppress(OSError, ValueError):
            if self._owned:
                self._raw.close()
        self._raw = io.BytesIO()  # what `super().close` flushes once more
        super().close()


class OutputFiles:
    """The files that a command writes: all of them whole, or none.

    A regular file is written under a temporary name in its own folder, and gets its name when
    the block ends without an exception; the first one opened is the last to be renamed, so that
    whoever sees it sees the others too. What is no regular file ("-", a pipe, /dev/null) is
    written straight. A name that ends in .gz or .bgz is compressed as bgzip.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "scores.bed")
    ...     with OutputFiles() as outputs:
    ...         written = outputs.open(path).write(b"chr1")
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
                for source, stream in self._copies:
                    with source.open("rb") as file:
                        shutil.copyfileobj(file, stream)
                for output in self._files:
                    output.close()
                for step in self._steps:
                    step()
                for scratch in self._scratch:
                    note_scratch(os.fstat(scratch.fileno()).st_size)
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
            "-" is standard output. A symbolic link is written through.

        Returns
        -------
        file : binary file
            To write to inside the block; closing it is the block's work.

        Raises
        ------
        OutputError
            A folder that is missing or closed to us, a path that is a folder, a file that is
            write-protected, a path opened twice.
        """
        name = os.fspath(path)
        file = self._open_stream(name) if is_stream(name) else self._open_regular(name)
        self._files.append(file)
        return cast("BinaryIO", file)

    def reserve(self, path: PathLike, ending: str = "") -> Path:
        """Temporary path of an output, for a library that writes by name.

        What lies there when the block ends gets the output's name, or is copied to it where that
        is no regular file.

        Parameters
        ----------
        path : path
        ending : str
            End of the temporary name, for a library that tells formats by it.

        Raises
        ------
        OutputError
            As for `open`.
        """
        name = os.fspath(path)
        if is_stream(name):
            stream = self._open_stream(name)
            self._files.append(stream)
            temporary = self._temporary(_NOWHERE, ending)
            with failures_of(str(temporary)):  # ours, before a library opens it by its name
                os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self._copies.append((temporary, stream))
            return temporary
        target = _target(name)
        self._take(str(target), name)
        temporary = self._temporary(target, ending)
        self._renames.append((temporary, target))
        return temporary

    def scratch(self, path: PathLike) -> BinaryIO:
        """Open a file in the folder of an output for what waits; it is gone with the block."""
        name = os.fspath(path)
        place = _NOWHERE if is_stream(name) else _target(name)
        scratch = Scratch(self._temporary(place, ".scratch"), name)
        self._scratch.append(scratch)
        return cast("BinaryIO", scratch)

    def temporary_of(self, path: PathLike) -> Path:
        """Where an output that was opened or reserved lies until the block ends."""
        target = Path(os.path.realpath(path))
        return next(temporary for temporary, own in self._renames if own == target)

    def before_renaming(self, step: Callable[[], None]) -> None:
        """Do a step when all files are written and closed, such as an index of one."""
        self._steps.append(step)

    def _temporary(self, target: Path, ending: str = "") -> Path:
        """Path that is cleared away in the end; noted before the file is there, for a signal."""
        temporary = temporary_path(target, ending)
        self._temporaries.append(temporary)
        return temporary

    def _take(self, key: str, name: str) -> None:
        if key in self._taken and key != os.devnull:
            raise OutputError(f"{name}: two outputs have this name; give each its own")
        self._taken.add(key)

    def _open_stream(self, name: str) -> OutputFile:
        if name in _STANDARD_OUTPUT:
            self._take("-", name)
            return OutputFile(sys.stdout.buffer, "standard output", compress=False, owned=False)
        self._take(os.path.realpath(name), name)
        with failures_of(name):
            descriptor = _DESCRIPTOR.fullmatch(name)
            # A copy of the descriptor: opened anew by its name, a file would be cut to nothing.
            raw = open(os.dup(int(descriptor[1])) if descriptor else name, "wb")  # noqa: SIM115
        return OutputFile(raw, name, compress=is_compressed(name))

    def _open_regular(self, name: str) -> OutputFile:
        target = _target(name)
        self._take(str(target), name)
        temporary = self._temporary(target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with failures_of(name):
            # 0o666 is what umask cuts down, as for any file that a program makes.
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
    """Write `text` as UTF-8: whole or not at all.

    Raises
    ------
    OutputError
        As for `Outputs.open`.
    """
    with OutputFiles() as outputs:
        outputs.open(path).write(text.encode("utf-8"))


def check_target(path: PathLike) -> None:
    """Raise now for a file that could not be written later; for commands that work long.

    Raises
    ------
    OutputError
        As for `Outputs.open`.
    """
    if not is_stream(path):
        _target(os.fspath(path))


def _target(name: str) -> Path:
    """The file that a name leads to; raises unless it can be written."""
    if not name or name.endswith(os.sep) or os.path.isdir(name):
        raise OutputError(f"{name or '(empty)'}: a folder; give the name of a file")
    target = Path(os.path.realpath(name))
    if not target.parent.is_dir():
        raise OutputError(f"{name}: there is no folder {target.parent}; make it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(
            f"{name}: no permission to write in {target.parent}; choose another folder"
        )
    with failures_of(name):
        exists = target.exists()
    if target.is_symlink():
        raise OutputError(f"{name}: a link that leads to itself; remove it")
    if exists and not os.access(target, os.W_OK):
        raise OutputError(f"{name}: write-protected; remove it or give another name")
    return target
