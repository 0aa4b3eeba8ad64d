"""Files of KANN as dna-brnn writes them, and what their graphs compute, node by node."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dnabirnn.network.kann import Graph, Op

# A node: operation, children, role, label, kind (1 variable, 2 constant), shape.
_Plain = tuple[int, tuple[int, ...], int, int, int, tuple[int, ...]]


class Knm:
    """Nodes of a network of dna-brnn's, in an order in which KANN could write them."""

    def __init__(self, rng: np.random.Generator, hidden: int, labels: int, layers: int) -> None:
        self.rng, self.hidden, self.labels = rng, hidden, labels
        self.nodes: list[_Plain] = []
        self.values: dict[int, np.ndarray] = {}
        self.shared: dict[str, int] = {}
        mean = self.node(Op.AVERAGE, *(self._direction(d, layers) for d in (1, 2)))
        product = self.node(Op.PRODUCT, mean, self.leaf("head", 1, labels, hidden))
        logits = self.node(Op.ADD, product, self.leaf("head bias", 1, labels))
        self.node(Op.SOFTMAX, logits, role=2)

    def node(self, op: int, *children: int, role: int = 0) -> int:
        self.nodes.append((op, children, role, 0, 0, ()))
        return len(self.nodes) - 1

    def leaf(self, name: str, kind: int, *shape: int) -> int:
        """A leaf that all who call it by its name share."""
        if name not in self.shared:
            self.shared[name] = len(self.nodes)
            self.values[len(self.nodes)] = self.rng.normal(0, 1, shape).astype(np.float32)
            self.nodes.append((Op.LEAF, (), 0, 0, kind, shape))
        return self.shared[name]

    def _direction(self, number: int, layers: int) -> int:
        self.nodes.append((Op.LEAF, (), 1, number, 0, (1, 4)))
        state = len(self.nodes) - 1
        for layer in range(layers):
            state = self._layer(str(layer), state, self.hidden if layer else 4)
            rate = self.leaf(f"rate {number} {layer}", 2)
            state = self.node(Op.SWITCH, state, self.node(15, state, rate))
        stack = self.node(Op.STACK, state)
        return stack if number == 1 else self.node(Op.REVERSE, stack)

    def _layer(self, name: str, below: int, inputs: int) -> int:
        before = self.leaf(f"{name} h0", 2, 1, self.hidden)
        z = self._gate(f"{name}z", Op.SIGMOID, below, before, inputs)
        r = self._gate(f"{name}r", Op.SIGMOID, below, before, inputs)
        reset = self.node(Op.MULTIPLY, r, before)
        new = self._gate(f"{name}s", Op.TANH, below, reset, inputs)
        fresh = self.node(Op.MULTIPLY, self.node(Op.ONE_MINUS, z), new)
        state = self.node(Op.ADD, fresh, self.node(Op.MULTIPLY, z, before))
        return state

    def _gate(self, name: str, activation: Op, below: int, state: int, inputs: int) -> int:
        x = self._normal(f"{name}W", below, inputs)
        both = self.node(Op.ADD, x, self._normal(f"{name}U", state, self.hidden))
        return self.node(activation, self.node(Op.ADD, both, self.leaf(f"{name}b", 1, self.hidden)))

    def _normal(self, name: str, read: int, columns: int) -> int:
        product = self.node(Op.PRODUCT, read, self.leaf(name, 1, self.hidden, columns))
        normal = self.node(Op.NORMALIZE, product)
        scaled = self.node(Op.MULTIPLY, normal, self.leaf(f"{name} alpha", 1, self.hidden))
        return self.node(Op.ADD, scaled, self.leaf(f"{name} beta", 1, self.hidden))

    def write(self, path: Path) -> Path:
        """Write the file."""
        parts = [b"KAN\1", struct.pack("<i", len(self.nodes))]
        for op, children, role, label, kind, shape in self.nodes:
            parts.append(struct.pack("<iIBi", label, role, kind, len(children)))
            if children:
                size = 4 if op in (Op.SWITCH, Op.REVERSE) else 0
                parts.append(struct.pack(f"<H{len(children)}iii", op, *children, -1, size))
                parts.append(bytes(size))
            else:
                parts.append(struct.pack(f"<B{len(shape)}i", len(shape), *shape))
        for kind in (1, 2):
            parts += [self.values[n].tobytes() for n in sorted(self.values) if self.kind(n) == kind]
        path.write_bytes(b"".join(parts))
        return path

    def kind(self, number: int) -> int:
        return self.nodes[number][4]


class _Direction(NamedTuple):
    input: int
    output: int


def labels_of(graph: Graph, codes: np.ndarray) -> np.ndarray:
    """Probabilities (L, labels) of a window, as KANN unrolls the graph: in float64."""
    values: dict[int, Any] = {
        n: node.values.astype(float) for n, node in enumerate(graph) if node.values is not None
    }
    end = next(n for n, node in enumerate(graph) if node.role & 2)
    mean = graph[graph[graph[end].children[0]].children[0]].children[0]
    forward, back = graph[mean].children
    one_hot = np.eye(6, 4)
    opposite = np.array([3, 2, 1, 0, 4])[codes[::-1]]
    states: dict[int, np.ndarray] = {}  # what stands for a state to begin with, in both directions
    lanes = []
    for stack, lane in ((forward, codes), (graph[back].children[0], opposite)):
        rows = []
        for code in lane:
            now = {**values, **states, **_inputs(graph, one_hot[code])}
            rows.append(_value(graph, graph[stack].children[0], now))
            for out in [n for n in now if _is_state(graph, n)]:
                states[graph[graph[out].children[1]].children[1]] = now[out]
        lanes.append(np.concatenate(rows))
    values[mean] = (lanes[0] + lanes[1][::-1]) / 2
    return np.asarray(_value(graph, end, values))


def _inputs(graph: Graph, vector: np.ndarray) -> dict[int, np.ndarray]:
    return {n: vector[None] for n, node in enumerate(graph) if node.role & 1}


def _is_state(graph: Graph, number: int) -> bool:
    """Whether a node is (1 - z) s + z h."""
    node = graph[number]
    parts = [graph[child] for child in node.children]
    return (
        node.op == Op.ADD
        and [part.op for part in parts] == [Op.MULTIPLY] * 2
        and (graph[parts[0].children[0]].op == Op.ONE_MINUS)
    )


def _value(graph: Graph, number: int, known: dict[int, Any]) -> Any:
    """Value of a node from those of its children, which are kept in `known`."""
    if number in known:
        return known[number]
    node = graph[number]
    wanted = node.children[:1] if node.op == Op.SWITCH else node.children
    given = [_value(graph, child, known) for child in wanted]
    known[number] = _OPERATIONS[Op(node.op)](*given)
    return known[number]


def _normalized(x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    total = (centred**2).sum(axis=-1, keepdims=True)
    return centred / np.where(total == 0, 1, np.sqrt(total / math.prod(x.shape[-1:])))


def _softmax(x: np.ndarray) -> np.ndarray:
    odds = np.exp(x - x.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


_OPERATIONS: dict[Op, Any] = {
    Op.ADD: lambda a, b: a + b,
    Op.MULTIPLY: lambda a, b: a * b,
    Op.PRODUCT: lambda a, b: a @ b.T,
    Op.SIGMOID: lambda a: 1 / (1 + np.exp(-a)),
    Op.TANH: np.tanh,
    Op.ONE_MINUS: lambda a: 1 - a,
    Op.SWITCH: lambda a: a,
    Op.NORMALIZE: _normalized,
    Op.SOFTMAX: _softmax,
}
