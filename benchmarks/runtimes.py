"""Other programs that run a dnabirnn network: a loop of torch, and ONNX Runtime.

Both read the same windows as `dnabirnn score`, in one process and on one thread.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import onnxruntime
import torch

from dnabirnn.network import write_onnx
from dnabirnn.scoring import Model, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["runtimes", "seconds_to_score"]

_BATCH_WINDOWS = 32


class _OnnxEngine:
    """Engine that scores windows with ONNX Runtime, on one thread of a CPU."""

    device = "cpu"

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    def workers(self, threads: int) -> int:
        return threads

    def batch_windows(self, length_bp: int) -> int:
        return _BATCH_WINDOWS

    def score(self, codes: Codes) -> NDArray[Any]:
        found: NDArray[Any] = self._session.run(["probabilities"], {"codes": codes})[0]
        return found


def runtimes(path: Path) -> Iterator[tuple[str, str, Model]]:
    """Yield the name of each program, its version, and a model that it scores with."""
    yield "torch loop", f"torch {torch.__version__}", load(path, engine="torch", device="cpu")
    exported = path.with_suffix(".onnx")
    model = load(path, device="cpu")
    write_onnx(model.checkpoint, exported)
    model.engine = _OnnxEngine(exported)  # type: ignore[assignment]
    yield "ONNX Runtime", f"ONNX Runtime {onnxruntime.__version__}", model


def seconds_to_score(model: Model, fasta: Path) -> float:
    """Return the processor time of scoring a file, without output."""
    torch.set_num_threads(1)
    begun = time.process_time()
    deque(model.blocks(model.contigs(fasta)), maxlen=0)
    return time.process_time() - begun
