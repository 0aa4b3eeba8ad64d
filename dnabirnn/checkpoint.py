"""The model file: safetensors, whose metadata describe the model in one key of sorted JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.architecture import Architecture
from dnabirnn.errors import ModelFileError, OptionError
from dnabirnn.outputs import Outputs
from dnabirnn.rules import CallRule
from dnabirnn.windows import ScoringWindow

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["FORMAT_VERSION", "Checkpoint", "load_checkpoint", "weight_shapes"]

FORMAT_VERSION = 1
_KEY = "dnabirnn"
# Far above any network of this kind: a larger header or weight is a hostile or broken file.
_MAX_HEADER_BYTES = 1 << 24


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, as plain values and arrays.

    Attributes
    ----------
    architecture : Architecture
    weights : mapping of str to ndarray, float32
    training_window_bp : int
    scoring_window : ScoringWindow
    mask : str
        What lower case means: "none", "loss" or "hard".
    prior_shift : tuple of float
        A class: what is added to its log-odds, so that they are those of the sequence as it
        is and not of the training windows.
    calls : mapping of class name to CallRule
        How calls are made unless the user says otherwise; thresholds are those with the best
        F1 on validation sequence.
    training : mapping
        Everything told about the fit: settings, data digests, prevalence, seed, versions.
    metrics : mapping
        Figures on validation sequence, by class.
    """

    architecture: Architecture
    weights: Mapping[str, NDArray[np.float32]]
    training_window_bp: int
    scoring_window: ScoringWindow
    mask: str
    prior_shift: tuple[float, ...]
    calls: Mapping[str, CallRule]
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def description(self) -> dict[str, Any]:
        """All but the weights, as plain values: what the file's metadata hold."""
        return {
            "format_version": FORMAT_VERSION,
            "architecture": self.architecture.to_json(),
            "outputs": [list(output) for output in self.architecture.outputs],
            "training_window_bp": self.training_window_bp,
            "scoring_window": {
                "length_bp": self.scoring_window.length_bp,
                "halo_bp": self.scoring_window.halo_bp,
            },
            "mask": self.mask,
            "prior_shift": {
                motif_class.name: shift
                for motif_class, shift in zip(
                    self.architecture.classes, self.prior_shift, strict=True
                )
            },
            "calls": {name: vars(defaults) for name, defaults in self.calls.items()},
            "training": dict(self.training),
            "metrics": dict(self.metrics),
        }

    def to_bytes(self) -> bytes:
        """The model file. The same model gives the same bytes."""
        from safetensors.numpy import save

        text = json.dumps(self.description(), sort_keys=True, allow_nan=False)
        return save({n: np.ascontiguousarray(w) for n, w in self.weights.items()}, {_KEY: text})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file, whole or not at all.

        Raises
        ------
        OutputError
            A path that cannot be written.
        """
        with Outputs() as outputs:
            outputs.open(path).write(self.to_bytes())


def weight_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of a network.

    A layer's weights are those of torch.nn.RNN, GRU or LSTM with one layer. A tied network
    has one set a layer, an untied one two: forward, reverse.

    Examples
    --------
    >>> from dnabirnn.architecture import MotifClass
    >>> weight_shapes(Architecture((MotifClass("REP", True),), hidden=2))["head.weight"]
    (1, 4)
    """
    hidden, rows = architecture.hidden, architecture.cell.gates * architecture.hidden
    directions = 1 if architecture.tied else 2
    shapes: dict[str, tuple[int, ...]] = {}
    for number in range(architecture.layers * directions):
        inputs = 4 if number < directions else 2 * hidden
        shapes[f"recurrent.{number}.weight_ih_l0"] = (rows, inputs)
        shapes[f"recurrent.{number}.weight_hh_l0"] = (rows, hidden)
        shapes[f"recurrent.{number}.bias_ih_l0"] = (rows,)
        shapes[f"recurrent.{number}.bias_hh_l0"] = (rows,)
    logits = len(architecture.classes if architecture.tied else architecture.outputs)
    logits += int(architecture.exclusive)
    shapes["head.weight"] = (logits, 2 * hidden)
    shapes["head.bias"] = (logits,)
    return shapes


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a model file and check all of it.

    Raises
    ------
    ModelFileError
        No such file; not a model of this tool; damaged; or of a newer format.
    """
    path = Path(path)
    text, weights = _read(path)
    if text is None:
        raise ModelFileError(
            f"{path}: a safetensors file, but no dnabirnn model (its metadata lack the key "
            f"{_KEY!r}); give a file that `dnabirnn train` wrote"
        )
    try:
        plain = json.loads(text)
        format_version = int(plain["format_version"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{path}: the model's description is damaged; copy the file again, or train again"
        ) from error
    if format_version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path}: model format {format_version} is newer than this dnabirnn "
            f"{version('dnabirnn')} reads ({FORMAT_VERSION}); upgrade dnabirnn"
        )
    try:
        checkpoint = _from_plain(plain, weights)
    except (AttributeError, KeyError, TypeError, ValueError, OptionError) as error:
        raise ModelFileError(
            f"{path}: the model's description is damaged ({type(error).__name__}: {error}); "
            "copy the file again, or train again"
        ) from error
    _check_weights(path, checkpoint)
    return checkpoint


def _read(path: Path) -> tuple[str | None, dict[str, NDArray[np.float32]]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        found = "no regular file" if path.exists() and not path.is_dir() else found
        raise ModelFileError(f"{path}: {found}; give a model that `dnabirnn train` wrote")
    try:
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
        if header_bytes > min(path.stat().st_size, _MAX_HEADER_BYTES):
            raise ModelFileError(
                f"{path}: not a model file (no safetensors header); "
                "give a file that `dnabirnn train` wrote"
            )
        with safe_open(path, framework="numpy") as tensors:
            metadata = tensors.metadata() or {}
            weights = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(
            f"{path}: not a model file, or a damaged one ({reason}); "
            "give a file that `dnabirnn train` wrote"
        ) from error
    return metadata.get(_KEY), weights


def _from_plain(plain: dict[str, Any], weights: dict[str, NDArray[np.float32]]) -> Checkpoint:
    architecture = Architecture.from_json(plain["architecture"])
    if plain["outputs"] != [list(output) for output in architecture.outputs]:
        raise ValueError("outputs are not those of the classes")
    names = [motif_class.name for motif_class in architecture.classes]
    scoring = plain["scoring_window"]
    shift = tuple(float(plain["prior_shift"][name]) for name in names)
    if not all(map(math.isfinite, shift)):
        raise ValueError("prior_shift is not finite")
    calls = {
        name: CallRule(
            threshold=int(plain["calls"][name]["threshold"]),
            min_length_bp=int(plain["calls"][name]["min_length_bp"]),
            merge_gap_bp=int(plain["calls"][name]["merge_gap_bp"]),
        )
        for name in names
    }
    if plain["mask"] not in ("none", "loss", "hard"):
        raise ValueError(f"mask {plain['mask']!r}")
    return Checkpoint(
        architecture=architecture,
        weights=weights,
        training_window_bp=int(plain["training_window_bp"]),
        scoring_window=ScoringWindow(int(scoring["length_bp"]), int(scoring["halo_bp"])),
        mask=plain["mask"],
        prior_shift=shift,
        calls=calls,
        training=dict(plain["training"]),
        metrics=dict(plain["metrics"]),
    )


def _check_weights(path: Path, checkpoint: Checkpoint) -> None:
    expected = weight_shapes(checkpoint.architecture)
    found = {name: array.shape for name, array in checkpoint.weights.items()}
    if found != expected:
        name = next(n for n in sorted(expected | found) if expected.get(n) != found.get(n))
        raise ModelFileError(
            f"{path}: weight {name} has shape {found.get(name)}, the architecture wants "
            f"{expected.get(name)}; the file is damaged: copy it again, or train again"
        )
    for name, array in checkpoint.weights.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ModelFileError(
                f"{path}: weight {name} is no array of finite float32; the file is damaged: "
                "copy it again, or train again"
            )
