"""Inputs at addresses: https://, http://, s3:// and gs://, read through fsspec.

fsspec and the packages that it needs for an address are imported when the first address is opened.
All failures are `OSError`s with one line of cause and remedy as their `strerror`, so that readers
treat them like failures of local files.
"""

from __future__ import annotations

import errno
import io
import os
import re
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias, cast

from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "RemoteState",
    "file_name",
    "is_address",
    "open_remote",
    "remote_state",
    "without_secrets",
]

_PathLike: TypeAlias = "str | os.PathLike[str]"

_ADDRESS = re.compile(r"(https?|s3|gs)://", re.IGNORECASE)
_SECRETS = re.compile(
    r"(\b(?:https?|s3|gs)://)(?:[^/\s@]*@)?([^\s?]*)(\?[^\s;,'\"]*[^\s;,:'\"])?", re.IGNORECASE
)
_FETCH = {
    "http": "curl -L '{}'",
    "https": "curl -L '{}'",
    "s3": "aws s3 cp {} -",
    "gs": "gcloud storage cat {}",
}
"""Commands that write a file at an address to standard output."""
_CREDENTIALS = {
    "http": "check the address, or download the file with your user name",
    "https": "check the address, or download the file with your user name",
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "run `gcloud auth application-default login`",
}
_FIRST_BYTES, _MOST_BYTES = 1 << 17, 1 << 22
"""Bytes of the first range after a seek, and of the largest. Each range that follows another is
twice as large: single records take few bytes, whole files few requests."""
_WAITS_SECONDS = (0.5, 2.0, 5.0)
"""Waits before a range is requested again."""
_SILENCE_SECONDS = 60
"""Time without a byte after which a connection counts as cut."""


class RemoteState(NamedTuple):
    """What changes if the file at an address is written or replaced; see `FileState`.

    Attributes
    ----------
    size_bytes : int, optional
        None if the server does not say.
    tag : str
        ETag of the server, or "".
    modified : str
        Time of the last change, or "".
    """

    size_bytes: int | None
    tag: str
    modified: str

    def is_of(self, other: object) -> bool:
        """Return whether two states are of one file that has not changed in between."""
        return self == other


def is_address(path: _PathLike) -> bool:
    """Return whether a path is an address that inputs can be read from.

    Examples
    --------
    >>> is_address("s3://bucket/genome.fa.gz"), is_address("genome.fa.gz")
    (True, False)
    """
    return _ADDRESS.match(os.fspath(path)) is not None


def without_secrets(text: str) -> str:
    """Return text in which addresses have no user, password and query, which may hold signatures.

    Examples
    --------
    >>> without_secrets("https://me:word@host/a.fa?X-Amz-Signature=5f: no such file")
    'https://host/a.fa?...: no such file'
    """
    return _SECRETS.sub(lambda found: f"{found[1]}{found[2]}{'?...' if found[3] else ''}", text)


def file_name(path: _PathLike) -> str:
    """Return the name of a file without folders; of an address, without its query.

    Examples
    --------
    >>> file_name("https://host/data/a.bed.gz?download=1"), file_name("data/a.bed")
    ('a.bed.gz', 'a.bed')
    """
    text = os.fspath(path)
    return os.path.basename(re.split(r"[?#]", text, maxsplit=1)[0] if is_address(text) else text)


def remote_state(address: str) -> RemoteState:
    """Ask the server for the state of a file.

    Raises
    ------
    OSError
        There is no such file, or no permission or connection.
    OptionError
        A package is missing.
    """
    info = _ask(address, lambda system: system.info(address, **_fresh(address)))
    if info.get("type") == "directory":
        raise IsADirectoryError(errno.EISDIR, "is a folder; name a file in it", address)
    modified = info.get("LastModified") or info.get("Last-Modified") or info.get("updated") or ""
    tag = info.get("ETag") or info.get("etag") or ""
    size = info.get("size")
    return RemoteState(None if size is None else int(size), str(tag), str(modified))


def open_remote(address: str) -> BinaryIO:
    """Open the file at an address to read it.

    Returns
    -------
    file : binary file
        Seekable if the server sends parts of files.

    Raises
    ------
    OSError, OptionError
        As for `remote_state`; reading may raise OSError too.
    """
    size = remote_state(address).size_bytes
    raw: io.RawIOBase
    if size is not None and _sends_ranges(address, size):
        raw = _Ranges(address, size)
    else:
        raw = _Stream(address, size)
    return cast("BinaryIO", io.BufferedReader(raw, _MOST_BYTES))


@cache
def _sends_ranges(address: str, size_bytes: int) -> bool:
    """Return whether a server sends parts of a file, from a request for its last byte."""
    if not _scheme(address).startswith("http"):
        return True
    try:
        return len(_range(address, size_bytes - 1, size_bytes)) == 1
    except OSError as failure:
        if isinstance(failure.__cause__, ValueError):  # fsspec: the answer was not a range
            return False
        raise


def _range(address: str, start: int, end: int) -> bytes:
    """Return the bytes of a range of a file."""

    def read(system: Any) -> bytes:
        with system.open(address, block_size=_MOST_BYTES, cache_type="none") as file:
            file.seek(start)
            return bytes(file.read(end - start))

    found: bytes = _ask(address, read) if end > start else b""
    return found


class _Ranges(io.RawIOBase):
    """A file at an address, of which ranges are requested as they are read."""

    def __init__(self, address: str, size_bytes: int) -> None:
        self._address = address
        self._size = size_bytes
        self._at = 0
        self._step = _FIRST_BYTES

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset != self._at:
            self._at, self._step = max(0, start + offset), _FIRST_BYTES
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        with memoryview(buffer) as view, view.cast("B") as octets:
            end = min(self._at + min(octets.nbytes, self._step), self._size)
            if end <= self._at:
                return 0
            data = self._range(self._at, end)
            octets[: len(data)] = data
        self._at, self._step = end, min(2 * self._step, _MOST_BYTES)
        return len(data)

    def readall(self) -> bytes:
        # The method of the base class would request 8 KiB at a time.
        data = bytearray()
        while self._at < self._size:
            end = min(self._at + _MOST_BYTES, self._size)
            data += self._range(self._at, end)
            self._at = end
        return bytes(data)

    def _range(self, start: int, end: int) -> bytes:
        for wait in (*_WAITS_SECONDS, None):
            try:
                data = _range(self._address, start, end)
                if len(data) == end - start:
                    return data
                failure: OSError = _cut(self._address, start + len(data))
            except (FileNotFoundError, PermissionError):
                raise
            except OSError as cause:
                failure = cause
            if wait is None:
                raise failure
            time.sleep(wait)
        raise AssertionError


class _Stream(io.RawIOBase):
    """A file at an address of a server that sends files only as a whole."""

    def __init__(self, address: str, size_bytes: int | None) -> None:
        self._address = address
        self._size = size_bytes
        self._read = 0
        self._file: Any = _ask(address, lambda system: system.open(address, block_size=0))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        with memoryview(buffer) as view, view.cast("B") as octets:
            wanted = min(octets.nbytes, _FIRST_BYTES)
            try:
                data = self._file.read(wanted)
            except Exception as cause:
                raise _failure(self._address, cause, self._read) from cause
            octets[: len(data)] = data
        self._read += len(data)
        if not data and self._size is not None and self._read < self._size:
            raise _cut(self._address, self._read)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _ask(address: str, question: Any) -> Any:
    """Return the answer of the file system of an address; failures are OSErrors."""
    try:
        try:
            return question(_system(_scheme(address), anonymous=False))
        except Exception as cause:
            # Public buckets can be read without credentials.
            if not any(type(one).__name__ == "NoCredentialsError" for one in _chain(cause)):
                raise
            return question(_system(_scheme(address), anonymous=True))
    except (ImportError, OptionError) as cause:
        raise _missing(address) from cause
    except Exception as cause:
        raise _failure(address, cause) from cause


@cache
def _system(scheme: str, *, anonymous: bool) -> Any:
    import fsspec

    if scheme.startswith("http"):
        from aiohttp import ClientTimeout

        # The bytes as they are stored: `Content-Encoding: gzip` of a .gz would be undone.
        client = {
            "timeout": ClientTimeout(sock_connect=30, sock_read=_SILENCE_SECONDS),
            "headers": {"Accept-Encoding": "identity"},
            "auto_decompress": False,
            "trust_env": True,  # proxies
        }
        return fsspec.filesystem(scheme, client_kwargs=client)
    if scheme == "s3":
        return fsspec.filesystem("s3", anon=anonymous)
    return fsspec.filesystem("gs", token="anon" if anonymous else None)


def _scheme(address: str) -> str:
    found = _ADDRESS.match(address)
    assert found is not None
    return found[1].lower()


def _fresh(address: str) -> dict[str, bool]:
    """Return the options of `info` that do not answer from a listing made earlier."""
    return {"refresh": True} if _scheme(address) == "s3" else {}


def _chain(cause: BaseException | None) -> Iterator[BaseException]:
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _missing(address: str) -> OptionError:
    scheme = _scheme(address)
    packages = "`pip install gcsfs`" if scheme == "gs" else '`pip install "dnabirnn[remote]"`'
    return OptionError(
        f"{address}: reading {scheme}:// needs packages that are not installed: {packages}; or "
        f"pipe the file to -: `{_FETCH[scheme].format(address)} | dnabirnn ... -`"
    )


def _cut(address: str, read: int) -> OSError:
    return ConnectionError(
        errno.ECONNABORTED,
        f"the connection was cut after {read:,} bytes; run the command again, or download the file",
        address,
    )


def _failure(address: str, cause: BaseException, read: int | None = None) -> OSError:
    """Return an OSError with cause and remedy for an exception of fsspec or below it."""
    chain = list(_chain(cause))
    status = next(filter(None, map(_status, chain)), None)
    if status in (401, 403) or isinstance(cause, PermissionError):
        text = f"no permission to read it ({status or 403}); {_CREDENTIALS[_scheme(address)]}"
        return PermissionError(errno.EACCES, text, address)
    missing = isinstance(cause, FileNotFoundError) and not _scheme(address).startswith("http")
    if status in (404, 410) or (status is None and missing):
        text = f"no such file on the server ({status or 404}); check the address"
        return FileNotFoundError(errno.ENOENT, text, address)
    if status is not None:
        text = f"the server answers with error {status}; try again later"
        return ConnectionError(errno.EIO, text, address)
    reason = " ".join(str(chain[-1]).split())[:200] or type(chain[-1]).__name__
    if any(map(_is_unreachable, chain)):
        text = f"the server cannot be reached ({reason}); check the address and the network"
        return ConnectionError(errno.EHOSTUNREACH, text, address)
    if read is not None:
        return _cut(address, read)
    text = f"the connection failed ({reason}); run the command again, or download the file"
    return ConnectionError(errno.EIO, text, address)


def _status(cause: BaseException) -> int | None:
    """Return the HTTP status that an exception of aiohttp or botocore carries."""
    status = getattr(cause, "status", None)
    if status is None:
        response = getattr(cause, "response", None)
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) and status >= 400 else None


def _is_unreachable(cause: BaseException) -> bool:
    names = ("ClientConnectorError", "ClientConnectorDNSError", "EndpointConnectionError")
    return type(cause).__name__ in names or "ConnectTimeout" in type(cause).__name__
