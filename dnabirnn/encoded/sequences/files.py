"""Positive and negative sequences from files of sequences or intervals."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.encoded.sequences.genomic import Interval, cut_out, draw_negatives
from dnabirnn.encoded.sequences.labelled import LabelledSequence, place_of
from dnabirnn.errors import LabelError, OptionError
from dnabirnn.files import file_name, is_address, is_stream, read_blocks
from dnabirnn.intervals import Regions, check_empty, parse_bed
from dnabirnn.sequences import contig_lengths, read_fasta

if TYPE_CHECKING:
    from dnabirnn.files import PathLike

__all__ = ["GENOMIC", "SHUFFLED", "class_of_file", "read_files"]

logger = logging.getLogger(__name__)

SHUFFLED, GENOMIC = "shuffled", "genomic"
"""Values of `--negatives` that are not files."""

_PEAKS = (".bed", ".narrowpeak", ".broadpeak")
_ENDINGS = (*_PEAKS, ".fasta", ".fa", ".fna", ".fastq", ".fq", ".2bit", ".txt")
_SUMMIT_COLUMN = 9  # from 0: that of narrowPeak


class _Source(NamedTuple):
    """A file of sequences or intervals, and the classes of all of them."""

    path: str
    classes: frozenset[str]

    @property
    def has_intervals(self) -> bool:
        return file_name(self.path).lower().removesuffix(".gz").endswith(_PEAKS)


def class_of_file(given: str) -> tuple[str, str]:
    """Return the class and the path of `--positives [NAME=]FILE`.

    Examples
    --------
    >>> class_of_file("PU.1=pu1.fa"), class_of_file("peaks/ctcf.narrowPeak.gz")
    (('PU.1', 'pu1.fa'), ('ctcf', 'peaks/ctcf.narrowPeak.gz'))
    """
    name, equals, path = given.partition("=")
    if equals and name and not is_address(given) and not os.path.exists(given):
        return name, path
    stem = file_name(given).removesuffix(".gz")
    ending = next((end for end in _ENDINGS if stem.lower().endswith(end)), "")
    return stem[: len(stem) - len(ending)] or given, given


def read_files(
    positives: Sequence[str],
    negatives: str | None,
    genome: Sequence[PathLike],
    *,
    summits: bool = False,
    hard_mask: bool = False,
    seed: int = 0,
    digests: dict[str, dict[str, str]] | None = None,
) -> list[LabelledSequence]:
    """Return positive and negative sequences.

    Parameters
    ----------
    positives : sequence of str
        `[NAME=]FILE` for each class; files of sequences, or of intervals of the genome (BED,
        narrowPeak, broadPeak). Several files can have the same class.
    negatives : str, optional
        A file, "shuffled" or "genomic".
    genome : sequence of str or PathLike
        FASTA files that intervals and genomic negatives come from.
    summits : bool
        Read the summits of intervals from column 10, as in narrowPeak.
    hard_mask : bool
        Read lower case as N.
    seed : int
        Seed of shuffles and draws.
    digests : dict, optional
        The digests of "positives", "negatives" and "fasta" are added.

    Returns
    -------
    sequences : list of LabelledSequence
        A sequence of the same name in several files has the classes of all of them.

    Raises
    ------
    FastaError, LabelError, OptionError
        A file cannot be read, or files do not fit together.
    """
    read: dict[str, dict[str, str]] = {} if digests is None else digests
    sources = [_Source(path, frozenset([name])) for name, path in map(class_of_file, positives)]
    drawn = negatives in (SHUFFLED, GENOMIC)
    others = [] if negatives is None or drawn else [_Source(negatives, frozenset())]
    both = [*sources, *others]
    if (negatives == GENOMIC or any(one.has_intervals for one in both)) and not genome:
        needing = next((one.path for one in both if one.has_intervals), "--negatives genomic")
        raise OptionError(f"{needing}: needs the genome; give its FASTA files")
    if summits and not any(one.has_intervals for one in sources):
        raise OptionError("--summits: applies to positives as BED or narrowPeak; remove it")
    intervals: list[Interval] = []
    found: dict[str, LabelledSequence] = {}
    for source in both:
        own = read.setdefault("positives" if source.classes else "negatives", {})
        if source.has_intervals:
            intervals += _intervals(source, summits and bool(source.classes), own)
            continue
        for name, codes, lower in read_fasta(
            source.path, case=True, hard_mask=hard_mask, digests=own
        ):
            assert lower is not None, "read with case=True"
            if len(codes):
                one = LabelledSequence(name, codes, lower, source.classes, place=place_of(name))
                _add(found, one, source.path)
    if genome and not (intervals or negatives == GENOMIC):
        raise OptionError(
            f"{genome[0]}: no positives or negatives are intervals of a genome; leave out the FASTA"
        )
    if intervals:
        of_fasta = read.setdefault("fasta", {})
        records = read_fasta(*genome, case=True, hard_mask=hard_mask, digests=of_fasta)
        for one in cut_out(records, intervals):
            _add(found, one, "the intervals")
    known = list(found.values())
    if not any(one.classes for one in known):
        raise LabelError(f"{positives[0]}: every record is empty; give sequences")
    if negatives == SHUFFLED:
        known += _shuffles(known, seed)
    elif negatives == GENOMIC:
        known += _genomic(known, genome, hard_mask, seed)
    return known


def _intervals(source: _Source, summits: bool, digests: dict[str, str]) -> list[Interval]:
    """Read the intervals of a file."""
    frame = parse_bed(
        read_blocks(source.path, LabelError, digests),
        source.path,
        True,
        name_column=_SUMMIT_COLUMN if summits else None,
        tolerant=True,
    )
    check_empty(frame, source.path)
    found = []
    for row in frame.iter_rows(named=True):
        line = f"{source.path}, line {row['line']}"
        start, end, offset = row["start"], row["end"], None
        if summits:
            text = row["name"] or ""
            if not text.lstrip("-").isdigit():
                raise LabelError(
                    f"{line}: no summit in column 10 ({text!r}); give narrowPeak files, or leave "
                    "out --summits"
                )
            offset = int(text)
            if not -1 <= offset < end - start:
                raise LabelError(
                    f"{line}: a summit {offset} bases from the start lies outside the interval of "
                    f"{end - start} bases; correct the row"
                )
            offset = None if offset < 0 else offset
        found.append(Interval(row["chrom"], start, end, source.classes, offset, line))
    return found


def _add(found: dict[str, LabelledSequence], one: LabelledSequence, path: str) -> None:
    """Add a sequence, or its classes if it is known."""
    other = found.get(one.name)
    if other is None:
        found[one.name] = one
        return
    if not np.array_equal(other.codes, one.codes):
        raise LabelError(
            f"{path}: another sequence has the name {one.name!r} too; rename one of them"
        )
    if bool(other.classes) != bool(one.classes):
        raise LabelError(
            f"{path}: {one.name!r} is both a positive and a negative; remove it from one file"
        )
    found[one.name] = LabelledSequence(
        one.name,
        one.codes,
        one.lower,
        one.classes | other.classes,
        place=one.place,
        summit=other.summit if one.summit is None else one.summit,
    )


def _shuffles(positives: Sequence[LabelledSequence], seed: int) -> list[LabelledSequence]:
    """Return a shuffle of each sequence that keeps the numbers of pairs of neighboring bases."""
    from dnabirnn.sequences import shuffled  # loads Numba

    random = np.random.default_rng(seed)
    return [
        LabelledSequence(
            f"{one.name}:{SHUFFLED}",
            shuffled(one.codes, int(random.integers(1 << 63))),
            np.zeros_like(one.lower),
            frozenset(),
            place=one.place,
            origin=one.name,
        )
        for one in positives
    ]


def _genomic(
    positives: Sequence[LabelledSequence], genome: Sequence[PathLike], hard_mask: bool, seed: int
) -> list[LabelledSequence]:
    """Return a sequence of the genome for each positive."""
    if any(map(is_stream, genome)):
        raise OptionError(
            "--negatives genomic: reads the FASTA several times, which is not possible from "
            "standard input or a pipe; give a file"
        )
    lengths = contig_lengths(*genome)
    placed = [one for one in positives if one.place is not None and one.place.contig in lengths]
    if len(placed) < len(positives):
        logger.warning(
            "--negatives genomic: the place of %d of %d positives in the genome is not known, so "
            "that negatives may overlap them",
            len(positives) - len(placed),
            len(positives),
        )
    spans = [
        (one.place.contig, one.place.start, one.place.start + len(one.codes))
        for one in placed
        if one.place is not None
    ]
    columns = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}
    taken = Regions(pl.DataFrame(spans, columns, orient="row"))
    records = read_fasta(*genome, case=hard_mask)
    drawn = draw_negatives(records, lengths, positives, taken, seed, hard_mask=hard_mask)
    return list(cut_out(read_fasta(*genome, case=True, hard_mask=hard_mask), drawn))
