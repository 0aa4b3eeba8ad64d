"""Weak labels: sites that match motifs, and which of them are bound."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.architecture import MAX_CLASSES, MotifClass
from dnabirnn.errors import MotifError, OptionError
from dnabirnn.fasta import read_fasta
from dnabirnn.intervals import shortened, write_bed
from dnabirnn.labels import IGNORED, ClassTable, Labels
from dnabirnn.outputs import Outputs
from dnabirnn.scanner import Scanner
from dnabirnn.search import check_repeatable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.inputs import PathLike
    from dnabirnn.search import MotifSearch

__all__ = ["Sites", "Tally", "find_sites", "motif_labels", "site_scores", "write_sites"]

logger = logging.getLogger(__name__)

_HIGHEST_SCORE = 1000
# How a site lies to the peaks.
_WITHIN, _PARTLY, _APART = range(3)


class Sites(NamedTuple):
    """Sites on one contig.

    Attributes
    ----------
    frame : polars.DataFrame
        chrom, start, end (0-based, half-open), name (the class), score (see `site_scores`), strand;
        by start, end, name and strand; no two rows are of one place, class and strand.
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
    return np.minimum(scores, _HIGHEST_SCORE)


class Tally:
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
    tally: Tally | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[Sites]:
    """Sites of motifs, contig by contig; one without sites has an empty frame.

    Parameters
    ----------
    fasta_paths : sequence of str or PathLike
        As `read_fasta` takes them; read once.
    search : MotifSearch
    tally : Tally, optional
        Counts what is found.
    progress : callable, optional
        Called with the number of bases of each contig that is done.

    Raises
    ------
    FastaError
        As `read_fasta`.
    LabelError
        Peaks that do not fit the contigs.
    """
    scanner = Scanner(search.motifs, search.pvalue, search.gc)
    tally = tally or Tally(search)
    numbers = range(len(search.motifs))
    tally.hopeless = {n for n in numbers if scanner.best_pvalue(n) > search.pvalue}
    lengths: dict[str, int] = {}
    for name, codes, _ in read_fasta(*fasta_paths, hard_mask=search.hard_mask):
        lengths[name] = len(codes)
        yield _sites(name, codes, scanner, search, tally)
        if progress:
            progress(len(codes))
        del codes
    if search.within is not None:
        search.within.check_contigs(lengths)


def _sites(
    chrom: str,
    codes: Codes,
    scanner: Scanner,
    search: MotifSearch,
    tally: Tally,
) -> Sites:
    hits = scanner.scan(codes)
    place = np.full(len(hits.starts), _WITHIN)
    if search.within is not None:
        place = _places(hits.starts, hits.ends, search.within.of(chrom))
    tally.found.update(hits.motifs.tolist())
    tally.bound.update(hits.motifs[place == _WITHIN].tolist())
    classes = pl.Series([search.class_of(motif) for motif in search.motifs], dtype=pl.String)
    keys = ["start", "end", "name", "strand"]
    frame = pl.DataFrame(
        {
            "start": hits.starts,
            "end": hits.ends,
            "name": classes.gather(hits.motifs),
            "strand": pl.Series(["+", "-"]).gather(hits.minus.astype(np.int64)),
            "score": site_scores(hits.pvalues),
            "place": place,
        }
    )
    # Motifs of one class may have the same site; the best score stands for all.
    frame = frame.group_by(keys).agg(pl.col("score").max(), pl.col("place").first()).sort(keys)
    place = frame["place"].to_numpy()
    rows = frame.select(pl.lit(chrom).alias("chrom"), "start", "end", "name", "score", "strand")
    return Sites(rows, place == _WITHIN, place == _PARTLY)


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


def motif_labels(
    fasta_paths: Sequence[PathLike],
    search: MotifSearch,
    *,
    classes: Sequence[str] | None = None,
    ignore_classes: Sequence[str] = (),
    unstranded: Sequence[str] = (),
    progress: Callable[[int], object] | None = None,
) -> Labels:
    """Labels of sequences from motifs.

    With peaks, sites that lie wholly in one are the positives; bases of those that lie in one only
    partly are ignored; all other sites are background.

    Parameters
    ----------
    fasta_paths : sequence of str or PathLike
        Read here, and to be read again by `encode`.
    search : MotifSearch
    classes : sequence of str, optional
        Classes to keep, in this order. By default all that have a site, in alphabetical order.
    ignore_classes : sequence of str
        Classes whose sites count neither for nor against any class.
    unstranded : sequence of str
        Classes whose strands carry no meaning.
    progress : callable, optional
        Called with the number of bases of each contig that is done.

    Raises
    ------
    MotifError
        More than 31 classes; no site at all; no site of a class that is asked for.
    OptionError
        Sequences that can be read only once; a class that is named as what it cannot be.
    """
    check_repeatable(fasta_paths, "name a file")
    kept = _kept(search, classes, ignore_classes, unstranded)
    frames, tally = [], Tally(search)
    for frame, within, partly in find_sites(fasta_paths, search, tally, progress):
        ignored = pl.Series(partly, dtype=pl.Boolean) | frame["name"].is_in(list(ignore_classes))
        chosen = pl.Series(within | partly) & frame["name"].is_in([*kept, *ignore_classes])
        frames.append(frame.with_columns(ignored=ignored).filter(chosen))
    frame = pl.concat(frames)
    present = set(frame.filter(~pl.col("ignored"))["name"])
    _check_present(search, classes, present)
    tally.tell()
    kept = [name for name in kept if name in present]
    _tell_of_labels(search, frame)
    flat = pl.col("ignored") | pl.col("name").is_in(list(unstranded))
    numbers = {name: number for number, name in enumerate(kept)}
    number = pl.col("name").replace_strict(numbers, default=IGNORED, return_dtype=pl.Int32)
    rows = frame.select(
        "chrom",
        "start",
        "end",
        pl.when("ignored").then(pl.lit(IGNORED, pl.Int32)).otherwise(number).alias("class"),
        pl.when(flat).then(pl.lit(".")).otherwise("strand").alias("strand"),
        pl.lit(search.source).alias("file"),
        pl.lit(0, pl.UInt32).alias("line"),  # they lie on the contigs that they were found on
    )
    table = tuple(MotifClass(name, name not in unstranded) for name in kept)
    return Labels(ClassTable(table, tuple(ignore_classes)), rows)


def _kept(
    search: MotifSearch,
    classes: Sequence[str] | None,
    ignore_classes: Sequence[str],
    unstranded: Sequence[str],
) -> list[str]:
    """Names of the classes to keep; raises for options that do not fit one another."""
    kept = list(classes or (name for name in search.names if name not in ignore_classes))
    for option, names in (("--classes", kept), ("--ignore-classes", ignore_classes)):
        for name in names:
            if list(names).count(name) > 1:
                raise OptionError(f"{option}: {name!r} is there twice; name it once")
    if both := sorted(set(kept) & set(ignore_classes)):
        raise OptionError(
            f"class {both[0]!r} is in --classes and in --ignore-classes; leave it out of one"
        )
    for name in unstranded:
        if name not in kept:
            raise OptionError(
                f"--unstranded: no motif has the class {name!r}; there are {shortened(kept)}"
            )
    if not kept:
        raise OptionError("every class of the motifs is ignored; leave one for the network")
    if len(kept) > MAX_CLASSES:
        raise MotifError(
            f"{search.source}: {len(kept)} classes ({shortened(kept, 3)}), at most {MAX_CLASSES} "
            "are possible; give all sites one with --class NAME, or choose with --classes"
        )
    return kept


def _check_present(search: MotifSearch, classes: Sequence[str] | None, present: set[str]) -> None:
    """Raise where nothing is labelled, or not a class that was asked for."""
    missing = [name for name in classes or () if name not in present]
    if present and not missing:
        return
    what = f"of class {missing[0]!r}" if present else "of any motif"
    where = " lies wholly in a peak of --within" if search.within is not None else " was found"
    raise MotifError(
        f"{search.source}: no site {what}{where} at --pvalue {search.pvalue:g}; give a larger "
        "--pvalue, or other motifs, sequences or peaks"
    )


def _tell_of_labels(search: MotifSearch, frame: pl.DataFrame) -> None:
    logger.info(
        "%s: %d sites at --pvalue %g --gc %g are positives, %d are ignored",
        search.source,
        frame.filter(~pl.col("ignored")).height,
        search.pvalue,
        search.gc,
        frame["ignored"].sum(),
    )


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
    count, tally = 0, Tally(search)
    with Outputs() as outputs:
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
