"""Sites of motifs in sequences, inside and outside peaks."""

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

# Number of bases up to which contigs are scanned together. One by one, 100,000 contigs of 300 bases
# took 160 s.
_BATCH_BP = 1 << 22
# Position of a site relative to the peaks: wholly in a peak, partly in one, or outside.
_WITHIN, _PARTLY, _OUTSIDE = range(3)


class MotifSites(NamedTuple):
    """Sites on some contigs.

    Attributes
    ----------
    frame : polars.DataFrame
        Columns chrom, start, end (0-based, half-open), name (the class), score (see
        `site_scores`), strand. Contigs are in the order of the input; their rows are sorted by
        start, end, name and strand. No two rows have the same position, class and strand.
    within, partly : ndarray, (n,) bool
        Masks of rows that lie wholly in a peak, and of rows with only some of their bases in one.
        Without peaks, all rows are `within`.
    """

    frame: pl.DataFrame
    within: NDArray[np.bool_]
    partly: NDArray[np.bool_]


def site_scores(pvalues: NDArray[np.float64]) -> NDArray[np.int64]:
    """Compute integer scores of sites: -100 log10(p-value), rounded half up, at most 1000.

    Examples
    --------
    >>> site_scores(np.array([1e-4, 2e-6, 1e-12])).tolist()
    [400, 570, 1000]
    """
    scores = np.floor(-100 * np.log10(pvalues) + 0.5).astype(np.int64)
    return np.minimum(scores, MAX_SCORE)


class SiteCounts:
    """Numbers of sites of each motif.

    Parameters
    ----------
    search : MotifSearch

    Attributes
    ----------
    found, bound : Counter
        Number of sites by index of the motif in the search: all sites, and sites wholly in a
        peak.
    unreachable : set of int
        Motifs whose best possible site has a p-value above `search.pvalue`.
    """

    def __init__(self, search: MotifSearch) -> None:
        self._search = search
        self.found: Counter[int] = Counter()
        self.bound: Counter[int] = Counter()
        self.unreachable: set[int] = set()

    def log_warnings(self) -> None:
        """Log a warning for motifs without a site, and for motifs without a site in a peak."""
        numbers = range(len(self._search.motifs))
        absent = [n for n in numbers if not self.found[n] and n not in self.unreachable]
        unbound = [n for n in numbers if self.found[n] and not self.bound[n]]
        for missing, why in (
            (sorted(self.unreachable), "no site can reach --pvalue {:g}; give a larger --pvalue"),
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
    """Yield the sites of motifs, some contigs at a time; a frame may be empty.

    Parameters
    ----------
    fasta_paths : sequence of str or PathLike
        Files as for `read_fasta`; each is read once.
    search : MotifSearch
    tally : SiteCounts, optional
        Counters to which the sites found are added.
    progress : callable, optional
        Called with the number of bases that have been scanned since the last call.

    Raises
    ------
    FastaError
        As for `read_fasta`.
    LabelError
        If peaks do not fit the contigs.
    """
    scanner = Scanner(search.motifs, search.pvalue, search.gc)
    tally = tally or SiteCounts(search)
    numbers = range(len(search.motifs))
    tally.unreachable = {n for n in numbers if scanner.best_pvalue(n) > search.pvalue}
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
    """Contigs end to end, with a base of code 4 between them that no site can contain."""

    lengths: dict[str, int]
    offsets: NDArray[np.int64]  # (n,): position of the first base of each contig
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
        if waiting_bp >= _BATCH_BP:  # scan a long contig before the next one is read
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
    # Several motifs of one class may have the same site; keep the best score.
    frame = frame.group_by(keys).agg(pl.col("score").max(), pl.col("place").first()).sort(keys)
    place = frame["place"].to_numpy()
    chrom = names.gather(frame["contig"]).alias("chrom")
    rows = frame.select(chrom, "start", "end", "name", "score", "strand")
    return MotifSites(rows, place == _WITHIN, place == _PARTLY)


def _peaks(within: Regions, batch: _ScanBatch) -> NDArray[np.int64]:
    """Peaks on the contigs of a batch, at their positions in the batch."""
    spans = [np.empty((0, 2), np.int64)]
    for (name, length), offset in zip(batch.lengths.items(), batch.offsets, strict=True):
        if (own := within.of(name)).size:
            # Few peaks may go past the end of a contig; many are an error, raised once all contigs
            # are known.
            spans.append(np.minimum(own, length) + offset)
    return np.concatenate(spans)


def _places(
    starts: NDArray[np.int64], ends: NDArray[np.int64], peaks: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Position of sites relative to peaks, which are sorted and do not touch.

    Examples
    --------
    >>> peaks = np.array([[10, 20], [30, 40]])
    >>> starts, ends = np.array([0, 9, 10, 15, 20, 25, 40]), np.array([10, 11, 20, 31, 30, 50, 50])
    >>> _places(starts, ends, peaks).tolist()
    [2, 1, 0, 1, 2, 1, 2]
    """
    # Only the first peak that ends after a site's start can contain the whole site.
    first = np.searchsorted(peaks[:, 1], starts, side="right")
    none = np.iinfo(np.int64).max
    begins, stops = (np.append(column, none)[first] for column in peaks.T)
    inside = (begins <= starts) & (ends <= stops)
    return np.where(inside, _WITHIN, np.where(begins < ends, _PARTLY, _OUTSIDE))


def write_sites(
    fasta_paths: Sequence[PathLike],
    search: MotifSearch,
    out: PathLike,
    partly_out: PathLike | None = None,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Write sites as BED6: by contig in input order, then by start, end, class and strand.

    A warning is logged for motifs without a site.

    Parameters
    ----------
    fasta_paths, search, progress
        As in `find_sites`.
    out : str or PathLike
        File for sites; with peaks, for sites that lie wholly in a peak.
    partly_out : str or PathLike, optional
        File for sites that lie in a peak only partly.

    Returns
    -------
    sites : int
        Number of rows of `out`.

    Raises
    ------
    OutputError
        If a path cannot be written. After this and any other error, no file is written.
    """
    count, tally = 0, SiteCounts(search)
    with OutputFiles() as files:
        file = files.open(out)
        partly_file = None if partly_out is None else files.open(partly_out)
        for frame, within, partly in find_sites(fasta_paths, search, tally, progress):
            count += _write(frame.filter(within), file)
            if partly_file is not None:
                _write(frame.filter(partly), partly_file)
    tally.log_warnings()
    return count


def _write(frame: pl.DataFrame, file: BinaryIO) -> int:
    text = StringIO()
    write_bed(frame, text)
    file.write(text.getvalue().encode("utf-8"))
    return frame.height
