"""The encoded set: a folder with the codes and labels of a genome, ready for training.

`codes.npy` (uint8) and `labels.npy` (the smallest unsigned type that fits) hold all contigs end
to end and are memory-mapped; `manifest.json` says what they mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.architecture import MAX_CLASSES, MotifClass
from dnabirnn.bits import label_dtype
from dnabirnn.errors import EncodedSetError
from dnabirnn.splits import SPLITS, Piece

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.inputs import PathLike

__all__ = [
    "CODES",
    "FORMAT",
    "FORMAT_VERSION",
    "LABELS",
    "MANIFEST",
    "Contig",
    "EncodedSet",
    "Mask",
]

FORMAT_VERSION = 1

FORMAT = "dnabirnn encoded set"
CODES, LABELS, MANIFEST = "codes.npy", "labels.npy", "manifest.json"
_AGAIN = "run dnabirnn encode again"


class Mask(StrEnum):
    """What lower-case letters (soft-masked sequence) mean."""

    NONE = "none"
    """Nothing: case is not looked at."""
    LOSS = "loss"
    """They are read, but count neither in the loss nor in metrics."""
    HARD = "hard"
    """They become N."""


class Contig(NamedTuple):
    """Where a contig lies in the arrays, in bases."""

    name: str
    offset: int
    length: int


@dataclass(frozen=True, eq=False)
class EncodedSet:
    """An encoded set on disk.

    Attributes
    ----------
    path : Path
    codes : ndarray, (N,) uint8
        Memory-mapped, read-only; contigs end to end.
    labels : ndarray, (N,) unsigned
        Memory-mapped, read-only; bits as in `dnabirnn.labels`.
    contigs : tuple of Contig
    classes : tuple of MotifClass
        In the order of their bits.
    mask : Mask
    digest : str
        SHA-256 (hex) of what the set says: codes, labels, contigs, splits, classes and mask. The
        same data give the same digest wherever they lie.
    manifest : dict
        Content of manifest.json.
    """

    path: Path
    codes: Codes
    labels: NDArray[np.unsignedinteger]
    contigs: tuple[Contig, ...]
    classes: tuple[MotifClass, ...]
    mask: Mask
    digest: str
    manifest: dict[str, Any]
    _offsets: dict[str, int] = field(repr=False)

    @classmethod
    def open(cls, path: PathLike) -> EncodedSet:
        """Open an encoded set, and check that its files fit one another.

        Parameters
        ----------
        path : str or PathLike
            The folder that `encode` wrote.

        Raises
        ------
        EncodedSetError
            No encoded set, one of a newer format, or a damaged one.
        """
        folder = Path(path)
        manifest = _read_manifest(folder)
        try:
            contigs = tuple(
                Contig(str(c["name"]), int(c["offset"]), int(c["length"]))
                for c in manifest["contigs"]
            )
            classes = tuple(
                MotifClass(str(c["name"]), bool(c["stranded"])) for c in manifest["classes"]
            )
            mask, digest = Mask(manifest["mask"]), str(manifest["digest"])
            _check_layout(contigs, classes, manifest["splits"])
        except (KeyError, TypeError, ValueError) as cause:
            raise EncodedSetError(
                f"{folder / MANIFEST}: damaged ({type(cause).__name__}: {cause}); {_AGAIN}"
            ) from cause
        size = sum(contig.length for contig in contigs)
        codes = _load(folder / CODES, size, np.dtype(np.uint8))
        labels = _load(folder / LABELS, size, label_dtype(len(classes)))
        offsets = {contig.name: contig.offset for contig in contigs}
        return cls(folder, codes, labels, contigs, classes, mask, digest, manifest, offsets)

    def contig_splits(self, name: str) -> list[Piece]:
        """Pieces of a split as (contig, start, end), in the order of the contigs.

        Parameters
        ----------
        name : str
            "train", "val" or "test".
        """
        return [Piece(contig, start, end) for contig, start, end in self.manifest["splits"][name]]

    def split(self, name: str) -> NDArray[np.int64]:
        """Pieces of a split as places in `codes` and `labels`.

        Parameters
        ----------
        name : str
            "train", "val" or "test".

        Returns
        -------
        spans : ndarray, (n, 2) int64
            Half-open, sorted. No span goes past the end of its contig, and two that touch are of
            different contigs.
        """
        spans = [
            (self._offsets[contig] + start, self._offsets[contig] + end)
            for contig, start, end in self.manifest["splits"][name]
        ]
        return np.array(sorted(spans), dtype=np.int64).reshape(-1, 2)


def _read_manifest(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise EncodedSetError(f"{folder}: no such folder; make it with dnabirnn encode")
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise EncodedSetError(
            f"{folder}: no encoded set, for it has no {MANIFEST}; make one with dnabirnn encode"
        ) from cause
    except (OSError, ValueError) as cause:
        raise EncodedSetError(f"{path}: cannot be read ({cause}); {_AGAIN}") from cause
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise EncodedSetError(f"{path}: not the manifest of an encoded set; {_AGAIN}")
    found = manifest.get("format_version")
    if not isinstance(found, int) or found < 1:
        raise EncodedSetError(f"{path}: format version {found!r} is no number; {_AGAIN}")
    if found > FORMAT_VERSION:
        raise EncodedSetError(
            f"{path}: format version {found}, this dnabirnn reads up to {FORMAT_VERSION}; "
            "upgrade dnabirnn"
        )
    return manifest


def _check_layout(
    contigs: Sequence[Contig], classes: Sequence[MotifClass], splits: Mapping[str, Any]
) -> None:
    """Raise ValueError for contigs, classes or splits that make no sense."""
    offset = 0
    for contig in contigs:
        if contig.offset != offset or contig.length < 0:
            raise ValueError(f"contig {contig.name!r} does not follow the one before it")
        offset += contig.length
    lengths = {contig.name: contig.length for contig in contigs}
    if len(lengths) != len(contigs) or not 1 <= len(classes) <= MAX_CLASSES:
        raise ValueError("contigs of one name, or no or too many classes")
    if set(splits) != set(SPLITS):
        raise ValueError(f"splits are not {', '.join(SPLITS)}")
    pieces = sorted((*piece,) for pieces in splits.values() for piece in pieces)
    last = ("", 0)
    for contig_name, start, end in pieces:
        if not 0 <= start < end <= lengths[contig_name]:
            raise ValueError(f"split {contig_name}:{start}-{end} lies outside its contig")
        if last[0] == contig_name and start < last[1]:
            raise ValueError(f"splits overlap at {contig_name}:{start}")
        last = (contig_name, end)


def _load(path: Path, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Memory-map an array, and check that it is what the manifest says."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as cause:
        raise EncodedSetError(f"{path}: no such file; {_AGAIN}") from cause
    except (OSError, ValueError, EOFError) as cause:
        raise EncodedSetError(f"{path}: damaged or cut short ({cause}); {_AGAIN}") from cause
    if array.shape != (size,) or array.dtype != dtype:
        raise EncodedSetError(
            f"{path}: {array.dtype} of shape {array.shape}, the manifest says {dtype} of "
            f"({size},); {_AGAIN}"
        )
    mapped: NDArray[Any] = array
    return mapped
