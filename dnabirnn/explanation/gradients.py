"""Contributions of bases to the log-odds of sites, from gradients.

The target is the sum of the log-odds over a site, in the windows that keep its bases; a base that
two windows keep has the mean of both. It is differentiated by the shares of the four bases at each
place. For this, the network is extended to mixtures of bases (see `Network.forward`): with one base
at each place, it is the network itself.

With g for the gradient, and b for the shares of the baseline, the contribution of letter c is

- gradient: g[c] - mean of g over the four letters
- integrated gradients: g[c] - sum of b g, with g averaged over the straight path from the baseline
  to the sequence. The contributions of the bases of a window add up to the target of the sequence
  minus that of the baseline (M. Sundararajan et al. 2017, Axiomatic attribution for deep networks).

The baseline is the mean of 20 shuffles of the window that keep its pairs of neighbors: ten of each
strand, so that the opposite strand has the mirrored baseline.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, ONE_HOT, reverse_complement
from dnabirnn.engine import LANES, MixturePath, make_input_gradients
from dnabirnn.errors import ScoreError
from dnabirnn.explanation.importance import copies, find_targets, near_targets
from dnabirnn.explanation.layout import Layout, windows_of
from dnabirnn.explanation.options import ImportanceMethod
from dnabirnn.scoring import ordered_map
from dnabirnn.sequences import shuffled

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.explanation.importance import TargetsOf
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig

__all__ = ["ContributionBlock", "contribution_blocks"]

_SHUFFLES_OF_A_STRAND = 10
_MOST_RESIDUAL = 0.01
# Points of the path. The first ones fill the lanes of a block, with both ends of the path. Then
# more, until the residual is small enough.
_FIRST_POINTS, _NEXT_POINTS, _MOST_POINTS = LANES - 2, 64, 512
# Bases of a block; sites near its ends are computed for both blocks.
_BLOCK_BP = 1 << 17
# Windows of a task. Kernels compute `LANES` of them side by side, the last ones with empty lanes.
_WINDOWS_OF_A_TASK = 128


class ContributionBlock(NamedTuple):
    """Contributions of neighboring bases of a contig.

    Attributes
    ----------
    name : str
        Name of the contig.
    start : int
        0-based position of the first base.
    codes : ndarray, (m,) uint8
    letters : ndarray, (m, 4, O) float32
        Contribution that each letter has or would have. NaN where a base has no target, or has
        code 4.
    residual : float
        Largest residual of completeness of the sites, as a share of the difference between sequence
        and baseline; 0 for gradients.
    """

    name: str
    start: int
    codes: Codes
    letters: NDArray[np.float32]
    residual: float

    @property
    def contributions(self) -> NDArray[np.float32]:
        """Contributions of the bases themselves: (m, O) float32."""
        base = np.minimum(self.codes, AMBIGUOUS - 1).astype(np.int64)
        return np.take_along_axis(self.letters, base[:, None, None], axis=1)[:, 0]


class _Piece(NamedTuple):
    """Neighboring bases of a contig, with the sites that are targets of some of them."""

    layout: Layout
    start: int
    end: int
    # Intervals of each output, with the copies of a circular contig.
    targets: list[NDArray[np.int64]]


class _Job(NamedTuple):
    """A window, and the share with which the log-odds of each of its bases count."""

    site: tuple[int, int, int, int]  # number of the piece, output, start and end
    start: int
    codes: Codes
    shares: NDArray[np.float32]
    wanted: tuple[int, int]  # first base of the window that refers to the site, and last one + 1


def contribution_blocks(
    contigs: Iterable[Contig],
    model: Model,
    method: ImportanceMethod,
    reach_bp: int,
    targets: TargetsOf,
    circular: Container[str] = (),
) -> Iterator[ContributionBlock]:
    """Yield the contributions of the bases within reach of targets.

    A base refers to the same target as for `importance_blocks`. Contributions do not depend on the
    reach: it limits which bases are returned. Compiled kernels compute them, or torch on the device
    of the model.

    Parameters
    ----------
    contigs : iterable of Contig
        Read one at a time.
    model : Model
    method : ImportanceMethod
        Not mutagenesis.
    reach_bp : int
    targets : callable
    circular : container of str
        Names of circular contigs.

    Raises
    ------
    ScoreError
        If the log-odds are not finite numbers.
    """
    gradients = _Gradients(model, method)
    tasks = _tasks(contigs, model, reach_bp, targets, circular)

    def run(pieces: list[_Piece]) -> list[ContributionBlock]:
        return gradients.blocks(pieces, reach_bp)

    for blocks in ordered_map(run, tasks, model.engine.workers(model.threads)):
        yield from blocks


def _tasks(
    contigs: Iterable[Contig],
    model: Model,
    reach_bp: int,
    targets: TargetsOf,
    circular: Container[str],
) -> Iterator[list[_Piece]]:
    """Gather pieces of contigs, with about as many windows as fit in a few blocks."""
    outputs = len(model.outputs)
    task: list[_Piece] = []
    windows, core_bp = 0, model.checkpoint.scoring_window.core_bp
    for contig in contigs:
        length, turned = len(contig.codes), contig.name in circular
        layout = Layout(contig, turned, model.checkpoint.scoring_window)
        wanted = near_targets(contig.name, length, targets, outputs, reach_bp, turned)
        every = [copies(targets(contig.name, output), length, turned) for output in range(outputs)]
        every = [own[np.argsort(own[:, 0], kind="stable")] for own in every]
        for first, last in wanted.tolist():
            for start in range(first, last, _BLOCK_BP):
                end = min(last, start + _BLOCK_BP)
                near = [
                    own[(own[:, 0] < end + reach_bp) & (own[:, 1] > start - reach_bp)]
                    for own in every
                ]
                task.append(_Piece(layout, start, end, near))
                windows += sum(windows_of(own, start, end, core_bp) for own in near)
                if windows >= _WINDOWS_OF_A_TASK:
                    yield task
                    task, windows = [], 0
    if task:
        yield task


class _Gradients:
    """A model whose targets are differentiated by its input."""

    def __init__(self, model: Model, method: ImportanceMethod) -> None:
        self._engine = make_input_gradients(model.checkpoint, model.engine)
        self._method = method

    def blocks(self, pieces: list[_Piece], reach_bp: int) -> list[ContributionBlock]:
        """Return a block per piece."""
        found: list[NDArray[np.float64]] = []
        jobs: list[_Job] = []
        shares: dict[tuple[int, int, int, int], NDArray[np.float64]] = {}
        for number, piece in enumerate(pieces):
            outputs = len(piece.targets)
            found.append(np.full((piece.end - piece.start, 4, outputs), np.nan))
            positions = np.arange(piece.start, piece.end)
            for output, intervals in enumerate(piece.targets):
                nearest = find_targets(positions, intervals, reach_bp)
                has_one = nearest.first[:, 1] > nearest.first[:, 0]
                known = has_one & (piece.layout.codes[positions] < AMBIGUOUS)
                found[-1][known, :, output] = 0
                for start, end in intervals.tolist():
                    same = [(one == (start, end)).all(axis=1) for one in nearest]
                    share = (same[0].astype(np.float64) + same[1]) / 2
                    if share.any():
                        site = (number, output, start, end)
                        shares[site] = share
                        jobs += _jobs(piece, site, share)
        residuals = np.zeros(len(pieces))
        for job, letters, residual in self._computed(jobs):
            number, output = job.site[:2]
            piece, share = pieces[number], shares[job.site]
            places = _places(piece, job.start, job.start + len(job.codes))
            inside = (places >= 0) & (places < len(share))
            sums = np.zeros((len(share), 4))
            np.add.at(sums, places[inside], letters[inside])
            found[number][..., output] += share[:, None] * sums
            residuals[number] = max(residuals[number], residual)
        return [
            ContributionBlock(
                piece.layout.name,
                piece.start,
                piece.layout.codes[piece.start : piece.end],
                letters.astype(np.float32),
                float(residual),
            )
            for piece, letters, residual in zip(pieces, found, residuals, strict=True)
        ]

    def _computed(self, jobs: list[_Job]) -> Iterator[tuple[_Job, NDArray[np.float64], float]]:
        """Yield jobs with the contributions of the letters of their windows, and the residual."""
        if self._method is ImportanceMethod.INTEGRATED_GRADIENTS:
            for job in jobs:
                yield job, *self._integrated(job)
            return
        by_length: dict[int, list[_Job]] = {}
        for job in jobs:
            by_length.setdefault(len(job.codes), []).append(job)
        for same in by_length.values():
            wanted = np.array([job.wanted for job in same], np.int64)
            gradients = self._engine.at_sequences(*_arguments(same), wanted)
            _check(gradients)
            for job, gradient in zip(same, gradients, strict=True):
                wide = gradient.astype(np.float64)
                yield job, wide - wide.mean(axis=1, keepdims=True), 0.0

    def _integrated(self, job: _Job) -> tuple[NDArray[np.float64], float]:
        """Return the integrated gradients of the letters of a window, (L, 4), and the residual."""
        sequence, baseline = ONE_HOT[job.codes].astype(np.float64), _baseline(job.codes)
        points, difference = _FIRST_POINTS, math.nan
        while True:
            places, weights = np.polynomial.legendre.leggauss(points)
            path, factors = (places + 1) / 2, weights / 2
            if math.isnan(difference):
                # The ends of the path, only for their targets.
                path, factors = np.append(path, [1.0, 0.0]), np.append(factors, [0.0, 0.0])
            start = baseline.astype(np.float32)
            values, mean = self._engine.along_path(
                MixturePath(job.codes, start, job.shares, job.site[1], path, factors)
            )
            _check(values, mean)
            if math.isnan(difference):
                difference = float(values[-2] - values[-1])
            letters = mean - (baseline * mean).sum(axis=1, keepdims=True)  # (L, 4)
            total = float((letters * sequence).sum())
            residual = abs(total - difference) / max(abs(difference), 1e-6)
            if residual <= _MOST_RESIDUAL or points >= _MOST_POINTS:
                return letters, residual
            points = max(2 * points, _NEXT_POINTS)


def _arguments(jobs: list[_Job]) -> tuple[Codes, NDArray[np.float32], NDArray[np.int64]]:
    """Return the codes, shares and outputs of windows of one length."""
    return (
        np.stack([job.codes for job in jobs]),
        np.stack([job.shares for job in jobs]),
        np.array([job.site[1] for job in jobs], np.int64),
    )


def _check(*arrays: NDArray[np.floating[Any]]) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ScoreError(
            "the log-odds or their gradients are not finite numbers; the model's weights are too "
            "large: train it again, with a lower --lr"
        )


def _places(piece: _Piece, first: int, last: int) -> NDArray[np.int64]:
    """Return where the bases of a window are in a piece."""
    inside: NDArray[np.int64] = np.arange(first, last) - piece.layout.flank_bp
    return inside % len(piece.layout.codes) - piece.start


def _jobs(
    piece: _Piece, site: tuple[int, int, int, int], of_site: NDArray[np.float64]
) -> Iterator[_Job]:
    """Yield the windows that keep bases of a site and have bases of a piece that refer to it.

    `of_site` is the share of each base of the piece that refers to the site. Bases of code 4 do not
    count in the target.
    """
    layout = piece.layout
    length, flank_bp = len(layout.codes), layout.flank_bp
    _, _, start, end = site
    turns = -(start // length) * length if layout.circular else 0  # a copy is on another turn
    start, end = max(start + turns, 0), min(end + turns, length)
    shares: dict[tuple[int, int], NDArray[np.float32]] = {}
    for segment in layout.segments(start + flank_bp, end + flank_bp):
        for window in segment.windows:
            first, last = window[:2]
            # Flanks of circular contigs are copies, one turn before or after.
            if not any(
                first - flank_bp + turn < piece.end and piece.start < last - flank_bp + turn
                for turn in (-length, 0, length)
            ):
                continue
            own = shares.setdefault((first, last), np.zeros(last - first, np.float32))
            own[segment.start - first : segment.end - first] = 1 / len(segment.windows)
    for (first, last), own in shares.items():
        places = _places(piece, first, last)
        inside = (places >= 0) & (places < len(of_site))
        inside[inside] = of_site[places[inside]] > 0
        refers = np.flatnonzero(inside)
        if not len(refers):
            continue
        codes = layout.extended[first:last]
        counted = np.where(codes < AMBIGUOUS, own, 0).astype(np.float32)
        yield _Job(site, first, codes, counted, (int(refers[0]), int(refers[-1]) + 1))


def _baseline(codes: Codes) -> NDArray[np.float64]:
    """Return the shares of the bases in shuffles of a window: (L, 4).

    Examples
    --------
    >>> _baseline(np.array([0, 4, 3], np.uint8)).tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """
    opposite = reverse_complement(codes)
    sums = np.zeros((len(codes), 4))
    for seed in range(_SHUFFLES_OF_A_STRAND):
        sums += ONE_HOT[shuffled(codes, seed)]
        sums += ONE_HOT[reverse_complement(shuffled(opposite, seed))]
    return sums / (2 * _SHUFFLES_OF_A_STRAND)
