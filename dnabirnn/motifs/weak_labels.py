"""Weak labels: sites of motifs, of which those in peaks are the positives."""

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
    frames, tally = [], SiteCounts(search)
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
    for option, names, known in (
        ("--ignore-classes", ignore_classes, search.names),
        ("--unstranded", unstranded, kept),
    ):
        for name in names:
            if name not in known:
                raise OptionError(
                    f"{option}: no motif has the class {name!r}; there are {shortened(known)}"
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
