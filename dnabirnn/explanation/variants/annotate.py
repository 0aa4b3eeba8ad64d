"""Variants of a VCF or BCF, from file to file."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.errors import OptionError, VariantError
from dnabirnn.explanation.reach import reach_of
from dnabirnn.explanation.variants.output import frame_of, open_variants
from dnabirnn.explanation.variants.stream import (
    Contigs,
    VariantSettings,
    bases_around,
    variant_changes,
)
from dnabirnn.explanation.variants.vcf import VariantFile
from dnabirnn.files import OutputFiles, is_address, is_stream
from dnabirnn.names import shortened
from dnabirnn.scoring import bases_needed
from dnabirnn.sequences import contig_lengths, has_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterator, Sequence

    import polars as pl

    from dnabirnn.explanation.reach import Reach
    from dnabirnn.explanation.variants.alleles import Skipped
    from dnabirnn.explanation.variants.stream import Annotated
    from dnabirnn.explanation.variants.vcf import Row
    from dnabirnn.files import PathLike
    from dnabirnn.network import CallSettings
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular, Needed, Shard

__all__ = [
    "AnnotatedVariants",
    "VariantRun",
    "annotate_variants",
    "distance_of",
    "variant_table",
]


@dataclass
class AnnotatedVariants:
    """What a run has computed and written.

    Attributes
    ----------
    rows : int
    alleles : int
        Alleles, or those that haplotypes carry, whose effects were computed.
    changed : int
        Those that change a probability by 0.1 or more.
    gained, lost : int
        Calls that they gain and lose, added up.
    skipped : Counter
        Alleles that were left out, by reason.
    files : list of str
    """

    rows: int = 0
    alleles: int = 0
    changed: int = 0
    gained: int = 0
    lost: int = 0
    skipped: Counter[Skipped] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)

    def add(self, annotated: Annotated) -> None:
        """Count some rows."""
        self.rows += len(annotated.rows)
        changes = annotated.changes
        self.alleles += len(changes.gain)
        if len(changes.gain):
            most = np.maximum(changes.gain, changes.loss).max(axis=1)
            self.changed += int((most >= _CHANGED).sum())
            self.gained += int(changes.calls_gained.clip(0).sum())
            self.lost += int(changes.calls_lost.clip(0).sum())

    def lines(self) -> list[str]:
        """Return a short report."""
        lines = [
            f"{self.rows:,} rows; {self.alleles:,} alleles, of which {self.changed:,} change a "
            f"probability by {_CHANGED:g} or more; {self.gained:,} calls gained, {self.lost:,} lost"
        ]
        lines += [
            f"{count:,} allele{'' if count == 1 else 's'} left out: {reason}"
            for reason, count in sorted(self.skipped.items(), key=lambda item: -item[1])
        ]
        if self.files:
            lines.append(f"written: {', '.join(self.files)}")
        return lines


_CHANGED = 0.1


@dataclass(frozen=True)
class VariantRun:
    """Inputs of a run.

    Attributes
    ----------
    model : Model
    variants : str or PathLike
        VCF or BCF.
    fasta : sequence of str or PathLike
        Files, which are read more than once.
    max_distance_bp : int
        Bases on either side of an allele in which changes count.
    calls : CallSettings
        Rules of the calls that are gained and lost.
    skip_mismatch : bool
        Leave out rows whose REF differs from the FASTA, instead of raising an error.
    haplotypes : bool
        Compare each haplotype of a sample with the FASTA, instead of each allele.
    sample : str, optional
        The sample; by default the only one.
    circular : Circular, optional
        Circular contigs.
    shard : Shard, optional
        Part of the contigs of the variants; by default all.
    name_of : callable
        Translates a contig's name in the VCF to that of the FASTA.
    """

    model: Model
    variants: PathLike
    fasta: Sequence[PathLike]
    max_distance_bp: int
    calls: CallSettings
    skip_mismatch: bool = False
    haplotypes: bool = False
    sample: str | None = None
    circular: Circular | None = None
    shard: Shard | None = None
    name_of: Callable[[str], str] = str

    def __post_init__(self) -> None:
        check_fasta(self.fasta)
        if self.shard is not None and is_stream(self.variants):
            raise OptionError(
                "--shard: reads the variants twice, which standard input and pipes do not allow"
            )
        if self.sample is not None and not self.haplotypes:
            raise OptionError("--sample: only applies to --haplotypes; give --haplotypes too")

    def annotated(self, source: VariantFile, found: AnnotatedVariants) -> Iterator[Annotated]:
        """Yield the rows of the variants with what they change, and count them in `found`.

        Raises
        ------
        VariantError, OptionError, FastaError
            If the variants do not fit the sequences, or a file cannot be read.
        """
        column = source.sample_column(self.sample) if self.haplotypes else None
        lengths = contig_lengths(*self.fasta)
        if self.circular is not None:
            self.circular.check_contigs(lengths)
        settings = VariantSettings(self.max_distance_bp, self.calls, self.skip_mismatch, column)
        needed = self._needed(bases_around(self.model, settings))
        contigs = Contigs(lambda: self.model.contigs(*self.fasta, needed=needed), lengths)
        names: dict[str, None] = {}
        rows = _watched(self.rows(source), names)
        circles: Container[str] = self.circular or ()
        for annotated in variant_changes(
            rows, contigs, self.model, settings, found.skipped, circles, self.name_of
        ):
            found.add(annotated)
            yield annotated
        self.check_names(names, lengths)

    def _needed(self, around_bp: int) -> Needed | None:
        """Return the bases around the variants; None for all bases.

        Variants from a file are read once more for this, if parts of the FASTA can be read.
        """
        if is_stream(self.variants) or is_address(self.variants) or not has_parts(*self.fasta):
            return None
        spans: dict[str, list[tuple[int, int]]] = {}
        for row in self.rows(VariantFile(self.variants)):
            own = spans.setdefault(self.name_of(row.chrom), [])
            start, end = row.start, row.start + len(row.ref)
            if own and own[-1][0] <= start <= own[-1][1] + around_bp:
                own[-1] = own[-1][0], max(end, own[-1][1])
            else:
                own.append((start, end))
        places = {name: np.array(sorted(own), np.int64) for name, own in spans.items()}
        return bases_needed(places.get, around_bp, self.circular or ())

    def check_names(self, names: Collection[str], lengths: Collection[str]) -> None:
        """Raise VariantError if there are variants, but none on a contig of the FASTA.

        Parameters
        ----------
        names : collection of str
            Contigs of the variants.
        lengths : collection of str
            Contigs of the FASTA.
        """
        if names and not any(self.name_of(name) in lengths for name in names):
            raise VariantError(
                f"{os.fspath(self.variants)}: no contig in common with the FASTA: "
                f"{shortened([*names])} and {shortened([*lengths])}; give the FASTA that the VCF "
                "was made for, or a table of names with --chrom-alias"
            )

    def rows(self, source: VariantFile) -> Iterator[Row]:
        """Yield the rows of the shard."""
        if self.shard is None:
            yield from source
            return
        rows = Counter(row.chrom for row in VariantFile(self.variants))
        names = self.shard.names(rows)
        yield from (row for row in source if row.chrom in names)


def _watched(rows: Iterator[Row], names: dict[str, None]) -> Iterator[Row]:
    """Yield rows unchanged, and add their contigs to `names`."""
    for row in rows:
        names[row.chrom] = None
        yield row


def annotate_variants(
    run: VariantRun,
    out: PathLike,
    *,
    index: bool = False,
    progress: Callable[[int], object] = lambda rows: None,
) -> AnnotatedVariants:
    """Write the variants of a VCF or BCF with what they change.

    Parameters
    ----------
    run : VariantRun
    out : str or PathLike
        The name's ending gives the format. .vcf, .vcf.gz and .bcf have all rows in their order,
        with more fields in INFO; .tsv and .parquet have one row per allele and output. "-" gets
        VCF.
    index : bool
        Also write an index of a .vcf.gz.
    progress : callable
        Called with the number of rows of each finished group.

    Returns
    -------
    found : AnnotatedVariants

    Raises
    ------
    OptionError, OutputError, FastaError, VariantError
        If options or inputs are wrong, or an output cannot be written. No file is written then.
    """
    source = VariantFile(run.variants)
    found = AnnotatedVariants()
    with OutputFiles() as files:
        writer = open_variants(
            files,
            out,
            source,
            run.model.outputs,
            run.max_distance_bp,
            index=index,
            haplotypes=run.haplotypes,
        )
        try:
            for annotated in run.annotated(source, found):
                writer.add(annotated)
                progress(len(annotated.rows))
            writer.close()
        finally:
            writer.abandon()
    if not is_stream(out):
        names = [os.fspath(out), *(f"{os.fspath(out)}.{kind}" for kind in ("tbi", "csi") if index)]
        found.files = [name for name in names if os.path.exists(name)]
    return found


def variant_table(run: VariantRun) -> pl.DataFrame:
    """Return the table that `annotate_variants` writes."""
    import polars as pl

    from dnabirnn.tracks import VARIANT_SCHEMA

    annotated = run.annotated(VariantFile(run.variants), AnnotatedVariants())
    frames = [frame_of(one, run.model.outputs, run.max_distance_bp) for one in annotated]
    return pl.concat([pl.DataFrame(schema=VARIANT_SCHEMA), *frames])


def distance_of(
    given: int | str, model: Model, fasta: Sequence[PathLike], circular: Circular | None
) -> Reach:
    """Return the distance within which changes count; it is measured on the FASTA if it is "auto".

    Raises
    ------
    OptionError
        If it is not a positive integer, or a FASTA is a pipe.
    """
    check_fasta(fasta)
    return reach_of(given, model, fasta, None, circular, "--max-distance")


def check_fasta(fasta: Sequence[PathLike]) -> None:
    """Raise OptionError for sequences that cannot be read more than once."""
    if any(map(is_stream, fasta)):
        raise OptionError(
            "--fasta: is read more than once, which standard input and pipes do not allow; give a "
            "file"
        )
