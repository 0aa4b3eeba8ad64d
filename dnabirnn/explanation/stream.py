"""Stream from contigs to the changes that their substitutions and deletions cause.

    contigs -> intervals -> tasks -> changes, in threads -> blocks in order

A task is as many neighbouring bases as have one block of windows to keep, or as many as have
results of a few megabytes. The changes of an edit do not depend on the edits beside it, so results
do not depend on how tasks are cut. Memory grows with the longest contig only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.engine import LANES, make_mutant_engine
from dnabirnn.explanation.changes import Changes, mapped
from dnabirnn.explanation.edits import deletions, substitutions
from dnabirnn.explanation.kept_states import KeptStates
from dnabirnn.explanation.layout import Layout
from dnabirnn.explanation.whole_windows import WholeWindows
from dnabirnn.scoring import ordered_map

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine import MutantEngine
    from dnabirnn.explanation.edits import Edits
    from dnabirnn.scoring import Model, Window
    from dnabirnn.sequences import Contig

__all__ = [
    "KEPT_BYTES",
    "RESULT_BYTES",
    "EffectBlock",
    "Methods",
    "Mutagenesis",
    "Piece",
    "effects",
]

RESULT_BYTES = 1 << 24
"""Bytes of the results of a task. Each thread has results of up to three tasks."""
KEPT_BYTES = 1 << 26
"""Bytes that a task keeps of windows. Each thread has one such task."""


class Mutagenesis(NamedTuple):
    """Which changes to compute.

    Attributes
    ----------
    reach_bp : int
        Bases on either side of a change for which its effect is computed.
    deletions : int
        Longest deletion in bases; 0 for none.
    profiles : bool
        Whether to keep the changes of all bases, besides the largest ones.
    """

    reach_bp: int
    deletions: int = 0
    profiles: bool = False

    def bytes_a_base(self, outputs: int) -> int:
        """Return the bytes of the results per base."""
        numbers = 6 + self.profiles * (2 * self.reach_bp + 1)
        return (4 + self.deletions) * numbers * outputs * 4


class EffectBlock(NamedTuple):
    """Effects of the changes of neighbouring bases of a contig.

    Attributes
    ----------
    name : str
        Name of the contig.
    start : int
        0-based position of the first base.
    codes : ndarray, (m,) uint8
    following : ndarray, (D - 1 or less,) uint8
        The next bases of the contig, which deletions of D bases may include.
    substitutions : Changes
        Arrays of (m, 4, O). The four are A, C, G and T. That of the base itself has no effect, and
        has zeros. Bases of code 4 have no substitutions: their changes are NaN.
    deletions : Changes
        Arrays of (m, D, O), for deletions of 1 to D bases that begin at each base. Those of a base
        of code 4, or past the end of the contig, are NaN.
    """

    name: str
    start: int
    codes: Codes
    following: Codes
    substitutions: Changes
    deletions: Changes


class Piece(NamedTuple):
    """Neighbouring bases of a contig.

    Attributes
    ----------
    layout : Layout
    start, end : int
        Bases on which changes begin.
    longest : int
        Longest change in bases.
    """

    layout: Layout
    start: int
    end: int
    longest: int = 1

    def windows(self, reach_bp: int) -> list[Window]:
        """Return the windows through which changes of these bases can act."""
        end = self.end + self.longest - 1
        return self.layout.windows(self.start, end, self.layout.reach_bp(reach_bp))


def effects(
    contigs: Iterable[Contig],
    model: Model,
    mutagenesis: Mutagenesis,
    wanted: Callable[[str, int], NDArray[np.int64]] | None = None,
    circular: Container[str] = (),
) -> Iterator[EffectBlock]:
    """Yield the effects of all changes of the bases of contigs, in the order of the bases.

    Parameters
    ----------
    contigs : iterable of Contig
        Read one at a time.
    model : Model
    mutagenesis : Mutagenesis
    wanted : callable, (name, length) -> ndarray (n, 2) int64, optional
        Function that returns the sorted, disjoint intervals of a contig whose bases are changed.
    circular : container of str
        Names of circular contigs.

    Yields
    ------
    block : EffectBlock
    """
    mutants = make_mutant_engine(model.engine)
    checkpoint = model.checkpoint
    scoring = checkpoint.scoring_window
    layouts = (Layout(contig, contig.name in circular, scoring) for contig in contigs)
    limit = LANES
    if mutants is not None:
        limit = max(1, min(limit, KEPT_BYTES // mutants.kept_bytes(scoring.length_bp)))
    bases = max(1, RESULT_BYTES // mutagenesis.bytes_a_base(len(model.outputs)))
    tasks = _tasks(layouts, wanted, mutagenesis, scoring.core_bp, bases, limit)

    def run(pieces: list[Piece]) -> list[EffectBlock]:
        methods = Methods(model, mutants, pieces, mutagenesis.reach_bp)
        return [_block(piece, methods.of(piece.layout), mutagenesis) for piece in pieces]

    for blocks in ordered_map(run, tasks, model.engine.workers(model.threads)):
        yield from blocks


class Methods:
    """Methods that compute the changes of some pieces of contigs.

    Parameters
    ----------
    model : Model
    mutants : MutantEngine or None
        None if whole windows must be scored again.
    pieces : sequence of Piece
    reach_bp : int
    """

    def __init__(
        self,
        model: Model,
        mutants: MutantEngine | None,
        pieces: Sequence[Piece],
        reach_bp: int,
    ) -> None:
        shape, window = model.checkpoint.architecture, model.checkpoint.scoring_window
        self._whole = WholeWindows(model.engine, shape, window.length_bp)
        self._kept = None
        if mutants is not None:
            own = [piece for piece in pieces if not piece.layout.repeats]
            windows = ((one.layout, window) for one in own for window in one.windows(reach_bp))
            self._kept = KeptStates(mutants, windows)

    def of(self, layout: Layout) -> KeptStates | WholeWindows:
        """Return the method for a contig."""
        return self._whole if self._kept is None or layout.repeats else self._kept


def _tasks(
    layouts: Iterable[Layout],
    wanted: Callable[[str, int], NDArray[np.int64]] | None,
    mutagenesis: Mutagenesis,
    step_bp: int,
    most_bases: int,
    most_windows: int,
) -> Iterator[list[Piece]]:
    """Gather the wanted bases of all contigs in tasks."""
    task: list[Piece] = []
    windows: set[tuple[int, int, int]] = set()
    bases = 0
    for layout in layouts:
        length = len(layout.codes)
        intervals = [[0, length]] if wanted is None else wanted(layout.name, length).tolist()
        for start, end in intervals:
            start, end = max(start, 0), min(end, length)
            while start < end:
                last = min(end, start + step_bp, start + most_bases - bases)
                piece = Piece(layout, start, last, max(mutagenesis.deletions, 1))
                windows_of = piece.windows(mutagenesis.reach_bp)
                new = {(id(layout), *window[:2]) for window in windows_of}
                if task and len(windows | new) > most_windows:
                    yield task
                    task, windows, bases = [], set(), 0
                    continue
                if task and task[-1].layout is layout and task[-1].end == start:
                    task[-1] = task[-1]._replace(end=piece.end)
                else:
                    task.append(piece)
                windows |= new
                bases += piece.end - start
                start = piece.end
                if bases >= most_bases:
                    yield task
                    task, windows, bases = [], set(), 0
    if task:
        yield task


def _block(
    piece: Piece, method: KeptStates | WholeWindows, mutagenesis: Mutagenesis
) -> EffectBlock:
    """Compute the effects of all changes of a piece."""
    layout, start, end, _ = piece
    codes, count = layout.codes, end - start

    def computed(edits: Edits) -> Changes:
        reach = layout.reach_bp(mutagenesis.reach_bp)
        found = method.changes(layout, edits, reach, profiles=mutagenesis.profiles)
        lacking = mutagenesis.reach_bp - reach  # on a short circular contig
        if lacking and mutagenesis.profiles:
            widths = ((0, 0), (lacking, lacking), (0, 0))
            found = found._replace(profiles=np.pad(found.profiles, widths))
        return found

    edits = substitutions(codes, start, end)
    places = (edits.at - start, edits.codes[:, 0])
    known = codes[start:end] < AMBIGUOUS
    of_bases = _placed(computed(edits), places, (count, 4), known[:, None])
    of_sizes = []
    for size in range(1, mutagenesis.deletions + 1):
        edits = deletions(codes, start, end, size)
        of_sizes.append(_placed(computed(edits), (edits.at - start,), (count,), np.False_))
    if of_sizes:
        of_all = mapped(lambda *arrays: np.stack(arrays, axis=1), *of_sizes)
    else:
        of_all = mapped(lambda array: array[:, :0], of_bases)
    following = codes[end : end + piece.longest - 1]
    return EffectBlock(layout.name, start, codes[start:end], following, of_bases, of_all)


def _placed(
    changes: Changes,
    places: tuple[NDArray[np.int64] | Codes, ...],
    shape: tuple[int, ...],
    known: NDArray[np.bool_] | np.bool_,
) -> Changes:
    """Put changes at places of larger arrays, whose other entries are 0 where `known`, else NaN."""

    def full(values: NDArray[Any]) -> NDArray[Any]:
        whole = np.zeros((*shape, *values.shape[1:]), values.dtype)
        if values.dtype == np.float32:
            whole[np.broadcast_to(~known, shape)] = np.nan
        whole[places] = values
        return whole

    return mapped(full, changes)
