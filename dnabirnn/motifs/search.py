"""Search for motifs: the motifs, the largest p-value of a site, and the peaks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.errors import FastaError, MotifError, OptionError
from dnabirnn.files import is_stream, listed
from dnabirnn.intervals import Regions
from dnabirnn.motifs.motif import read_motifs
from dnabirnn.motifs.scanner import Scanner
from dnabirnn.names import is_printable, shortened
from dnabirnn.sequences import read_fasta

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.motifs.motif import Motif

__all__ = ["PVALUE", "MotifSearch", "check_repeatable", "read_search"]

PVALUE = 1e-4
"""Default of FIMO. With both strands, one site per motif in 5,000 random bases is expected."""
_CHUNK_BP = 1 << 22


@dataclass(frozen=True)
class MotifSearch:
    """Settings of a search for motifs.

    Attributes
    ----------
    motifs : tuple of Motif
    source : str
        Name of the motif file, for messages.
    pvalue, gc : float
        As for `Scanner`.
    class_name : str, optional
        Class of all sites. By default, the class of a site is the name of its motif.
    within : Regions, optional
        Peaks. Sites that lie wholly in a peak count as bound.
    hard_mask : bool
        Read lower-case letters as N.
    digests : mapping of str to mapping
        For "motifs" and, with peaks, "within": SHA-256 of each file, by its basename.
    """

    motifs: tuple[Motif, ...]
    source: str
    pvalue: float = PVALUE
    gc: float = 0.5
    class_name: str | None = None
    within: Regions | None = None
    hard_mask: bool = False
    digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def class_of(self, motif: Motif) -> str:
        """Return the class of the sites of a motif."""
        return self.class_name or motif.name

    @property
    def names(self) -> list[str]:
        """Names of the classes, in alphabetical order."""
        return sorted({self.class_of(motif) for motif in self.motifs})

    def origin(self) -> dict[str, Any]:
        """Return the manifest entries of labels from this search: `inputs` and `motifs`."""
        return {
            "inputs": {kind: listed(files) for kind, files in self.digests.items()},
            "motifs": {"pvalue": self.pvalue, "gc": self.gc},
        }


def read_search(
    motifs_path: PathLike,
    fasta_paths: Sequence[PathLike],
    *,
    pvalue: float = PVALUE,
    gc: float | None = None,
    class_name: str | None = None,
    names: Sequence[str] = (),
    within_path: PathLike | None = None,
    hard_mask: bool = False,
) -> MotifSearch:
    """Set up a search for the motifs of a file.

    Parameters
    ----------
    motifs_path : str or PathLike
        File as for `read_motifs`.
    fasta_paths : sequence of str or PathLike
        Sequences to search. They are read here, for their composition, unless `gc` is given.
    pvalue, class_name, hard_mask
        As in `MotifSearch`.
    gc : float, optional
        Share of G and C; by default that of the sequences, to four decimals.
    names : sequence of str
        Classes to search for; by default all.
    within_path : str or PathLike, optional
        BED file of peaks.

    Raises
    ------
    MotifError, LabelError, FastaError
        If a file cannot be read, or no motif has a class in `names`.
    OptionError
        If a value is out of range, sequences can be read only once and `gc` is not given, or the
        package lightmotif is missing.
    """
    digests: dict[str, dict[str, str]] = {"motifs": {}}
    if class_name is not None and (class_name.strip() in ("", ".") or not is_printable(class_name)):
        raise OptionError(
            f"--class {class_name!r}: not a class name; give one of printable characters"
        )
    motifs = tuple(read_motifs(motifs_path, digests=digests["motifs"]))
    within = None
    if within_path is not None:
        within = Regions.read(within_path)
        digests["within"] = within.digests
    search = MotifSearch(
        motifs=motifs,
        source=str(motifs_path),
        pvalue=pvalue,
        gc=0.5 if gc is None else gc,
        class_name=class_name,
        within=within,
        hard_mask=hard_mask,
        digests=digests,
    )
    search = _narrowed(search, names)
    # Check the numbers before reading the sequences, which may take long.
    Scanner((), search.pvalue, search.gc)
    return search if gc is not None else replace(search, gc=_composition(fasta_paths, hard_mask))


def _narrowed(search: MotifSearch, names: Sequence[str]) -> MotifSearch:
    """Limit a search to some classes; keep all if `names` is empty."""
    for name in names:
        if name not in search.names:
            raise MotifError(
                f"{search.source}: no motif has class {name!r}; the motifs have "
                f"{shortened(search.names)}"
            )
    chosen = tuple(m for m in search.motifs if not names or search.class_of(m) in names)
    return replace(search, motifs=chosen)


def _composition(fasta_paths: Sequence[PathLike], hard_mask: bool) -> float:
    """Share of G and C among A, C, G and T, to four decimals."""
    check_repeatable(fasta_paths, "give the share of G and C with --gc, or name a file")
    strong = known = 0
    for record in read_fasta(*fasta_paths, hard_mask=hard_mask):
        for start in range(0, len(record.codes), _CHUNK_BP):
            counts = np.bincount(record.codes[start : start + _CHUNK_BP], minlength=4)[:4]
            strong += int(counts[1] + counts[2])
            known += int(counts.sum())
        del record  # frees its memory before the next contig is read
    if not known:
        raise FastaError(f"{fasta_paths[0]}: no A, C, G or T to search; give sequences")
    return round(strong / known, 4)


def check_repeatable(fasta_paths: Sequence[PathLike], remedy: str) -> None:
    """Raise OptionError for standard input and pipes, which can be read only once."""
    for path in fasta_paths:
        if is_stream(path):
            raise OptionError(
                f"{os.fspath(path)}: can be read only once, and a search for motifs reads "
                f"sequences more than once; {remedy}"
            )
