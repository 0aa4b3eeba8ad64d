"""The reach: how far from a change effects are computed, measured on a sample.

A recurrent network remembers bases for long, so that an effect never ends sharply. `measure_reach`
computes the effects of a sample of substitutions up to the length of a scoring window, beyond which
there are none. The reach is the smallest distance that at least 99.9 % of these substitutions keep
to: they change no log-odds by more than 0.01 at any base further away.

The sample is the same on both strands: with every base, it has the base at the same distance from
the other end of what is sampled of the contig.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.engine import make_mutant_engine
from dnabirnn.errors import OptionError
from dnabirnn.explanation.edits import substitutions
from dnabirnn.explanation.layout import Layout
from dnabirnn.explanation.options import AUTO, check_reach
from dnabirnn.explanation.stream import Methods, Piece
from dnabirnn.files import is_stream
from dnabirnn.scoring import bases_needed, ordered_map
from dnabirnn.sequences import contig_lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.explanation.targets import Sites
    from dnabirnn.files import PathLike
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular, Contig

__all__ = ["TOLERANCE", "Reach", "measure_reach", "reach_of"]

TOLERANCE = 0.01
"""Change of the log-odds that does not count."""
_SHARE = 0.999
# Neighbouring bases are sampled together: their substitutions fill a block of lanes.
_STRETCHES, _STRETCH_BP = 40, 10
_TOGETHER = 8  # stretches whose windows are computed side by side


class Reach(NamedTuple):
    """A reach, and what lies beyond it.

    Attributes
    ----------
    bp : int
    sampled : int
        Substitutions of the sample; 0 if the reach was not measured.
    beyond : int
        Those that change log-odds by more than `TOLERANCE` beyond the reach.
    log_odds : float
        Largest change of log-odds beyond the reach in the sample.
    """

    bp: int
    sampled: int = 0
    beyond: int = 0
    log_odds: float = 0.0

    def line(self) -> str:
        """Return a line for the log."""
        if not self.sampled:
            return f"reach of {self.bp} bases; effects beyond it are not computed"
        return (
            f"reach of {self.bp} bases, measured on {self.sampled:,} substitutions: beyond it, "
            f"{self.beyond} of them change log-odds by more than {TOLERANCE:g}, at most by "
            f"{self.log_odds:.2g}"
        )


def reach_of(
    given: int | str,
    model: Model,
    fasta: Sequence[PathLike],
    sites: Sites | None = None,
    circular: Circular | None = None,
    option: str = "--reach",
) -> Reach:
    """Return the reach that an option gives; "auto" measures it on all contigs.

    Parameters
    ----------
    given : int or str
    model : Model
    fasta : sequence of str or PathLike
    sites : Sites, optional
        Intervals that the sample is taken from; by default all bases.
    circular : Circular, optional
    option : str
        Name of the option, for errors.

    Raises
    ------
    OptionError
        If it is not a number of bases, or a FASTA that must be read twice is a pipe.
    """
    if given != AUTO:
        return Reach(check_reach(given, model.checkpoint.scoring_window.length_bp, option))
    if any(map(is_stream, fasta)):
        raise OptionError(
            f"{option} auto: reads the FASTA twice, which standard input and pipes do not allow; "
            "give a number of bases"
        )
    sizes, circles = contig_lengths(*fasta), circular or ()
    for one in (sites, circular):
        if one is not None:
            one.check_contigs(sizes)
    wanted = None if sites is None else sites.wanted(0, ())
    sampled = _sample(sizes, wanted)
    needed = bases_needed(sampled.get, 2 * model.checkpoint.scoring_window.length_bp, circles)
    contigs = model.contigs(*fasta, needed=needed)
    return measure_reach(contigs, sizes, model, wanted, circles)


def measure_reach(
    contigs: Iterable[Contig],
    sizes: Mapping[str, int],
    model: Model,
    wanted: Callable[[str, int], NDArray[np.int64]] | None = None,
    circular: Container[str] = (),
) -> Reach:
    """Measure the reach on a sample of the bases that will be changed.

    Parameters
    ----------
    contigs : iterable of Contig
    sizes : mapping of str to int
        Length of each contig. Contigs that are not in it are left out.
    model : Model
    wanted, circular
        As for `effects`.
    """
    longest = model.checkpoint.scoring_window.length_bp - 1
    mutants = make_mutant_engine(model.engine)
    if mutants is None:
        # Whole windows are scored again, whatever the reach.
        return Reach(max(longest, 1))

    def farthest(pieces: list[Piece]) -> NDArray[np.float32]:
        """Return the largest change of each substitution at each distance or further away."""
        methods = Methods(model, mutants, pieces, longest)
        found = [np.zeros((0, longest + 1), np.float32)]
        for layout, start, end, _ in pieces:
            edits, reach = substitutions(layout.codes, start, end), layout.reach_bp(longest)
            if len(edits):
                changes = methods.of(layout).changes(layout, edits, reach, profiles=True)
                size = np.abs(changes.profiles).max(axis=2)
                either = np.maximum(size[:, reach:], size[:, reach::-1])  # (n, reach + 1)
                upward = np.maximum.accumulate(either[:, ::-1], axis=1)[:, ::-1]
                found.append(np.pad(upward, ((0, 0), (0, longest - reach))))
        return np.concatenate(found)

    sampled = _sample(sizes, wanted)
    pieces = (
        Piece(layout, start, end)
        for contig in contigs
        if contig.name in sampled
        for layout in [Layout(contig, contig.name in circular, model.checkpoint.scoring_window)]
        for start, end in sampled[contig.name].tolist()
    )
    together = iter(lambda: list(islice(pieces, _TOGETHER)), [])
    found = list(ordered_map(farthest, together, model.engine.workers(model.threads)))
    every = np.concatenate([*found, np.zeros((0, longest + 1), np.float32)])
    if not len(every):
        return Reach(1)
    # Number of substitutions with a change beyond each reach from 0 to longest.
    beyond = np.append((every[:, 1:] > TOLERANCE).sum(axis=0), 0)
    reach = max(int(np.argmax(beyond <= (1 - _SHARE) * len(every))), 1)
    largest = every[:, reach + 1 :].max(initial=0)
    return Reach(reach, len(every), int(beyond[reach]), float(largest))


def _sample(
    sizes: Mapping[str, int], wanted: Callable[[str, int], NDArray[np.int64]] | None
) -> dict[str, NDArray[np.int64]]:
    """Return stretches of contigs, (n, 2), about evenly over all bases that will be changed."""
    intervals_of: dict[str, NDArray[np.int64]] = {}
    for name, length in sizes.items():
        whole = np.array([[0, length]], np.int64)
        intervals_of[name] = whole if wanted is None else np.clip(wanted(name, length), 0, length)
    totals = {name: int(np.diff(own, axis=1).sum()) for name, own in intervals_of.items()}
    everything, before, number = max(sum(totals.values()), 1), 0, 0
    sampled = {}
    for name, total in totals.items():
        count = _STRETCHES * (before + total) // everything - _STRETCHES * before // everything
        before += total
        random = np.random.default_rng([0, number])
        number += sizes[name] > 0  # an index may lack contigs without bases
        if not total or not count:
            continue
        intervals = intervals_of[name]
        ranks = np.arange(0, total, _STRETCH_BP)  # all of it, if that is little
        if len(ranks) > 2 * count:
            ranks = random.integers(0, total - _STRETCH_BP + 1, -(-count // 2))
            # The opposite strand counts from the other end.
            ranks = np.unique(np.concatenate([ranks, total - _STRETCH_BP - ranks]))
        upto = np.cumsum(np.diff(intervals, axis=1)[:, 0])
        found = [part for rank in ranks.tolist() for part in _stretch(intervals, upto, rank)]
        sampled[name] = np.array(found, np.int64)
    return sampled


def _stretch(
    intervals: NDArray[np.int64], upto: NDArray[np.int64], rank: int
) -> Iterator[tuple[int, int]]:
    """Yield the wanted bases from number `rank` on, which may be in several intervals."""
    left = min(_STRETCH_BP, int(upto[-1]) - rank)
    while left > 0:
        number = int(np.searchsorted(upto, rank, side="right"))
        end = int(intervals[number, 1])
        first = end - (int(upto[number]) - rank)
        last = min(first + left, end)
        yield first, last
        rank, left = rank + last - first, left - (last - first)
