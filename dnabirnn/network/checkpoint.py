"""The model file: a safetensors file with a description of the model in its metadata.

The description is sorted JSON under the key "dnabirnn".
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.errors import ModelFileError, OptionError
from dnabirnn.files import OutputFiles, check_state, load_arrays, look, note_read, parse_json
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.network.architecture import Architecture, Ensemble
from dnabirnn.network.call_rules import CallLengths, CallRule, discoveries_of
from dnabirnn.network.evidence import EvidenceScale, Pooling, absent_of
from dnabirnn.network.log_odds import LogOddsMap, check_priors, prior_shift
from dnabirnn.network.members import Member, joined_weights, member_prefix, members_of
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.network.sequence_scores import SequenceScores
from dnabirnn.network.shipped import find_model, shipped_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.files import Contents, PathLike

__all__ = [
    "FORMAT_VERSION",
    "Checkpoint",
    "load_checkpoint",
    "mapped_weights",
    "weight_shapes",
]

FORMAT_VERSION = 5
"""Newest version of the format. A file has the lowest version that describes it: 5 with words, or
else 4 with scores of whole sequences or a class that is called by evidence, or else 3 with several
networks or a class that has no threshold, or else 2 with k-mers or matrices."""
_KEY = "dnabirnn"


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, as plain values and arrays.

    Attributes
    ----------
    architecture : Architecture or Ensemble
    weights : mapping of str to ndarray, float32
        Weights by the names in `weight_shapes`.
    training_window_bp : int
        Length of a training window.
    scoring_window : ScoringWindow
        Window for scoring.
    mask : str
        Meaning of lower case: "none", "loss" or "hard".
    maps : tuple of LogOddsMap
        One map per class, applied to its log-odds. Sites are more frequent in training windows
        than in the sequence; the maps give the probabilities of the sequence.
    calls : mapping of class name to CallRule
        Default rules for calls. Their thresholds have the best F1 on validation sequence. Only
        of classes that the model has learned.
    discoveries : mapping of class name to mapping
        For "bases" and "calls", and for each false discovery rate ("0.05"): the lowest threshold
        that keeps to the rate on validation sequence, or None if there is none.
    training : mapping
        Record of the fit: settings, data digests, prevalence, seed, versions.
    metrics : mapping
        Figures on validation sequence, by class.
    card : mapping of str to str
        Notes for users of shipped models: data, licence, figures, limits.
    unlearned : mapping of class name to CallLengths
        The other classes. They have no threshold and get no calls, unless the user gives one.
    absent : mapping of class name to int
        Evidence of a base that is absent from a track, in millinats. A class without it gets the
        value of a score of 0.
    poolings : mapping of class name to Pooling
        How the evidence of calls is pooled. A class without it gets the plain sum.
    sequences : SequenceScores, optional
        Given if the model learned labels of whole sequences. Its scores of bases are not
        calibrated, and no class has a threshold for bases.
    """

    architecture: Architecture | Ensemble
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
    unlearned: Mapping[str, CallLengths] = field(default_factory=dict)
    absent: Mapping[str, int] = field(default_factory=dict)
    poolings: Mapping[str, Pooling] = field(default_factory=dict)
    sequences: SequenceScores | None = None

    def description(self) -> dict[str, Any]:
        """Return everything except the weights as plain values, for the metadata of the file."""
        return {
            "format_version": self._format_version(),
            "architecture": self.architecture.to_json(),
            "outputs": [list(output) for output in self.architecture.outputs],
            "training_window_bp": self.training_window_bp,
            "scoring_window": dict(vars(self.scoring_window)),
            "mask": self.mask,
            "log_odds": {
                motif_class.name: log_odds._asdict()
                for motif_class, log_odds in zip(self.architecture.classes, self.maps, strict=True)
            },
            "calls": {name: self._plain_rule(name) for name in self.calls}
            | {name: {"threshold": None, **of._asdict()} for name, of in self.unlearned.items()},
            "discoveries": {name: dict(kinds) for name, kinds in self.discoveries.items()},
            "training": dict(self.training),
            "metrics": dict(self.metrics),
            **({"card": dict(self.card)} if self.card else {}),
            **({} if self.sequences is None else {"whole_sequences": self.sequences.to_json()}),
        }

    def _plain_rule(self, name: str) -> dict[str, Any]:
        pooling = self.poolings.get(name)
        own = {"absent": self.absent.get(name), "evidence": pooling and pooling.to_json()}
        own |= vars(self.calls[name])
        return {key: value for key, value in own.items() if value is not None}

    def _format_version(self) -> int:
        shape = self.architecture
        by_evidence = any(rule.least_evidence is not None for rule in self.calls.values())
        if self.sequences is not None or by_evidence:
            return 5 if self.sequences is not None and self.sequences.words else 4
        if isinstance(shape, Ensemble) or self.unlearned:
            return 3
        return 2 if shape.kmer > 1 or any(shape.matrices) else 1

    @property
    def members(self) -> list[Member]:
        """The networks of the model: one, or those of an ensemble."""
        return members_of(self.architecture, self.weights)

    def with_prior(self, shares: Mapping[str, float]) -> Checkpoint:
        """Return the model for sequence in which the classes are more or less frequent.

        Parameters
        ----------
        shares : mapping of class name to float
            Share of the bases of a strand that belong to the class.

        Raises
        ------
        OptionError
            If the model does not have a class, a share is not between 0 and 1, the shares of an
            exclusive model leave no background, or the model file lacks the share of a class in
            training.
        """
        if not shares:
            return self
        check_priors(self.architecture, shares)
        if self.sequences is not None:
            raise OptionError(
                f"--prior {' '.join(shares)}: the model learned labels of whole sequences, so that "
                "its scores of bases are not calibrated; leave out --prior"
            )
        trained = self.calibrated_shares()
        names = [motif_class.name for motif_class in self.architecture.classes]
        for name in names if self.architecture.exclusive else shares:
            if name not in trained:
                raise OptionError(
                    f"--prior {' '.join(shares)}: the model file does not have the share of "
                    f"{name} in training; train the model again"
                )
        # Only an overlapping class without a new share can be missing here: it stays the same.
        before = [trained.get(name, 0.5) for name in names]
        after = [shares.get(name, share) for name, share in zip(names, before, strict=True)]
        shifts = prior_shift(self.architecture, before, after)
        maps = tuple(shift.after(old) for shift, old in zip(shifts, self.maps, strict=True))
        prevalence = self.training.get("prevalence", {})
        moved = {
            name: {**prevalence[name], "calibrated": share}
            for name, share in shares.items()
            if name in prevalence
        }
        training = {**self.training, "prevalence": {**prevalence, **moved}}
        return replace(self, maps=maps, training=training)

    def evidence_scales(self) -> dict[str, EvidenceScale]:
        """Return how the evidence of each class is measured, of those whose share is known."""
        absent, poolings, scale = self.absent, self.poolings, EvidenceScale.of
        lowest = {name: rule.threshold for name, rule in self.calls.items()}
        return {
            name: scale(share, lowest.get(name, MAX_SCORE), absent.get(name), poolings.get(name))
            for name, share in self.calibrated_shares().items()
            if 0 < share < 1
        }

    def calibrated_shares(self) -> dict[str, float]:
        """Return the share of the bases of a strand that each class was calibrated for.

        Classes whose share is not in the file are left out.
        """
        try:
            return {
                name: float(of["calibrated"])
                for name, of in self.training.get("prevalence", {}).items()
                if "calibrated" in of
            }
        except (AttributeError, OverflowError, TypeError, ValueError):
            return {}

    def scoring_weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights with `maps` already applied to the log-odds."""
        return mapped_weights(self.architecture, self.weights, self.maps)

    def to_bytes(self) -> bytes:
        """Return the content of the model file. The same model gives the same bytes."""
        from safetensors.numpy import save

        text = json.dumps(self.description(), sort_keys=True, allow_nan=False)
        arrays = {**self.weights, **(self.sequences.arrays() if self.sequences else {})}
        return save({n: np.ascontiguousarray(w) for n, w in arrays.items()}, {_KEY: text})

    def save(self, path: PathLike) -> None:
        """Write the complete model file, or nothing; raise OutputError if that fails."""
        with OutputFiles() as files:
            files.open(path).write(self.to_bytes())


def weight_shapes(architecture: Architecture | Ensemble) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the weights of a network, or of all members of an ensemble.

    A layer has the weights of torch.nn.RNN, GRU or LSTM with one layer. A cell with layer
    normalisation also has gains and an initial state; in an untied network only the forward
    direction has the state. A tied network has one set of weights per layer. An untied network has
    two, forward and reverse. With k-mers, a first layer also has a table with a row per k-mer. The
    names of member N (from 0) of an ensemble start with `member.N.`.

    Examples
    --------
    >>> from dnabirnn.motif_classes import MotifClass
    >>> weight_shapes(Architecture((MotifClass("REP", True),), hidden=2))["head.weight"]
    (1, 4)
    """
    if isinstance(architecture, Ensemble):
        return {
            member_prefix(number) + name: shape
            for number, member in enumerate(architecture.members)
            for name, shape in weight_shapes(member).items()
        }
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
        if architecture.kmer > 1 and number < directions:
            shapes[f"recurrent.{number}.weight_kmer_l0"] = (4**architecture.kmer, rows)
    logits = len(architecture.classes if architecture.tied else architecture.outputs)
    logits += int(architecture.exclusive)
    shapes["head.weight"] = (logits, 2 * hidden)
    shapes["head.bias"] = (logits,)
    for number, matrix in enumerate(architecture.matrices):
        if matrix:
            shapes[f"matrix.{number}.log_odds"] = (matrix.width, 4)
            shapes[f"matrix.{number}.map"] = (3,)
            shapes[f"matrix.{number}.scale"] = (1,)
    return shapes


def mapped_weights(
    architecture: Architecture | Ensemble,
    weights: Mapping[str, NDArray[np.float32]],
    maps: Sequence[LogOddsMap],
) -> dict[str, NDArray[np.float32]]:
    """Return the weights with the maps of log-odds folded into the head.

    The log-odds of a head row are w x + b, so that a map costs nothing when a network scores::

        slope (w x + b) + shift = (slope w) x + (slope b + shift)

    The log-odds of an exclusive network are relative to its background. The row of the background
    is first subtracted from all rows, and itself becomes 0; the softmax does not change.

    The map of a mean of log-odds is the mean of the mapped log-odds, so that the members of an
    ensemble are mapped one by one.

    Parameters
    ----------
    architecture : Architecture or Ensemble
    weights : mapping
        Weights by the names in `weight_shapes`.
    maps : sequence of LogOddsMap
        One map per class.
    """
    of_class = {c.name: log_odds for c, log_odds in zip(architecture.classes, maps, strict=True)}
    if isinstance(architecture, Ensemble):
        members = []
        for shape, own in members_of(architecture, weights):
            own_maps = [of_class[name] for name, _ in shape.classes]
            members.append(Member(shape, mapped_weights(shape, own, own_maps)))
        return joined_weights(members)
    heads = architecture.classes if architecture.tied else architecture.outputs
    row_maps = [of_class[head[0]] for head in heads]
    rows = np.concatenate([weights["head.weight"], weights["head.bias"][:, None]], axis=1)
    rows = rows.astype(np.float64)
    if architecture.exclusive:
        background = rows[0].copy()
        if architecture.tied:  # the background is the mean over [f, r] and [r, f]
            background[:-1] += np.roll(rows[0, :-1], architecture.hidden)
            background[:-1] /= 2
        rows -= background
        rows[0] = 0
        row_maps.insert(0, LogOddsMap(1.0, 0.0))
    rows *= np.array([slope for slope, _ in row_maps])[:, None]
    rows[:, -1] += [shift for _, shift in row_maps]
    with np.errstate(over="ignore"):  # scoring reports scores that are not finite
        mapped = rows.astype(np.float32)
    # The score of a matrix is part of the log-odds. The shift of the map is in the head already.
    scores = {
        f"matrix.{number}.map": weights[f"matrix.{number}.map"]
        * np.array([slope, 1, slope], np.float32)
        for number, (slope, _) in enumerate(maps)
        if architecture.matrix(number)
    }
    return {
        **weights,
        **scores,
        "head.weight": np.ascontiguousarray(mapped[:, :-1]),
        "head.bias": np.ascontiguousarray(mapped[:, -1]),
    }


def load_checkpoint(path: PathLike) -> Checkpoint:
    """Read and check a model file, given by its path or by the name of a shipped model.

    Raises
    ------
    ModelFileError
        There is no such file, or it is not a model, is damaged, has a newer format, or changes.
    """
    path = find_model(path)
    state = note_read(path, error=ModelFileError)
    contents = _contents(path)
    text = contents.metadata.get(_KEY)
    if text is None:
        raise ModelFileError(
            f"{path}: a safetensors file, but not a dnabirnn model (its metadata lack the key "
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
    check_state(path, state, ModelFileError)
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
