"""Pack the weights of a recurrent layer for the kernels.

A kernel computes the rows of a layer in tiles (`intrinsics.tiles`). A row is one gate of one unit.
A tile has all gates of `units` units, gate by gate, so that the new states of these units can be
computed as soon as the tile is complete. For a GRU with 2 units per tile, the rows of tile 0 are::

    r of unit 0, r of unit 1, z of unit 0, z of unit 1, n of unit 0, n of unit 1

Packed weights are in the order in which a kernel reads them: tile by tile, in a tile column by
column, in a column row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.engine.kernels.kmers import FURTHER, GROUP, fold
from dnabirnn.engine.kernels.vectors import TABLE_ENTRIES, aligned
from dnabirnn.network import opposite_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "Backward",
    "Direction",
    "Gates",
    "Kmers",
    "flat",
    "pack_direction",
    "pack_kmers",
    "tiles",
]


class Direction(NamedTuple):
    """Packed weights of one direction of one layer, as flat arrays.

    Attributes
    ----------
    table : ndarray, (tiles * rows * TABLE_ENTRIES,) float32
        Initial value of each sum, by the code of the base: biases, and in a first layer the input
        weights of the base. The reverse direction reads the reverse complement, so its table is
        for the complement of each code.
    kmers : ndarray, ((4**k + FURTHER) * width,) float32
        In a first layer with k-mers, the initial values of the sums with a product of the input,
        by k-mer; see `kmers`. Else empty.
    inputs : ndarray, (tiles * 2 * hidden * rows,) float32
        Weights of the features of the layer below, this direction's features first; empty in a
        first layer.
    states : ndarray, (tiles * hidden * rows,) float32
        Weights of the layer's own states.
    """

    table: NDArray[np.float32]
    kmers: NDArray[np.float32]
    inputs: NDArray[np.float32]
    states: NDArray[np.float32]


class Backward(NamedTuple):
    """Layout of a cell's backward pass, in groups of `hidden` rows, one row per unit.

    Attributes
    ----------
    saved : int
        Groups that the forward pass saves per base.
    deltas : int
        Groups of gradients of sums per base. Sums with a product of the input come first.
    of_inputs : tuple of int
        Gate of each group whose sum has a product of the input.
    first_of_states : int
        First group whose sum has a product of the state. These groups are in the order of the
        gates.
    """

    saved: int
    deltas: int
    of_inputs: tuple[int, ...]
    first_of_states: int


class Kmers(NamedTuple):
    """Weights of the k-mers of one direction of a first layer.

    Attributes
    ----------
    table : ndarray, (4**k, gates * units) float32
        Weights by k-mer.
    rows : ndarray, (4**k,) int64
        Row of `table` for each k-mer that this direction finds in the sequence.
    factors : ndarray, (gates,) float64
        Factors of the weights.
    """

    table: NDArray[np.float32]
    rows: NDArray[np.int64]
    factors: NDArray[np.float64]


class Gates(NamedTuple):
    """Weights of one direction of one layer by gate, with units filled up to `hidden`.

    Attributes
    ----------
    inputs : ndarray, (gates, hidden, 4 or 2 * hidden) float32
    states : ndarray, (gates, hidden, hidden) float32
    input_bias, state_bias : ndarray, (gates, hidden) float32
    input_gain, state_gain : ndarray, (gates, hidden) float32
        Gains of normalised products; ones (0 for added units) if the cell does not normalise.
    start : ndarray, (hidden,) float32
        Initial state; empty if the cell has none of its own.
    units : int
        Units before filling up.
    kmers : Kmers or None
    """

    inputs: NDArray[np.float32]
    states: NDArray[np.float32]
    input_bias: NDArray[np.float32]
    state_bias: NDArray[np.float32]
    input_gain: NDArray[np.float32]
    state_gain: NDArray[np.float32]
    start: NDArray[np.float32]
    units: int
    kmers: Kmers | None

    @classmethod
    def of(
        cls,
        weights: Mapping[str, NDArray[np.float32]],
        number: int,
        gates: int,
        hidden: int,
        *,
        first: bool,
    ) -> Gates:
        """Create gates from the weights `recurrent.<number>`, in the order of torch.

        Added units have weights of 0. Their states stay 0, and have no effect on other units.

        Parameters
        ----------
        weights : mapping
            Weights by the names in `dnabirnn.network.checkpoint.weight_shapes`.
        number, gates, hidden : int
            Number of the weights, number of gates, and units after filling up.
        first : bool
            Whether this is a first layer. The shape does not show it: the features of a layer of
            two units have width 4 too.
        """
        prefix = f"recurrent.{number}."
        states = weights[f"{prefix}weight_hh_l0"]
        units = states.shape[1]
        inputs = weights[f"{prefix}weight_ih_l0"].reshape(gates, units, -1)
        full = np.zeros((gates, hidden, 4), states.dtype)
        if first:
            full[:, :units] = inputs
        else:  # features of both directions, each filled up
            full = np.zeros((gates, hidden, 2, hidden), states.dtype)
            full[:, :units, :, :units] = inputs.reshape(gates, units, 2, units)
            full = full.reshape(gates, hidden, 2 * hidden)
        square = np.zeros((gates, hidden, hidden), states.dtype)
        square[:, :units, :units] = states.reshape(gates, units, units)
        names = ("bias_ih_l0", "bias_hh_l0", "gain_ih_l0", "gain_hh_l0")
        rows = np.zeros((len(names), gates, hidden), states.dtype)
        ones = np.ones(gates * units, states.dtype)
        for filled, name in zip(rows, names, strict=True):
            filled[:, :units] = weights.get(prefix + name, ones).reshape(gates, units)
        start = weights.get(f"{prefix}state_l0", np.zeros(0, states.dtype))
        if start.size:
            start = np.pad(start, (0, hidden - units))
        input_bias, state_bias, input_gain, state_gain = rows
        kmers, table = None, weights.get(f"{prefix}weight_kmer_l0")
        if table is not None:
            kmers = Kmers(table, np.arange(len(table)), np.ones(gates))
        return cls(
            full, square, input_bias, state_bias, input_gain, state_gain, start, units, kmers
        )

    def scaled(self, factors: NDArray[np.float32]) -> Gates:
        """Return gates whose sums are multiplied by factors (gates,); rounded once."""

        def times(weights: NDArray[np.float32]) -> NDArray[np.float32]:
            wide = factors.reshape(-1, *[1] * (weights.ndim - 1))
            return (weights * wide).astype(weights.dtype)

        return self._replace(
            inputs=times(self.inputs),
            states=times(self.states),
            input_bias=times(self.input_bias),
            state_bias=times(self.state_bias),
            kmers=self.kmers and self.kmers._replace(factors=self.kmers.factors * factors),
        )

    def of_reverse_complement(self, tied: bool) -> Gates:
        """Return the gates of the reverse direction, for inputs in forward coordinates.

        In a first layer they read the complement of a base, so the order A, C, G, T is reversed,
        and the reverse complement of a k-mer.
        In a deeper layer, kernels read the features of their own direction first. The weights of
        an untied network are for [forward, reverse], so the halves are exchanged. The weights of a
        tied network are for [own, other] already.
        """
        if self.inputs.shape[2] == 4:
            kmers = self.kmers
            if kmers:
                kmer = (len(kmers.rows).bit_length() - 1) // 2
                kmers = kmers._replace(rows=opposite_rows(kmer))
            return self._replace(inputs=self.inputs[:, :, ::-1], kmers=kmers)
        if tied:
            return self
        return self._replace(inputs=np.roll(self.inputs, self.inputs.shape[2] // 2, axis=2))


def tiles(of_unit: NDArray[np.float32], units: int) -> NDArray[np.float32]:
    """Split rows (gates, hidden, n) into tiles of `units` units: (tiles, gates * units, n)."""
    gates, hidden, n = of_unit.shape
    split = of_unit.reshape(gates, hidden // units, units, n).transpose(1, 0, 2, 3)
    return np.ascontiguousarray(split).reshape(hidden // units, gates * units, n)


def pack_direction(
    table_bias: NDArray[np.float32],
    table_inputs: NDArray[np.float32] | None,
    inputs: NDArray[np.float32] | None,
    states: NDArray[np.float32],
    units: int,
    parts: int = 1,
    kmers: Kmers | None = None,
) -> Direction:
    """Pack gates into tiles of `units` units.

    Parameters
    ----------
    table_bias : ndarray, (rows per unit, hidden) float32
        Initial value of each sum for any base.
    table_inputs : ndarray, (rows per unit, hidden, 4) float32, or None
        Value added for each base, in a first layer.
    inputs : ndarray, (gates, hidden, 2 * hidden) float32, or None
        Weights of the features of the layer below, in a deeper layer.
    states : ndarray, (gates, hidden, hidden) float32
        Weights of the layer's own states.
    units : int
        Units per tile.
    parts : int
        Products per tile: the rows of a tile are split into as many parts, and the weights of each
        part are packed together.
    kmers : Kmers, optional
        Weights of k-mers, added to the first rows of each unit.
    """

    def packed(of_unit: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = tiles(of_unit, units)
        split = whole.reshape(len(whole) * parts, -1, whole.shape[2])
        return flat(split.transpose(0, 2, 1))

    entries = np.repeat(table_bias[:, :, None], TABLE_ENTRIES, axis=2)
    if table_inputs is not None:
        entries[:, :, :4] += table_inputs
    return Direction(
        flat(tiles(entries, units)),
        pack_kmers(kmers, entries, units),
        aligned(0, dtype=states.dtype) if inputs is None else packed(inputs),
        packed(states),
    )


def pack_kmers(
    kmers: Kmers | None, entries: NDArray[np.float32], units: int
) -> NDArray[np.float32]:
    """Fold the weights of k-mers and the sums of bases into one table; empty without k-mers.

    Parameters
    ----------
    kmers : Kmers or None
    entries : ndarray, (rows per unit, hidden, TABLE_ENTRIES) float32
        Sums of each base, by code; the first rows are those of the gates.
    units : int
        Units per tile.
    """
    if kmers is None:
        return aligned(0, dtype=entries.dtype)
    gates, hidden = len(kmers.factors), entries.shape[1]
    own = kmers.table.shape[1] // gates  # units before filling up
    columns, factors = np.zeros((gates, hidden, 1), np.int64), np.zeros((gates, hidden, 1))
    columns[:, :own, 0] = np.arange(gates * own).reshape(gates, own)
    factors[:, :own, 0] = kmers.factors[:, None]

    def in_groups(of_unit: NDArray[Any]) -> NDArray[Any]:
        """Tiles of full groups: (tiles * rows, n)."""
        whole = tiles(of_unit, units)
        number, rows, width = whole.shape
        padded = np.zeros((number, rows + -rows % GROUP, width), whole.dtype)
        padded[:, :rows] = whole
        return padded.reshape(-1, width)

    of_bases = np.ascontiguousarray(in_groups(entries[:gates, :, :FURTHER]).T)
    places = in_groups(columns)[:, 0]
    out = aligned((len(kmers.rows) + FURTHER) * len(places), dtype=entries.dtype)
    fold(kmers.table, kmers.rows, places, in_groups(factors)[:, 0], of_bases, out)
    return out


def flat(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a flat copy aligned to a cache line; a table of float32 is then exactly one line."""
    copy = aligned(array.size, dtype=array.dtype)
    copy[:] = array.reshape(-1)
    return copy
