"""The network as compiled kernels, on CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.engine.kernels.cells import CELLS
from dnabirnn.engine.kernels.head import answer, pack_head
from dnabirnn.engine.kernels.layers import Gates
from dnabirnn.engine.kernels.simd import LANES, aligned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Architecture, Checkpoint

__all__ = ["FusedEngine"]

# Bases of a batch: 20 ms of work for a GRU of 32 units, against which what Python does for a batch
# is little; its answer takes 1 MiB an output and a few a direction.
_BATCH_BP = 1 << 17
# Of Python, its libraries and the kernels.
_PROGRAM_BYTES = 210_000_000


class _Layer(NamedTuple):
    forward: tuple[Any, ...]
    reverse: tuple[Any, ...]


class FusedEngine:
    """Scores on a CPU, block by block of `LANES` windows; float32 arithmetic.

    A window's scores depend on its own bases alone: lanes do not meet.

    Parameters
    ----------
    architecture : Architecture
    weights : mapping
        Named as in `dnabirnn.network.weight_shapes`, with the maps of log-odds already applied.
    """

    device = "cpu"

    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, NDArray[np.float32]],
    ) -> None:
        self._cell: Any = CELLS[architecture.cell]
        units = self._cell.UNITS
        # With 4 or more, what a deeper layer reads is never as wide as a base.
        self._hidden = max(-(-architecture.hidden // units) * units, 4)
        self._outputs = len(architecture.outputs)
        self._head = pack_head(architecture, weights, self._hidden)
        self._layers = []
        for layer in range(architecture.layers):
            numbers = (layer, layer) if architecture.tied else (2 * layer, 2 * layer + 1)
            forward, reverse = (
                Gates.of(weights, number, architecture.cell.gates, self._hidden, first=layer == 0)
                for number in numbers
            )
            reverse = reverse.of_reverse_complement(architecture.tied)
            self._layers.append(_Layer(self._cell.pack(forward), self._cell.pack(reverse)))

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint) -> FusedEngine:
        """Engine of a model."""
        return cls(checkpoint.architecture, checkpoint.scoring_weights())

    def workers(self, threads: int) -> int:
        """A batch a thread."""
        return threads

    def batch_windows(self, length_bp: int) -> int:
        """Windows of `length_bp` that make a batch."""
        return max(1, _BATCH_BP // (length_bp * LANES)) * LANES

    def memory_bytes(self, length_bp: int, threads: int) -> int:
        """Memory of the process: its libraries, and each thread's features between layers."""
        wide: int = length_bp * 2 * self._hidden * LANES * 4  # bytes of a float32
        return _PROGRAM_BYTES + threads * wide * min(len(self._layers) - 1, 2)

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """Probabilities (B, L, O) of a batch of codes (B, L)."""
        windows, length = codes.shape
        scores = np.empty((windows, length, self._outputs), np.float32)
        buffers = _Buffers(self, length)
        for first in range(0, windows, LANES):
            block = codes[first : first + LANES]
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
        """Probabilities (LANES, L, O) of LANES windows, into `out`."""
        length = block.shape[1]
        codes = np.ascontiguousarray(block.T).reshape(-1)  # (L, LANES)
        head = self._head
        above, below = buffers.features
        for number, layer in enumerate(self._layers):
            last = number == len(self._layers) - 1
            for direction, half, reverse in (
                (layer.forward, head.forward, False),
                (layer.reverse, head.reverse, True),
            ):
                self._cell.run(
                    codes,
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
        answer(
            codes,
            buffers.answers,
            head.rows,
            head.first,
            head.second,
            head.bias,
            head.strands,
            head.exclusive,
            buffers.columns,
            out,
        )


class _Buffers:
    """What the kernels write on their way, flat, for windows of one length."""

    def __init__(self, engine: FusedEngine, length: int) -> None:
        head, hidden, layers = engine._head, engine._hidden, len(engine._layers)
        wide = length * 2 * hidden * LANES
        self.none = aligned(0)
        self.features = [aligned(wide if layers > 1 + n else 0) for n in range(2)]
        self.answers = aligned(length * head.rows * LANES)
        self.columns = aligned(16 * head.first.size * LANES)
        self.memory = aligned(engine._cell.MEMORY * hidden * LANES)
