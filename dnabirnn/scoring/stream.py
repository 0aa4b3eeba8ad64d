"""The stream from FASTA to probabilities.

contigs -> windows -> batches -> engine -> windows in order -> blocks, each a generator. Memory
grows with the longest contig, a byte a base, and with nothing else.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.errors import ScoreError
from dnabirnn.scoring.grid import Window, lay, stitch
from dnabirnn.sequences import Contig, with_flanks
from dnabirnn.tracks import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine import Engine
    from dnabirnn.network import ScoringWindow

__all__ = ["measured", "score", "watched"]

# Scores that may wait for a window that is still in a batch half full: 8 MiB of float32, or those
# of so many full batches.
_WAITING_SCORES = 1 << 21
_WAITING_BATCHES = 4
# Windows shorter than a scoring window are padded to one of these lengths, 19 % apart.
_SHORTEST_PADDED_BP = 32
# Windows whose scores are not asked for are handed on so many at a time.
_UNSCORED_WINDOWS = 64
# Scores of a block: 0.5 MiB, which the L2 cache holds.
_BLOCK_SCORES = 1 << 17
_EMPTY = Window(0, 0, 0, 0)


class _Laid(NamedTuple):
    """A contig as windows are laid on it: a circular one goes on for a flank at both ends."""

    name: str
    codes: Codes  # (F + L + F,)
    flank_bp: int

    @property
    def length_bp(self) -> int:
        return len(self.codes) - 2 * self.flank_bp


class _Task(NamedTuple):
    """A window to score; `padded_bp` is 0 where its scores are not asked for."""

    number: int
    contig_number: int
    contig: _Laid
    window: Window
    padded_bp: int


class _OpenBatch(NamedTuple):
    tasks: list[_Task]
    codes: Codes  # (B, P)


class _Kept(NamedTuple):
    task: _Task
    scores: NDArray[np.float32]  # (keep_end - keep_start, O)


def watched(blocks: Iterable[Block], progress: Callable[[int], object]) -> Iterator[Block]:
    """Blocks, whose bases are told once what is done with them is done."""
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
    """Probabilities of contigs, in blocks, in the order of the contigs.

    Parameters
    ----------
    contigs : iterable of Contig
        Read one at a time.
    engine : Engine
    scoring : ScoringWindow
    outputs : int
        Columns of the engine's answer.
    threads : int
        Cores to use on a CPU.
    wanted : callable, name -> ndarray (n, 2) int64, optional
        Sorted, disjoint intervals of a contig outside which scores are not asked for. Windows
        that keep none of them are not scored: their probabilities are 0.
    circular : container of str
        Names of contigs that are circles: windows go on beyond their ends, by a halo that is
        taken from the other end.

    Yields
    ------
    block : Block

    Raises
    ------
    ScoreError
        A score that is not a finite number.
    """
    laid = (_lay_open(contig, contig.name in circular, scoring) for contig in contigs)
    tasks = _cut(laid, scoring, wanted)
    batch_bp = engine.batch_windows(scoring.length_bp) * scoring.length_bp
    waiting_bp = max(_WAITING_SCORES // outputs, _WAITING_BATCHES * batch_bp)
    batches = _fill(tasks, engine, waiting_bp)
    scored = _ordered_map(
        lambda batch: _run(engine, batch, outputs), batches, engine.workers(threads)
    )
    return _join(_in_order(scored), scoring)


def _lay_open(contig: Contig, circular: bool, scoring: ScoringWindow) -> _Laid:
    if not circular or not len(contig.codes):
        return _Laid(contig.name, contig.codes, 0)
    # Both strands get the same flanks, so the grid stays its own mirror image.
    flank_bp = scoring.halo_bp
    return _Laid(contig.name, with_flanks(contig.codes, flank_bp), flank_bp)


def _cut(
    contigs: Iterable[_Laid],
    scoring: ScoringWindow,
    wanted: Callable[[str], NDArray[np.int64]] | None,
) -> Iterator[_Task]:
    """Windows of all contigs, numbered; an empty contig is one empty window."""
    number = 0
    for contig_number, contig in enumerate(contigs):
        intervals = None if wanted is None else wanted(contig.name) + contig.flank_bp
        for window in lay(len(contig.codes), scoring) if len(contig.codes) else [_EMPTY]:
            padded_bp = 0
            if _touches(window, intervals):
                padded_bp = _padded_length(window.end - window.start, scoring)
            yield _Task(number, contig_number, contig, window, padded_bp)
            number += 1


def _touches(window: Window, intervals: NDArray[np.int64] | None) -> bool:
    if window.end == window.start:
        return False
    if intervals is None:
        return True
    after = bisect_left(intervals[:, 1], window.keep_start + 1)
    return after < len(intervals) and bool(intervals[after, 0] < window.keep_end)


def _padded_length(length_bp: int, scoring: ScoringWindow) -> int:
    """Length that windows are padded to: it depends on their own length alone.

    Lengths are multiples of 16, since vectors of a processor hold up to so many values, and
    what is left over at the end of a batch would be computed by other code.
    """
    padded = _SHORTEST_PADDED_BP
    while padded < length_bp:
        padded = _whole(padded * 19 // 16)
    return min(padded, _whole(scoring.length_bp))


def _whole(length_bp: int) -> int:
    """The next multiple of 16."""
    return -(-length_bp // 16) * 16


def _fill(tasks: Iterable[_Task], engine: Engine, waiting_bp: int) -> Iterator[_OpenBatch]:
    """Batches of windows padded to one length, across contigs.

    A batch is handed on when it is full, or, filled up with padding, when so many bases have
    come after its first window that their scores would take too much memory.
    """
    filling: dict[int, list[_Task]] = {}
    since: dict[int, int] = {}
    seen_bp = 0
    for task in tasks:
        padded = task.padded_bp
        filling.setdefault(padded, []).append(task)
        since.setdefault(padded, seen_bp)
        seen_bp += _kept_bp(task.window)
        full = len(filling[padded]) == (
            engine.batch_windows(padded) if padded else _UNSCORED_WINDOWS
        )
        late = [length for length, bases in since.items() if seen_bp - bases > waiting_bp]
        for length in dict.fromkeys([padded, *late] if full else late):
            del since[length]
            yield _batch(filling.pop(length), length, engine)
    for length, waiting in filling.items():
        yield _batch(waiting, length, engine)


def _batch(tasks: list[_Task], padded_bp: int, engine: Engine) -> _OpenBatch:
    """Codes of the tasks' windows in the engine's one shape for this length."""
    if not padded_bp:
        return _OpenBatch(tasks, np.empty((0, 0), np.uint8))
    codes = np.full((engine.batch_windows(padded_bp), padded_bp), PADDING, np.uint8)
    for row, task in zip(codes, tasks, strict=False):
        start, end = task.window.start, task.window.end
        row[: end - start] = task.contig.codes[start:end]
    return _OpenBatch(tasks, codes)


def _run(engine: Engine, batch: _OpenBatch, outputs: int) -> list[_Kept]:
    if not len(batch.codes):
        return [
            _Kept(task, np.zeros((_kept_bp(task.window), outputs), np.float32))
            for task in batch.tasks
        ]
    scores = engine.score(batch.codes)  # (B, P, O)
    kept = [
        _Kept(task, row[task.window.keep_start - task.window.start :][: _kept_bp(task.window)])
        for row, task in zip(scores, batch.tasks, strict=False)
    ]
    for window in kept:
        # A sum is finite if and only if all of these are, since none is beyond 1.
        if not np.isfinite(window.scores.sum()):
            raise _not_finite(window)
    return kept


def _not_finite(kept: _Kept) -> ScoreError:
    task = kept.task
    place = task.window.keep_start + int(np.isfinite(kept.scores).all(axis=1).argmin())
    place = (place - task.contig.flank_bp) % task.contig.length_bp
    return ScoreError(
        f"record {task.contig.name!r}, base {place} (0-based): the score is not a finite number; "
        "the model's weights are too large: train it again, with a lower --lr"
    )


def _kept_bp(window: Window) -> int:
    return window.keep_end - window.keep_start


def _ordered_map(
    function: Callable[[_OpenBatch], list[_Kept]], batches: Iterable[_OpenBatch], threads: int
) -> Iterator[list[_Kept]]:
    """Results in the order of the batches; at most two batches a thread are under way."""
    under_way: deque[Future[list[_Kept]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="dnabirnn-score") as pool:
        try:
            for batch in batches:
                under_way.append(pool.submit(function, batch))
                if len(under_way) > 2 * threads:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def _in_order(scored: Iterable[list[_Kept]]) -> Iterator[_Kept]:
    """Windows in the order in which they were cut."""
    early: dict[int, _Kept] = {}
    number = 0
    for results in scored:
        early.update((kept.task.number, kept) for kept in results)
        while number in early:
            yield early.pop(number)
            number += 1


def _join(windows: Iterable[_Kept], scoring: ScoringWindow) -> Iterator[Block]:
    """Blocks of each contig; windows of one contig follow one another."""
    for _, of_contig in groupby(windows, key=lambda kept: kept.task.contig_number):
        first = next(of_contig)
        contig = first.task.contig
        if not len(contig.codes):
            yield Block(contig.name, 0, first.scores, contig.codes, last=True)
            continue
        kept = (window.scores for window in chain([first], of_contig))
        pieces = _without_flanks(stitch(kept, len(contig.codes), scoring), contig)
        codes = contig.codes[contig.flank_bp : contig.flank_bp + contig.length_bp]
        for start, scores in _gather(pieces):
            end = start + len(scores)
            yield Block(contig.name, start, scores, codes[start:end], end == contig.length_bp)


def _without_flanks(
    pieces: Iterable[tuple[int, NDArray[np.float32]]], contig: _Laid
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Scores of the contig itself, with places on it."""
    for laid_start, scores in pieces:
        start = laid_start - contig.flank_bp
        first, last = max(start, 0), min(start + len(scores), contig.length_bp)
        if first < last:
            yield first, scores[first - start : last - start]


def _gather(
    pieces: Iterable[tuple[int, NDArray[np.float32]]],
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Neighbouring pieces joined to blocks, so that what is done for a block is done for many."""
    held: list[NDArray[np.float32]] = []
    begin = size = 0
    for start, scores in pieces:
        begin = start if not held else begin
        held.append(scores)
        size += scores.size
        if size >= _BLOCK_SCORES:
            yield begin, np.concatenate(held)
            held, size = [], 0
    if held:
        yield begin, held[0] if len(held) == 1 else np.concatenate(held)


def measured(blocks: Iterable[Block], sizes: dict[str, int]) -> Iterator[Block]:
    """Blocks as they pass; `sizes` gets the length of each contig with its last one."""
    for block in blocks:
        if block.last:
            sizes[block.name] = block.start + len(block.codes)
        yield block
