"""The model file: safetensors, whose metadata describe the model in one key of sorted JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.errors import ModelFileError, OptionError
from dnabirnn.files import OutputFiles, load_arrays, look, parse_json
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.network.architecture import Architecture
from dnabirnn.network.call_rules import CallRule
from dnabirnn.network.log_odds import LogOddsMap, check_priors, prior_shift
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.network.shipped import find_model, shipped_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.files import Contents, PathLike

__all__ = ["FORMAT_VERSION", "Checkpoint", "load_checkpoint", "mapped_weights", "weight_shapes"]

FORMAT_VERSION = 1
_KEY = "dnabirnn"


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
    maps : tuple of LogOddsMap
        A class: what its log-odds become, so that probabilities are those of the sequence as it
        is and not of the training windows.
    calls : mapping of class name to CallRule
        How calls are made unless the user says otherwise; thresholds are those with the best
        F1 on validation sequence.
    discoveries : mapping of class name to mapping
        "bases" and "calls": the lowest threshold of which no more are false on validation
        sequence than a rate says, by rate ("0.05"); None where there is none.
    training : mapping
        Everything told about the fit: settings, data digests, prevalence, seed, versions.
    metrics : mapping
        Figures on validation sequence, by class.
    card : mapping of str to str
        What users should know, of models that ship: data, licence, figures, limits.
    """

    architecture: Architecture
    weights: Mapping[str, NDArray[np.float32]]
    training_window_bp: int
    scoring_window: ScoringWindow
    mask: str
    maps: tuple[LogOddsMap, ...]
    calls: Mapping[str, CallRule]
    discoveries: Mapping[str, Mapping[str, Mapping[str, int | None]]] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, str] = field(default_factory=dict)

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
            "log_odds": {
                motif_class.name: log_odds._asdict()
                for motif_class, log_odds in zip(self.architecture.classes, self.maps, strict=True)
            },
            "calls": {name: vars(defaults) for name, defaults in self.calls.items()},
            "discoveries": {name: dict(kinds) for name, kinds in self.discoveries.items()},
            "training": dict(self.training),
            "metrics": dict(self.metrics),
            **({"card": dict(self.card)} if self.card else {}),
        }

    def rules_at(self, rate: float) -> dict[str, CallRule]:
        """Rules of calls of which no more than a share is false, as far as validation tells.

        The threshold is that of calls. For a class with too few calls it is that of bases, but
        not a lower one than the rule's: a base that is called apart from others is a call.

        Raises
        ------
        OptionError
            A rate for which a class has no threshold.
        """
        rules = {}
        for name, rule in self.calls.items():
            kinds = self.discoveries.get(name, {})
            thresholds = [kinds.get(kind, {}).get(str(float(rate))) for kind in ("calls", "bases")]
            threshold = thresholds[0] or (thresholds[1] and max(thresholds[1], rule.threshold))
            if not kinds:
                raise OptionError(
                    f"--fdr {rate:g}: the model has no figures of false discoveries for class "
                    f"{name}, of which validation tells; choose a --threshold"
                )
            if threshold is None:
                rates = [r for r, value in kinds.get("bases", {}).items() if value is not None]
                remedy = (
                    f"it has {', '.join(rates)}; choose one" if rates else "choose a --threshold"
                )
                raise OptionError(
                    f"--fdr {rate:g}: on validation sequence, no threshold of class {name} keeps "
                    f"to that rate; {remedy}"
                )
            rules[name] = replace(rule, threshold=threshold)
        return rules

    def with_prior(self, shares: Mapping[str, float]) -> Checkpoint:
        """The model for sequence in which classes have other shares of the bases of a strand.

        Raises
        ------
        OptionError
            A class that the model has not, a share that is none, or shares that leave no room.
        """
        if not shares:
            return self
        check_priors(self.architecture, shares)
        told = self._told_shares()
        names = [motif_class.name for motif_class in self.architecture.classes]
        for name in names if self.architecture.exclusive else shares:
            if name not in told:
                raise OptionError(
                    f"--prior {' '.join(shares)}: the model does not tell the share of {name} that "
                    "it was trained with; train it again"
                )
        before = [told.get(name, 0.5) for name in names]
        after = [shares.get(name, share) for name, share in zip(names, before, strict=True)]
        moves = prior_shift(self.architecture, before, after)
        maps = tuple(move.after(old) for move, old in zip(moves, self.maps, strict=True))
        return replace(self, maps=maps)

    def _told_shares(self) -> dict[str, float]:
        """Shares of bases that the maps were made for, by class, where they are told."""
        try:
            return {
                name: float(of["calibrated"])
                for name, of in self.training.get("prevalence", {}).items()
                if "calibrated" in of
            }
        except (AttributeError, OverflowError, TypeError, ValueError):
            return {}

    def scoring_weights(self) -> dict[str, NDArray[np.float32]]:
        """Weights whose log-odds are mapped already."""
        return mapped_weights(self.architecture, self.weights, self.maps)

    def to_bytes(self) -> bytes:
        """The model file. The same model gives the same bytes."""
        from safetensors.numpy import save

        text = json.dumps(self.description(), sort_keys=True, allow_nan=False)
        return save({n: np.ascontiguousarray(w) for n, w in self.weights.items()}, {_KEY: text})

    def save(self, path: PathLike) -> None:
        """Write the model file, whole or not at all.

        Raises
        ------
        OutputError
            A path that cannot be written.
        """
        with OutputFiles() as outputs:
            outputs.open(path).write(self.to_bytes())


def weight_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of a network.

    A layer's weights are those of torch.nn.RNN, GRU or LSTM with one layer; where products are
    normalised there are gains too, and a state to begin with, of the forward direction alone if
    untied. A tied network has one set a layer, an untied one two: forward, reverse.

    Examples
    --------
    >>> from dnabirnn.motif_classes import MotifClass
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
        if architecture.cell.normalized:
            shapes[f"recurrent.{number}.gain_ih_l0"] = (rows,)
            shapes[f"recurrent.{number}.gain_hh_l0"] = (rows,)
            if number % directions == 0:
                shapes[f"recurrent.{number}.state_l0"] = (hidden,)
    logits = len(architecture.classes if architecture.tied else architecture.outputs)
    logits += int(architecture.exclusive)
    shapes["head.weight"] = (logits, 2 * hidden)
    shapes["head.bias"] = (logits,)
    return shapes


def mapped_weights(
    architecture: Architecture,
    weights: Mapping[str, NDArray[np.float32]],
    maps: Sequence[LogOddsMap],
) -> dict[str, NDArray[np.float32]]:
    """Weights whose log-odds are mapped: the head's rows are scaled, and its biases shifted.

    Parameters
    ----------
    architecture : Architecture
        An exclusive network's log-odds are against its background, whose row becomes 0.
    weights : mapping
        As `weight_shapes` names them.
    maps : sequence of LogOddsMap
        One a class.
    """
    of_class = {c.name: log_odds for c, log_odds in zip(architecture.classes, maps, strict=True)}
    heads = architecture.classes if architecture.tied else architecture.outputs
    wanted = [of_class[head[0]] for head in heads]
    rows = np.concatenate([weights["head.weight"], weights["head.bias"][:, None]], axis=1)
    rows = rows.astype(np.float64)
    if architecture.exclusive:
        background = rows[0].copy()
        if architecture.tied:  # whose background is the mean of what both strands say
            background[:-1] += np.roll(rows[0, :-1], architecture.hidden)
            background[:-1] /= 2
        rows -= background
        rows[0] = 0
        wanted.insert(0, LogOddsMap(1.0, 0.0))
    rows *= np.array([slope for slope, _ in wanted])[:, None]
    rows[:, -1] += [shift for _, shift in wanted]
    with np.errstate(over="ignore"):  # what is infinite, the first score tells
        mapped = rows.astype(np.float32)
    return {
        **weights,
        "head.weight": np.ascontiguousarray(mapped[:, :-1]),
        "head.bias": np.ascontiguousarray(mapped[:, -1]),
    }


def load_checkpoint(path: PathLike) -> Checkpoint:
    """Read a model file, or the model of a name that ships, and check all of it.

    Raises
    ------
    ModelFileError
        No such file; not a model of this tool; damaged; or of a newer format.
    """
    path = find_model(path)
    contents = _contents(path)
    text = contents.metadata.get(_KEY)
    if text is None:
        raise ModelFileError(
            f"{path}: a safetensors file, but no dnabirnn model (its metadata lack the key "
            f"{_KEY!r}); give a file that `dnabirnn train` wrote"
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
            f"{path}: model format {format_version} is newer than this dnabirnn "
            f"{version('dnabirnn')} reads ({FORMAT_VERSION}); upgrade dnabirnn"
        )
    try:
        checkpoint = _from_plain(plain)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError, OptionError) as error:
        raise ModelFileError(
            f"{path}: the model's description is damaged ({type(error).__name__}: {error}); "
            "copy the file again, or train again"
        ) from error
    _check_shapes(path, checkpoint.architecture, contents.shapes)
    try:
        return replace(checkpoint, weights=load_arrays(path, contents.shapes))
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"{path}: {error}; the file is damaged: copy it again, or train again"
        ) from error


def _contents(path: Path) -> Contents:
    """What the file says of itself."""
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        found = "no regular file" if path.exists() and not path.is_dir() else found
        raise ModelFileError(
            f"{path}: {found}; give a model that `dnabirnn train` wrote, or the name of one that "
            f"ships: {', '.join(shipped_models()) or 'there is none'}"
        )
    try:
        return look(path)
    except (OSError, ValueError) as error:
        what = f"not a model file, or a damaged one ({error})"
        raise ModelFileError(f"{path}: {what}; give what `dnabirnn train` wrote") from error


def _from_plain(plain: dict[str, Any]) -> Checkpoint:
    """All but the weights."""
    architecture = Architecture.from_json(plain["architecture"])
    if plain["outputs"] != [list(output) for output in architecture.outputs]:
        raise ValueError("outputs are not those of the classes")
    names = [motif_class.name for motif_class in architecture.classes]
    scoring = plain["scoring_window"]
    maps = tuple(
        LogOddsMap(float(plain["log_odds"][name]["slope"]), float(plain["log_odds"][name]["shift"]))
        for name in names
    )
    if not all(0 < slope < math.inf and math.isfinite(shift) for slope, shift in maps):
        raise ValueError("log_odds are not finite numbers, or a slope is not above 0")
    calls = {
        name: CallRule(
            threshold=int(plain["calls"][name]["threshold"]),
            min_length_bp=int(plain["calls"][name]["min_length_bp"]),
            merge_gap_bp=int(plain["calls"][name]["merge_gap_bp"]),
        )
        for name in names
    }
    known = [name for name in names if name in plain["discoveries"]]
    if plain["mask"] not in ("none", "loss", "hard"):
        raise ValueError(f"mask {plain['mask']!r}")
    return Checkpoint(
        architecture=architecture,
        weights={},
        training_window_bp=int(plain["training_window_bp"]),
        scoring_window=ScoringWindow(int(scoring["length_bp"]), int(scoring["halo_bp"])),
        mask=plain["mask"],
        maps=maps,
        calls=calls,
        discoveries={name: _discoveries(plain["discoveries"][name]) for name in known},
        training=dict(plain["training"]),
        metrics=dict(plain["metrics"]),
        card={str(key): str(text) for key, text in plain.get("card", {}).items()},
    )


def _discoveries(plain: Mapping[str, Any]) -> dict[str, dict[str, int | None]]:
    found: dict[str, dict[str, int | None]] = {}
    for kind in ("bases", "calls"):
        found[kind] = {str(float(rate)): value for rate, value in plain[kind].items()}
        for value in found[kind].values():
            if value is not None and not (isinstance(value, int) and 1 <= value <= MAX_SCORE):
                raise ValueError(f"discoveries: {value!r} is no threshold")
    return found


def _check_shapes(
    path: Path, architecture: Architecture, found: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise unless a file has the weights of the architecture, before any is read."""
    if architecture.layers > len(found):  # whose names alone could fill the memory
        raise ModelFileError(
            f"{path}: {architecture.layers} layers by its description, but {len(found)} weights; "
            "the file is damaged: copy it again, or train again"
        )
    expected = weight_shapes(architecture)
    if found != expected:
        names = sorted(expected.keys() | found.keys())
        name = next(one for one in names if expected.get(one) != found.get(one))
        raise ModelFileError(
            f"{path}: weight {name} has shape {found.get(name)}, the architecture wants "
            f"{expected.get(name)}; the file is damaged: copy it again, or train again"
        )
