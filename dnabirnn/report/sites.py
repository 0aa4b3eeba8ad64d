"""Table of labelled sites and calls with their agreement, and choice of examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.evaluation import counted_intervals, match_calls
from dnabirnn.labels import IGNORE_BIT, intervals_of, output_masks
from dnabirnn.network import Architecture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.evaluation import Truth
    from dnabirnn.motif_classes import MotifClass

__all__ = ["KINDS", "SITES_SCHEMA", "Example", "boundary_errors", "choose", "compare"]

SITES_SCHEMA: dict[str, type[pl.DataType]] = {
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "class": pl.String,
    "strand": pl.String,
    "source": pl.String,
    "score": pl.Int16,
    "other_start": pl.Int64,
    "other_end": pl.Int64,
    "agreement": pl.Float64,
}
"""Columns of a table of sites.

`source` is "truth" or "call". `other_start` and `other_end` are the matched interval of the other
source (one to one, at 50 % reciprocal overlap), and null without a match. `agreement` is the number
of bases in both intervals divided by the number of bases in either, and 0 without a match. `score`
is that of the call, or for a labelled site that of the matched call.
"""

KINDS = ("best", "worst", "random")
_MIN_FLANK_BP, _MAX_FLANK_BP = 40, 2_000
_LONGEST_VIEW_BP = 50_000


def compare(
    chrom: str,
    calls: pl.DataFrame,
    truth: Truth,
    classes: Sequence[MotifClass],
) -> pl.DataFrame:
    """Match the calls of a contig with its labels, in the same way as the metrics.

    Parameters
    ----------
    chrom : str
    calls : polars.DataFrame
        Schema `dnabirnn.tracks.ROW_SCHEMA`; calls of this contig only, sorted.
    truth : Truth
        Bits numbered as in `classes`. Intervals with fewer than half of their bases counted are
        left out.
    classes : sequence of MotifClass

    Returns
    -------
    sites : polars.DataFrame
        Schema `SITES_SCHEMA`.
    """
    labels, counted = truth.labels, truth.counted
    frames = [pl.DataFrame(schema=SITES_SCHEMA)]
    if calls.is_empty() and not (labels > IGNORE_BIT).any():
        return frames[0]  # the usual case with many short contigs
    outputs = Architecture(tuple(classes)).outputs
    for output, mask in zip(outputs, output_masks(classes), strict=True):
        own = calls.filter(
            (pl.col("class") == output.class_name) & (pl.col("strand") == output.strand)
        )
        true = counted_intervals(intervals_of(labels, mask), counted)
        spans = own.select("start", "end").to_numpy().astype(np.int64)
        found = counted_intervals(spans, counted)
        scores = own["score"].to_numpy()[np.searchsorted(spans[:, 0], found[:, 0])]
        pairs = match_calls(found, true)
        names = {"chrom": chrom, "class": output.class_name, "strand": output.strand}
        frames.append(
            _rows(names | {"source": "truth"}, true, found, pairs.truth, pairs.calls, scores)
        )
        frames.append(
            _rows(names | {"source": "call"}, found, true, pairs.calls, pairs.truth, None, scores)
        )
    return pl.concat(frames)


def _rows(
    names: Mapping[str, str],
    own: NDArray[np.int64],
    others: NDArray[np.int64],
    matched: NDArray[np.int64],
    partners: NDArray[np.int64],
    partner_scores: NDArray[np.int16] | None,
    own_scores: NDArray[np.int16] | None = None,
) -> pl.DataFrame:
    """Return the rows of the `own` intervals, of which `matched` have `partners` in `others`."""
    other = np.full((len(own), 2), -1, dtype=np.int64)
    other[matched] = others[partners]
    agreement = np.zeros(len(own))
    inner = np.minimum(own, other)[matched, 1] - np.maximum(own, other)[matched, 0]
    outer = np.maximum(own, other)[matched, 1] - np.minimum(own, other)[matched, 0]
    agreement[matched] = inner / outer
    score = np.full(len(own), -1, dtype=np.int16)
    if own_scores is not None:
        score[:] = own_scores
    elif partner_scores is not None:
        score[matched] = partner_scores[partners]
    columns = {
        "start": own[:, 0],
        "end": own[:, 1],
        "score": score,
        "other_start": other[:, 0],
        "other_end": other[:, 1],
        "agreement": agreement,
    }
    absent = [pl.col(name).replace(-1, None) for name in ("score", "other_start", "other_end")]
    named = [pl.lit(value, pl.String).alias(name) for name, value in names.items()]
    return (
        pl.DataFrame(columns)
        .with_columns(*absent, *named)
        .select(pl.col(name).cast(kind) for name, kind in SITES_SCHEMA.items())
    )


def boundary_errors(sites: pl.DataFrame) -> pl.DataFrame:
    """Return the distances of the ends of matched calls from the ends of their labelled sites.

    Parameters
    ----------
    sites : polars.DataFrame
        Schema `SITES_SCHEMA`.

    Returns
    -------
    errors : polars.DataFrame
        One row per pair: `class`, and `five` and `three`, the errors in bp at the 5' and the 3' end
        of the motif (at the start and the end for a class without strands). The call is too long at
        this end if the error is above 0, and too short if it is below 0.
    """
    before = pl.col("start") - pl.col("other_start")
    after = pl.col("other_end") - pl.col("end")
    flipped = pl.col("strand") == "-"
    return sites.filter((pl.col("source") == "truth") & pl.col("other_start").is_not_null()).select(
        "class",
        five=pl.when(flipped).then(after).otherwise(before),
        three=pl.when(flipped).then(before).otherwise(after),
    )


class Example(NamedTuple):
    """A site to show as an example.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    chrom : str
    start, end : int
        Region to draw: the site, its match and a flank on either side.
    site : dict
        Row of the site in the table of sites.
    """

    kind: str
    chrom: str
    start: int
    end: int
    site: dict[str, object]


def choose(
    sites: pl.DataFrame, lengths_bp: Mapping[str, int], each: int, seed: int = 0
) -> list[Example]:
    """Choose examples of each kind, whose drawn regions do not overlap.

    Best examples are the matched sites with the largest agreement, then score. Worst examples are,
    alternately, missed sites (the longest first) and calls without a labelled site (the highest
    score first), then matched sites with the smallest agreement. Random examples are drawn from all
    sites and all calls without a site. Best and worst examples alternate between the classes and
    strands.

    Parameters
    ----------
    sites : polars.DataFrame
        Schema `SITES_SCHEMA`.
    lengths_bp : mapping
        Lengths of the contigs.
    each : int
        Number of examples of each kind, as far as available.
    seed : int
        Seed of the random examples.

    Returns
    -------
    examples : list of Example
        Best, worst and random examples, in this order.
    """
    taken: dict[str, list[tuple[int, int]]] = {}
    examples: list[Example] = []
    for kind in KINDS:
        found = 0
        for site in _candidates(sites, kind, seed):
            if found == each:
                break
            chrom = str(site["chrom"])
            start, end = _window(site, lengths_bp[chrom])
            if any(start < other[1] and other[0] < end for other in taken.get(chrom, ())):
                continue
            taken.setdefault(chrom, []).append((start, end))
            examples.append(Example(kind, chrom, start, end, site))
            found += 1
    return examples


def _candidates(sites: pl.DataFrame, kind: str, seed: int) -> Iterator[dict[str, object]]:
    """Yield the candidates of a kind in order of preference."""
    truth, calls = (sites.filter(source=source) for source in ("truth", "call"))
    found = truth.filter(pl.col("other_start").is_not_null())
    missed, false = (frame.filter(pl.col("other_start").is_null()) for frame in (truth, calls))
    place = ("chrom", "start", "end", "class", "strand")
    if kind == "best":
        best = found.sort("agreement", "score", *place, descending=[True, True, *[False] * 5])
        yield from _by_class(best).iter_rows(named=True)
    elif kind == "worst":
        length = pl.col("end") - pl.col("start")
        missed = missed.with_columns(length.alias("rank")).sort(
            "rank", *place, descending=[True, *[False] * 5]
        )
        false = false.sort("score", *place, descending=[True, *[False] * 5])
        yield from _in_turn([_by_class(missed.drop("rank")), _by_class(false)])
        yield from _by_class(found.sort("agreement", *place)).iter_rows(named=True)
    else:
        every = pl.concat([truth, false])
        order = np.random.Generator(np.random.PCG64(seed)).permutation(every.height)
        for row in order.tolist():
            yield every.row(row, named=True)


def _by_class(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the first row of each class and strand, then the second of each, and so on."""
    turn = pl.int_range(pl.len()).over("class", "strand")
    return frame.with_columns(turn=turn).sort("turn", maintain_order=True).drop("turn")


def _in_turn(frames: Iterable[pl.DataFrame]) -> Iterator[dict[str, object]]:
    """Yield one row of each frame in turn."""
    waiting = [frame.iter_rows(named=True) for frame in frames]
    while waiting:
        for rows in tuple(waiting):
            row = next(rows, None)
            if row is None:
                waiting.remove(rows)
            else:
                yield row


def _window(site: Mapping[str, object], length_bp: int) -> tuple[int, int]:
    """Return the region to draw for a site; a very long site is cut around its start."""
    starts = [v for v in (site["start"], site["other_start"]) if isinstance(v, int)]
    ends = [v for v in (site["end"], site["other_end"]) if isinstance(v, int)]
    start, end = min(starts), max(ends)
    flank = min(max(_MIN_FLANK_BP, (end - start) // 4), _MAX_FLANK_BP)
    if end - start > _LONGEST_VIEW_BP:
        flank = 0
        start, end = min(starts) - _LONGEST_VIEW_BP // 2, min(starts) + _LONGEST_VIEW_BP // 2
    return max(0, start - flank), min(length_bp, end + flank)
