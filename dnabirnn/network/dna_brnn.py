"""dna-brnn's networks as models of this tool.

A network of dna-brnn runs one set of weights over a sequence and over its reverse complement, the
latter from the state in which the former ended; it takes the mean of both states, and has a softmax
over its labels, of which 0 is background. Here that is an untied, exclusive network of unstranded
classes: docs/adr/0018-normalised-gru.md.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.errors import ModelFileError, OptionError
from dnabirnn.motif_classes import MotifClass
from dnabirnn.names import is_printable
from dnabirnn.network.architecture import Architecture, Cell
from dnabirnn.network.call_rules import CallRule
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.kann import Op, read_kann
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.scoring_window import ScoringWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.network.kann import Graph

__all__ = ["convert"]

_PUBLISHED = "74f40a8fd3e6279815f582176d40ed997a37c3d0c393fcae298159d51dafe9bd"
_PUBLISHED_CLASSES = ("HSat2_3", "alpha")
_PUBLISHED_CARD = {
    "source": "attcc-alpha.knm of github.com/lh3/dna-nn: 1 = HSat2 and HSat3, 2 = alpha satellite",
    "licence": "MIT, as dna-nn",
    "citation": "Li (2019), Identifying centromeric satellites with dna-brnn, Bioinformatics 35:"
    "4408, doi:10.1093/bioinformatics/btz264",
}
_INPUT, _OUTPUT = 1, 2
# dna-brnn's -u.
_TRAINING_WINDOW_BP = 150
# Against CenSat on the centromere of CHM13's chromosome Y, with 150 bp and halos of 10 to 25, alpha
# satellite is found as well (recall 0.998, precision 0.998 to 0.999) and HSat3 worse (0.75 against
# 0.79 of its bases); from 500 bp on, less of alpha satellite is found.
_SCORING_WINDOW = ScoringWindow(300, 25)
_MIN_LENGTH_BP = 100
_MERGE_GAP_BP = 50


class _Product(NamedTuple):
    """A normalised product: numbers of the nodes of its weights, gain and bias."""

    of: int
    weight: int
    gain: int
    bias: int


class _Gate(NamedTuple):
    of_input: _Product
    of_state: _Product
    bias: int


class _Layer(NamedTuple):
    reset: _Gate
    update: _Gate
    new: _Gate
    state: int


def convert(path: PathLike, classes: Sequence[str] | None = None) -> Checkpoint:
    """Model of a file that dna-brnn wrote.

    Parameters
    ----------
    path : str or PathLike
    classes : sequence of str, optional
        Names of labels 1, 2 and so on; the published model's are known.

    Raises
    ------
    ModelFileError
        A file that is none of KANN's, is damaged, or holds another kind of network.
    OptionError
        Names that are missing, or too many, or the same.
    """
    path = Path(path)
    walk = _Walk(path, read_kann(path))
    layers, head_weight, head_bias = walk.network()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    published = digest == _PUBLISHED
    names = _names(path, len(walk.values(head_bias)) - 1, classes, published)
    weights = _weights(walk, layers)
    # Of the mean of both states.
    half = walk.values(head_weight) / 2
    weights["head.weight"] = np.concatenate([half, half], axis=1)
    weights["head.bias"] = walk.values(head_bias)
    architecture = Architecture(
        tuple(MotifClass(name, stranded=False) for name in names),
        Cell.GRU_LN,
        hidden=half.shape[1],
        layers=len(layers),
        tied=False,
        exclusive=True,
    )
    return Checkpoint(
        architecture=architecture,
        weights=weights,
        training_window_bp=_TRAINING_WINDOW_BP,
        scoring_window=_SCORING_WINDOW,
        mask="none",
        maps=(LogOddsMap(1.0, 0.0),) * len(names),
        calls={name: CallRule(500, _MIN_LENGTH_BP, _MERGE_GAP_BP) for name in names},
        card={
            **(_PUBLISHED_CARD if published else {}),
            "converted from": f"{path.name}, sha256 {digest}",
        },
    )


def _names(
    path: Path, count: int, classes: Sequence[str] | None, published: bool
) -> tuple[str, ...]:
    if classes is None and published:
        return _PUBLISHED_CLASSES
    if classes is None:
        raise OptionError(
            f"{path}: its {count} labels have no names, since it is not the published "
            "attcc-alpha.knm; name them, from label 1 on, with --classes a,b"
        )
    if len(classes) != count or len(set(classes)) != count or not all(classes):
        raise OptionError(
            f"--classes {','.join(classes)}: {path} has {count} labels beside background; give as "
            "many different names, from label 1 on"
        )
    for name in classes:
        if name.strip() in ("", ".") or not is_printable(name):
            raise OptionError(f"--classes {name!r}: give names of printable characters")
    return tuple(classes)


def _weights(walk: _Walk, layers: Sequence[_Layer]) -> dict[str, NDArray[np.float32]]:
    """Recurrent weights by the names of the model file, the same for both directions."""
    weights: dict[str, NDArray[np.float32]] = {}
    for number, layer in enumerate(layers):
        weights[f"recurrent.{2 * number}.state_l0"] = walk.values(layer.state).reshape(-1)
        own = walk.layer(layer)
        for reverse in (0, 1):
            prefix = f"recurrent.{2 * number + reverse}."
            weights |= {f"{prefix}{name}": array for name, array in own.items()}
            if number:  # of the layer below a direction reads its own half
                read = own["weight_ih_l0"]
                halves = [np.zeros_like(read)] * 2
                halves[reverse] = read
                weights[f"{prefix}weight_ih_l0"] = np.concatenate(halves, axis=1)
    return weights


class _Walk:
    """From the output of a graph to its inputs, as `dbr_model_gen` of dna-brnn made it."""

    def __init__(self, path: Path, graph: Graph) -> None:
        self._path = path
        self._graph = graph

    def network(self) -> tuple[list[_Layer], int, int]:
        """Layers from the first on, and the nodes of the head's weights and bias."""
        outputs = [n for n, node in enumerate(self._graph) if node.role & _OUTPUT]
        if len(outputs) != 1:
            raise self._unlike(f"it has {len(outputs)} outputs")
        (logits,) = self._made_by(outputs[0], Op.SOFTMAX, 1)
        product, bias = self._made_by(logits, Op.ADD, 2)
        mean, weight = self._made_by(product, Op.PRODUCT, 2)
        forward, back = self._made_by(mean, Op.AVERAGE, 2)
        (reverse,) = self._made_by(back, Op.REVERSE, 1)
        directions = [
            self._layers(self._made_by(one, Op.STACK, 1)[0], label)
            for label, one in enumerate((forward, reverse), 1)
        ]
        if directions[0] != directions[1]:
            raise self._unlike("its directions have weights of their own, as with dna-brnn -T")
        layers = [self._checked(layer) for layer in directions[0]]
        weights = [n for layer in layers for gate in layer[:3] for n in _weights_of(gate)]
        if len(set(weights)) < len(weights):
            raise self._unlike("its gates share weights")
        hidden = self._shape(layers[-1].new.of_state.weight)[0]
        labels = self._shape(bias)
        if len(labels) != 1 or labels[0] < 2 or self._shape(weight) != (*labels, hidden):
            raise self._unlike(f"its last layer has weights of shape {self._shape(weight)}")
        return layers, weight, bias

    def values(self, number: int) -> NDArray[np.float32]:
        """Values of a node that is a variable."""
        found = self._graph[number].values
        if found is None:
            raise self._unlike(f"node {number} has no values")
        return found

    def layer(self, layer: _Layer) -> dict[str, NDArray[np.float32]]:
        """Weights of a layer, gates in the order r, z, n."""
        gates = (layer.reset, layer.update, layer.new)
        weights = {}
        for side, products in (
            ("ih", [gate.of_input for gate in gates]),
            ("hh", [gate.of_state for gate in gates]),
        ):
            for kind in ("weight", "gain", "bias"):
                rows = [self.values(getattr(product, kind)) for product in products]
                weights[f"{kind}_{side}_l0"] = np.concatenate(rows)
        weights["bias_ih_l0"] += np.concatenate([self.values(gate.bias) for gate in gates])
        return weights

    def _layers(self, state: int, label: int) -> list[_Layer]:
        """Layers of a direction, the first one first, from the state of the last one."""
        layers: list[_Layer] = []
        node = self._graph[state]
        while node.op != Op.LEAF:
            if node.op == Op.SWITCH:  # dropout, which only training knows
                state = node.children[0]
            layer, state = self._layer(state)
            layers.insert(0, layer)
            node = self._graph[state]
        if not node.role & _INPUT or node.label != label or not layers:
            raise self._unlike(f"direction {label} reads node {state}, which is not its input")
        return layers

    def _layer(self, state: int) -> tuple[_Layer, int]:
        """Weights of a layer, and the node that it reads."""
        first, second = self._made_by(state, Op.ADD, 2)
        rest, new_node = self._made_by(first, Op.MULTIPLY, 2)
        z, before = self._made_by(second, Op.MULTIPLY, 2)
        if self._made_by(rest, Op.ONE_MINUS, 1) != (z,):
            raise self._unlike(f"node {state} is no state of a gated recurrent unit")
        new = self._gate(new_node, Op.TANH)
        r, also_before = self._made_by(new.of_state.of, Op.MULTIPLY, 2)
        reset, update = self._gate(r, Op.SIGMOID), self._gate(z, Op.SIGMOID)
        read = {gate.of_input.of for gate in (reset, update, new)}
        befores = {before, also_before, reset.of_state.of, update.of_state.of}
        if len(read) != 1 or len(befores) != 1:
            raise self._unlike(f"the gates of node {state} do not read the same")
        own = [_without_sources(gate) for gate in (reset, update, new)]
        layer = _Layer(own[0], own[1], own[2], before)
        return layer, read.pop()

    def _gate(self, number: int, activation: Op) -> _Gate:
        (total,) = self._made_by(number, activation, 1)
        both, bias = self._made_by(total, Op.ADD, 2)
        of_input, of_state = self._made_by(both, Op.ADD, 2)
        return _Gate(self._product(of_input), self._product(of_state), bias)

    def _product(self, number: int) -> _Product:
        scaled, bias = self._made_by(number, Op.ADD, 2)
        normal, gain = self._made_by(scaled, Op.MULTIPLY, 2)
        (product,) = self._made_by(normal, Op.NORMALIZE, 1)
        of, weight = self._made_by(product, Op.PRODUCT, 2)
        return _Product(of, weight, gain, bias)

    def _checked(self, layer: _Layer) -> _Layer:
        """The layer, if the shapes of its weights fit one another."""
        hidden = self._shape(layer.new.bias)[-1:]
        inputs = self._shape(layer.new.of_input.weight)[-1:]
        if self.values(layer.state).size != sum(hidden):
            raise self._unlike(f"the state to begin with has shape {self._shape(layer.state)}")
        for gate in layer[:3]:
            for product, columns in ((gate.of_input, inputs), (gate.of_state, hidden)):
                shapes = [self._shape(n) for n in (product.gain, product.bias, gate.bias)]
                weight = self._shape(product.weight)
                if weight != hidden + columns or shapes != [hidden] * 3:
                    raise self._unlike(f"weights of node {product.weight} have shape {weight}")
        return layer

    def _shape(self, number: int) -> tuple[int, ...]:
        return self.values(number).shape

    def _made_by(self, number: int, op: Op, children: int) -> tuple[int, ...]:
        """Children of a node that must be of a kind."""
        node = self._graph[number]
        if node.op != op or len(node.children) != children:
            raise self._unlike(f"node {number} is of kind {node.op}, not {op.name.lower()}")
        return node.children

    def _unlike(self, what: str) -> ModelFileError:
        return ModelFileError(
            f"{self._path}: no network of dna-brnn's kind ({what}); give a model that "
            "`dna-brnn -o` wrote, without -T"
        )


def _weights_of(gate: _Gate) -> list[int]:
    return [gate.of_input.weight, gate.of_state.weight]


def _without_sources(gate: _Gate) -> _Gate:
    """The gate's weights alone, to hold against those of the other direction."""
    return gate._replace(
        of_input=gate.of_input._replace(of=-1), of_state=gate.of_state._replace(of=-1)
    )
