"""Scoring with compiled kernels on CPUs.

A block of `LANES` windows is scored at a time, side by side in the lanes of SIMD vectors. In each
layer, the forward direction runs over the whole block, then the reverse direction. A layer stores
its features for the next layer. The last layer stores none: at each base, each direction adds its
half of the head to the log-odds.

Several networks score the same block one after the other, and the head answers from the mean of
their log-odds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.engine.kernels.cells import CELLS
from dnabirnn.engine.kernels.head import add_member, answer, pack_head
from dnabirnn.engine.kernels.kmers import FURTHER, find_places
from dnabirnn.engine.kernels.layers import Direction, Gates
from dnabirnn.engine.kernels.matrix_scan import matrix_terms, pack_matrices, room
from dnabirnn.engine.kernels.vectors import LANES, VECTOR, aligned
from dnabirnn.network import Ensemble, members_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Architecture, Checkpoint, Member

__all__ = ["FusedEngine"]

# Bases per batch: 20 ms of work for a GRU of 32 units, so that Python's own time per batch is small
# in comparison. The probabilities of a batch take 0.5 MiB per output.
_BATCH_BP = 1 << 17
# Memory of Python, its libraries and the kernels.
_PROGRAM_BYTES = 210_000_000


class _Layer(NamedTuple):
    forward: Direction
    reverse: Direction


class FusedEngine:
    """Engine that scores blocks of `LANES` windows on a CPU, in float32.

    The scores of a window depend only on its own bases, since no operation mixes lanes.

    Parameters
    ----------
    architecture : Architecture or Ensemble
    weights : mapping
        Weights by the names in `dnabirnn.network.weight_shapes`, with the maps of log-odds already
        applied.
    """

    device = "cpu"

    def __init__(
        self,
        architecture: Architecture | Ensemble,
        weights: Mapping[str, NDArray[np.float32]],
    ) -> None:
        self._outputs = len(architecture.outputs)
        self._networks = [_Packed(member) for member in members_of(architecture, weights)]
        self._mean = _Mean.of(architecture) if isinstance(architecture, Ensemble) else None

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint) -> FusedEngine:
        """Create an engine for a model."""
        return cls(checkpoint.architecture, checkpoint.scoring_weights())

    def workers(self, threads: int) -> int:
        """Return `threads`: each thread scores one batch at a time."""
        return threads

    def batch_windows(self, length_bp: int) -> int:
        """Return the number of windows of `length_bp` per batch: a multiple of `LANES`."""
        return max(1, _BATCH_BP // (length_bp * LANES)) * LANES

    def memory_bytes(self, length_bp: int, threads: int) -> int:
        """Return the bytes of the process.

        These are libraries, tables of k-mers, and per thread features between layers and places of
        k-mers.
        """
        tables = sum(2 * 4 * network.table for network in self._networks)
        per_thread = sum(network.thread_bytes(length_bp) for network in self._networks)
        if self._mean is not None:
            per_thread += length_bp * self._mean.shares.size * LANES * 4
        return _PROGRAM_BYTES + tables + threads * per_thread

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """Compute the probabilities (B, L, O) of a batch of codes (B, L)."""
        windows, length = codes.shape
        scores = np.empty((windows, length, self._outputs), np.float32)
        buffers = [_Buffers(network, length) for network in self._networks]
        for first in range(0, windows, LANES):
            block = codes[first : first + LANES]
            # A batch without enough windows ends in windows of padding.
            if (block[:, 0] == PADDING).all():
                scores[first:] = 0
                break
            if len(block) < LANES:
                full = np.full((LANES, length), PADDING, np.uint8)
                full[: len(block)] = block
                answers = np.empty((LANES, length, self._outputs), np.float32)
                self._score_block(full, buffers, answers)
                scores[first:] = answers[: len(block)]
            else:
                self._score_block(block, buffers, scores[first : first + LANES])
        return scores

    def _score_block(self, block: Codes, buffers: list[_Buffers], out: NDArray[np.float32]) -> None:
        """Write the probabilities (LANES, L, O) of LANES windows to `out`."""
        codes = np.ascontiguousarray(block.T).reshape(-1)  # (L, LANES)
        for network, own in zip(self._networks, buffers, strict=True):
            network.run(codes, block.shape[1], own)
        if self._mean is not None:
            self._mean.answer(codes, self._networks, buffers, out)
            return
        head, own = self._networks[0].head, buffers[0]
        answer(
            codes,
            own.answers,
            head.rows,
            head.first,
            head.second,
            head.bias,
            head.strands,
            head.exclusive,
            own.terms,
            own.columns,
            out,
        )


class _Packed:
    """A network as the kernels read it.

    Parameters
    ----------
    member : Member
    """

    def __init__(self, member: Member) -> None:
        architecture, weights = member
        self.cell: Any = CELLS[architecture.cell]
        units = self.cell.UNITS
        # `pack` recognizes a first layer by its 4 inputs, the bases. With at least 4 units, a
        # deeper layer has at least 8 inputs.
        self.hidden = max(-(-architecture.hidden // units) * units, 4)
        self._kmer = architecture.kmer
        self.head = pack_head(architecture, weights, self.hidden)
        self.matrices = pack_matrices(architecture, weights)
        self.layers = []
        for layer in range(architecture.layers):
            numbers = (layer, layer) if architecture.tied else (2 * layer, 2 * layer + 1)
            forward, reverse = (
                Gates.of(weights, number, architecture.cell.gates, self.hidden, first=layer == 0)
                for number in numbers
            )
            reverse = reverse.of_reverse_complement(architecture.tied)
            self.layers.append(_Layer(self.cell.pack(forward), self.cell.pack(reverse)))
        # Numbers in the table of k-mers of one direction, and in a row of it; 0 without k-mers.
        self.table: int = self.layers[0].forward.kmers.size
        self._width = self.table // (4**self._kmer + FURTHER)

    def thread_bytes(self, length_bp: int) -> int:
        """Return the bytes that a thread needs for windows of `length_bp`."""
        wide: int = length_bp * 2 * self.hidden * LANES * 4  # bytes of a float32
        features = wide * min(len(self.layers) - 1, 2)
        places = length_bp * LANES * 8 if self.table else 0
        return features + places + self._scanned_numbers(length_bp) * 4

    def _scanned_numbers(self, length_bp: int) -> int:
        """Return how many numbers the scan of the matrices needs."""
        if not self.matrices.widths.any():
            return 0
        columns: int = self.head.first.size
        return (length_bp * columns + room(length_bp, self.matrices.widths)) * LANES

    def run(self, codes: Codes, length: int, buffers: _Buffers) -> None:
        """Compute the sums of the head and the terms of the matrices; codes (L * LANES,)."""
        head = self.head
        if self.table:
            find_places(codes, length, self._kmer, self._width, buffers.places)
        above, below = buffers.features
        for number, layer in enumerate(self.layers):
            last = number == len(self.layers) - 1
            for direction, half, reverse in (
                (layer.forward, head.forward, False),
                (layer.reverse, head.reverse, True),
            ):
                self.cell.run(
                    codes,
                    buffers.places,
                    length,
                    reverse,
                    *direction,
                    self.hidden,
                    below,
                    buffers.none if last else above,
                    half,
                    head.rows if last else 0,
                    buffers.answers,
                    buffers.memory,
                    None,
                )
            above, below = below, above
        if buffers.terms.size:
            matrix_terms(
                codes,
                0,
                length,
                *self.matrices,
                head.first.size,
                buffers.found,
                buffers.terms,
            )


class _Mean(NamedTuple):
    """How the log-odds of several networks are averaged.

    Attributes
    ----------
    places : list of ndarray, (C,) int64
        Number in the mean of each of the log-odds of a network.
    shares : ndarray, (M,) float32
        Share of a network in each number of the mean.
    strands : ndarray, (K,) int64
        Number of outputs per class.
    exclusive : bool
    """

    places: list[NDArray[np.int64]]
    shares: NDArray[np.float32]
    strands: NDArray[np.int64]
    exclusive: bool

    @classmethod
    def of(cls, ensemble: Ensemble) -> _Mean:
        """Return the mean of an ensemble."""
        return cls(
            [np.array(ensemble.places(member), np.int64) for member in ensemble.members],
            np.array(ensemble.shares(), np.float32),
            np.array([1 + stranded for _, stranded in ensemble.classes], np.int64),
            ensemble.exclusive,
        )

    def answer(
        self,
        codes: Codes,
        networks: list[_Packed],
        buffers: list[_Buffers],
        out: NDArray[np.float32],
    ) -> None:
        """Write the probabilities (LANES, L, O) of a block that all networks have read."""
        size = self.shares.size
        mean = aligned(out.shape[1] * size * LANES)
        for network, own, places in zip(networks, buffers, self.places, strict=True):
            head = network.head
            add_member(
                own.answers,
                head.rows,
                head.first,
                head.second,
                head.bias,
                own.terms,
                places,
                self.shares,
                mean,
            )
        # Each column is the mean of one row with itself, which is exact.
        rows, bias = np.arange(size), np.zeros(size, np.float32)
        none, scratch = aligned(0), aligned(16 * size * LANES)
        answer(
            codes, mean, size, rows, rows, bias, self.strands, self.exclusive, none, scratch, out
        )


class _Buffers:
    """Flat arrays for the intermediate values of the kernels, for windows of one length."""

    def __init__(self, network: _Packed, length: int) -> None:
        head, hidden, layers = network.head, network.hidden, len(network.layers)
        wide = length * 2 * hidden * LANES
        self.none = aligned(0)
        self.places = np.empty(length * LANES if network.table else 0, np.int64)
        self.features = [aligned(wide if layers > 1 + n else 0) for n in range(2)]
        self.answers = aligned(length * head.rows * LANES)
        self.columns = aligned(16 * head.first.size * LANES)
        matrices = network.matrices
        scanned = matrices.widths.any()
        self.terms = aligned(length * head.first.size * LANES if scanned else 0)
        self.found = aligned(room(length, matrices.widths) * LANES + VECTOR if scanned else 0)
        self.memory = aligned(network.cell.MEMORY * hidden * LANES)
