"""Scoring with compiled kernels on CPUs, with products of float32 or bfloat16.

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
    from types import ModuleType

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Architecture, Cell, Checkpoint, Member

__all__ = ["FusedEngine", "Mean", "ScoringNetwork"]

# Bases per batch: 20 ms of work for a GRU of 32 units, so that Python's own time per batch is small
# in comparison. The probabilities of a batch take 0.5 MiB per output.
_BATCH_BP = 1 << 17
# Memory of Python, its libraries and the kernels.
_PROGRAM_BYTES = 210_000_000


class _Layer(NamedTuple):
    forward: Direction
    reverse: Direction


class FusedEngine:
    """Engine that scores blocks of `LANES` windows on a CPU.

    The scores of a window depend only on its own bases, since no operation mixes lanes.

    Parameters
    ----------
    architecture : Architecture or Ensemble
    weights : mapping
        Weights by the names in `dnabirnn.network.weight_shapes`, with the maps of log-odds already
        applied.
    precision : str
        Precision of the products with weights: "f32", or "bf16" if `lack_of_bf16` finds no lack.

    Attributes
    ----------
    architecture : Architecture or Ensemble
    precision : str
    networks : list of ScoringNetwork
    mean : Mean
    """

    device = "cpu"
    on_gpu = False

    def __init__(
        self,
        architecture: Architecture | Ensemble,
        weights: Mapping[str, NDArray[np.float32]],
        precision: str = "f32",
    ) -> None:
        self.architecture, self.precision = architecture, precision
        self._outputs = len(architecture.outputs)
        self.networks = [
            ScoringNetwork(member, precision) for member in members_of(architecture, weights)
        ]
        self.mean = Mean.of(architecture, self.networks)

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint, precision: str = "f32") -> FusedEngine:
        """Create an engine for a model."""
        return cls(checkpoint.architecture, checkpoint.scoring_weights(), precision)

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
        tables = sum(2 * 4 * network.table for network in self.networks)
        per_thread = sum(network.thread_bytes(length_bp) for network in self.networks)
        if len(self.networks) > 1:
            per_thread += length_bp * self.mean.shares.size * LANES * 4
        return _PROGRAM_BYTES + tables + threads * per_thread

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """Compute the probabilities (B, L, O) of a batch of codes (B, L)."""
        windows, length = codes.shape
        scores = np.empty((windows, length, self._outputs), np.float32)
        buffers = [_Buffers(network, length) for network in self.networks]
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

    def log_odds(self, codes: Codes) -> NDArray[np.float32]:
        """Compute the log-odds (B, L, M) of codes (B, L), see `Engine`."""
        windows, length = codes.shape
        found = np.empty((windows, length, self.mean.shares.size), np.float32)
        buffers = [_Buffers(network, length) for network in self.networks]
        for first in range(0, windows, LANES):
            block = codes[first : first + LANES]
            if (block[:, 0] == PADDING).all():
                found[first:] = 0
                break
            lanes = np.full((length, LANES), PADDING, np.uint8)
            lanes[:, : len(block)] = block.T
            for network, own in zip(self.networks, buffers, strict=True):
                network.run(lanes.reshape(-1), length, own)
            mean = self.mean.log_odds(self.networks, buffers, length)
            of_lanes = mean.reshape(length, -1, LANES)[:, :, : len(block)]
            found[first : first + LANES] = of_lanes.transpose(2, 0, 1)
        return found

    def _score_block(self, block: Codes, buffers: list[_Buffers], out: NDArray[np.float32]) -> None:
        """Write the probabilities (LANES, L, O) of LANES windows to `out`."""
        codes = np.ascontiguousarray(block.T).reshape(-1)  # (L, LANES)
        for network, own in zip(self.networks, buffers, strict=True):
            network.run(codes, block.shape[1], own)
        if len(self.networks) > 1:
            self.mean.answer(codes, self.networks, buffers, out)
            return
        head, own = self.networks[0].head, buffers[0]
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


class ScoringNetwork:
    """A network as the kernels read it.

    Parameters
    ----------
    member : Member
    precision : str
    """

    def __init__(self, member: Member, precision: str = "f32") -> None:
        architecture, weights = member
        self.cell: Any = _kernels_of(architecture.cell, precision)
        units = self.cell.UNITS
        # `pack` recognizes a first layer by its 4 inputs, the bases. With at least 4 units, a
        # deeper layer has at least 8 inputs.
        self.hidden = max(-(-architecture.hidden // units) * units, 4)
        self.kmer = architecture.kmer
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
        # Numbers of the features of a base; pairs of bfloat16 take the place of one number.
        self.features: int = (2 if precision == "f32" else 1) * self.hidden * LANES
        # Numbers in the table of k-mers of one direction, and in a row of it; 0 without k-mers.
        self.table: int = self.layers[0].forward.kmers.size
        self.width = self.table // (4**self.kmer + FURTHER)

    def thread_bytes(self, length_bp: int) -> int:
        """Return the bytes that a thread needs for windows of `length_bp`."""
        features = length_bp * self.features * 4 * min(len(self.layers) - 1, 2)
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
            find_places(codes, length, self.kmer, self.width, buffers.places)
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
                    True,
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


def _kernels_of(cell: Cell, precision: str) -> ModuleType:
    if precision == "f32":
        return CELLS[cell]
    from dnabirnn.engine.kernels.bf16.cells import BF16_CELLS

    return BF16_CELLS[cell]


class Mean(NamedTuple):
    """How the log-odds of the networks are averaged, which for one network are its own.

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
    def of(cls, architecture: Architecture | Ensemble, networks: list[ScoringNetwork]) -> Mean:
        """Return the mean of an ensemble, or of one network."""
        if isinstance(architecture, Ensemble):
            places = [architecture.places(member) for member in architecture.members]
            shares = architecture.shares()
        else:
            places = [[*range(networks[0].head.first.size)]]
            shares = [1.0] * len(places[0])
        return cls(
            [np.array(one, np.int64) for one in places],
            np.array(shares, np.float32),
            np.array([1 + stranded for _, stranded in architecture.classes], np.int64),
            architecture.exclusive,
        )

    def log_odds(
        self, networks: list[ScoringNetwork], buffers: list[_Buffers], length: int
    ) -> NDArray[np.float32]:
        """Return the log-odds (L * M * LANES,) of a block that all networks have read."""
        mean = aligned(length * self.shares.size * LANES)
        for number, own in enumerate(buffers):
            self.add(number, networks[number], own.answers, own.terms, mean)
        return mean

    def add(
        self,
        number: int,
        network: ScoringNetwork,
        answers: NDArray[np.float32],
        terms: NDArray[np.float32],
        mean: NDArray[np.float32],
    ) -> None:
        """Add the share of a network, by its number, to the log-odds in `mean`."""
        head = network.head
        add_member(
            answers,
            head.rows,
            head.first,
            head.second,
            head.bias,
            terms,
            self.places[number],
            self.shares,
            mean,
        )

    def answer(
        self,
        codes: Codes,
        networks: list[ScoringNetwork],
        buffers: list[_Buffers],
        out: NDArray[np.float32],
    ) -> None:
        """Write the probabilities (LANES, L, O) of a block that all networks have read."""
        size = self.shares.size
        mean = self.log_odds(networks, buffers, out.shape[1])
        # Each column is the mean of one row with itself, which is exact.
        rows, bias = np.arange(size), np.zeros(size, np.float32)
        none, scratch = aligned(0), aligned(16 * size * LANES)
        answer(
            codes, mean, size, rows, rows, bias, self.strands, self.exclusive, none, scratch, out
        )


class _Buffers:
    """Flat arrays for the intermediate values of the kernels, for windows of one length."""

    def __init__(self, network: ScoringNetwork, length: int) -> None:
        head, layers = network.head, len(network.layers)
        wide = length * network.features
        self.none = aligned(0)
        self.places = np.empty(length * LANES if network.table else 0, np.int64)
        self.features = [aligned(wide if layers > 1 + n else 0) for n in range(2)]
        self.answers = aligned(length * head.rows * LANES)
        self.columns = aligned(16 * head.first.size * LANES)
        matrices = network.matrices
        scanned = matrices.widths.any()
        self.terms = aligned(length * head.first.size * LANES if scanned else 0)
        self.found = aligned(room(length, matrices.widths) * LANES + VECTOR if scanned else 0)
        self.memory = aligned(network.cell.MEMORY * network.hidden * LANES)
