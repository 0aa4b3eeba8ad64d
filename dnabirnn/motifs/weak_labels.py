"""Weak labels: sites of motifs as labels; with peaks, only the sites in peaks are positives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from dnabirnn.errors import MotifError, OptionError
from dnabirnn.labels import IGNORED, ClassTable, Labels
from dnabirnn.motif_classes import MAX_CLASSES, MotifClass
from dnabirnn.motifs.search import check_repeatable
from dnabirnn.motifs.sites import SiteCounts, find_sites
from dnabirnn.names import shortened

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.motifs.search import MotifSearch

__all__ = ["motif_labels"]

logger = logging.getLogger(__name__)


def motif_labels(
    fasta_paths: Sequence[PathLike],
    search: MotifSearch,
    *,
    classes: Sequence[str] | None = None,
    ignore_classes: Sequence[str] = (),
    unstranded: Sequence[str] = (),
    progress: Callable[[int], object] | None = None,
) -> Labels:
    """Make labels of sequences from motifs.

    With peaks, sites that lie wholly in a peak are positives. Bases of sites that lie only partly
    in a peak are ignored. All other sites are background. Without peaks, all sites are positives.

    Parameters
    ----------
    fasta_paths : sequence of str or PathLike
        Sequences to scan. They must be files, because `encode` reads them again.
    search : MotifSearch
    classes : sequence of str, optional
        Classes to keep, in this order; by default all that have a site, in alphabetical order.
    ignore_classes : sequence of str
        Classes whose sites are ignored, in loss and metrics.
    unstranded : sequence of str
        Classes without strand.
    progress : callable, optional
        Called with the number of bases that have been scanned since the last call.

    Raises
    ------
    MotifError
        If there are more than 31 classes, no site at all, or no site of one of `classes`.
    OptionError
        If sequences can be read only once, or the options about classes do not fit together.
    """
    check_repeatable(fasta_paths, "name a file")
    kept = _kept(search, classes, ignore_classes, unstranded)
    frames, tally = [], SiteCounts(search)
    for frame, within, partly in find_sites(fasta_paths, search, tally, progress):
        ignored = pl.Series(partly, dtype=pl.Boolean) | frame["name"].is_in(list(ignore_classes))
        chosen = pl.Series(within | partly) & frame["name"].is_in([*kept, *ignore_classes])
        frames.append(frame.with_columns(ignored=ignored).filter(chosen))
    frame = pl.concat(frames)
    present = set(frame.filter(~pl.col("ignored"))["name"])
    _check_present(search, classes, present)
    tally.log_warnings()
    kept = [name for name in kept if name in present]
    _log_labels(search, frame)
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
        pl.lit(0, pl.UInt32).alias("line"),  # of no use: sites always fit their contigs
    )
    table = tuple(MotifClass(name, name not in unstranded) for name in kept)
    return Labels(ClassTable(table, tuple(ignore_classes)), rows)


def _kept(
    search: MotifSearch,
    classes: Sequence[str] | None,
    ignore_classes: Sequence[str],
    unstranded: Sequence[str],
) -> list[str]:
    """Return the names of the classes to keep; raise if options do not fit together."""
    kept = list(classes or (name for name in search.names if name not in ignore_classes))
    for option, names in (("--classes", kept), ("--ignore-classes", ignore_classes)):
        for name in names:
            if list(names).count(name) > 1:
                raise OptionError(f"{option}: {name!r} is given twice; give it once")
    if both := sorted(set(kept) & set(ignore_classes)):
        raise OptionError(
            f"class {both[0]!r} is in both --classes and --ignore-classes; leave it out of one"
        )
    for option, names, known in (
        ("--ignore-classes", ignore_classes, search.names),
        ("--unstranded", unstranded, kept),
    ):
        for name in names:
            if name not in known:
                raise OptionError(
                    f"{option}: no motif has class {name!r}; the motifs have {shortened(known)}"
                )
    if not kept:
        raise OptionError(
            "every class of the motifs is ignored; keep at least one, see --ignore-classes"
        )
    if len(kept) > MAX_CLASSES:
        raise MotifError(
            f"{search.source}: {len(kept)} classes ({shortened(kept, 3)}), at most {MAX_CLASSES} "
            "are possible; give all sites one class with --class NAME, or choose "
            "classes with --classes"
        )
    return kept


def _check_present(search: MotifSearch, classes: Sequence[str] | None, present: set[str]) -> None:
    """Raise if no site is labelled, or if one of `classes` has no site."""
    missing = [name for name in classes or () if name not in present]
    if present and not missing:
        return
    what = f"of class {missing[0]!r}" if present else "of any motif"
    where = " lies wholly in a peak of --within" if search.within is not None else " was found"
    raise MotifError(
        f"{search.source}: no site {what}{where} at --pvalue {search.pvalue:g}; give a larger "
        "--pvalue, or other motifs, sequences or peaks"
    )


def _log_labels(search: MotifSearch, frame: pl.DataFrame) -> None:
    logger.info(
        "%s: %d sites at --pvalue %g --gc %g are positives, %d are ignored",
        search.source,
        frame.filter(~pl.col("ignored")).height,
        search.pvalue,
        search.gc,
        frame["ignored"].sum(),
    )
