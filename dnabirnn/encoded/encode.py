"""Encoding: write an encoded set from FASTA and labels, contig by contig."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.encoded.array_file import ArrayFile
from dnabirnn.encoded.backgrounds import Backgrounds, Pasting
from dnabirnn.encoded.encoded_set import (
    CODES,
    FORMAT,
    FORMAT_VERSION,
    LABELS,
    MANIFEST,
    EncodedContig,
    EncodedSet,
    MaskMode,
)
from dnabirnn.encoded.splits import SPLITS, FractionSplit, SplitInterval, SplitPlan
from dnabirnn.encoded.summary import count
from dnabirnn.errors import EncodedSetError, FastaError, OutputError
from dnabirnn.files import (
    MOST_BYTES,
    check_read,
    listed,
    note_written,
    read_json,
    temporary_path,
)
from dnabirnn.intervals import Regions
from dnabirnn.labels import IGNORE_BIT, IGNORED, Labels, class_bits
from dnabirnn.sequences import Record, read_fasta

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike

__all__ = ["check_folder", "encode_genome", "fitting", "rehearse"]

_REPLACE_ATTEMPTS = 10
"""Number of attempts to move the new folder into place while another process does the same."""


def encode_genome(
    fasta_paths: Sequence[PathLike],
    labels: Labels,
    out_dir: PathLike,
    *,
    split: SplitPlan | None = None,
    mask: MaskMode | str = MaskMode.NONE,
    exclude: Regions | None = None,
    origin: Mapping[str, Any] | None = None,
    records: Iterable[Record] | None = None,
    backgrounds: Backgrounds | None = None,
    whole_sequences: Mapping[str, Any] | None = None,
    progress: Callable[[int], object] | None = None,
) -> EncodedSet:
    """Write an encoded set, contig by contig.

    Memory grows with the longest contig: per base, one byte for codes, one for case, and one to
    eight for labels.

    Parameters
    ----------
    fasta_paths : sequence of str or PathLike
        Files as for `read_fasta`; each is read once.
    labels : Labels
    out_dir : str or PathLike
        Folder to write. If it is an encoded set already, it is replaced once the new one is
        complete. Any other folder must be empty.
    split : SplitPlan, optional
        How to split the genome; by default ``FractionSplit()``.
    mask : MaskMode or str
        Meaning of lower-case letters.
    exclude : Regions, optional
        Bases to ignore in loss and metrics.
    origin : mapping, optional
        Manifest entries about sequences or labels that do not come from files as they are, such as
        `MotifSearch.origin()`.
    records : iterable of Record, optional
        Sequences to encode in place of those of `fasta_paths`, with case.
    backgrounds : Backgrounds, optional
        Sequences to paste training sites into. The train split gets the contigs that
        `dnabirnn.encoded.backgrounds` describes.
    whole_sequences : mapping, optional
        Given if each contig is a sequence whose labels are those of the whole: the entry of the
        manifest (`LabelledSequences.description`).
    progress : callable, optional
        Called with the size of each finished contig, in bases.

    Returns
    -------
    encoded : EncodedSet

    Raises
    ------
    FastaError, LabelError, OptionError
        If inputs cannot be read or do not fit together.
    EncodedSetError
        If a class has no labelled base in the training split, or there are too many contigs. With
        `backgrounds`, also if the validation split lacks a class.
    OutputError
        If the folder cannot be written.
    """
    target = Path(os.path.realpath(out_dir))
    partial = temporary_path(target)
    try:
        check_folder(out_dir)
        partial.mkdir()
        writer = _Writer(partial, labels, MaskMode(mask), exclude, backgrounds, whole_sequences)
        manifest = writer.write(fasta_paths, records, split or FractionSplit(), progress)
        manifest["inputs"] |= (origin or {}).get("inputs", {})
        manifest |= {key: value for key, value in (origin or {}).items() if key != "inputs"}
        text = _json(manifest).encode()
        if len(text) > MOST_BYTES:
            raise EncodedSetError(
                f"{out_dir}: {len(manifest['contigs']):,} contigs are too many for the manifest of "
                "an encoded set; leave out the shortest, or join contigs with 200 N between them"
            )
        (partial / MANIFEST).write_bytes(text)
        check_read()
        _replace(partial, target)
        note_written(target)
    except OSError as cause:
        raise OutputError(
            f"{out_dir}: cannot be written: {cause.strerror or cause}; free some space, or choose "
            "another folder"
        ) from cause
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return EncodedSet.open(out_dir)


def rehearse(pieces: Iterable[tuple[str, Codes]], labels: Labels, mask: MaskMode | str) -> float:
    """Encode stretches of sequence into a temporary folder, to measure the time.

    Parameters
    ----------
    pieces : iterable of (str, ndarray (L,) uint8)
        Names and codes; names are unique.
    labels : Labels
    mask : MaskMode or str

    Returns
    -------
    seconds : float
        Time to encode the pieces, without the time to read them.
    """
    with tempfile.TemporaryDirectory(prefix="dnabirnn-") as folder:
        writer = _Writer(Path(folder), labels, MaskMode(mask), None)
        begun = time.monotonic()
        for name, codes in pieces:
            writer.add(Record(name, codes, np.zeros(len(codes), np.bool_)))
        writer.close()
        whole = [SplitInterval(name, 0, length) for name, _, length in writer.contigs.values()]
        count(_Bases(writer), dict.fromkeys(SPLITS, ()) | {"train": whole}, labels)
        return time.monotonic() - begun


def _json(manifest: Mapping[str, Any]) -> str:
    """Sorted JSON with one line per entry; full indentation is slow for 100,000 contigs."""
    lines = (
        f"{json.dumps(key)}: {json.dumps(manifest[key], sort_keys=True, ensure_ascii=False)}"
        for key in sorted(manifest)
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def fitting(
    fasta_paths: Sequence[PathLike],
    labels: Labels,
    exclude: Regions | None,
    plan: SplitPlan,
    lengths: Mapping[str, int],
) -> tuple[Labels, dict[str, list[SplitInterval]]]:
    """Check that inputs fit together; return labels with the FASTA's contig names, and the splits.

    The contigs in `lengths` are in the order of the files.

    Raises
    ------
    FastaError, LabelError, OptionError
        If inputs do not fit together.
    """
    if not any(lengths.values()):
        raise FastaError(f"{fasta_paths[0]}: every record is empty; give sequences")
    labels.check_contigs(lengths)
    for regions in (exclude, labels.negatives):
        if regions is not None:
            regions.check_contigs(lengths)
    labels = labels.renamed(lengths)
    rows = labels.frame
    sites = Regions(rows.filter(rows["class"] != IGNORED))
    labelled = {name: sites.of(name) for name in sites.names if name in lengths}
    return labels, plan.resolve(lengths, labelled)


def check_folder(out_dir: PathLike) -> None:
    """Raise OutputError if the folder cannot be used, before any work is done."""
    target = Path(os.path.realpath(out_dir))
    if target.is_symlink():
        raise OutputError(f"{out_dir}: a symbolic link that leads to itself; remove it")
    if not target.parent.is_dir():
        raise OutputError(f"{out_dir}: there is no folder {target.parent}; create it first")
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"{out_dir}: is a file; name a folder")
    if any(target.iterdir()) and not _is_encoded_set(target):
        raise OutputError(f"{out_dir}: is not empty and not an encoded set; name another folder")


def _is_encoded_set(folder: Path) -> bool:
    """Whether a folder may be replaced: it holds only files that `encode` writes."""
    with suppress(OSError, ValueError):
        manifest = read_json(folder / MANIFEST)
        ours = isinstance(manifest, dict) and manifest.get("format") == FORMAT
        return ours and {entry.name for entry in folder.iterdir()} <= {CODES, LABELS, MANIFEST}
    return False


def _replace(partial: Path, target: Path) -> None:
    """Move the new folder to the place of the old one."""
    old = temporary_path(target)
    for _ in range(_REPLACE_ATTEMPTS):
        with suppress(FileNotFoundError):
            target.rename(old)
        try:
            partial.rename(target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                with suppress(FileNotFoundError):
                    old.rename(target)
                raise
            # Another process with the same target has moved its folder there in the meantime.
            shutil.rmtree(old, ignore_errors=True)
        else:
            shutil.rmtree(old, ignore_errors=True)
            return
    raise OutputError(f"{target}: another run is writing it; wait until that run has ended")


class _Writer:
    """Writer of the arrays of an encoded set, from records to manifest."""

    def __init__(
        self,
        folder: Path,
        labels: Labels,
        mask: MaskMode,
        exclude: Regions | None,
        backgrounds: Backgrounds | None = None,
        whole_sequences: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.labels, self.mask, self.exclude = folder, labels, mask, exclude
        self.backgrounds, self.whole_sequences = backgrounds, whole_sequences
        self.contigs: dict[str, EncodedContig] = {}
        self.codes_file = ArrayFile(folder / CODES, np.dtype(np.uint8))
        self.labels_file = ArrayFile(folder / LABELS, labels.table.dtype)
        # Case is counted per split, and splits are known only after the last contig. So case is
        # kept on disk, with one bit per base.
        self.case_file = ArrayFile(folder / "case.npy", np.dtype(np.uint8))
        self.case_offsets: dict[str, int] = {}

    def write(
        self,
        fasta_paths: Sequence[PathLike],
        records: Iterable[Record] | None,
        plan: SplitPlan,
        progress: Callable[[int], object] | None,
    ) -> dict[str, Any]:
        """Write the arrays, and return the manifest."""
        digests: dict[str, str] = {}
        hard = self.mask is MaskMode.HARD
        if records is None:
            records = read_fasta(*fasta_paths, case=True, hard_mask=hard, digests=digests)
        try:
            for record in records:
                self.add(record)
                if progress:
                    progress(len(record.codes))
                del record
        finally:
            self.close()
        lengths = {contig.name: contig.length for contig in self.contigs.values()}
        self.labels, splits = fitting(fasta_paths, self.labels, self.exclude, plan, lengths)
        added = {} if self.backgrounds is None else self._add_backgrounds(self.backgrounds, splits)
        summary = self._summary(splits)
        return self._manifest(splits, summary, digests) | added

    def close(self) -> None:
        """Close the files, so that they can be read."""
        for file in self._files:
            file.close()

    @property
    def _files(self) -> tuple[ArrayFile, ...]:
        return self.codes_file, self.labels_file, self.case_file

    def add(self, record: Record) -> None:
        """Write one contig."""
        name, length = record.name, len(record.codes)
        assert record.lower is not None, "read with case=True"
        excluded = None if self.exclude is None else self.exclude.of(name)
        labels = self.labels.paint(name, length, excluded)
        if self.mask is MaskMode.LOSS:
            labels[record.lower] |= labels.dtype.type(IGNORE_BIT)
        self._append(name, record.codes, labels, record.lower)

    def _append(
        self,
        name: str,
        codes: Codes,
        labels: NDArray[np.unsignedinteger],
        lower: NDArray[np.bool_],
    ) -> None:
        self.contigs[name] = EncodedContig(name, self.codes_file.size, len(codes))
        self.case_offsets[name] = self.case_file.size
        self.codes_file.append(codes)
        self.labels_file.append(labels)
        self.case_file.append(np.packbits(lower))

    def _add_backgrounds(
        self, backgrounds: Backgrounds, splits: dict[str, list[SplitInterval]]
    ) -> dict[str, Any]:
        """Add contigs to the files and to the train split; return entries for the manifest."""
        bases, names = _Bases(self), [name for name, _ in self.labels.classes]
        _check_validation(bases, splits["val"], names)
        if not splits["train"]:
            return {}
        pasting = Pasting(backgrounds, bases, splits["train"], len(names))
        added, sites = [], 0
        for contig in pasting.contigs():
            if contig.name in self.contigs:
                raise FastaError(
                    f"record {contig.name!r}: --background adds a contig of this name; rename the "
                    "record"
                )
            # What is written is closed, so that the sites can be read.
            for file in self._files:
                file.reopen()
            self._append(
                contig.name, contig.codes, contig.labels, np.zeros_like(contig.codes, bool)
            )
            self.close()
            splits["train"].append(SplitInterval(contig.name, 0, len(contig.codes)))
            added.append(contig.name)
            sites += contig.sites
        return {"background": backgrounds.description() | {"contigs": added, "sites": sites}}

    def _summary(self, splits: Mapping[str, Sequence[SplitInterval]]) -> dict[str, Any]:
        summary = count(_Bases(self), splits, self.labels)
        self.case_file.path.unlink()
        for name, strands in summary["classes"].items():
            if not any(numbers["train"]["bases"] for numbers in strands.values()):
                raise EncodedSetError(
                    f"class {name!r} has no labelled base in the training split that is not "
                    "ignored or N; choose another split, or leave the class out with --classes"
                )
        return summary

    def _inputs(self, fasta: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
        """Digests of the input files, by kind of input."""
        inputs = {"fasta": fasta, "labels": self.labels.digests}
        if self.labels.negatives is not None:
            inputs["negatives"] = self.labels.negatives.digests
        if self.backgrounds is not None and self.backgrounds.digests:
            inputs["background"] = self.backgrounds.digests
        return inputs

    def _manifest(
        self,
        splits: Mapping[str, Sequence[SplitInterval]],
        summary: Mapping[str, Any],
        digests: Mapping[str, str],
    ) -> dict[str, Any]:
        meaning: dict[str, Any] = {
            "contigs": [contig._asdict() for contig in self.contigs.values()],
            "splits": {name: [list(piece) for piece in splits[name]] for name in SPLITS},
            "classes": [motif_class._asdict() for motif_class in self.labels.classes],
            "mask": self.mask.value,
        }
        if self.whole_sequences is not None:
            meaning["whole_sequences"] = dict(self.whole_sequences)
        arrays = [self.codes_file.digest.hexdigest(), self.labels_file.digest.hexdigest()]
        canonical = json.dumps([meaning, arrays], sort_keys=True, separators=(",", ":"))
        return meaning | {
            "format": FORMAT,
            "format_version": 1 if self.whole_sequences is None else FORMAT_VERSION,
            "tool_version": _tool_version(),
            "digest": hashlib.sha256(canonical.encode("utf-8")).hexdigest(),
            "ignore_classes": list(self.labels.table.ignore),
            "excluded": self.exclude is not None,
            "reading": dict(self.labels.origin.reading),
            "inputs": {kind: listed(own) for kind, own in self._inputs(digests).items()},
            "summary": summary,
        }


def _check_validation(bases: _Bases, val: Sequence[SplitInterval], names: Sequence[str]) -> None:
    """Raise if a validation split lacks a class.

    Training would then hold out some training sites, of which the backgrounds have copies.
    """
    present = 0
    for piece in val:
        labels = bases.labels(piece)
        counted = labels[(labels & labels.dtype.type(IGNORE_BIT)) == 0]
        present |= int(np.bitwise_or.reduce(counted, initial=0))
    for number, name in enumerate(names):
        if val and not present & class_bits(number, "."):
            raise EncodedSetError(
                f"class {name!r} has no site in the validation split, so training would hold out "
                "training sites, of which --background makes copies; choose a split with sites of "
                "every class, or leave out --background"
            )


def _tool_version() -> str:
    try:
        return version("dnabirnn")
    except PackageNotFoundError:
        return "unknown"


class _Bases:
    """Arrays of a writer, read by contig and position."""

    def __init__(self, writer: _Writer) -> None:
        self._contigs = writer.contigs
        self._codes, self._labels = writer.codes_file, writer.labels_file
        self._case, self._case_offsets = writer.case_file, writer.case_offsets

    def codes(self, piece: SplitInterval) -> Codes:
        return self._codes.read(*self._place(piece))

    def labels(self, piece: SplitInterval) -> NDArray[np.unsignedinteger]:
        return self._labels.read(*self._place(piece))

    def masked(self, piece: SplitInterval) -> int:
        first = piece.start // 8
        offset = self._case_offsets[piece.contig]
        bits = np.unpackbits(self._case.read(offset + first, offset + -(-piece.end // 8)))
        return int(np.count_nonzero(bits[piece.start - 8 * first : piece.end - 8 * first]))

    def _place(self, piece: SplitInterval) -> tuple[int, int]:
        offset = self._contigs[piece.contig].offset
        return offset + piece.start, offset + piece.end
