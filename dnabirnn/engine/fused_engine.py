"""Scoring with compiled kernels on CPUs.

A block of `LANES` windows is scored at a time, side by side in the lanes of SIMD vectors. In each
layer, the forward direction runs over the whole block, then the reverse direction. A layer stores
its features for the next layer. The last layer stores none: at each base, each direction adds its
half of the head to the log-odds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.engine.kernels.cells import CELLS
from dnabirnn.engine.kernels.head import answer, pack_head
from dnabirnn.engine.kernels.kmers import FURTHER, find_places
from dnabirnn.engine.kernels.layers import Direction, Gates
from dnabirnn.engine.kernels.matrix_scan import matrix_terms, pack_matrices, room
from dnabirnn.engine.kernels.vectors import LANES, VECTOR, aligned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Architecture, Checkpoint

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
    architecture : Architecture
    weights : mapping
        Weights by the names in `dnabirnn.network.weight_shapes`, with the maps of log-odds already
        applied.
    """

    device = "cpu"

    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, NDArray[np.float32]],
    ) -> None:
        self._cell: Any = CELLS[architecture.cell]
        units = self._cell.UNITS
        # `pack` recognizes a first layer by its 4 inputs, the bases. With at least 4 units, a
        # deeper layer has at least 8 inputs.
        self._hidden = max(-(-architecture.hidden // units) * units, 4)
        self._kmer = architecture.kmer
        self._outputs = len(architecture.outputs)
        self._head = pack_head(architecture, weights, self._hidden)
        self._matrices = pack_matrices(architecture, weights)
        self._layers = []
        for layer in range(architecture.layers):
            numbers = (layer, layer) if architecture.tied else (2 * layer, 2 * layer + 1)
            forward, reverse = (
                Gates.of(weights, number, architecture.cell.gates, self._hidden, first=layer == 0)
                for number in numbers
            )
            reverse = reverse.of_reverse_complement(architecture.tied)
            self._layers.append(_Layer(self._cell.pack(forward), self._cell.pack(reverse)))
        # Numbers in the table of k-mers of one direction, and in a row of it; 0 without k-mers.
        self._table: int = self._layers[0].forward.kmers.size
        self._width = self._table // (4**self._kmer + FURTHER)

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
        wide: int = length_bp * 2 * self._hidden * LANES * 4  # bytes of a float32
        features = wide * min(len(self._layers) - 1, 2)
        places = length_bp * LANES * 8 if self._table else 0
        scanned = self._scanned_numbers(length_bp) * 4
        return _PROGRAM_BYTES + 2 * 4 * self._table + threads * (features + places + scanned)

    def _scanned_numbers(self, length_bp: int) -> int:
        """Return how many numbers the scan of the matrices needs per thread."""
        if not self._matrices.widths.any():
            return 0
        columns: int = self._head.first.size
        return (length_bp * columns + room(length_bp, self._matrices.widths)) * LANES

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """Compute the probabilities (B, L, O) of a batch of codes (B, L)."""
        windows, length = codes.shape
        scores = np.empty((windows, length, self._outputs), np.float32)
        buffers = _Buffers(self, length)
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

    def _score_block(self, block: Codes, buffers: _Buffers, out: NDArray[np.float32]) -> None:
        """Write the probabilities (LANES, L, O) of LANES windows to `out`."""
        length = block.shape[1]
        codes = np.ascontiguousarray(block.T).reshape(-1)  # (L, LANES)
        head = self._head
        if self._table:
            find_places(codes, length, self._kmer, self._width, buffers.places)
        above, below = buffers.features
        for number, layer in enumerate(self._layers):
            last = number == len(self._layers) - 1
            for direction, half, reverse in (
                (layer.forward, head.forward, False),
                (layer.reverse, head.reverse, True),
            ):
                self._cell.run(
                    codes,
                    buffers.places,
                    length,
                    reverse,
                    *direction,
                    self._hidden,
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
                *self._matrices,
                head.first.size,
                buffers.found,
                buffers.terms,
            )
        answer(
            codes,
            buffers.answers,
            head.rows,
            head.first,
            head.second,
            head.bias,
            head.strands,
            head.exclusive,
            buffers.terms,
            buffers.columns,
            out,
        )


class _Buffers:
    """Flat arrays for the intermediate values of the kernels, for windows of one length."""

    def __init__(self, engine: FusedEngine, length: int) -> None:
        head, hidden, layers = engine._head, engine._hidden, len(engine._layers)
        wide = length * 2 * hidden * LANES
        self.none = aligned(0)
        self.places = np.empty(length * LANES if engine._table else 0, np.int64)
        self.features = [aligned(wide if layers > 1 + n else 0) for n in range(2)]
        self.answers = aligned(length * head.rows * LANES)
        self.columns = aligned(16 * head.first.size * LANES)
        matrices = engine._matrices
        scanned = matrices.widths.any()
        self.terms = aligned(length * head.first.size * LANES if scanned else 0)
        self.found = aligned(room(length, matrices.widths) * LANES + VECTOR if scanned else 0)
        self.memory = aligned(engine._cell.MEMORY * hidden * LANES)
