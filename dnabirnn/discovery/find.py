"""From targets to motifs: the whole search."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.discovery.best_intervals import best_intervals
from dnabirnn.discovery.contributions import explain_targets
from dnabirnn.discovery.found_motif import Discovery, FoundMotif
from dnabirnn.discovery.matching import best_apart, opposite
from dnabirnn.discovery.options import DiscoveryOptions
from dnabirnn.discovery.pooled import pooled_shares
from dnabirnn.discovery.reach import measure_context
from dnabirnn.discovery.search import Surroundings, search_motifs
from dnabirnn.discovery.targets import choose_targets
from dnabirnn.errors import MotifError
from dnabirnn.motifs import Motif

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from numpy.typing import NDArray

    from dnabirnn.discovery.contributions import Explained
    from dnabirnn.discovery.search import Aligned
    from dnabirnn.discovery.targets import Target
    from dnabirnn.explanation import Sites
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig

__all__ = ["find_motifs"]

logger = logging.getLogger(__name__)

_SITES_SCHEMA = {
    "contig": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "strand": pl.String,
    "target": pl.Int64,
    "importance": pl.Float64,
}


def find_motifs(
    contigs: Callable[[], Iterable[Contig]],
    model: Model,
    targets: Sites,
    reach_bp: int | None = None,
    options: DiscoveryOptions | None = None,
    circular: Container[str] = (),
    *,
    allow_empty: bool = False,
) -> Discovery:
    """Find the motifs that a model reads in and around targets.

    The result does not depend on threads. The opposite strand of all contigs gives the same motifs,
    and the mirrored sites.

    Parameters
    ----------
    contigs : callable
        Returns the contigs, such as `lambda: model.contigs("genome.fa")`, or `contigs_around`.
        Called several times.
    model : Model
    targets : Sites
        Calls, or regions, in which the targets of the classes that they have are found (see
        `best_intervals`). Of a target of more than 1,000 bases, the middle is explained.
    reach_bp : int, optional
        Bases on either side of a target that are searched too; see `measure_context` for the
        default.
    options : DiscoveryOptions, optional
    circular : container of str
        Names of circular contigs.
    allow_empty : bool
        Log a warning if there is no target, or no motif, instead of raising an error.

    Returns
    -------
    discovery : Discovery

    Raises
    ------
    MotifError
        If there is no target, or no motif, unless `allow_empty`.
    ScoreError
        If the log-odds are not finite numbers.
    """
    options = options or DiscoveryOptions()
    outputs = model.outputs
    intervals: Callable[[str, int], NDArray[np.int64]] = targets.of
    lacking = "no call to find motifs in; make calls with a lower threshold"
    if not targets.calls:
        intervals = best_intervals(contigs(), model, targets.of, circular)
        lacking = "no region reaches the threshold of a class; give other regions, or calls"
    if reach_bp is None:
        reach_bp = measure_context(contigs, model, intervals, circular)
        logger.info("searching %d bases on either side of each target", reach_bp)
    chosen, totals = choose_targets(
        contigs(), intervals, outputs, reach_bp, options.max_targets, circular
    )
    if not chosen:
        return _nothing(lacking, chosen, model, reach_bp, allow_empty)
    for name, total in totals.items():
        if total > options.max_targets:
            logger.info("%s: %d of %d targets are explained", name, options.max_targets, total)
    lengths: dict[str, int] = {}

    def measured() -> Iterable[Contig]:
        for contig in contigs():
            lengths[contig.name] = len(contig.codes)
            yield contig

    by_class: dict[str, list[Explained]] = {output.class_name: [] for output in outputs}
    shares = None
    if model.checkpoint.sequences is not None and not targets.calls:
        shares = pooled_shares(contigs(), model, chosen, circular)
    for one in explain_targets(measured(), model, chosen, reach_bp, circular, shares):
        by_class[outputs[chosen[one.target].output].class_name].append(one)
    found: list[FoundMotif] = []
    lacks: list[str] = []
    for class_name, own in by_class.items():
        if len(own) < 2:
            some = "no target" if not own else "only one target"
            lacks.append(f"{class_name}: {some}; a motif needs two or more")
            continue
        # The opposite strand has the same targets, in another order.
        own.sort(key=lambda one: (one.codes.tobytes(), one.contributions.tobytes()))
        around = Surroundings(own)
        aligned = search_motifs(around, options)
        stranded = outputs[chosen[own[0].target].output].strand != "."
        where = _Where(own, around, chosen, lengths, circular)
        number = 0
        for motif in aligned:
            name = f"{class_name}_{number + 1}"
            of_sites = where.found(_oriented(motif, stranded), class_name, name)
            # Targets that lie near each other share sites, which count once.
            if of_sites.sites.height >= options.min_sites:
                found.append(of_sites)
                number += 1
        if not number:
            lacks.append(
                f"{class_name}: no motif with {options.min_sites} sites or more in {len(own)} "
                "targets"
            )
    if not found:
        noun = "target" if len(chosen) == 1 else "targets"
        text = (
            f"no motif with {options.min_sites} sites or more in {len(chosen)} {noun}; give more "
            "calls or regions, or lower --min-sites"
        )
        return _nothing(text, chosen, model, reach_bp, allow_empty)
    for lack in lacks:
        logger.warning("%s", lack)
    return Discovery(found, _table(chosen, model), reach_bp)


def _nothing(
    text: str, targets: Sequence[Target], model: Model, reach_bp: int, allowed: bool
) -> Discovery:
    """Return a discovery without motifs, with a warning, or raise an error."""
    if not allowed:
        raise MotifError(text)
    logger.warning("%s", text)
    return Discovery([], _table(targets, model), reach_bp)


def _oriented(motif: Aligned, stranded: bool) -> Aligned:
    """Return a motif on the strand of most of its targets, or else on one that is fixed."""
    turned = motif.minus.sum() * 2 > len(motif.minus)
    if not stranded or motif.minus.sum() * 2 == len(motif.minus):
        turned = opposite(motif.matrix).tolist() > motif.matrix.tolist()
    if not turned:
        return motif
    return motif._replace(
        minus=~motif.minus, counts=opposite(motif.counts), matrix=opposite(motif.matrix)
    )


class _Where(NamedTuple):
    """What turns places in the surroundings of targets into sites on contigs."""

    explained: Sequence[Explained]
    around: Surroundings
    targets: Sequence[Target]
    lengths: dict[str, int]
    circular: Container[str]

    def found(self, motif: Aligned, class_name: str, name: str) -> FoundMotif:
        """Return a motif with its sites on the contigs."""
        width = motif.width
        order = {contig: number for number, contig in enumerate(self.lengths)}
        index = motif.starts[:, None] + np.arange(width)
        sums = self.around.values[index].sum(axis=1)
        rows = []
        for number, (place, minus) in enumerate(
            zip(motif.starts.tolist(), motif.minus.tolist(), strict=True)
        ):
            one = self.explained[self.around.owners[place]]
            offset = place - int(self.around.firsts[self.around.owners[place]])
            start, end, strand = one.place(offset, width, minus)
            contig = self.targets[one.target].contig
            if contig in self.circular:
                start, end = start % self.lengths[contig], start % self.lengths[contig] + width
            if start >= 0 and end <= self.lengths[contig]:
                rows.append((order[contig], start, strand, one.target, float(sums[number]), number))
        kept = _apart(rows, width)
        chosen = np.array([row[-1] for row in kept], np.int64)
        names = list(self.lengths)
        sites = pl.DataFrame(
            [
                (names[contig], start, start + width, "-" if minus else "+", target, total)
                for contig, start, minus, target, total, _ in kept
            ],
            schema=_SITES_SCHEMA,
            orient="row",
        )
        counts, importance = self._summed(motif, chosen)
        return FoundMotif(class_name, Motif(name, name, counts), importance, sites)

    def _summed(
        self, motif: Aligned, chosen: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return counts and mean importance (W, 4) of some sites, added in a fixed order."""
        chosen = np.sort(chosen)
        offsets = np.arange(motif.width)
        minus = motif.minus[chosen, None]
        index = motif.starts[chosen, None] + np.where(minus, motif.width - 1 - offsets, offsets)
        codes = self.around.codes[index]
        codes = np.where(minus & (codes < 4), 3 - codes, codes)
        bases = [codes == base for base in range(4)]
        values = self.around.values[index]
        counts = np.stack([own.sum(axis=0) for own in bases], axis=1).astype(np.float64)
        sums = np.stack([np.where(own, values, 0).sum(axis=0) for own in bases], axis=1)
        return counts, (sums / max(len(chosen), 1)).astype(np.float32)


def _apart(
    rows: list[tuple[int, int, bool, int, float, int]], width: int
) -> list[tuple[int, int, bool, int, float, int]]:
    """Return the sites that do not overlap, sorted; of those that do, the most important ones.

    A site that lies near two targets was found for both of them.
    """
    if not rows:
        return []
    rows = sorted(rows)
    contigs, starts, sums = (np.array([row[i] for row in rows]) for i in (0, 1, 4))
    # Contigs one after another.
    sizes = np.zeros(int(contigs[-1]) + 1, np.int64)
    np.maximum.at(sizes, contigs, starts + width)
    places = (np.cumsum(sizes) - sizes)[contigs] + starts
    order = np.lexsort((np.arange(len(rows)), -sums))
    chosen = best_apart(order, places, np.full(len(rows), width), int(sizes.sum()))
    return [rows[number] for number in np.flatnonzero(chosen).tolist()]


def _table(targets: Sequence[Target], model: Model) -> pl.DataFrame:
    outputs = model.outputs
    rows = [
        (one.contig, one.start, one.end, outputs[one.output].strand, outputs[one.output].class_name)
        for one in targets
    ]
    schema = {"contig": pl.String, "start": pl.Int64, "end": pl.Int64}
    return pl.DataFrame(
        rows, schema={**schema, "strand": pl.String, "class": pl.String}, orient="row"
    )
