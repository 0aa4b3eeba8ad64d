"""Log-odds of changed windows, from the states of the unchanged windows.

`dnabirnn.engine.kernels.mutants` explains the method. It needs states of one base that depend on
bases of one side only, so it serves networks of one layer. A reverse direction that starts from the
last state of the forward direction, as in dna-brnn's models, depends on all bases too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.engine.fused_engine import FusedEngine
from dnabirnn.engine.kernels.kmers import find_places
from dnabirnn.engine.kernels.matrix_scan import matrix_terms, room
from dnabirnn.engine.kernels.mutants import (
    add_changes,
    extremes,
    fill_rows,
    keep_rows,
    keep_states,
    lay_frames,
    put_states,
)
from dnabirnn.engine.kernels.vectors import LANES, VECTOR, aligned
from dnabirnn.network import Ensemble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.choose import Engine
    from dnabirnn.engine.fused_engine import ScoringNetwork

__all__ = ["KeptWindow", "MutantEngine", "Mutants", "make_mutant_engine"]

# Steps of a pass after which states are copied from the layout of the lanes. Even, so that the two
# states of a cell are in the same order before and after.
_STEPS = 256


def make_mutant_engine(engine: Engine) -> MutantEngine | None:
    """Return an engine for changed windows with the weights of another engine.

    Returns
    -------
    mutants : MutantEngine or None
        None if whole windows must be scored again: for engines other than the compiled kernels of
        float32, for networks of several layers, and for untied networks of dna-brnn's cell.
    """
    if not isinstance(engine, FusedEngine) or engine.precision != "f32":
        return None
    shape = engine.architecture
    members = shape.members if isinstance(shape, Ensemble) else (shape,)
    for member in members:
        if member.layers > 1 or (member.cell.normalized and not member.tied):
            return None
    return MutantEngine(engine)


class _KeptNetwork(NamedTuple):
    """What is kept of one network and one window.

    Attributes
    ----------
    forward, reverse : ndarray, (L + 1, parts, H) float32
        States before each base in the direction; the first read state is that of the start.
    forward_rows, reverse_rows : ndarray, (L, rows) float32
        Halves of the rows of the head.
    """

    forward: NDArray[np.float32]
    reverse: NDArray[np.float32]
    forward_rows: NDArray[np.float32]
    reverse_rows: NDArray[np.float32]


class KeptWindow(NamedTuple):
    """An unchanged window.

    Attributes
    ----------
    codes : ndarray, (L,) uint8
    log_odds : ndarray, (L, M) float32
        As of `Engine.log_odds`.
    networks : list
        What is kept of each network.
    """

    codes: Codes
    log_odds: NDArray[np.float32]
    networks: list[_KeptNetwork]


class Mutants:
    """A block of changes side by side, one per lane, and what they change.

    Parameters
    ----------
    engine : MutantEngine
    new : int
        New bases per change, n.
    reach_bp : int
        Bases on either side of the replaced bases for which changes are computed.

    Attributes
    ----------
    at, removed : ndarray, (LANES,) int64
        First base that is replaced, on the contig, and number of bases.
    codes : ndarray, (n, LANES) uint8
        New bases.
    columns : int
        Columns of the frames, 2 * flank + n.
    flank, margin : int
        Bases of a frame on either side, and those of them beyond the reach.
    log_odds, probabilities : ndarray, (columns, O, LANES) float32
        Changes.
    """

    def __init__(self, engine: MutantEngine, new: int, reach_bp: int) -> None:
        self._engine = engine
        self.margin = engine.margin_bp
        self.flank, self._new = reach_bp + self.margin, new
        self.columns = 2 * self.flank + new
        self.at, self.removed = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
        self.codes = np.zeros((new, LANES), np.uint8)
        size = self.columns * engine.outputs * LANES
        self._log_odds, self._probabilities = aligned(size), aligned(size)
        self._scratch = aligned(6 * engine.mean.shares.size * LANES)
        self._known = np.empty(LANES, np.uint8)
        self._passes = [_Pass(engine, new, self.flank) for _ in range(2)]

    @property
    def log_odds(self) -> NDArray[np.float32]:
        """Change of the log-odds: (columns, O, LANES) float32."""
        return self._log_odds.reshape(self.columns, -1, LANES)

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Change of the probabilities: (columns, O, LANES) float32."""
        return self._probabilities.reshape(self.columns, -1, LANES)

    def begin(self) -> None:
        """Begin a block: nothing has changed."""
        self._log_odds[:] = 0
        self._probabilities[:] = 0

    def add(
        self,
        windows: Sequence[tuple[KeptWindow, int]],
        low: NDArray[np.int64],
        high: NDArray[np.int64],
    ) -> None:
        """Compute and add the changes of bases that the same windows keep.

        Parameters
        ----------
        windows : sequence of (KeptWindow, int)
            One window, or two whose probabilities are averaged, and their first base on the contig.
        low, high : ndarray, (LANES,) int64
            Columns of each lane to add to, half-open; low is at least `margin`.
        """
        begin, end = int(low.min()), int(high.max())
        passes = self._passes[: len(windows)]
        for one, (window, start) in zip(passes, windows, strict=True):
            one.run(window, self.at - start, self.removed, self.codes.reshape(-1), begin, end)
        first, other = passes[0], passes[-1]
        two = len(windows) == 2
        mean = self._engine.mean
        add_changes(
            first.frame,
            first.mean,
            windows[0][0].log_odds,
            self.at - windows[0][1],
            other.mean if two else first.none,
            windows[-1][0].log_odds,
            self.at - windows[-1][1],
            self.removed,
            self._new,
            self.flank,
            low,
            high,
            mean.strands,
            mean.exclusive,
            self._scratch,
            self._known,
            self._log_odds,
            self._probabilities,
        )

    def extremes(self, out: NDArray[np.float32]) -> None:
        """Write the largest gains and losses to out (6 * O * LANES,), see `kernels.mutants`."""
        extremes(
            self._log_odds,
            self._probabilities,
            self._engine.outputs,
            self._new,
            self.flank,
            self.margin,
            out,
        )


class _Pass:
    """Flat arrays for the passes over the frames of a block in one window."""

    def __init__(self, engine: MutantEngine, new: int, flank: int) -> None:
        self._engine, self._new, self._flank = engine, new, flank
        columns = 2 * flank + new
        networks = engine.networks
        self.none = aligned(0)
        self.frame = np.empty(columns * LANES, np.uint8)
        self.mean = aligned(columns * engine.mean.shares.size * LANES)
        # Networks take turns, so the largest of them decides.
        self._answers = aligned(columns * max(n.head.rows for n in networks) * LANES)
        self._memory = aligned(max(n.cell.MEMORY * n.hidden for n in networks) * LANES)
        with_kmers = any(n.table for n in networks)
        self._places = np.empty(columns * LANES if with_kmers else 0, np.int64)
        scanned = [n for n in networks if n.matrices.widths.any()]
        self._terms = aligned(
            columns * max((n.head.first.size for n in scanned), default=0) * LANES
        )
        rooms = (room(columns, n.matrices.widths) * LANES + VECTOR for n in scanned)
        self._found = aligned(max(rooms, default=0))

    def run(
        self,
        window: KeptWindow,
        at: NDArray[np.int64],
        removed: NDArray[np.int64],
        codes: Codes,
        begin: int,
        end: int,
    ) -> None:
        """Compute the log-odds of the columns from `begin` to `end`; `at` is on the window."""
        lay_frames(window.codes, at, removed, codes, self._flank, self.frame)
        mean = self._engine.mean
        size = mean.shares.size * LANES
        of_columns = self.mean[begin * size : end * size]
        of_columns[:] = 0
        for number, network in enumerate(self._engine.networks):
            kept = window.networks[number]
            rows = network.head.rows
            answers = self._answers[: self._columns * rows * LANES]
            self._run(network, kept, at, removed, begin, end, answers)
            terms = self._matrices(network, begin, end)
            answers = answers[begin * rows * LANES : end * rows * LANES]
            mean.add(number, network, answers, terms, of_columns)

    @property
    def _columns(self) -> int:
        return 2 * self._flank + self._new

    def _run(
        self,
        network: ScoringNetwork,
        kept: _KeptNetwork,
        at: NDArray[np.int64],
        removed: NDArray[np.int64],
        begin: int,
        end: int,
        answers: NDArray[np.float32],
    ) -> None:
        """Compute the rows of the head in the columns from `begin` to `end`."""
        flank, new, rows = self._flank, self._new, network.head.rows
        half = network.kmer // 2
        # A change reaches the k-mers of `half` bases on either side.
        first, last = flank - half, flank + new + half
        if network.table:
            find_places(self.frame, self._columns, network.kmer, network.width, self._places)
        layer, state_rows = network.layers[0], np.array(network.cell.STATE_ROWS, np.int64)
        fill_rows(kept.forward_rows, -flank, at, begin, min(first, end), False, answers)
        if end > first:
            put_states(kept.forward, -half, at, state_rows, self._memory)
            self._step(network, layer.forward, first, end, False, answers)
        if end < last:
            answers[end * rows * LANES : last * rows * LANES] = 0  # added to, but not used
        if begin < last:
            put_states(kept.reverse, half, at + removed, state_rows, self._memory)
            self._step(network, layer.reverse, begin, last, True, answers)
        after = at + removed - new
        fill_rows(kept.reverse_rows, -flank, after, max(last, begin), end, True, answers)

    def _step(
        self,
        network: ScoringNetwork,
        direction: NamedTuple,
        begin: int,
        end: int,
        reverse: bool,
        answers: NDArray[np.float32],
    ) -> None:
        """Run one direction over the columns from `begin` to `end`, from the state in memory."""
        head = network.head
        network.cell.run(
            self.frame[begin * LANES : end * LANES],
            self._places[begin * LANES : end * LANES] if network.table else self._places[:0],
            end - begin,
            reverse,
            False,
            *direction,
            network.hidden,
            self.none,
            self.none,
            head.reverse if reverse else head.forward,
            head.rows,
            answers[begin * head.rows * LANES : end * head.rows * LANES],
            self._memory,
            None,
        )

    def _matrices(self, network: ScoringNetwork, begin: int, end: int) -> NDArray[np.float32]:
        """Return what the matrices add in the columns from `begin` to `end`; empty without."""
        matrices = network.matrices
        if not matrices.widths.any():
            return self.none
        columns = network.head.first.size
        terms = self._terms[: (end - begin) * columns * LANES]
        # Only the columns that the terms can depend on are scanned.
        first = max(begin - matrices.reach, 0)
        last = min(end + matrices.reach, self._columns)
        frame = self.frame[first * LANES : last * LANES]
        matrix_terms(frame, begin - first, end - begin, *matrices, columns, self._found, terms)
        return terms


class MutantEngine:
    """Engine for changed windows, with the packed weights of another engine.

    Parameters
    ----------
    engine : FusedEngine
        Its networks have one layer, and directions that do not depend on each other.

    Attributes
    ----------
    outputs : int
    margin_bp : int
        Bases beyond the reach that a frame needs, for k-mers and matrices.
    """

    def __init__(self, engine: FusedEngine) -> None:
        self.networks, self.mean = engine.networks, engine.mean
        self.outputs = len(engine.architecture.outputs)
        # The first base whose k-mer changes is half a k-mer before the change, and its k-mer begins
        # half a k-mer before it.
        self.margin_bp = max(
            max(network.kmer - 1, network.matrices.reach) for network in self.networks
        )

    def kept_bytes(self, length_bp: int) -> int:
        """Return the bytes that are kept of a window."""
        numbers: int = sum(
            2 * (len(network.cell.STATE_ROWS) * network.hidden + network.head.rows)
            for network in self.networks
        )
        numbers += self.mean.shares.size
        return numbers * length_bp * 4

    def thread_bytes(self, length_bp: int, reach_bp: int) -> int:
        """Return the bytes that a thread needs besides what it keeps of windows."""
        rows = max(network.head.rows for network in self.networks)
        hidden = max(network.hidden for network in self.networks)
        log_odds = int(self.mean.shares.size)
        # Answers of both directions, log-odds in two layouts; features and saved values of a block.
        keeping = length_bp * (2 * rows + 2 * log_odds) + _STEPS * 8 * hidden
        columns = 2 * (reach_bp + self.margin_bp) + 1
        changing = columns * (2 * (rows + log_odds) + 2 * self.outputs)
        return int(max(keeping, changing)) * LANES * 4

    def keep(self, windows: Sequence[Codes]) -> list[KeptWindow]:
        """Compute what is kept of at most `LANES` windows.

        Parameters
        ----------
        windows : sequence of ndarray, (L,) uint8
            Lengths may differ.
        """
        length = max(map(len, windows))
        lanes = np.full((length, LANES), PADDING, np.uint8)
        for number, codes in enumerate(windows):
            lanes[: len(codes), number] = codes
        flat = lanes.reshape(-1)
        mean = aligned(length * self.mean.shares.size * LANES)
        of_networks = [
            self._keep(number, flat, len(windows), mean) for number in range(len(self.networks))
        ]
        log_odds = np.ascontiguousarray(mean.reshape(length, -1, LANES).transpose(2, 0, 1))
        return [
            KeptWindow(
                np.ascontiguousarray(codes),
                log_odds[number, : len(codes)],
                [_of_window(kept, number, len(codes)) for kept in of_networks],
            )
            for number, codes in enumerate(windows)
        ]

    def _keep(
        self, number: int, codes: Codes, windows: int, mean: NDArray[np.float32]
    ) -> _KeptNetwork:
        """Run a network over unchanged windows; arrays have the window as first axis."""
        network = self.networks[number]
        length, head = codes.size // LANES, network.head
        places = np.empty(codes.size if network.table else 0, np.int64)
        if network.table:
            find_places(codes, length, network.kmer, network.width, places)
        answers = aligned(2, length * head.rows * LANES)
        found = []
        for reverse, direction in enumerate(network.layers[0]):
            half = head.reverse if reverse else head.forward
            kept = self._keep_states(
                network, direction, half, codes, places, bool(reverse), answers[reverse], windows
            )
            rows = np.empty((windows, length, head.rows), np.float32)
            keep_rows(answers[reverse], head.rows, rows)
            found += [kept, rows]
        terms = aligned(0)
        matrices = network.matrices
        if matrices.widths.any():
            terms = aligned(length * head.first.size * LANES)
            scratch = aligned(room(length, matrices.widths) * LANES + VECTOR)
            matrix_terms(codes, 0, length, *matrices, head.first.size, scratch, terms)
        self.mean.add(number, network, answers[0] + answers[1], terms, mean)
        return _KeptNetwork(found[0], found[2], found[1], found[3])

    def _keep_states(
        self,
        network: ScoringNetwork,
        direction: NamedTuple,
        half: NDArray[np.float32],
        codes: Codes,
        places: NDArray[np.int64],
        reverse: bool,
        answers: NDArray[np.float32],
        windows: int,
    ) -> NDArray[np.float32]:
        """Run one direction; return the states before each base, (windows, L + 1, parts, H)."""
        cell, hidden, rows = network.cell, network.hidden, network.head.rows
        length, parts = codes.size // LANES, len(cell.STATE_ROWS)
        kept = np.zeros((windows, length + 1, parts, hidden), np.float32)
        memory, none = aligned(cell.MEMORY * hidden * LANES), aligned(0)
        features = aligned(_STEPS * 2 * hidden * LANES)
        groups = cell.BACKWARD.saved if cell.SAVED_STATES else 0
        saved = aligned(_STEPS * groups * hidden * LANES) if groups else None
        start = getattr(direction, "start", none)  # of cells that do not start from zeros
        if start.size:
            kept[:, length if reverse else 0, 0] = start
        for done in range(0, length, _STEPS):
            # The last block may have fewer steps.
            steps = min(_STEPS, length - done)
            begin = length - done - steps if reverse else done
            end = begin + steps
            cell.run(
                codes[begin * LANES : end * LANES],
                places[begin * LANES : end * LANES],
                steps,
                reverse,
                done == 0,
                *direction,
                hidden,
                none,
                features,
                half,
                rows,
                answers[begin * rows * LANES : end * rows * LANES],
                memory,
                saved,
            )
            first = begin if reverse else begin + 1
            own = features[: steps * 2 * hidden * LANES]
            keep_states(own, 2, int(reverse), hidden, first, 0, kept)
            for part, group in enumerate(cell.SAVED_STATES, 1):
                assert saved is not None
                own = saved[: steps * groups * hidden * LANES]
                keep_states(own, groups, group, hidden, first, part, kept)
        return kept


def _of_window(kept: _KeptNetwork, number: int, length: int) -> _KeptNetwork:
    """Return what is kept of one of several windows, whose length is given."""
    forward, reverse, forward_rows, reverse_rows = (array[number] for array in kept)
    return _KeptNetwork(
        forward[: length + 1], reverse[: length + 1], forward_rows[:length], reverse_rows[:length]
    )
