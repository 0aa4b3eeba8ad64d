"""Provenance of a run: its command, versions, and the digests of the files it read and wrote."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import zlib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from dnabirnn.errors import OutputError, ProvenanceError
from dnabirnn.files.remote import RemoteState, is_address, remote_state, without_secrets
from dnabirnn.files.safe_json import parse_json
from dnabirnn.files.write import is_compressed, write_text

if TYPE_CHECKING:
    from dnabirnn.files.read import PathLike


__all__ = ["Finding", "check_apart", "check_free", "verify", "write_provenance"]

_FORMAT = "dnabirnn provenance"
_VERSION = 1
_PACKAGES = ("dnabirnn", "numba", "numpy", "polars", "safetensors", "torch")
_CHUNK_BYTES = 1 << 20
_MAX_BYTES = 1 << 26
"""Largest size of a provenance file that is read. An entry takes some hundred bytes,
and a run has some thousand files at most."""
_BEGIN = b'{\n  "arguments": ['
"""First bytes of a provenance file: its keys are sorted."""
_REMEDY = "give a file that --provenance wrote"


class Finding(NamedTuple):
    """Current state of a file that a run read or wrote.

    Attributes
    ----------
    kind : str
        "input" or "output".
    path : str
        Path in the provenance file.
    state : str
        "same", "changed", "missing", or "stream" if no digest was recorded. Addresses are compared
        by size, ETag and time; "unknown" if the server does not answer.
    """

    kind: str
    path: str
    state: str


def check_free(path: PathLike) -> None:
    """Raise OutputError if the path is a file that is not empty and not a provenance file."""
    if not os.path.isfile(path) or not os.path.getsize(path):
        return
    if _content(path, len(_BEGIN)) != _BEGIN:
        raise OutputError(
            f"--provenance {path}: exists and is not a provenance file; give another name"
        )


def _content(path: PathLike, most_bytes: int = _MAX_BYTES) -> bytes:
    """Return the first bytes of a file, decompressed if possible."""
    try:
        with (gzip.open if is_compressed(path) else open)(path, "rb") as file:
            return _read(file, most_bytes)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        with open(path, "rb") as file:
            return _read(file, most_bytes)


def _read(file: gzip.GzipFile | BinaryIO, most_bytes: int) -> bytes:
    """Return the first bytes of a file; memory grows only with what the file holds."""
    data = bytearray()
    while chunk := file.read(min(_CHUNK_BYTES, most_bytes - len(data))):
        data += chunk
    return bytes(data)


def check_apart(path: PathLike, outputs: Iterable[str]) -> None:
    """Raise OutputError if the provenance file is also an output of the run."""
    if os.path.realpath(path) in outputs:
        raise OutputError(f"--provenance {path}: is also an output of this run; give another name")


def write_provenance(
    path: PathLike,
    arguments: Iterable[str],
    settings: Mapping[str, Any],
    inputs: Iterable[PathLike],
    outputs: Iterable[PathLike],
) -> None:
    """Write the provenance of a successful run as JSON.

    Parameters
    ----------
    path : str or PathLike
    arguments : iterable of str
        Arguments of the command line.
    settings : mapping
        Values of all options, defaults included.
    inputs, outputs : iterable of str or PathLike
        Files, folders, addresses, or "-" for streams. Paths are stored relative to the folder of
        the provenance file.

    Raises
    ------
    OutputError
        A path that cannot be written.
    ProvenanceError
        An input or output that can no longer be read.
    """
    folder = Path(os.path.realpath(path)).parent
    content = {
        "format": _FORMAT,
        "format_version": _VERSION,
        "arguments": list(map(without_secrets, arguments)),
        "settings": {name: _without_secrets(value) for name, value in settings.items()},
        "versions": {"python": platform.python_version(), **_versions()},
        "platform": platform.platform(),
        "inputs": _described(inputs, folder),
        "outputs": _described(outputs, folder),
    }
    write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def _without_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secrets(part) for part in value]
    return without_secrets(value) if isinstance(value, str) else value


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _described(paths: Iterable[PathLike], folder: Path) -> list[dict[str, Any]]:
    described: dict[str, dict[str, Any]] = {}
    for path in [str(os.fspath(path)) for path in paths]:
        if is_address(path):
            described[path] = _of_address(path)
            continue
        if path == "-" or not (os.path.isfile(path) or os.path.isdir(path)):
            described[path] = {"path": path, "sha256": None}
            continue
        for file in _files_of(Path(path)):
            name = os.path.relpath(os.path.realpath(file), folder)
            described[name] = {"path": name, "sha256": _digest(file), "bytes": file.stat().st_size}
    return [described[name] for name in sorted(described)]


def _of_address(path: str) -> dict[str, Any]:
    """Describe an address by what its server says: reading it again for a digest may take hours."""
    try:
        state = remote_state(path)
    except OSError as cause:
        raise ProvenanceError(f"{path}: cannot be read: {cause.strerror}") from cause
    found = {"path": without_secrets(path), "sha256": None, "bytes": state.size_bytes}
    return found | {"etag": state.tag, "modified": state.modified}


def _files_of(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as cause:
        raise ProvenanceError(f"{path}: cannot be read: {cause.strerror or cause}") from cause
    return digest.hexdigest()


def verify(path: PathLike) -> list[Finding]:
    """Compare files with a provenance: inputs first, then outputs, each sorted by path.

    Raises
    ------
    ProvenanceError
        The provenance file is missing, or is not one.
    """
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise ProvenanceError(f"{path}: not a regular file; {_REMEDY}")
        content = parse_json(_content(path))
    except OSError as cause:
        raise ProvenanceError(f"{path}: {cause.strerror or cause}; {_REMEDY}") from cause
    except ValueError as cause:
        raise ProvenanceError(f"{path}: not JSON ({cause}); {_REMEDY}") from cause
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ProvenanceError(f"{path}: not a provenance file; {_REMEDY}")
    if content.get("format_version") != _VERSION:
        raise ProvenanceError(
            f"{path}: format {content.get('format_version')}, this version reads {_VERSION}; "
            "use the version of dnabirnn that wrote it"
        )
    folder = Path(os.path.realpath(path)).parent
    try:
        return [
            Finding(kind, str(entry["path"]), _state(folder, entry))
            for kind in ("input", "output")
            for entry in content[f"{kind}s"]
        ]
    except (KeyError, OSError, TypeError, ValueError) as cause:
        raise ProvenanceError(f"{path}: damaged ({cause}); {_REMEDY}") from cause


def _state_of_address(entry: Mapping[str, Any]) -> str:
    try:
        now = remote_state(entry["path"])
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unknown"
    then = RemoteState(entry.get("bytes"), entry.get("etag", ""), entry.get("modified", ""))
    return "same" if now.is_of(then) else "changed"


def _state(folder: Path, entry: Mapping[str, Any]) -> str:
    if is_address(entry["path"]):
        return _state_of_address(entry)
    if entry["sha256"] is None:
        return "stream"
    file = folder / entry["path"]
    if not file.is_file():
        return "missing"
    if file.stat().st_size != entry.get("bytes", file.stat().st_size):
        return "changed"
    return "same" if _digest(file) == entry["sha256"] else "changed"
