"""Read and check a model file."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dnabirnn.errors import ModelFileError, OptionError
from dnabirnn.files import load_arrays, local_copy, look, parse_json
from dnabirnn.network.architecture import Architecture, Ensemble
from dnabirnn.network.call_rules import CallLengths, CallRule, discoveries_of
from dnabirnn.network.checkpoint import (
    FORMAT_VERSION,
    METADATA_KEY,
    Checkpoint,
    members_of,
    weight_shapes,
)
from dnabirnn.network.evidence import Pooling, absent_of
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.network.sequence_scores import SequenceScores
from dnabirnn.network.shipped import find_model, shipped_models

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dnabirnn.files import Contents, PathLike

__all__ = ["load_checkpoint"]


def load_checkpoint(path: PathLike) -> Checkpoint:
    """Read and check a model file, given by its path or by the name of a shipped model.

    Raises
    ------
    ModelFileError
        There is no such file, or it is not a model, is damaged, has a newer format, or changes.
    """
    with local_copy(find_model(path), ModelFileError) as file:
        return _load(file)


def _load(path: Path) -> Checkpoint:
    contents = _contents(path)
    text = contents.metadata.get(METADATA_KEY)
    if text is None:
        raise ModelFileError(
            f"{path}: a safetensors file, but not a dnabirnn model (its metadata lack the key "
            f"{METADATA_KEY!r}); give a file that `dnabirnn train` wrote"
        )
    try:
        plain = parse_json(text)
        format_version = int(plain["format_version"])
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{path}: the model's description is damaged; copy the file again, or train again"
        ) from error
    if format_version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path}: model format {format_version} is newer than format {FORMAT_VERSION}, which "
            "this version of dnabirnn reads; upgrade dnabirnn"
        )
    try:
        checkpoint = _from_plain(plain)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError, OptionError) as error:
        raise ModelFileError(
            f"{path}: the model's description is damaged ({type(error).__name__}: {error}); "
            "copy the file again, or train again"
        ) from error
    whole = checkpoint.sequences
    further = {} if whole is None else whole.array_shapes()
    _check_shapes(path, checkpoint.architecture, further, contents.shapes)
    try:
        weights = load_arrays(path, contents.shapes)
        whole = whole and whole.with_arrays({name: weights.pop(name) for name in further})
        checkpoint = replace(checkpoint, weights=weights, sequences=whole)
        _check_slopes(checkpoint)
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"{path}: {error}; the file is damaged: copy it again, or train again"
        ) from error
    return checkpoint


def _contents(path: Path) -> Contents:
    """Read the metadata of the file, and the shapes of its arrays."""
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        found = "not a regular file" if path.exists() and not path.is_dir() else found
        raise ModelFileError(
            f"{path}: {found}; give a model that `dnabirnn train` wrote, or the name of a shipped "
            f"model: {', '.join(shipped_models()) or '(none installed)'}"
        )
    try:
        return look(path)
    except (OSError, ValueError) as error:
        what = f"not a model file, or a damaged one ({error})"
        raise ModelFileError(f"{path}: {what}; give a file that `dnabirnn train` wrote") from error


def _from_plain(plain: dict[str, Any]) -> Checkpoint:
    """Create a checkpoint without weights from its description."""
    shape = plain["architecture"]
    architecture = (Ensemble if "members" in shape else Architecture).from_json(shape)
    if plain["outputs"] != [list(output) for output in architecture.outputs]:
        raise ValueError("the outputs do not match the classes")
    names = [motif_class.name for motif_class in architecture.classes]
    maps = tuple(
        LogOddsMap(float(plain["log_odds"][name]["slope"]), float(plain["log_odds"][name]["shift"]))
        for name in names
    )
    if not all(0 < slope < math.inf and math.isfinite(shift) for slope, shift in maps):
        raise ValueError("log_odds: a number is not finite, or a slope is not above 0")
    calls, unlearned, absent, poolings = {}, {}, {}, {}
    for name in names:
        own = plain["calls"][name]
        least, threshold = own.get("least_evidence"), own["threshold"]
        # The lengths are checked for all classes.
        rule = CallRule(
            1 if threshold is None else int(threshold),
            int(own["min_length_bp"]),
            int(own["merge_gap_bp"]),
            None if least is None else int(least),
        )
        if own.get("absent") is not None:
            absent[name] = absent_of(own["absent"])
        if "evidence" in own:
            poolings[name] = Pooling.from_json(own["evidence"])
        if threshold is None:
            unlearned[name] = CallLengths(rule.min_length_bp, rule.merge_gap_bp)
        else:
            calls[name] = rule
    rates, whole = plain["discoveries"], plain.get("whole_sequences")
    if plain["mask"] not in ("none", "loss", "hard"):
        raise ValueError(f"mask {plain['mask']!r} is not none, loss or hard")
    return Checkpoint(
        architecture=architecture,
        weights={},
        training_window_bp=int(plain["training_window_bp"]),
        scoring_window=ScoringWindow(**{k: int(v) for k, v in plain["scoring_window"].items()}),
        mask=plain["mask"],
        maps=maps,
        calls=calls,
        discoveries={name: discoveries_of(rates[name]) for name in names if name in rates},
        training=dict(plain["training"]),
        metrics=dict(plain["metrics"]),
        card={str(key): str(text) for key, text in plain.get("card", {}).items()},
        unlearned=unlearned,
        absent=absent,
        poolings=poolings,
        sequences=None if whole is None else SequenceScores.from_json(whole, names),
    )


def _check_slopes(checkpoint: Checkpoint) -> None:
    """Raise if a matrix's score lowers the log-odds: the better strand would then be the worse."""
    for name, weight in checkpoint.weights.items():
        if "matrix." in name and name.endswith(".map") and not weight[0] > 0:
            raise ValueError(f"{name}: the slope {weight[0]} is not above 0")


def _check_shapes(
    path: Path,
    architecture: Architecture | Ensemble,
    further: dict[str, tuple[int, ...]],
    found: Mapping[str, tuple[int, ...]],
) -> None:
    """Raise if the arrays in a file are not the weights and `further`; none is read yet."""
    # With a false number of layers, the names of the weights alone could fill the memory.
    layers = sum(member.layers for member, _ in members_of(architecture, {}))
    if layers > len(found):
        raise ModelFileError(
            f"{path}: the description gives {layers} layers, but the file has "
            f"{len(found)} weights; the file is damaged: copy it again, or train again"
        )
    expected = weight_shapes(architecture) | further
    if found != expected:
        names = sorted(expected.keys() | found.keys())
        name = next(one for one in names if expected.get(one) != found.get(one))
        raise ModelFileError(
            f"{path}: weight {name} has shape {found.get(name)}, but the architecture needs "
            f"{expected.get(name)}; the file is damaged: copy it again, or train again"
        )
