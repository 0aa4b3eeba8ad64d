"""The encoded set: a folder with the codes and labels of a genome, ready for training.

`codes.npy` (uint8) and `labels.npy` (the smallest unsigned type that fits) hold all contigs end
to end and are memory-mapped; `manifest.json` describes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.encoded.splits import SPLITS, SplitInterval
from dnabirnn.errors import EncodedSetError, OptionError
from dnabirnn.files import check_state, is_address, note_read, read_json
from dnabirnn.labels import IGNORE_BIT, class_bits, label_dtype
from dnabirnn.motif_classes import MotifClass
from dnabirnn.names import is_printable
from dnabirnn.network import Architecture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike

__all__ = [
    "CODES",
    "FORMAT",
    "FORMAT_VERSION",
    "LABELS",
    "MANIFEST",
    "EncodedContig",
    "EncodedSet",
    "MaskMode",
]

FORMAT_VERSION = 2
"""Newest version of the format: that of sets with labels of whole sequences. Others have 1."""

FORMAT = "dnabirnn encoded set"
CODES, LABELS, MANIFEST = "codes.npy", "labels.npy", "manifest.json"
_AGAIN = "run dnabirnn encode again"
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<|]?[a-z][0-9]{1,2})', 'fortran_order': False, "
    rb"'shape': \(([0-9]{1,18}),\), \} *\n",
    re.DOTALL,
)
"""Header of a one-dimensional array in version 1.0 of NumPy's format:
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html."""
_DAMAGE = (AttributeError, KeyError, OverflowError, TypeError, ValueError)
_MOST_HEADER_BYTES = 1 << 10
_CHECKED_BYTES = 1 << 22


class MaskMode(StrEnum):
    """Meaning of lower-case letters (soft-masked sequence)."""

    NONE = "none"
    """Case has no meaning."""
    LOSS = "loss"
    """Lower-case bases are read, but count neither in the loss nor in metrics."""
    HARD = "hard"
    """Lower-case bases become N."""


class EncodedContig(NamedTuple):
    """Position of a contig in the arrays, in bases."""

    name: str
    offset: int
    length: int


@dataclass(frozen=True, eq=False)
class EncodedSet:
    """Encoded set on disk.

    Attributes
    ----------
    path : Path
    codes : ndarray, (N,) uint8
        Memory-mapped, read-only; contigs end to end.
    labels : ndarray, (N,) unsigned
        Memory-mapped, read-only; bits as in `dnabirnn.labels`.
    contigs : tuple of EncodedContig
    classes : tuple of MotifClass
        In the order of their bits.
    mask : MaskMode
    digest : str
        SHA-256 (hex) of codes, labels, contigs, splits, classes and mask. The same data give the
        same digest in any folder.
    manifest : dict
        Content of manifest.json.
    """

    path: Path
    codes: Codes
    labels: NDArray[np.unsignedinteger]
    contigs: tuple[EncodedContig, ...]
    classes: tuple[MotifClass, ...]
    mask: MaskMode
    digest: str
    manifest: dict[str, Any]
    _offsets: dict[str, int] = field(repr=False)

    @classmethod
    def open(cls, path: PathLike) -> EncodedSet:
        """Open an encoded set, and check that its files fit together.

        Parameters
        ----------
        path : str or PathLike
            The folder that `encode` wrote.

        Raises
        ------
        EncodedSetError
            If the folder is not an encoded set, is damaged, has a newer format, or changes while
            it is read.
        """
        if is_address(path):
            raise EncodedSetError(f"{path}: an encoded set has to be a local folder; copy it first")
        folder = Path(path)
        # Pages of the arrays are read later; the end of the command checks the files once more.
        states = {
            folder / name: note_read(folder / name, error=EncodedSetError)
            for name in (MANIFEST, CODES, LABELS)
        }
        manifest = _read_manifest(folder)
        try:
            contigs = tuple(
                EncodedContig(str(c["name"]), int(c["offset"]), int(c["length"]))
                for c in manifest["contigs"]
            )
            classes = tuple(
                MotifClass(str(c["name"]), bool(c["stranded"])) for c in manifest["classes"]
            )
            Architecture(classes)  # checks the names and the number of the classes
            mask, digest = MaskMode(manifest["mask"]), str(manifest["digest"])
            _check_layout(contigs, manifest["splits"])
            _check_inputs(manifest["inputs"])
            _check_background(manifest.get("background", {}), contigs)
            _check_whole_sequences(manifest.get("whole_sequences"), contigs)
        except (*_DAMAGE, OptionError) as cause:
            raise EncodedSetError(
                f"{folder / MANIFEST}: damaged ({type(cause).__name__}: {cause}); {_AGAIN}"
            ) from cause
        size = sum(contig.length for contig in contigs)
        codes = _load(folder / CODES, size, np.dtype(np.uint8))
        _check_codes(folder / CODES)
        labels = _load(folder / LABELS, size, label_dtype(len(classes)))
        for file, state in states.items():
            check_state(file, state, EncodedSetError)
        offsets = {contig.name: contig.offset for contig in contigs}
        return cls(folder, codes, labels, contigs, classes, mask, digest, manifest, offsets)

    def contig_splits(self, name: str) -> list[SplitInterval]:
        """Return the pieces of a split as (contig, start, end), in the order of the contigs.

        Parameters
        ----------
        name : str
            "train", "val" or "test".
        """
        return [
            SplitInterval(contig, start, end)
            for contig, start, end in self.manifest["splits"][name]
        ]

    def split(self, name: str) -> NDArray[np.int64]:
        """Return the pieces of a split as positions in `codes` and `labels`.

        Parameters
        ----------
        name : str
            "train", "val" or "test".

        Returns
        -------
        spans : ndarray, (n, 2) int64
            Half-open, sorted. No span goes past the end of its contig. Two spans that touch
            belong to different contigs.
        """
        spans = [
            (self._offsets[contig] + start, self._offsets[contig] + end)
            for contig, start, end in self.manifest["splits"][name]
        ]
        return np.array(sorted(spans), dtype=np.int64).reshape(-1, 2)

    def natural(self) -> EncodedSet:
        """Return the same set without the contigs of `encode --background` in the train split.

        Shares of bases, matrices of sites and validation are about sequence as it is.
        """
        added = set(self.manifest.get("background", {}).get("contigs", ()))
        if not added:
            return self
        train = [piece for piece in self.manifest["splits"]["train"] if piece[0] not in added]
        splits = self.manifest["splits"] | {"train": train}
        return replace(self, manifest=self.manifest | {"splits": splits})

    @property
    def whole_sequences(self) -> bool:
        """Whether each contig is a sequence whose labels are those of the whole.

        All of its bases, on both strands, then have the labels of its classes.
        """
        return "whole_sequences" in self.manifest

    @property
    def summits(self) -> dict[str, int]:
        """Summits of whole sequences, from their first base, by name; not all have one."""
        return dict(self.manifest.get("whole_sequences", {}).get("summits", {}))

    def only(self, class_name: str) -> EncodedSet:
        """Return the same set with one class: bases of other classes are background in it.

        Labels are made from those on disk when they are read.
        """
        number = [name for name, _ in self.classes].index(class_name)
        labels: Any = _LabelsOfClass(self.labels, number)
        return replace(self, classes=(self.classes[number],), labels=labels)


class _LabelsOfClass:
    """Labels of one class alone, read like the array (N,) of the labels of all classes."""

    def __init__(self, labels: NDArray[np.unsignedinteger], number: int) -> None:
        self._labels = labels
        self._shift = class_bits(number, "+").bit_length() - class_bits(0, "+").bit_length()
        self.dtype = label_dtype(1)
        self.shape = labels.shape

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, key: Any) -> NDArray[np.unsignedinteger]:
        labels = self._labels[key]
        kind = labels.dtype.type
        own = (labels >> kind(self._shift)) & kind(class_bits(0, "."))
        return np.asarray(own | (labels & kind(IGNORE_BIT)), self.dtype)

    def view(self, kind: type) -> _LabelsOfClass:
        """Return the same labels, like `view(np.ndarray)`: what is read is a plain array."""
        assert kind is np.ndarray
        return self

    def __array__(self, *given: Any, **options: Any) -> NDArray[Any]:
        return np.array(self[:], *given, **options)


def _read_manifest(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise EncodedSetError(f"{folder}: no such folder; make it with dnabirnn encode")
    path = folder / MANIFEST
    try:
        manifest = read_json(path)
    except FileNotFoundError as cause:
        raise EncodedSetError(
            f"{folder}: not an encoded set, because it has no {MANIFEST}; make one with "
            "dnabirnn encode"
        ) from cause
    except (OSError, ValueError) as cause:
        raise EncodedSetError(f"{path}: cannot be read ({cause}); {_AGAIN}") from cause
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise EncodedSetError(f"{path}: not the manifest of an encoded set; {_AGAIN}")
    found = manifest.get("format_version")
    if not isinstance(found, int) or found < 1:
        raise EncodedSetError(
            f"{path}: format version {found!r} is not a positive integer; {_AGAIN}"
        )
    if found > FORMAT_VERSION:
        raise EncodedSetError(
            f"{path}: format version {found}, this dnabirnn reads up to {FORMAT_VERSION}; "
            "upgrade dnabirnn"
        )
    return manifest


def _check_layout(contigs: Sequence[EncodedContig], splits: Mapping[str, Any]) -> None:
    """Raise ValueError for invalid contigs or splits."""
    offset = 0
    for contig in contigs:
        if contig.offset != offset or contig.length < 0:
            raise ValueError(f"contig {contig.name!r} does not follow the one before it")
        offset += contig.length
    lengths = {contig.name: contig.length for contig in contigs}
    if len(lengths) != len(contigs) or not all(map(is_printable, lengths)):
        raise ValueError("two contigs have the same name, or a name cannot be printed")
    if set(splits) != set(SPLITS):
        raise ValueError(f"splits are not {', '.join(SPLITS)}")
    pieces = sorted((*piece,) for pieces in splits.values() for piece in pieces)
    last = ("", 0)
    for contig_name, start, end in pieces:
        whole = type(start) is int and type(end) is int
        if not whole or not 0 <= start < end <= lengths[contig_name]:
            raise ValueError(f"split {contig_name}:{start}-{end} lies outside its contig")
        if last[0] == contig_name and start < last[1]:
            raise ValueError(f"splits overlap at {contig_name}:{start}")
        last = (contig_name, end)


def _check_inputs(inputs: Mapping[str, Any]) -> None:
    """Raise ValueError if the inputs are not names and digests of files."""
    files = [file for kind in inputs.values() for file in kind]
    if not all(isinstance(file[key], str) for file in files for key in ("name", "sha256")):
        raise ValueError("inputs are not digests of files")


def _check_background(background: Mapping[str, Any], contigs: Sequence[EncodedContig]) -> None:
    """Raise ValueError if the contigs with pasted sites are not contigs of the set."""
    if not set(background.get("contigs", ())) <= {contig.name for contig in contigs}:
        raise ValueError("background names contigs that the set does not have")


def _check_whole_sequences(whole: Any, contigs: Sequence[EncodedContig]) -> None:
    """Raise ValueError if a summit does not lie in its sequence."""
    lengths = {contig.name: contig.length for contig in contigs}
    for name, summit in ({} if whole is None else whole["summits"]).items():
        if type(summit) is not int or not 0 <= summit < lengths[name]:
            raise ValueError(f"summit {summit!r} lies outside {name!r}")


def _load(path: Path, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Memory-map an array, and check that it matches the manifest.

    NumPy's own reader also accepts pickles, archives and headers of any length. `encode` writes
    none of these, so they are refused here.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a regular file")
        with path.open("rb") as file:
            head = file.read(_MOST_HEADER_BYTES)
        array = _HEADER.match(head)
        if array is None:
            raise ValueError("its header is not one that encode writes")
        kind, found = np.dtype(array[1].decode()), int(array[2])
        if kind == dtype and path.stat().st_size != array.end() + found * dtype.itemsize:
            raise ValueError(f"its size does not match the {found} values in its header")
    except FileNotFoundError as cause:
        raise EncodedSetError(f"{path}: no such file; {_AGAIN}") from cause
    except (OSError, TypeError, ValueError) as cause:
        raise EncodedSetError(f"{path}: damaged or cut short ({cause}); {_AGAIN}") from cause
    if found != size or kind != dtype:
        raise EncodedSetError(
            f"{path}: {kind} of shape {(found,)}, the manifest says {dtype} of ({size},); {_AGAIN}"
        )
    return np.memmap(path, dtype, "r", array.end(), (size,))


def _check_codes(path: Path) -> None:
    """Raise if a value is not a code: kernels use codes as indices without checking them."""
    buffer = np.empty(_CHECKED_BYTES, np.uint8)
    with path.open("rb") as file:
        head = _HEADER.match(file.read(_MOST_HEADER_BYTES))
        file.seek(head.end() if head else 0)
        # The file is read and not mapped, because mapped pages would count as used memory.
        while count := file.readinto(buffer.data):
            if buffer[:count].max() > AMBIGUOUS:
                raise EncodedSetError(
                    f"{path}: damaged: it holds values that are not codes; {_AGAIN}"
                )
