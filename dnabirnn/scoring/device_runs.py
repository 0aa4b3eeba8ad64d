"""Runs of equal integer scores, found on the device that computes the probabilities.

A GPU computes probabilities faster than the host can copy them and find runs in them. So only the
runs leave the device:

    contigs -> parts -> windows -> probabilities -> stitched -> integer scores -> runs -> rows
               host                             device                                    host

A part is a stretch of a contig that some windows of `grid.lay` keep: a contig of one window, or
some windows of a longer one. The windows of a group of parts are computed together. The numbers are
those of `stream.score` and `runs.find_runs`, on a CPU to the last bit.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from dnabirnn.alphabet import AMBIGUOUS, PADDING
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.scoring.grid import pairs_of
from dnabirnn.scoring.stream import flanked, not_finite, ordered_map, padded_length
from dnabirnn.tracks import Rows, lowest_probability

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine import TorchEngine
    from dnabirnn.network import ScoringWindow
    from dnabirnn.scoring.stream import FlankedContig
    from dnabirnn.sequences import Contig

__all__ = ["device_runs"]

# Bases of a group, and scores if there are many outputs: 256 MiB of float32.
_GROUP_BP, _GROUP_SCORES = 1 << 23, 1 << 26
# Scores in which runs are found at a time. If each is a run of its own, they take 0.1 GB.
_SLICE_SCORES = 1 << 22
_ABSENT = -1


class _Part(NamedTuple):
    """Bases of a contig with its flanks, `start` to `end`, and the windows that keep them.

    Windows of the left half have the numbers `left`, and those of the right half `right`, counted
    from the right. Both are empty if the contig is one window.
    """

    contig: FlankedContig
    start: int
    end: int
    left: range
    right: range

    @property
    def kept(self) -> slice:
        """The bases without flanks, from the start of the part."""
        flank = self.contig.flank_bp
        last = min(self.end, flank + self.contig.length_bp)
        return slice(max(self.start, flank) - self.start, last - self.start)

    @property
    def place(self) -> int:
        """Position of the first base without flanks on the contig."""
        return max(self.start - self.contig.flank_bp, 0)


class _Segment(NamedTuple):
    """Bases of a part within a slice: `begin` to `end` there, and `place` on the contig."""

    name: str
    begin: int
    end: int
    place: int
    last: bool


class _Runs(NamedTuple):
    """Runs of a slice, output by output; positions are those in the slice."""

    segments: list[_Segment]
    output: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    score: NDArray[np.int16]


def device_runs(
    contigs: Iterable[Contig],
    engine: TorchEngine,
    scoring: ScoringWindow,
    outputs: int,
    *,
    min_score: int,
    single_base: bool = False,
    circular: Container[str] = (),
    sizes: dict[str, int] | None = None,
    progress: Callable[[int], object] = lambda bases: None,
    group_bp: int | None = None,
) -> Iterator[Rows]:
    """Yield runs of neighbouring bases with the same integer score of one output.

    Parameters
    ----------
    contigs, engine, scoring, outputs, circular
        As for `dnabirnn.scoring.stream.score`.
    min_score, single_base
        As for `dnabirnn.scoring.runs.find_runs`.
    sizes : dict, optional
        The length of each contig is added, before its last rows.
    progress : callable
        Called with the number of bases of rows that have been used.
    group_bp : int, optional
        Number of bases that are computed together.

    Yields
    ------
    rows : Rows
        Together the same as those of `find_runs`.

    Raises
    ------
    ScoreError
        If a score is not a finite number.
    """
    group_bp = group_bp or max(1, min(_GROUP_BP, _GROUP_SCORES // outputs))
    ready = (flanked(contig, contig.name in circular, scoring) for contig in contigs)
    parts = (part for contig in ready for part in _cut(contig, scoring, group_bp))

    def found(group: list[_Part]) -> list[_Runs]:
        with torch.inference_mode(), engine.stream():
            scores = _scores(group, engine, scoring, outputs)
            codes = None
            if min_score == 0:  # else, unknown bases have too low a score
                codes = _on_device([part.contig.codes[_span(part)] for part in group], scores)
            return [*_find(group, scores, codes, min_score, single_base)]

    joined = _Joined(outputs, single_base)
    for slices in ordered_map(found, _groups(parts, group_bp), engine.workers(1)):
        for runs in slices:
            for segment, rows in joined.rows(runs):
                size = segment.end - segment.begin
                if sizes is not None and segment.last:
                    sizes[segment.name] = segment.place + size
                yield rows
                progress(size)


def _cut(contig: FlankedContig, scoring: ScoringWindow, group_bp: int) -> Iterator[_Part]:
    """Cut a contig between bases that windows keep, but not where both halves keep a base."""
    length = len(contig.codes)
    if length <= scoring.length_bp:
        yield _Part(contig, 0, length, range(0), range(0))
        return
    pairs = pairs_of(length, scoring)
    core, halo = scoring.core_bp, scoring.halo_bp
    # The right half keeps the bases from here on, which are before the end of the left half.
    shared = length - (pairs * core + halo)
    step = max(1, group_bp // core)
    left = [k * core + halo for k in range(step, pairs, step) if k * core + halo <= shared]
    edges = [0, *left, *(length - edge for edge in reversed(left)), length]

    def windows(start: int, end: int) -> range:
        """Return the numbers of the left windows that keep bases of a part."""
        first, last = (min(pairs, max(0, edge - halo) // core) for edge in (start, end))
        return range(first, last)

    for start, end in pairwise(edges):
        mirrored = windows(length - end, length - start)
        yield _Part(contig, start, end, windows(start, end), mirrored)


def _groups(parts: Iterable[_Part], group_bp: int) -> Iterator[list[_Part]]:
    """Gather parts that are computed together."""
    group: list[_Part] = []
    bases = 0
    for part in parts:
        size = part.end - part.start
        if group and bases + size > group_bp:
            yield group
            group, bases = [], 0
        group.append(part)
        bases += size
    if group:
        yield group


def _span(part: _Part) -> slice:
    """Bases of a part without flanks, on the contig with its flanks."""
    return slice(part.start + part.kept.start, part.start + part.kept.stop)


def _on_device(arrays: list[Codes], scores: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(arrays)).to(scores.device)


def _scores(
    group: list[_Part], engine: TorchEngine, scoring: ScoringWindow, outputs: int
) -> torch.Tensor:
    """Return the probabilities (n, O) of the bases of a group, on the device."""
    by_length: dict[int, list[int]] = {}
    windows = [_windows(part, scoring) for part in group]
    for number, views in enumerate(windows):
        if views[0].size:
            padded = padded_length(views[0].shape[1], scoring)
            by_length.setdefault(padded, []).append(number)
    stitched = [torch.empty((0, outputs), device=engine.torch_device)] * len(group)
    for padded, numbers in by_length.items():
        rows = _padded([view for number in numbers for view in windows[number]], padded)
        computed = engine.probabilities(torch.from_numpy(rows).to(engine.torch_device))
        first = 0
        for number in numbers:
            count = sum(map(len, windows[number]))
            own = computed[first : first + count, : windows[number][0].shape[1]]
            stitched[number] = _stitch(group[number], own, scoring)[group[number].kept]
            first += count
    scores = torch.cat(stitched)
    # No score is above 1, so the sum is finite if and only if all scores are.
    if not bool(torch.isfinite(scores.sum())):
        for part, own in zip(group, stitched, strict=True):
            wrong = ~torch.isfinite(own).all(dim=1)
            if bool(wrong.any()):
                raise not_finite(part.contig.name, part.place + int(wrong.int().argmax()))
    return scores


def _windows(part: _Part, scoring: ScoringWindow) -> list[Codes]:
    """Return views of the codes of the windows of a part, each (w, L) uint8, from left to right."""
    codes = part.contig.codes
    if not (part.left or part.right):
        return [codes[None]]
    core, last = scoring.core_bp, len(codes) - scoring.length_bp
    every = np.lib.stride_tricks.sliding_window_view(codes, scoring.length_bp)
    left = every[part.left.start * core : part.left.stop * core : core]
    first = last - (part.right.stop - 1) * core
    right = every[first : last - part.right.start * core + 1 : core]
    return [view for view in (left, right) if len(view)]


def _padded(views: list[Codes], length: int) -> Codes:
    """Copy windows into one array (w, length), with padding on the right."""
    rows = np.full((sum(map(len, views)), length), PADDING, np.uint8)
    first = 0
    for view in views:
        rows[first : first + len(view), : view.shape[1]] = view
        first += len(view)
    return rows


def _stitch(part: _Part, rows: torch.Tensor, scoring: ScoringWindow) -> torch.Tensor:
    """Join what the windows of a part (w, L, O) keep, as `grid.stitch` does: (m, O)."""
    if not (part.left or part.right):
        return rows[0]
    halo, core = scoring.halo_bp, scoring.core_bp
    cores = rows[:, halo : halo + core]
    left = cores[: len(part.left)].flatten(0, 1)
    right = cores[len(part.left) :].flatten(0, 1)
    if part.start == 0:
        left = torch.cat([rows[0, :halo], left])
    if part.end == len(part.contig.codes):
        right = torch.cat([right, rows[-1, halo + core :]])
    shared = len(left) + len(right) - (part.end - part.start)
    own = len(left) - shared
    # Halving is exact and addition commutes, so the mirrored contig gets the same mean.
    mean = left[own:] / 2 + right[:shared] / 2
    return torch.cat([left[:own], mean, right[shared:]])


def _find(
    group: list[_Part],
    scores: torch.Tensor,
    codes: torch.Tensor | None,
    min_score: int,
    single_base: bool,
) -> Iterator[_Runs]:
    """Yield the runs of a group, slice by slice; codes (n,) if unknown bases are to be left out."""
    outputs = scores.shape[1]
    least = float(lowest_probability(min_score))
    first = 0
    for segments in _slices(group, max(1, _SLICE_SCORES // outputs)):
        size = segments[-1].end
        own = scores[first : first + size]
        # As in `runs`; in float64, so that rounding is that of the host.
        found = (own.double() * MAX_SCORE + 0.5).to(torch.int16)
        absent = own < least
        if codes is not None:
            absent |= (codes[first : first + size] == AMBIGUOUS).unsqueeze(1)
        found = found.masked_fill(absent, _ABSENT).t().contiguous()  # (O, size)
        first += size
        begins = torch.ones_like(found, dtype=torch.bool)
        if not single_base:
            begins[:, 1:] = found[:, 1:] != found[:, :-1]
            inner = [segment.begin for segment in segments if segment.begin < size]
            begins[:, torch.tensor(inner, dtype=torch.long, device=found.device)] = True
        places = begins.flatten().nonzero()[:, 0]
        ends = torch.cat([places[1:], places.new_tensor([found.numel()])])[: len(places)]
        values = found.flatten()[places]
        present = values != _ABSENT
        start, end = torch.stack([places, ends])[:, present].cpu().numpy()
        output = start // max(size, 1)
        before = output * size
        yield _Runs(segments, output, start - before, end - before, values[present].cpu().numpy())


def _slices(group: list[_Part], most: int) -> Iterator[list[_Segment]]:
    """Cut the bases of a group into slices of at most `most`."""
    segments: list[_Segment] = []
    filled = 0
    for part in group:
        size, done = part.kept.stop - part.kept.start, 0
        ends = part.end == len(part.contig.codes)
        while True:
            taken = min(size - done, most - filled)
            last = ends and done + taken == size
            name, place = part.contig.name, part.place + done
            segments.append(_Segment(name, filled, filled + taken, place, last))
            done, filled = done + taken, filled + taken
            if filled == most:
                yield segments
                segments, filled = [], 0
            if done == size:
                break
    if segments:
        yield segments


class _Joined:
    """Rows of slices, with the run of each output that the next slice may continue."""

    def __init__(self, outputs: int, single_base: bool) -> None:
        self._single_base = single_base
        self._score = np.full(outputs, _ABSENT, np.int16)
        self._start = np.zeros(outputs, np.int64)

    def rows(self, runs: _Runs) -> Iterator[tuple[_Segment, Rows]]:
        """Yield each segment of a slice with its rows."""
        begins = np.array([segment.begin for segment in runs.segments])
        number = np.searchsorted(begins, runs.start, "right") - 1
        order = np.argsort(number, kind="stable")
        cuts = np.searchsorted(number[order], np.arange(len(begins) + 1))
        for segment, first, last in zip(runs.segments, cuts, cuts[1:], strict=False):
            which = order[first:last]
            shift = segment.place - segment.begin
            start, end = runs.start[which] + shift, runs.end[which] + shift
            rows = self._rows(segment, runs.output[which], start, end, runs.score[which])
            yield segment, rows

    def _rows(
        self,
        segment: _Segment,
        output: NDArray[np.int64],
        start: NDArray[np.int64],
        end: NDArray[np.int64],
        score: NDArray[np.int16],
    ) -> Rows:
        """Join runs with those that are open, and keep those that may go on; sorted by output."""
        continued = (start == segment.place) & (score == self._score[output])
        start[continued] = self._start[output[continued]]
        self._score[output[continued]] = _ABSENT
        (over,) = np.nonzero(self._score != _ABSENT)
        output = np.concatenate([over, output])
        start = np.concatenate([self._start[over], start])
        end = np.concatenate([np.full(len(over), segment.place), end])
        score = np.concatenate([self._score[over], score])
        self._score[over] = _ABSENT
        stop = segment.place + segment.end - segment.begin
        done = np.ones(len(output), np.bool_)
        if not (segment.last or self._single_base):
            done = end != stop
            self._score[output[~done]], self._start[output[~done]] = score[~done], start[~done]
        return Rows(
            segment.name,
            output[done].astype(np.uint8),
            start[done],
            end[done],
            score[done],
            int(start[~done].min(initial=stop)),
            segment.last,
        )
