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
    "beside",
    "file_name",
    "is_address",
    "known_state",
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
_VERSION = "?versionId="

# Names of exceptions of aiohttp and botocore, or of their base classes.
_UNREACHABLE = {"ClientConnectorError", "EndpointConnectionError", "ProxyConnectionError"}
_UNREACHABLE |= {"ConnectTimeoutError", "ConnectionTimeoutError"}
_INSECURE = {"ClientSSLError", "SSLError", "SSLCertVerificationError"}
_CUT = {"ClientPayloadError", "ResponseStreamingError", "IncompleteReadError"}
_CUT |= {"ServerDisconnectedError", "ConnectionResetError", "ConnectionClosedError"}
_SILENT = {"SocketTimeoutError", "ReadTimeoutError", "FSTimeoutError"}
_CIRCULAR = {"TooManyRedirects"}
_NO_ADDRESS = {"InvalidURL", "InvalidUrlClientError", "NonHttpUrlClientError"}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
_NO_CREDENTIALS |= {"CredentialRetrievalError", "SSOError", "TokenRetrievalError"}


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


def beside(path: _PathLike, ending: str) -> str:
    """Return the path of the file beside another whose name has one more ending.

    The query of an address stays at the end.

    Examples
    --------
    >>> beside("https://host/a.fa?token=5f", ".fai"), beside("data/a.fa", ".fai")
    ('https://host/a.fa.fai?token=5f', 'data/a.fa.fai')
    """
    place, query = _split(path)
    return f"{place}{ending}{query}"


def _split(path: _PathLike) -> tuple[str, str]:
    """Return a path, and the query of an address. Keys of buckets only have that of a version.

    Examples
    --------
    >>> _split("s3://bucket/a?b.fa?versionId=3"), _split("https://host/a.fa#top")
    (('s3://bucket/a?b.fa', '?versionId=3'), ('https://host/a.fa', '#top'))
    """
    text = os.fspath(path)
    if not is_address(text):
        return text, ""
    ends = "?#" if _scheme(text).startswith("http") else [_VERSION]
    end = min([place for mark in ends if (place := text.find(mark)) >= 0], default=len(text))
    return text[:end], text[end:]


def file_name(path: _PathLike) -> str:
    """Return the name of a file without folders; of an address, without its query.

    Examples
    --------
    >>> file_name("https://host/data/a.bed.gz?download=1"), file_name("data/a.bed")
    ('a.bed.gz', 'a.bed')
    """
    return os.path.basename(_split(path)[0])


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
    _STATES[address] = RemoteState(None if size is None else int(size), str(tag), str(modified))
    return _STATES[address]


_STATES: dict[str, RemoteState] = {}
"""What servers last said about addresses."""


def known_state(address: str) -> RemoteState:
    """Return what the server last said about a file; ask it if it was not asked before.

    Raises
    ------
    OSError, OptionError
        As for `remote_state`.
    """
    return _STATES.get(address) or remote_state(address)


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
    size = known_state(address).size_bytes
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
        return len(_range(address, size_bytes - 1, size_bytes, size_bytes)) == 1
    except OSError as failure:
        if isinstance(failure.__cause__, ValueError):
            return False
        raise


def _range(address: str, start: int, end: int, size_bytes: int) -> bytes:
    """Return the bytes of a range of a file of a size; a range that fails is requested again."""
    for wait in (*_WAITS_SECONDS, None):
        try:
            data = _range_once(address, start, end, size_bytes)
            if len(data) == end - start:
                return data
            failure: OSError = _cut(address, start + len(data))
        except (FileNotFoundError, PermissionError):
            raise
        except OSError as cause:
            if isinstance(cause.__cause__, ValueError):  # the answer was not a range
                raise
            failure = cause
        if wait is None:
            raise failure
        time.sleep(wait)
    raise AssertionError


def _range_once(address: str, start: int, end: int, size_bytes: int) -> bytes:
    def read(system: Any) -> bytes:
        if not _scheme(address).startswith("http"):
            return bytes(system.cat_file(address, start=start, end=end))
        # Unlike `cat_file`, a file does not read the whole answer of a server without ranges.
        given = {"block_size": _MOST_BYTES, "cache_type": "none", "size": size_bytes}
        with system.open(address, **given) as file:
            file.seek(start)
            return bytes(file.read(end - start))

    found: bytes = _ask(address, read, start) if end > start else b""
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
            data = _range(self._address, self._at, end, self._size)
            octets[: len(data)] = data
        self._at, self._step = end, min(2 * self._step, _MOST_BYTES)
        return len(data)

    def readall(self) -> bytes:
        # The method of the base class would request 8 KiB at a time.
        data = bytearray()
        while self._at < self._size:
            end = min(self._at + _MOST_BYTES, self._size)
            data += _range(self._address, self._at, end, self._size)
            self._at = end
        return bytes(data)


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


def _ask(address: str, question: Any, read: int | None = None) -> Any:
    """Return the answer of the file system of an address; failures are OSErrors."""
    scheme, versions = _scheme(address), _VERSION in address
    try:
        try:
            return question(_system(scheme, anonymous=False, versions=versions))
        except Exception as cause:
            # Public buckets can be read without credentials.
            if not any(type(one).__name__ == "NoCredentialsError" for one in _chain(cause)):
                raise
            return question(_system(scheme, anonymous=True, versions=versions))
    except (ImportError, OptionError) as cause:
        raise _missing(address) from cause
    except Exception as cause:
        raise _failure(address, cause, read) from cause


@cache
def _system(scheme: str, *, anonymous: bool, versions: bool) -> Any:
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
        return fsspec.filesystem("s3", anon=anonymous, version_aware=versions)
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


def _cut(address: str, read: int | None, reason: str = "the connection was cut") -> OSError:
    place = f" after {read:,} bytes" if read else ""
    return ConnectionError(
        errno.ECONNABORTED,
        f"{reason}{place}; run the command again, or download the file",
        address,
    )


def _failure(address: str, cause: BaseException, read: int | None = None) -> OSError:
    """Return an OSError with cause and remedy for an exception of fsspec or below it.

    `read` is the place in the file up to which it has been read.
    """
    chain, scheme = list(_chain(cause)), _scheme(address)
    names = {base.__name__ for one in chain for base in type(one).__mro__}
    status = next(filter(None, map(_status, chain)), None)
    if status in (401, 403) or isinstance(cause, PermissionError):
        text = f"no permission to read it ({status or 403}); {_CREDENTIALS[scheme]}"
        return PermissionError(errno.EACCES, text, address)
    missing = isinstance(cause, FileNotFoundError) and not scheme.startswith("http")
    if status in (404, 410) or (status is None and missing):
        text = f"no such file on the server ({status or 404}); check the address"
        return FileNotFoundError(errno.ENOENT, text, address)
    if status is not None:
        remedy = "try again later" if status >= 500 or status == 429 else "check the address"
        text = f"the server answers with error {status}; {remedy}"
        return ConnectionError(errno.EIO, text, address)
    reason = " ".join(str(chain[-1]).split())[:200] or type(chain[-1]).__name__
    if names & _NO_CREDENTIALS:
        return PermissionError(errno.EACCES, f"{reason}; {_CREDENTIALS[scheme]}", address)
    if names & _NO_ADDRESS or "port out of range" in reason.lower():
        return OSError(errno.EINVAL, "not the address of a file; correct it", address)
    if names & _CIRCULAR:
        text = "the server redirects in a circle; check the address"
        return ConnectionError(errno.ELOOP, text, address)
    if names & _INSECURE:
        text = f"no secure connection ({reason}); check the address, and the certificates here"
        return ConnectionError(errno.EPROTO, text, address)
    if names & _UNREACHABLE:
        from urllib.request import getproxies

        proxies = [f"{name.upper()}_PROXY" for name in sorted(getproxies()) if name != "no"]
        *some, last = ["the address", "the network", *proxies]
        text = f"the server cannot be reached ({reason}); check {', '.join(some)} and {last}"
        return ConnectionError(errno.EHOSTUNREACH, text, address)
    if names & _SILENT:
        return _cut(address, read, f"the server sent nothing for {_SILENCE_SECONDS} s")
    if names & _CUT or read is not None:
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
