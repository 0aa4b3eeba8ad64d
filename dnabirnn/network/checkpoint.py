"""The model file: a safetensors file with a description of the model in its metadata.

The description is sorted JSON under the key "dnabirnn".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.errors import OptionError
from dnabirnn.files import OutputFiles
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.network.architecture import Architecture, Ensemble
from dnabirnn.network.evidence import EvidenceScale
from dnabirnn.network.log_odds import LogOddsMap, check_priors, prior_shift

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.network.call_rules import CallLengths, CallRule
    from dnabirnn.network.evidence import Pooling
    from dnabirnn.network.scoring_window import ScoringWindow
    from dnabirnn.network.sequence_scores import SequenceScores

__all__ = [
    "FORMAT_VERSION",
    "METADATA_KEY",
    "Checkpoint",
    "Member",
    "joined_weights",
    "mapped_weights",
    "members_of",
    "weight_shapes",
]

FORMAT_VERSION = 5
"""Newest version of the format. A file has the lowest version that describes it: 5 with words, or
else 4 with scores of whole sequences or a class that is called by evidence, or else 3 with several
networks or a class that has no threshold, or else 2 with k-mers or matrices."""
METADATA_KEY = "dnabirnn"
"""Key of the description in the metadata of the file."""


class Member(NamedTuple):
    """One network of a model, with its weights by the names in `weight_shapes`."""

    architecture: Architecture
    weights: Mapping[str, NDArray[np.float32]]


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
        return save({n: np.ascontiguousarray(w) for n, w in arrays.items()}, {METADATA_KEY: text})

    def save(self, path: PathLike) -> None:
        """Write the complete model file, or nothing; raise OutputError if that fails."""
        with OutputFiles() as files:
            files.open(path).write(self.to_bytes())


def members_of(
    architecture: Architecture | Ensemble, weights: Mapping[str, NDArray[np.float32]]
) -> list[Member]:
    """Return the networks of an ensemble, or the only one, with their weights."""
    if isinstance(architecture, Architecture):
        return [Member(architecture, weights)]
    members = []
    for number, member in enumerate(architecture.members):
        prefix = _prefix(number)
        own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        members.append(Member(member, own))
    return members


def joined_weights(members: Sequence[Member]) -> dict[str, NDArray[np.float32]]:
    """Return the weights of an ensemble, from those of its networks."""
    return {
        _prefix(number) + name: array
        for number, (_, weights) in enumerate(members)
        for name, array in weights.items()
    }


def _prefix(member: int) -> str:
    """Return what the names of a member's weights start with."""
    return f"member.{member}."


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
            _prefix(number) + name: shape
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
