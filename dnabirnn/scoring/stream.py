"""Stream from contigs to blocks of probabilities.

Each step is a generator:

    contigs -> windows -> batches -> engine -> windows in order -> blocks

Memory grows only with the longest contig, by one byte per base.

Scores of a window must not depend on the windows scored beside it: not on the batch, the number of
threads, the shard, or the other contigs of the file. torch on a CPU gives other last bits for other
batch shapes, and then a rounded score differs now and then. Batches therefore have a fixed shape:

- The length that a window is padded to depends only on the window's own length.
- The number of windows in a batch depends only on the length that they are padded to.
- A batch that is not full is filled up with windows of padding.
- On a CPU, each batch is computed on one thread. More threads compute more batches at once.

The fused kernels compute a window in the same way in any batch, and skip windows of padding.

Threads compute whatever does not need the scores of other batches: they also join the scores of
neighbouring windows of a batch, and find the highest of each stretch, so that the one thread that
joins batches and finds rows has little to do per base (docs/benchmarks.md, "Threads").

Windows of many contigs share batches. A batch that fills too slowly is sent before it is full, so
that scores waiting for it do not take much memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, groupby
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.errors import ScoreError
from dnabirnn.scoring.grid import Piece, Window, lay, stitch
from dnabirnn.scoring.runs import highest_of
from dnabirnn.sequences import Contig, with_flanks
from dnabirnn.tracks import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine import Engine
    from dnabirnn.network import ScoringWindow
    from dnabirnn.sequences import Needed

_Contig = TypeVar("_Contig", bound=Contig)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

__all__ = [
    "FlankedContig",
    "Held",
    "bases_needed",
    "flanked",
    "measured",
    "not_finite",
    "ordered_map",
    "padded_length",
    "score",
    "watched",
]

# Scores that may wait for a window in a batch that is not full yet: 8 MiB of float32, or the scores
# of `_WAITING_BATCHES` full batches if these are more.
_WAITING_SCORES = 1 << 21
_WAITING_BATCHES = 4
# Windows shorter than a scoring window are padded to one of a series of lengths. The series
# begins here, and each length is about 19 % longer than the one before.
_SHORTEST_PADDED_BP = 32
# Batch size of windows whose scores are not needed.
_UNSCORED_WINDOWS = 64
# Scores per block: 0.5 MiB, which fits in the L2 cache.
_BLOCK_SCORES = 1 << 17
_EMPTY = Window(0, 0, 0, 0)
_HIGHEST_BITS = np.float32(1).view(np.uint32)


class FlankedContig(NamedTuple):
    """A contig to be cut into windows; a circular contig is extended by a flank at both ends."""

    name: str
    codes: Codes  # (F + L + F,)
    flank_bp: int

    @property
    def length_bp(self) -> int:
        """Number of bases without flanks."""
        return len(self.codes) - 2 * self.flank_bp


class _Task(NamedTuple):
    """A window to score; `padded_bp` is 0 if its scores are not needed."""

    number: int
    contig_number: int
    contig: FlankedContig
    window: Window
    padded_bp: int


class _OpenBatch(NamedTuple):
    tasks: list[_Task]
    codes: Codes  # (B, P)


class _Kept(NamedTuple):
    """Scores that windows of a contig keep, one window or several whose kept parts are adjacent."""

    first: _Task
    windows: int
    piece: Piece


def watched(blocks: Iterable[Block], progress: Callable[[int], object]) -> Iterator[Block]:
    """Yield blocks, and call `progress` with the size of each block once it has been used."""
    for block in blocks:
        yield block
        progress(len(block.codes))


def score(
    contigs: Iterable[Contig],
    engine: Engine,
    scoring: ScoringWindow,
    outputs: int,
    *,
    threads: int = 1,
    wanted: Callable[[str], NDArray[np.int64]] | None = None,
    circular: Container[str] = (),
) -> Iterator[Block]:
    """Yield the probabilities of contigs in blocks, in the order of the contigs.

    Parameters
    ----------
    contigs : iterable of Contig
        Read one at a time.
    engine : Engine
    scoring : ScoringWindow
    outputs : int
        Number of score columns that the engine returns.
    threads : int
        Cores to use on a CPU.
    wanted : callable, name -> ndarray (n, 2) int64, optional
        Function that returns the sorted, disjoint intervals of a contig whose scores are needed.
        Windows that keep no base of them are not scored: their probabilities are 0.
    circular : container of str
        Names of circular contigs. Their windows run past each end, into a flank as long as the
        halo that is copied from the other end.

    Yields
    ------
    block : Block

    Raises
    ------
    ScoreError
        If a score is not a finite number.
    """
    ready = (flanked(contig, contig.name in circular, scoring) for contig in contigs)
    tasks = _cut(ready, scoring, wanted)
    batch_bp = engine.batch_windows(scoring.length_bp) * scoring.length_bp
    waiting_bp = max(_WAITING_SCORES // outputs, _WAITING_BATCHES * batch_bp)
    batches = _fill(tasks, engine, waiting_bp)
    scored = ordered_map(
        lambda batch: _run(engine, batch, outputs), batches, engine.workers(threads)
    )
    return _join(_in_order(scored), scoring)


def flanked(contig: Contig, circular: bool, scoring: ScoringWindow) -> FlankedContig:
    """Return a contig ready to be cut, with flanks if it is circular."""
    if not circular or not len(contig.codes):
        return FlankedContig(contig.name, contig.codes, 0)
    # Both strands get the same flanks, so the grid stays its own mirror image.
    flank_bp = scoring.halo_bp
    return FlankedContig(contig.name, with_flanks(contig.codes, flank_bp), flank_bp)


def _cut(
    contigs: Iterable[FlankedContig],
    scoring: ScoringWindow,
    wanted: Callable[[str], NDArray[np.int64]] | None,
) -> Iterator[_Task]:
    """Cut all contigs into numbered windows; an empty contig gets one empty window."""
    number = 0
    padded_bp_of: dict[int, int] = {}
    for contig_number, contig in enumerate(contigs):
        intervals = None if wanted is None else wanted(contig.name) + contig.flank_bp
        for window in lay(len(contig.codes), scoring) if len(contig.codes) else [_EMPTY]:
            padded_bp = 0
            if _touches(window, intervals):
                size = window.end - window.start
                padded_bp = padded_bp_of.get(size, 0) or padded_length(size, scoring)
                padded_bp_of[size] = padded_bp
            yield _Task(number, contig_number, contig, window, padded_bp)
            number += 1


def _touches(window: Window, intervals: NDArray[np.int64] | None) -> bool:
    if window.end == window.start:
        return False
    if intervals is None:
        return True
    after = bisect_left(intervals[:, 1], window.keep_start + 1)
    return after < len(intervals) and bool(intervals[after, 0] < window.keep_end)


def padded_length(length_bp: int, scoring: ScoringWindow) -> int:
    """Length that a window is padded to; it depends only on the window's own length.

    Lengths are multiples of 16. A vector of a processor holds up to 16 values, and values left over
    at the end of a batch would be computed by other code.
    """
    padded = _SHORTEST_PADDED_BP
    while padded < length_bp:
        padded = _round_up(padded * 19 // 16)
    return min(padded, _round_up(scoring.length_bp))


def _round_up(length_bp: int) -> int:
    """Round up to a multiple of 16."""
    return -(-length_bp // 16) * 16


def _fill(tasks: Iterable[_Task], engine: Engine, waiting_bp: int) -> Iterator[_OpenBatch]:
    """Gather windows of all contigs into batches; the windows of a batch have one padded length.

    A batch is yielded when it is full. It is also yielded, filled up with padding, when more than
    `waiting_bp` bases have followed its first window: their scores wait for that window, and would
    take too much memory.
    """
    filling: dict[int, list[_Task]] = {}
    since: dict[int, int] = {}
    sizes: dict[int, int] = {0: _UNSCORED_WINDOWS}
    seen_bp, due_bp = 0, waiting_bp
    for task in tasks:
        padded = task.padded_bp
        waiting = filling.get(padded)
        if waiting is None:
            waiting = filling[padded] = []
            since[padded] = seen_bp
            if padded not in sizes:
                sizes[padded] = engine.batch_windows(padded)
        waiting.append(task)
        seen_bp += _kept_bp(task.window)
        full = len(waiting) == sizes[padded]
        if not full and seen_bp <= due_bp:
            continue
        late = [length for length, bases in since.items() if seen_bp - bases > waiting_bp]
        for length in dict.fromkeys([padded, *late] if full else late):
            del since[length]
            yield _batch(filling.pop(length), length, engine)
        due_bp = min(since.values(), default=seen_bp) + waiting_bp
    for length, of_length in filling.items():
        yield _batch(of_length, length, engine)


def _batch(tasks: list[_Task], padded_bp: int, engine: Engine) -> _OpenBatch:
    """Copy the codes of the windows into an array of the fixed shape for this length."""
    if not padded_bp:
        return _OpenBatch(tasks, np.empty((0, 0), np.uint8))
    codes = np.full((engine.batch_windows(padded_bp), padded_bp), PADDING, np.uint8)
    for row, task in zip(codes, tasks, strict=False):
        start, end = task.window.start, task.window.end
        row[: end - start] = task.contig.codes[start:end]
    return _OpenBatch(tasks, codes)


def _run(engine: Engine, batch: _OpenBatch, outputs: int) -> list[_Kept]:
    scores = engine.score(batch.codes) if len(batch.codes) else None  # (B, P, O)
    found = []
    for first, last in _adjacent(batch.tasks):
        tasks = batch.tasks[first:last]
        start, end = tasks[0].window.keep_start, tasks[-1].window.keep_end
        if scores is None:
            joined = np.zeros((end - start, outputs), np.float32)
        else:
            kept = [
                row[task.window.keep_start - task.window.start :][: _kept_bp(task.window)]
                for row, task in zip(scores[first:last], tasks, strict=True)
            ]
            joined = kept[0] if len(kept) == 1 else np.concatenate(kept)
        highest = highest_of(joined)
        # The bits of NaN are above those of all numbers.
        if highest.max(initial=0) > _HIGHEST_BITS and not np.isfinite(joined).all():
            raise _not_finite(tasks[0], joined)
        found.append(_Kept(tasks[0], last - first, Piece(start, joined, highest)))
    return found


def _adjacent(tasks: list[_Task]) -> Iterator[tuple[int, int]]:
    """Yield the first and last numbers of tasks that are neighbours, and keep adjacent bases."""
    first = 0
    for n in range(1, len(tasks) + 1):
        before = tasks[n - 1]
        if (
            n == len(tasks)
            or tasks[n].number != before.number + 1
            or tasks[n].contig_number != before.contig_number
            or tasks[n].window.keep_start != before.window.keep_end
        ):
            yield first, n
            first = n


def _not_finite(first: _Task, scores: NDArray[np.float32]) -> ScoreError:
    place = first.window.keep_start + int(np.isfinite(scores).all(axis=1).argmin())
    place = (place - first.contig.flank_bp) % first.contig.length_bp
    return not_finite(first.contig.name, place)


def not_finite(name: str, place: int) -> ScoreError:
    """Return the error for a score of a base that is not a finite number."""
    return ScoreError(
        f"record {name!r}, base {place} (0-based): the score is not a finite number; "
        "the model's weights are too large: train it again, with a lower --lr"
    )


def _kept_bp(window: Window) -> int:
    return window.keep_end - window.keep_start


def ordered_map(
    function: Callable[[_Item], _Result], items: Iterable[_Item], threads: int
) -> Iterator[_Result]:
    """Yield results in the order of the items, computed in threads.

    At most two items per thread are in progress, and one more.
    """
    in_progress: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="dnabirnn") as pool:
        try:
            for item in items:
                in_progress.append(pool.submit(function, item))
                if len(in_progress) > 2 * threads:
                    yield in_progress.popleft().result()
            while in_progress:
                yield in_progress.popleft().result()
        finally:
            for future in in_progress:
                future.cancel()


def _in_order(scored: Iterable[list[_Kept]]) -> Iterator[_Kept]:
    """Yield windows in the order in which they were cut."""
    early: dict[int, _Kept] = {}
    number = 0
    for results in scored:
        early.update((kept.first.number, kept) for kept in results)
        while number in early:
            kept = early.pop(number)
            yield kept
            number += kept.windows


def _join(windows: Iterable[_Kept], scoring: ScoringWindow) -> Iterator[Block]:
    """Join the windows of each contig to blocks; windows come contig by contig."""
    for _, of_contig in groupby(windows, key=lambda kept: kept.first.contig_number):
        first = next(of_contig)
        contig = first.first.contig
        if not len(contig.codes):
            yield Block(contig.name, 0, first.piece.scores, contig.codes, last=True)
            continue
        kept = (windows.piece for windows in chain([first], of_contig))
        pieces = _without_flanks(stitch(kept, len(contig.codes), scoring), contig)
        codes = contig.codes[contig.flank_bp : contig.flank_bp + contig.length_bp]
        for piece in _gather(pieces):
            part, last = codes[piece.start : piece.end], piece.end == contig.length_bp
            yield Block(contig.name, piece.start, piece.scores, part, last, piece.highest)


def _without_flanks(pieces: Iterable[Piece], contig: FlankedContig) -> Iterator[Piece]:
    """Drop the scores of flanks, and shift positions to those on the contig itself."""
    for flanked in pieces:
        piece = flanked._replace(start=flanked.start - contig.flank_bp)
        if piece.start < contig.length_bp and piece.end > 0:
            yield piece.part(0, contig.length_bp)


def _gather(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join neighbouring pieces to larger blocks, to spread the fixed cost of a block."""
    held: list[Piece] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += piece.scores.size
        if size >= _BLOCK_SCORES:
            yield _joined(held)
            held, size = [], 0
    if held:
        yield _joined(held)


def _joined(pieces: list[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    return Piece(pieces[0].start, np.concatenate([piece.scores for piece in pieces]))


class Held(Generic[_Contig]):
    """Iterator over contigs that holds each until it is taken, after its scores have come."""

    def __init__(self, contigs: Iterable[_Contig]) -> None:
        self._contigs = contigs
        self._held: dict[str, _Contig] = {}

    def __iter__(self) -> Iterator[_Contig]:
        for contig in self._contigs:
            self._held[contig.name] = contig
            yield contig

    def take(self, name: str) -> _Contig:
        """Return a contig that was read, and hold it no longer."""
        return self._held.pop(name)


def bases_needed(
    wanted: Callable[[str], NDArray[np.int64] | None] | None,
    around_bp: int,
    circular: Container[str] = (),
) -> Needed | None:
    """Return the bases to read for the wanted intervals of contigs; None for all bases.

    Parameters
    ----------
    wanted : callable, name -> ndarray (n, 2) int64, or None
        As for `score`. None for a contig that is left out.
    around_bp : int
        Bases on either side that are needed too. To score intervals, it is the length of a scoring
        window: one that keeps a wanted base ends less than its length away from it.
    circular : container of str
        Names of circular contigs. They are read whole if any base is wanted, because windows run
        across their origin.
    """
    if wanted is None:
        return None

    def needed(name: str, length: int) -> NDArray[np.int64] | None:
        intervals = wanted(name)
        if intervals is None or not len(intervals):
            return intervals
        if name in circular:
            return np.array([[0, length]], np.int64)
        around = np.array([-around_bp, around_bp], np.int64)
        return np.add(intervals, around, dtype=np.int64)

    return needed


def measured(blocks: Iterable[Block], sizes: dict[str, int]) -> Iterator[Block]:
    """Yield blocks unchanged; the last block of a contig adds its length to `sizes`."""
    for block in blocks:
        if block.last:
            sizes[block.name] = block.start + len(block.codes)
        yield block
