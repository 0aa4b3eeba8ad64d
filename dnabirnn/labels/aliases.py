"""Aliases of contigs: chr1 in one file, 1 in another."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import polars as pl

from dnabirnn.errors import LabelError, OptionError
from dnabirnn.files import is_stream, read_text
from dnabirnn.intervals import Regions
from dnabirnn.labels.alias_tables import parse_aliases
from dnabirnn.labels.labels import Labels, Origin
from dnabirnn.names import shortened
from dnabirnn.sequences import contig_lengths

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from dnabirnn.files import PathLike

__all__ = ["Aliases", "read_aliases"]

logger = logging.getLogger(__name__)


class Aliases:
    """Table that translates contig names in files of intervals to those of the sequences.

    A name that the sequences have is kept. Any other name is translated to the contig on the same
    row. A name on rows of several contigs is ambiguous, and using it is an error.

    Parameters
    ----------
    rows : iterable of sequence of str
        Names of one contig per row. A name may be on several rows.
    names : collection of str
        Contig names in the sequences.
    source : str
        Name of the file, for errors.
    digests : mapping
        SHA-256 of the file, by its basename.

    Examples
    --------
    >>> aliases = Aliases([["chr1", "1", "CM000663.2"], ["chrM", "MT"]], ["1", "MT"])
    >>> aliases.name("chr1"), aliases.name("MT"), aliases.name("chrUn")
    ('1', 'MT', 'chrUn')
    """

    def __init__(
        self,
        rows: Iterable[Sequence[str]],
        names: Collection[str],
        source: str = "aliases",
        digests: dict[str, str] | None = None,
    ) -> None:
        self.source = source
        self.digests = dict(digests or {})
        self._known = frozenset(names)
        self._contigs_of: dict[str, set[str]] = {}
        for row in rows:
            contigs = self._known.intersection(row)
            for alias in contigs and self.unknown(row):
                self._contigs_of.setdefault(alias, set()).update(contigs)

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return the names that the sequences lack."""
        return [name for name in names if name not in self._known]

    def name(self, alias: str) -> str:
        """Return the name of a contig in the sequences, or the name itself if it has no alias.

        Raises
        ------
        LabelError
            A name that stands for several contigs.
        """
        contigs = self._contigs_of.get(alias, {alias})
        if len(contigs) > 1:
            raise LabelError(
                f"{self.source}: {alias!r} is an alias of several contigs of the FASTA "
                f"({shortened(sorted(contigs))}); remove it from all rows but one"
            )
        return next(iter(contigs))

    def translated(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows with the sequences' names in `chrom`."""
        names = {name: self.name(name) for name in frame["chrom"].unique(maintain_order=True)}
        changed = {old: new for old, new in names.items() if old != new}
        if changed:
            logger.info(
                "%s: translated %d of %d contig names", self.source, len(changed), len(names)
            )
        return frame.with_columns(pl.col("chrom").replace(changed))

    def labels(self, labels: Labels) -> Labels:
        """Return the labels with the sequences' names."""
        return Labels(
            labels.table,
            self.translated(labels.frame),
            Origin(
                labels.origin.digests,
                labels.origin.reading,
                {self.name(name): known for name, known in labels.origin.lengths.items()},
                {other: self.name(own) for other, own in labels.origin.aliases.items()},
            ),
            flank_bp=labels.flank_bp,
            negatives=self.regions(labels.negatives),
        )

    def regions(self, regions: Regions | None) -> Regions | None:
        """Return the regions with the sequences' names, or None if there are none."""
        if regions is None:
            return None
        return Regions(self.translated(regions.frame), regions.source, regions.digests)


def read_aliases(path: PathLike, fasta: Sequence[PathLike]) -> Aliases:
    """Read the aliases of the contigs of some sequences.

    Parameters
    ----------
    path : str or PathLike
        Tab-separated table of names, in one of the forms of `dnabirnn.labels.alias_tables`.
    fasta : sequence of str or PathLike
        Files as for `read_fasta`. Only their contig names are used.

    Raises
    ------
    OptionError
        Sequences from standard input or a pipe.
    LabelError
        A file that is missing, is not text, or has no row with two names.
    FastaError
        Sequences that cannot be read.
    """
    if any(map(is_stream, fasta)):
        raise OptionError(
            "--chrom-alias: the FASTA is read twice, which standard input and pipes do not allow; "
            "give a file"
        )
    digests: dict[str, str] = {}
    text = read_text(path, LabelError, "tab-separated columns of names", digests)
    rows = parse_aliases(text, str(path))
    return Aliases(rows, contig_lengths(*fasta), str(path), digests)
