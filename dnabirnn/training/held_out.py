"""Validation sequence for classes that have no site in the validation split.

Without such sites nothing would tell when the network is best at a class, or from which score on to
call it; on training sequence a network looks better than it is. Part of the training split is
therefore moved to validation, and not trained on: stretches with about a fifth of the sites of the
class. The rest of the validation split has no site of the class, so that sites are about as rare as
in the whole.

The sites of the class are cut into runs of consecutive sites, of about equal size, five for each
stretch, of which there are at most ten. Of each five runs, the middle one is held out: from halfway
to the site before to halfway to the site after, but at most 5,000 bp beyond its sites. An end that
lies inside a site of another class is moved out of it, if the site ends within 5,000 bp.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.encoded import LabelledSites, SplitInterval
from dnabirnn.labels import IGNORE_BIT
from dnabirnn.names import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dnabirnn.encoded import EncodedSet

__all__ = ["hold_out"]

logger = logging.getLogger(__name__)

_SHARE = 5
_MOST_STRETCHES = 10
_FLANK_BP = 5_000


def hold_out(encoded: EncodedSet, window_bp: int) -> tuple[EncodedSet, list[SplitInterval]]:
    """Move training sequence to validation for classes that the validation split lacks.

    Parameters
    ----------
    encoded : EncodedSet
    window_bp : int
        Length of a training window, which must fit into what is left.

    Returns
    -------
    encoded : EncodedSet
        The same set with other splits. Unchanged without validation sequence, or if no class lacks
        sites there. A class with fewer than five sites for training is left as it is, as is one
        without which another class, or a window, would have no place in training.
    moved : list of SplitInterval
        Stretches that were moved, sorted.
    """
    moved: list[SplitInterval] = []
    helped = []
    sites = LabelledSites(encoded)
    # Whole sequences are encoded with sequences of every class in the validation split.
    if not len(encoded.split("val")) or encoded.whole_sequences:
        return encoded, moved
    for number, (name, _) in enumerate(encoded.classes):
        if len(sites.of("val", number)):
            continue
        stretches = _stretches(encoded, sites.of("train", number))
        changed = _moved(encoded, stretches)
        found = LabelledSites(changed)
        trains = all(len(found.of("train", other)) for other in range(len(encoded.classes)))
        lengths = np.diff(changed.split("train"), axis=1)
        if stretches and trains and lengths.max(initial=0) >= window_bp:
            encoded, sites = changed, found
            moved += stretches
            helped.append(name)
    if helped:
        logger.warning(
            "%s: no site in the val split; about a fifth of the training sites (%d stretches, "
            "%d bases) are held out for validation, and not trained on; figures of this class are "
            "optimistic if the stretches resemble training sequence",
            shortened(helped),
            len(moved),
            sum(end - start for _, start, end in moved),
        )
    return encoded, sorted(moved)


def _stretches(encoded: EncodedSet, sites: NDArray[np.int64]) -> list[SplitInterval]:
    """Return the stretches to hold out for a class, given its training sites (n, 2)."""
    if len(sites) < _SHARE:
        return []
    number = min(_MOST_STRETCHES, len(sites) // _SHARE)
    pieces = encoded.split("train")
    offsets = np.array([contig.offset for contig in encoded.contigs])
    found = []
    for run in np.array_split(np.arange(len(sites)), _SHARE * number)[_SHARE // 2 :: _SHARE]:
        first, last = int(run[0]), int(run[-1])
        # A run may reach over several pieces of the split, of one contig or of several.
        for start, end in pieces.tolist():
            own = sites[first : last + 1]
            own = own[(own[:, 0] >= start) & (own[:, 1] <= end)]
            if not len(own):
                continue
            low, high = max(start, own[0, 0] - _FLANK_BP), min(end, own[-1, 1] + _FLANK_BP)
            if first and sites[first - 1, 1] > start:
                low = max(low, (sites[first - 1, 1] + own[0, 0]) // 2)
            if last + 1 < len(sites) and sites[last + 1, 0] < end:
                high = min(high, (own[-1, 1] + sites[last + 1, 0] + 1) // 2)
            low = _outside(encoded, int(low), start, int(own[0, 0]))
            high = _outside(encoded, int(high), int(own[-1, 1]), end)
            contig = encoded.contigs[int(np.searchsorted(offsets, low, side="right")) - 1]
            found.append(SplitInterval(contig.name, low - contig.offset, high - contig.offset))
    return found


def _outside(encoded: EncodedSet, place: int, low: int, high: int) -> int:
    """Return the place from `low` to `high` that is nearest to `place` and cuts no site.

    `low` and `high` are the ends of a piece or of a site. If all within 5,000 bp cut one, `place`.
    """
    if place in (low, high):
        return place
    low, high = max(low, place - _FLANK_BP), min(high, place + _FLANK_BP)
    # Before base i a site is cut if a label goes on from base i - 1.
    labels = np.asarray(encoded.labels[max(low - 1, 0) : high + 1]) & ~np.array(
        IGNORE_BIT, encoded.labels.dtype
    )
    places = np.arange(max(low, 1), min(high + 1, len(encoded.labels)))
    before = labels[places - 1 - max(low - 1, 0)]
    free = places[(before & labels[places - max(low - 1, 0)]) == 0]
    return int(free[np.argmin(np.abs(free - place))]) if free.size else place


def _moved(encoded: EncodedSet, stretches: Iterable[SplitInterval]) -> EncodedSet:
    """Return the set with stretches of the train split in the val split."""
    train, val = (list(encoded.contig_splits(name)) for name in ("train", "val"))
    for contig, start, end in stretches:
        cut = []
        for piece in train:
            if piece.contig != contig or piece.end <= start or piece.start >= end:
                cut.append(piece)
                continue
            if piece.start < start:
                cut.append(SplitInterval(contig, piece.start, start))
            if end < piece.end:
                cut.append(SplitInterval(contig, end, piece.end))
        train = cut
        val.append(SplitInterval(contig, start, end))
    order = {contig.name: number for number, contig in enumerate(encoded.contigs)}
    joined = sorted(_joined(val), key=lambda piece: (order[piece.contig], piece.start))
    splits = encoded.manifest["splits"] | {"train": train, "val": joined}
    return replace(encoded, manifest=encoded.manifest | {"splits": splits})


def _joined(pieces: Iterable[SplitInterval]) -> list[SplitInterval]:
    """Return pieces with those that touch or overlap joined."""
    joined: list[SplitInterval] = []
    for piece in sorted(pieces):
        if joined and joined[-1].contig == piece.contig and joined[-1].end >= piece.start:
            last = joined.pop()
            piece = last._replace(end=max(last.end, piece.end))
        joined.append(piece)
    return joined
