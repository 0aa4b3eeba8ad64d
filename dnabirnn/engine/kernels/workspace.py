"""Forward and backward pass over a block of windows, with arrays for intermediate values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.engine.kernels import gradients
from dnabirnn.engine.kernels.kmers import find_places
from dnabirnn.engine.kernels.letters import no_letters
from dnabirnn.engine.kernels.loss import cross_entropy, log_odds_of, spread
from dnabirnn.engine.kernels.matrix_scan import matrix_terms, room
from dnabirnn.engine.kernels.vectors import LANES, VECTOR, aligned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.engine.kernels.packing import PackedNetwork

    Array = NDArray[np.floating[Any]]

__all__ = ["Keys", "Workspace", "add"]

Keys = tuple[np.uint32, np.uint32, np.uint32, "np.floating[Any]"]
"""Arguments of `gradients.drop`: two keys, `lowest`, `factor`."""


class Workspace:
    """Flat arrays for both passes over a block of `LANES` windows of one length."""

    def __init__(self, network: PackedNetwork, length: int) -> None:
        hidden, layers, backward = network.hidden, len(network.layers), network.cell.BACKWARD
        wide, gates = length * 2 * hidden * LANES, len(backward.of_inputs)
        dtype = network.dtype

        def arrays(count: int, size: int) -> list[Array]:
            return [aligned(size, dtype=dtype) for _ in range(count)]

        self.length = length
        self.codes = np.empty(length * LANES, np.uint8)
        self.none = aligned(0, dtype=dtype)
        self.one_hot = aligned(length * 4 * LANES, dtype=dtype)
        self.features = arrays(layers, wide)
        self.dropped: list[Array] = []  # features after dropout; empty without dropout
        self.saved = [arrays(2, length * backward.saved * hidden * LANES) for _ in range(layers)]
        self.gradients = arrays(2, wide)
        self.answers = aligned(length * network.head.rows * LANES, dtype=dtype)
        self.row_gradient = aligned(length * network.head_rows * LANES, dtype=dtype)
        self.deltas = aligned(gradients.STEPS * backward.deltas * hidden * LANES, dtype=dtype)
        self.memory = aligned(3 * hidden * LANES, dtype=dtype)
        self.state_sums = aligned(gradients.numbers_of_sums(gates * hidden, hidden), dtype=dtype)
        self.input_sums = [
            aligned(gradients.numbers_of_sums(gates * hidden, rows), dtype=dtype)
            for rows in (4, *[2 * hidden] * (layers - 1))
        ]
        self.bias_sums = aligned(backward.deltas * hidden * VECTOR, dtype=dtype)
        self.head_sums = aligned(
            gradients.numbers_of_sums(2 * hidden, network.head_rows), dtype=dtype
        )
        kmers = network.layers[0][0].packed.kmers
        self.places = np.empty(length * LANES if kmers.size else 0, np.int64)
        self.kmer_sums = aligned(kmers.size, dtype=dtype)
        self.keys: list[Keys] = []
        self.reach = network.matrices.reach
        self.terms = self.none
        if network.matrices.widths.any():
            flanked = length + 2 * self.reach
            most = room(flanked, network.matrices.widths)
            self.found = aligned(most * LANES + VECTOR, dtype=dtype)
            self.terms = aligned(length * network.head.first.size * LANES, dtype=dtype)

    def forward(
        self,
        network: PackedNetwork,
        block: NDArray[np.uint8],
        keys: list[Keys],
        flanked: NDArray[np.uint8] | None = None,
    ) -> None:
        """Compute the rows of the head for a block of at most LANES windows, (W, L).

        Matrices read `flanked`, (W, F + L + F), the same windows with flanks, where it is given.
        """
        self._begin(network, block, keys)
        if self.terms.size:
            self._scan(network, block if flanked is None else flanked)
        length, hidden, head = self.length, network.hidden, network.head
        below = self.none
        for layer, directions in enumerate(network.layers):
            for reverse, weights in enumerate(directions):
                network.cell.run(
                    self.codes,
                    self.places,
                    length,
                    bool(reverse),
                    True,
                    *weights.packed,
                    hidden,
                    below,
                    self.features[layer],
                    self.none,
                    0,
                    self.none,
                    self.memory,
                    self.saved[layer][reverse],
                )
            below = self._read(layer)
            if self.keys:
                gradients.drop(self.features[layer], *self.keys[layer], below)
        gradients.head_forward(
            below, length, hidden, head.forward, head.reverse, head.rows, self.answers
        )

    def _scan(self, network: PackedNetwork, flanked: NDArray[np.uint8]) -> None:
        """Compute the terms of the matrices from windows with flanks, or without."""
        flank = (flanked.shape[1] - self.length) // 2
        codes = np.full((flanked.shape[1], LANES), PADDING, np.uint8)
        codes[:, : len(flanked)] = flanked.T
        matrix_terms(
            codes.reshape(-1),
            flank,
            self.length,
            *network.matrices,
            network.head.first.size,
            self.found,
            self.terms,
        )

    def backward(
        self,
        network: PackedNetwork,
        truth: NDArray[np.bool_] | NDArray[np.float32],
        counted: NDArray[np.bool_],
        factor: float,
    ) -> tuple[float, dict[str, Array]]:
        """Compute the loss of the block given to `forward`, and the gradients of all weights."""
        head = network.head
        of_columns, of_terms = np.zeros((2, len(head.first)))
        loss = cross_entropy(
            self.answers,
            head.rows,
            head.first,
            head.second,
            head.bias,
            head.exclusive,
            self.terms,
            truth,
            counted,
            factor,
            self.row_gradient,
            network.head_rows,
            of_columns,
            of_terms,
            np.empty((2, len(head.first)), network.dtype),
        )
        return loss, self._by_weights(network, of_columns, of_terms)

    def log_odds(self, network: PackedNetwork, windows: int) -> Array:
        """Return the log-odds of the block given to `forward`: (W, L, C)."""
        head = network.head
        found = np.empty((windows, self.length, len(head.first)), network.dtype)
        log_odds_of(self.answers, head.rows, head.first, head.second, head.bias, self.terms, found)
        return found

    def backward_from(self, network: PackedNetwork, of_log_odds: Array) -> dict[str, Array]:
        """Compute the gradients of all weights from those of the log-odds, (W, L, C)."""
        head = network.head
        of_columns, of_terms = np.zeros((2, len(head.first)))
        spread(
            of_log_odds,
            head.first,
            head.second,
            self.terms,
            self.row_gradient,
            network.head_rows,
            of_columns,
            of_terms,
        )
        return self._by_weights(network, of_columns, of_terms)

    def _by_weights(
        self,
        network: PackedNetwork,
        of_columns: NDArray[np.float64],
        of_terms: NDArray[np.float64],
    ) -> dict[str, Array]:
        """Return the gradients of all weights.

        Those by the rows of the head are in `row_gradient`. `of_columns` and `of_terms`, (C,), are
        those by biases and by the logarithms of the factors of the terms.
        """
        length, hidden, head = self.length, network.hidden, network.head
        mine, other = self.gradients
        self.head_sums[:] = 0
        gradients.head_backward(
            self._read(len(network.layers) - 1),
            length,
            hidden,
            network.head_transposed,
            network.head_rows,
            self.row_gradient,
            mine,
            self.head_sums,
        )
        found = _added_up(self.head_sums, 2 * hidden, network.head_rows)
        bias = np.bincount(head.logits, of_columns, network.logits)
        by_name = {
            "head.weight": network.gradient_of_head(found[:, : head.rows]),
            "head.bias": bias.astype(network.dtype),
        }
        by_name |= network.gradients_of_scales(of_terms)
        for layer in reversed(range(len(network.layers))):
            if self.keys:
                gradients.drop(mine, *self.keys[layer], other)
                mine, other = other, mine
            for reverse in (False, True):
                add(by_name, self._backward(network, layer, reverse, mine, other))
            mine, other = other, mine
        return by_name

    def _backward(
        self, network: PackedNetwork, layer: int, reverse: bool, mine: Array, below: Array
    ) -> Iterator[tuple[str, Array]]:
        backward, hidden = network.cell.BACKWARD, network.hidden
        weights = network.layers[layer][reverse]
        sums = gradients.Sums(
            self._read(layer - 1) if layer else self.one_hot,
            2 * hidden if layer else 4,
            weights.inputs,
            below,
            self.state_sums,
            self.input_sums[layer],
            self.bias_sums,
            self.places,
            self.none if layer else self.kmer_sums,
            no_letters(network.dtype),
            self.none,
        )
        for gradient in (sums.of_states, sums.of_inputs, sums.of_biases, sums.of_kmers):
            gradient[:] = 0
        network.cell.backward(
            self.codes,
            self.length,
            reverse,
            hidden,
            self.saved[layer][reverse],
            self.features[layer],
            mine,
            gradients.Target(self.none, self.none),
            weights.states,
            sums,
            self.deltas,
            self.memory,
        )
        rows = len(backward.of_inputs) * hidden
        biases = np.empty(backward.deltas * hidden, network.dtype)
        gradients.add_up(sums.of_biases, biases)
        return network.gradients_of_layer(
            layer,
            reverse,
            _added_up(sums.of_states, rows, hidden),
            _added_up(sums.of_inputs, rows, sums.below_rows),
            biases,
            sums.of_kmers,
        )

    def _begin(self, network: PackedNetwork, block: NDArray[np.uint8], keys: list[Keys]) -> None:
        gradients.enter(block, self.codes, self.one_hot)
        if self.places.size:
            kmer, width = network.architecture.kmer, network.kmer_width
            find_places(self.codes, self.length, kmer, width, self.places)
        self.keys = keys
        if keys and not self.dropped:
            self.dropped = [aligned(f.size, dtype=f.dtype) for f in self.features]

    def _read(self, layer: int) -> Array:
        """Return the features of a layer that the next layer or the head reads."""
        return self.dropped[layer] if self.keys else self.features[layer]


def add(totals: dict[str, Array], parts: Iterable[tuple[str, Array]]) -> None:
    """Add gradients to `totals` by name."""
    for name, gradient in parts:
        totals[name] = totals[name] + gradient if name in totals else gradient


def _added_up(sums: Array, rows: int, columns: int) -> Array:
    out = np.empty(rows * columns, sums.dtype)
    gradients.add_up(sums, out)
    return gradients.untiled(out, rows, columns)
