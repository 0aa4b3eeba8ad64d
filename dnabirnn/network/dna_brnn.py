"""Convert dna-brnn's networks to models of this tool.

A network of dna-brnn runs one set of weights over a sequence and then over its reverse complement.
The second run starts from the last state of the first. The network takes the mean of both states,
and applies a softmax over its labels; label 0 is background.

Here this becomes an untied, exclusive network of unstranded classes. Its two directions have equal
weights, and its head W is split into halves, since W (f + r) / 2 = [W/2, W/2] [f, r]. See
docs/adr/0018-normalised-gru.md.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.errors import ModelFileError, OptionError
from dnabirnn.files import file_name, local_copy
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
# Window length of dna-brnn, its option -u.
_TRAINING_WINDOW_BP = 150
# Measured against CenSat on the centromere of CHM13's chromosome Y. With windows of 150 bp and
# halos of 10 to 25 bp, alpha satellite is found equally well (recall 0.998, precision 0.998 to
# 0.999), but less of HSat3 (0.75 of its bases, against 0.79). From 500 bp on, less of alpha
# satellite is found.
_SCORING_WINDOW = ScoringWindow(300, 25)
_MIN_LENGTH_BP = 100
_MERGE_GAP_BP = 50


class _Product(NamedTuple):
    """A normalised product: node numbers of its source, weights, gain and bias."""

    of: int
    weight: int
    gain: int
    bias: int


class _Gate(NamedTuple):
    """A gate: its two products, and the node number of its bias."""

    of_input: _Product
    of_state: _Product
    bias: int


class _Layer(NamedTuple):
    """A layer: its gates, and the node number of its initial state."""

    reset: _Gate
    update: _Gate
    new: _Gate
    state: int


def convert(path: PathLike, classes: Sequence[str] | None = None) -> Checkpoint:
    """Convert a file that dna-brnn wrote to a model.

    Parameters
    ----------
    path : str or PathLike
    classes : sequence of str, optional
        Names of labels 1, 2 and so on. The names of the published model are known.

    Raises
    ------
    ModelFileError
        If the file is not a KANN file, is damaged, or holds another kind of network.
    OptionError
        If there are too few or too many names, or two names are equal.
    """
    with local_copy(path, ModelFileError) as file:
        reader = _GraphReader(file, read_kann(file))
        layers, head_weight, head_bias = reader.network()
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    published = digest == _PUBLISHED
    names = _names(path, len(reader.values(head_bias)) - 1, classes, published)
    weights = _weights(reader, layers)
    half = reader.values(head_weight) / 2  # the head reads the mean of both states
    weights["head.weight"] = np.concatenate([half, half], axis=1)
    weights["head.bias"] = reader.values(head_bias)
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
            "converted from": f"{file_name(path)}, sha256 {digest}",
        },
    )


def _names(
    path: PathLike, count: int, classes: Sequence[str] | None, published: bool
) -> tuple[str, ...]:
    if classes is None and published:
        return _PUBLISHED_CLASSES
    if classes is None:
        raise OptionError(
            f"{path}: its {count} labels have no names, since it is not the published "
            "attcc-alpha.knm; name them with --classes a,b, starting with label 1"
        )
    if len(classes) != count or len(set(classes)) != count or not all(classes):
        raise OptionError(
            f"--classes {','.join(classes)}: {path} has {count} labels besides background; give "
            f"{count} different names, starting with label 1"
        )
    for name in classes:
        if name.strip() in ("", ".") or not is_printable(name):
            raise OptionError(
                f"--classes {name!r}: a class name must consist of printable characters, and must "
                "not be empty or a dot"
            )
    return tuple(classes)


def _weights(reader: _GraphReader, layers: Sequence[_Layer]) -> dict[str, NDArray[np.float32]]:
    """Return the recurrent weights by their names in the model file, once per direction."""
    weights: dict[str, NDArray[np.float32]] = {}
    for number, layer in enumerate(layers):
        weights[f"recurrent.{2 * number}.state_l0"] = reader.values(layer.state).reshape(-1)
        own = reader.layer(layer)
        for reverse in (0, 1):
            prefix = f"recurrent.{2 * number + reverse}."
            weights |= {f"{prefix}{name}": array for name, array in own.items()}
            if number:  # a direction reads only its own half of the layer below; the rest is 0
                read = own["weight_ih_l0"]
                halves = [np.zeros_like(read)] * 2
                halves[reverse] = read
                weights[f"{prefix}weight_ih_l0"] = np.concatenate(halves, axis=1)
    return weights


class _GraphReader:
    """Reader of a graph that `dbr_model_gen` of dna-brnn made.

    The nodes have no names. The reader walks from the output to the inputs, and checks at each node
    that the operator is the one that dna-brnn has there.
    """

    def __init__(self, path: Path, graph: Graph) -> None:
        self._path = path
        self._graph = graph

    def network(self) -> tuple[list[_Layer], int, int]:
        """Return the layers, first layer first, and the nodes of the head's weights and bias."""
        outputs = [n for n, node in enumerate(self._graph) if node.role & _OUTPUT]
        if len(outputs) != 1:
            raise self._unsupported(f"it has {len(outputs)} outputs")
        (logits,) = self._children(outputs[0], Op.SOFTMAX, 1)
        product, bias = self._children(logits, Op.ADD, 2)
        mean, weight = self._children(product, Op.PRODUCT, 2)
        forward, back = self._children(mean, Op.AVERAGE, 2)
        (reverse,) = self._children(back, Op.REVERSE, 1)
        directions = [
            self._layers(self._children(one, Op.STACK, 1)[0], label)
            for label, one in enumerate((forward, reverse), 1)
        ]
        if directions[0] != directions[1]:
            raise self._unsupported("its directions have separate weights, as with dna-brnn -T")
        layers = [self._checked(layer) for layer in directions[0]]
        weights = [n for layer in layers for gate in layer[:3] for n in _weights_of(gate)]
        if len(set(weights)) < len(weights):
            raise self._unsupported("its gates share weights")
        hidden = self._shape(layers[-1].new.of_state.weight)[0]
        labels = self._shape(bias)
        if len(labels) != 1 or labels[0] < 2 or self._shape(weight) != (*labels, hidden):
            raise self._unsupported(f"its last layer has weights of shape {self._shape(weight)}")
        return layers, weight, bias

    def values(self, number: int) -> NDArray[np.float32]:
        """Return the values of a node, which must be a variable or a constant."""
        found = self._graph[number].values
        if found is None:
            raise self._unsupported(f"node {number} has no values")
        return found

    def layer(self, layer: _Layer) -> dict[str, NDArray[np.float32]]:
        """Return the weights of a layer, with the gates in the order r, z, n."""
        gates = (layer.reset, layer.update, layer.new)
        weights = {}
        for side, products in (
            ("ih", [gate.of_input for gate in gates]),
            ("hh", [gate.of_state for gate in gates]),
        ):
            for kind in ("weight", "gain", "bias"):
                rows = [self.values(getattr(product, kind)) for product in products]
                weights[f"{kind}_{side}_l0"] = np.concatenate(rows)
        # KANN has one more bias per gate; the model file has no separate place for it.
        weights["bias_ih_l0"] += np.concatenate([self.values(gate.bias) for gate in gates])
        return weights

    def _layers(self, state: int, label: int) -> list[_Layer]:
        """Return the layers of a direction, first layer first, from the state of the last."""
        layers: list[_Layer] = []
        node = self._graph[state]
        while node.op != Op.LEAF:
            if node.op == Op.SWITCH:  # dropout: used in training only
                state = node.children[0]
            layer, state = self._layer(state)
            layers.insert(0, layer)
            node = self._graph[state]
        if not node.role & _INPUT or node.label != label or not layers:
            raise self._unsupported(f"direction {label} reads node {state}, which is not its input")
        return layers

    def _layer(self, state: int) -> tuple[_Layer, int]:
        """Return the nodes of a layer's weights, and the node that the layer reads."""
        first, second = self._children(state, Op.ADD, 2)
        rest, new_node = self._children(first, Op.MULTIPLY, 2)
        z, before = self._children(second, Op.MULTIPLY, 2)
        if self._children(rest, Op.ONE_MINUS, 1) != (z,):
            raise self._unsupported(f"node {state} is not the state of a gated recurrent unit")
        new = self._gate(new_node, Op.TANH)
        r, also_before = self._children(new.of_state.of, Op.MULTIPLY, 2)
        reset, update = self._gate(r, Op.SIGMOID), self._gate(z, Op.SIGMOID)
        read = {gate.of_input.of for gate in (reset, update, new)}
        befores = {before, also_before, reset.of_state.of, update.of_state.of}
        if len(read) != 1 or len(befores) != 1:
            raise self._unsupported(f"the gates of node {state} do not read the same nodes")
        own = [_without_sources(gate) for gate in (reset, update, new)]
        layer = _Layer(own[0], own[1], own[2], before)
        return layer, read.pop()

    def _gate(self, number: int, activation: Op) -> _Gate:
        (total,) = self._children(number, activation, 1)
        both, bias = self._children(total, Op.ADD, 2)
        of_input, of_state = self._children(both, Op.ADD, 2)
        return _Gate(self._product(of_input), self._product(of_state), bias)

    def _product(self, number: int) -> _Product:
        scaled, bias = self._children(number, Op.ADD, 2)
        normal, gain = self._children(scaled, Op.MULTIPLY, 2)
        (product,) = self._children(normal, Op.NORMALIZE, 1)
        of, weight = self._children(product, Op.PRODUCT, 2)
        return _Product(of, weight, gain, bias)

    def _checked(self, layer: _Layer) -> _Layer:
        """Return the layer, or raise if the shapes of its weights do not fit together."""
        hidden = self._shape(layer.new.bias)[-1:]
        inputs = self._shape(layer.new.of_input.weight)[-1:]
        if self.values(layer.state).size != sum(hidden):
            raise self._unsupported(f"the initial state has shape {self._shape(layer.state)}")
        for gate in layer[:3]:
            for product, columns in ((gate.of_input, inputs), (gate.of_state, hidden)):
                shapes = [self._shape(n) for n in (product.gain, product.bias, gate.bias)]
                weight = self._shape(product.weight)
                if weight != hidden + columns or shapes != [hidden] * 3:
                    raise self._unsupported(f"weights of node {product.weight} have shape {weight}")
        return layer

    def _shape(self, number: int) -> tuple[int, ...]:
        return self.values(number).shape

    def _children(self, number: int, op: Op, children: int) -> tuple[int, ...]:
        """Return the children of a node, or raise unless it has this operator and this many."""
        node = self._graph[number]
        if node.op != op or len(node.children) != children:
            raise self._unsupported(f"node {number} is of kind {node.op}, not {op.name.lower()}")
        return node.children

    def _unsupported(self, what: str) -> ModelFileError:
        return ModelFileError(
            f"{self._path}: not a supported dna-brnn network ({what}); give a model that "
            "`dna-brnn -o` wrote, without -T"
        )


def _weights_of(gate: _Gate) -> list[int]:
    return [gate.of_input.weight, gate.of_state.weight]


def _without_sources(gate: _Gate) -> _Gate:
    """Return the gate without its source nodes, for comparison with the other direction."""
    return gate._replace(
        of_input=gate.of_input._replace(of=-1), of_state=gate.of_state._replace(of=-1)
    )
