"""Sites of motifs in sequences, and which of them lie in peaks."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.files import OutputFiles
from dnabirnn.intervals import write_bed
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.motifs.scanner import Scanner
from dnabirnn.names import shortened
from dnabirnn.sequences import Record, read_fasta

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.motifs.search import MotifSearch

__all__ = ["MotifSites", "SiteCounts", "find_sites", "site_scores", "write_sites"]

logger = logging.getLogger(__name__)

# Contigs are scanned together up to so many bases: 100,000 of 300 bases took 160 s one by one.
_BATCH_BP = 1 << 22
# How a site lies to the peaks.
_WITHIN, _PARTLY, _APART = range(3)


class MotifSites(NamedTuple):
    """Sites on some contigs.

    Attributes
    ----------
    frame : polars.DataFrame
        chrom, start, end (0-based, half-open), name (the class), score (see `site_scores`), strand;
        by contig as they come, start, end, name and strand; no two rows are of one place, class
        and strand.
    within, partly : ndarray, (n,) bool
        Rows that lie wholly in a peak, and those that have only some of their bases in one.
        Without peaks, all rows are `within`.
    """

    frame: pl.DataFrame
    within: NDArray[np.bool_]
    partly: NDArray[np.bool_]


def site_scores(pvalues: NDArray[np.float64]) -> NDArray[np.int64]:
    """Integer scores of sites: -100 log10 of the p-value, rounded half up, at most 1000.

    Examples
    --------
    >>> site_scores(np.array([1e-4, 2e-6, 1e-12])).tolist()
    [400, 570, 1000]
    """
    scores = np.floor(-100 * np.log10(pvalues) + 0.5).astype(np.int64)
    return np.minimum(scores, MAX_SCORE)


class SiteCounts:
    """How many sites each motif has.

    Parameters
    ----------
    search : MotifSearch

    Attributes
    ----------
    found, bound : Counter
        Sites by the motif's place in the search: all, and those wholly in a peak.
    hopeless : set of int
        Motifs of which no site can be as rare as the p-value.
    """

    def __init__(self, search: MotifSearch) -> None:
        self._search = search
        self.found: Counter[int] = Counter()
        self.bound: Counter[int] = Counter()
        self.hopeless: set[int] = set()

    def tell(self) -> None:
        """Log warnings of the motifs without a site, or without one in a peak."""
        numbers = range(len(self._search.motifs))
        absent = [n for n in numbers if not self.found[n] and n not in self.hopeless]
        unbound = [n for n in numbers if self.found[n] and not self.bound[n]]
        for missing, why in (
            (sorted(self.hopeless), "no site can be so rare as --pvalue {:g}; give a larger one"),
            (absent, "no site at --pvalue {:g}"),
            (unbound, "no site at --pvalue {:g} that lies wholly in a peak"),
        ):
            if missing:
                names = shortened([self._search.motifs[n].name for n in missing], 20)
                source, pvalue = self._search.source, self._search.pvalue
                logger.warning("%s: %s: %s", source, names, why.format(pvalue))


def find_sites(
    fasta_paths: Sequence[PathLike],
    search: MotifSearch,
    tally: SiteCounts | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[MotifSites]:
    """Sites of motifs, some contigs at a time; a frame may be empty.

    Parameters
    ----------
    fasta_paths : sequence of str or PathLike
        As `read_fasta` takes them; read once.
    search : MotifSearch
    tally : SiteCounts, optional
        Counts what is found.
    progress : callable, optional
        Called with the number of bases that are done.

    Raises
    ------
    FastaError
        As `read_fasta`.
    LabelError
        Peaks that do not fit the contigs.
    """
    scanner = Scanner(search.motifs, search.pvalue, search.gc)
    tally = tally or SiteCounts(search)
    numbers = range(len(search.motifs))
    tally.hopeless = {n for n in numbers if scanner.best_pvalue(n) > search.pvalue}
    lengths: dict[str, int] = {}
    for batch in _batches(read_fasta(*fasta_paths, hard_mask=search.hard_mask)):
        lengths |= batch.lengths
        yield _sites(batch, scanner, search, tally)
        if progress:
            progress(sum(batch.lengths.values()))
        del batch
    if search.within is not None:
        search.within.check_contigs(lengths)


class _ScanBatch(NamedTuple):
    """Contigs end to end, a base of code 4 between them, which no site can hold."""

    lengths: dict[str, int]
    offsets: NDArray[np.int64]  # (n,): place of each one's first base
    codes: Codes


def _batches(records: Iterable[Record]) -> Iterator[_ScanBatch]:
    waiting: list[Record] = []
    waiting_bp = 0
    for record in records:
        if waiting_bp + len(record.codes) > _BATCH_BP and waiting:
            yield _joined(waiting)
            waiting, waiting_bp = [], 0
        waiting.append(record)
        waiting_bp += len(record.codes)
        del record
        if waiting_bp >= _BATCH_BP:  # a long contig goes before the next one is read
            yield _joined(waiting)
            waiting, waiting_bp = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(records: list[Record]) -> _ScanBatch:
    lengths = {record.name: len(record.codes) for record in records}
    steps = np.array(list(lengths.values()), np.int64) + 1
    if len(records) == 1:
        return _ScanBatch(lengths, np.zeros(1, np.int64), records[0].codes)
    between = np.array([AMBIGUOUS], np.uint8)
    codes = np.concatenate([part for record in records for part in (record.codes, between)])
    return _ScanBatch(lengths, np.cumsum(steps) - steps, codes)


def _sites(
    batch: _ScanBatch, scanner: Scanner, search: MotifSearch, tally: SiteCounts
) -> MotifSites:
    hits = scanner.scan(batch.codes)
    place = np.full(len(hits.starts), _WITHIN)
    if search.within is not None:
        place = _places(hits.starts, hits.ends, _peaks(search.within, batch))
    tally.found.update(hits.motifs.tolist())
    tally.bound.update(hits.motifs[place == _WITHIN].tolist())
    classes = pl.Series([search.class_of(motif) for motif in search.motifs], dtype=pl.String)
    names = pl.Series(list(batch.lengths), dtype=pl.String)
    contig = np.searchsorted(batch.offsets, hits.starts, side="right") - 1
    offset = batch.offsets[contig]
    keys = ["contig", "start", "end", "name", "strand"]
    frame = pl.DataFrame(
        {
            "contig": contig,
            "start": hits.starts - offset,
            "end": hits.ends - offset,
            "name": classes.gather(hits.motifs),
            "strand": pl.Series(["+", "-"]).gather(hits.minus.astype(np.int64)),
            "score": site_scores(hits.pvalues),
            "place": place,
        }
    )
    # Motifs of one class may have the same site; the best score stands for all.
    frame = frame.group_by(keys).agg(pl.col("score").max(), pl.col("place").first()).sort(keys)
    place = frame["place"].to_numpy()
    chrom = names.gather(frame["contig"]).alias("chrom")
    rows = frame.select(chrom, "start", "end", "name", "score", "strand")
    return MotifSites(rows, place == _WITHIN, place == _PARTLY)


def _peaks(within: Regions, batch: _ScanBatch) -> NDArray[np.int64]:
    """Peaks of the contigs of a batch, where these lie in it."""
    spans = [np.empty((0, 2), np.int64)]
    for (name, length), offset in zip(batch.lengths.items(), batch.offsets, strict=True):
        if (own := within.of(name)).size:
            # What goes past a contig's end is an error, told once all contigs are known.
            spans.append(np.minimum(own, length) + offset)
    return np.concatenate(spans)


def _places(
    starts: NDArray[np.int64], ends: NDArray[np.int64], peaks: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How sites lie to peaks that are sorted and apart from one another.

    Examples
    --------
    >>> peaks = np.array([[10, 20], [30, 40]])
    >>> starts, ends = np.array([0, 9, 10, 15, 20, 25, 40]), np.array([10, 11, 20, 31, 30, 50, 50])
    >>> _places(starts, ends, peaks).tolist()
    [2, 1, 0, 1, 2, 1, 2]
    """
    # The first peak that ends after a site's start is the only one that can hold it whole.
    first = np.searchsorted(peaks[:, 1], starts, side="right")
    none = np.iinfo(np.int64).max
    begins, stops = (np.append(column, none)[first] for column in peaks.T)
    inside = (begins <= starts) & (ends <= stops)
    return np.where(inside, _WITHIN, np.where(begins < ends, _PARTLY, _APART))


def write_sites(
    fasta_paths: Sequence[PathLike],
    search: MotifSearch,
    out: PathLike,
    partly_out: PathLike | None = None,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Write sites as BED6: contigs as they come, then by start, end, class and strand.

    Parameters
    ----------
    fasta_paths, search, progress
        As in `find_sites`. Motifs without a site are told of in a logged warning.
    out : str or PathLike
        With peaks, of the sites that lie wholly in one.
    partly_out : str or PathLike, optional
        Sites that lie in a peak only partly.

    Returns
    -------
    sites : int
        Rows of `out`.

    Raises
    ------
    OutputError
        A path that cannot be written; then, and after any error, none is.
    """
    count, tally = 0, SiteCounts(search)
    with OutputFiles() as outputs:
        file = outputs.open(out)
        partly_file = None if partly_out is None else outputs.open(partly_out)
        for frame, within, partly in find_sites(fasta_paths, search, tally, progress):
            count += _write(frame.filter(within), file)
            if partly_file is not None:
                _write(frame.filter(partly), partly_file)
    tally.tell()
    return count


def _write(frame: pl.DataFrame, file: BinaryIO) -> int:
    text = StringIO()
    write_bed(frame, text)
    file.write(text.getvalue().encode("utf-8"))
    return frame.height
