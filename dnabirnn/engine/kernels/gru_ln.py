"""Kernels of a layer of dna-brnn's gated recurrent units with layer normalisation.

As in `dnabirnn.network.layer_norm_gru`::

    r = s(N(W_r x) + N(U_r h))
    z = s(N(W_z x) + N(U_z h))
    n = tanh(N(W_n x) + N(U_n (r h)))
    h' = (1 - z) n + z h

    N(p) = gain * (p - mean(p)) / deviation(p) + bias      over the units

Mean. It is linear in the weights: the mean of W x over the units is (mean row of W) x. So `pack`
subtracts the mean row from the weights, and the products already have mean 0. The variance of a
product is then its mean square.

Deviation. It needs a product over all units before any unit can be finished. So a gate's products
go to `memory` first, and a second loop divides them. This is also why the state is not
double-buffered: all products with h are complete before the first unit of h' is written. The input
of a first layer has only four values, one per base; their products are normalised in `pack`.

Small deviations need care.

- If all products of a gate are 0, as for a state of zeros, the normalised products must be 0, and
  not 0 / 0. The variance has a lower limit, `_MIN_VARIANCE`, so that the division gives
  0 / sqrt(1e-37) = 0. The limit is a normal float32 number, and so are its root and 1 / root.
- If the products nearly cancel, their rounding errors are divided by a small deviation and become
  large. With two units, the centred products are d and -d, and only the sign of d is left; it may
  flip by rounding. Engines add in different orders, so they differ more if a layer has few units.
  They agree to 4e-6 with 16 units, to 8e-6 with 12, and to 4e-4 with 8.

Padding leaves the state unchanged, where other cells set it to 0. The reverse direction of an
untied network starts from the last state of the forward direction, which is at the start of
`memory`. The padding on the right comes after the last base in the forward direction, and before
the first one in the reverse direction, so it must not change this state.

There is no backward pass: torch trains this cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.compiled import inlined, kernel
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.intrinsics import (
    fma,
    half_logistic,
    join,
    like,
    load,
    load4,
    load_codes,
    maximum,
    product4,
    square_root,
    store,
    take_kmers,
    take_rows,
    tanh,
    where_padding,
    zeros,
)
from dnabirnn.engine.kernels.layers import Gates, flat, pack_direction, pack_kmers
from dnabirnn.engine.kernels.vectors import LANES, TABLE_ENTRIES, VECTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["MEMORY", "SAVED_STATES", "STATE_ROWS", "UNITS", "NormalizedDirection", "pack", "run"]

UNITS = 4
"""Units per tile; a tile has one gate only."""
MEMORY = 7
"""Rows of `memory`: the state; products of the state for r (later r h), z and n; three products of
the input."""
STATE_ROWS = (0,)
"""Row of `memory` with the state that `run` starts from if it does not begin."""
SAVED_STATES = ()
"""Groups of saved values with further parts of the state: none, the features hold all of it."""

# s(x) = (1 + tanh(x / 2)) / 2. Halving the gains and biases of r and z gives sums of x / 2 at no
# cost. Halving their weights would have no effect, since products are normalised.
_FACTORS = np.array([0.5, 0.5, 1], np.float32)
_COLUMNS = 8  # of two units in the table of k-mers: r, r, z, z, n, n, and two that are not used
# Lower limit of a variance; see the module docstring.
_MIN_VARIANCE = np.float32(1e-37)
_ONE = np.float32(1)


class NormalizedDirection(NamedTuple):
    """Packed weights of one direction of one layer, as flat arrays. Gates are in the order r, z, n.

    Attributes
    ----------
    table : ndarray, (3 * H * TABLE_ENTRIES,) float32
        Values added to each row, by the code of the base: biases, and in a first layer the
        normalised product of the base.
    kmers : ndarray, ((4**k + FURTHER) * H / 2 * _COLUMNS,) float32
        In a first layer with k-mers, these values by k-mer, in tiles of two units. Else empty.
    inputs : ndarray, (3 * H / UNITS * 2 * H * UNITS,) float32
        Weights of the features of the layer below; empty in a first layer.
    states : ndarray, (3 * H / UNITS * H * UNITS,) float32
        Weights of the layer's own states.
    gains : ndarray, (2 * 3 * H,) float32
        Gains of products of the state, then of products of the input.
    start : ndarray, (H,) float32
        Initial state; empty if the initial state is the one in `memory`.
    share : float32
        Factor of a unit's square in the variance: 1 / units, without added units.
    """

    table: NDArray[np.float32]
    kmers: NDArray[np.float32]
    inputs: NDArray[np.float32]
    states: NDArray[np.float32]
    gains: NDArray[np.float32]
    start: NDArray[np.float32]
    share: np.float32


def pack(gates: Gates) -> NormalizedDirection:
    """Pack one direction: centre the weights, and normalise the products of a first layer."""
    rows = 3 * gates.states.shape[1]
    inputs, states = _centred(gates.inputs, gates.units), _centred(gates.states, gates.units)
    bias = (gates.input_bias + gates.state_bias) * _FACTORS[:, None]
    input_gain, state_gain = (g * _FACTORS[:, None] for g in (gates.input_gain, gates.state_gain))
    of_base = None
    if inputs.shape[2] == 4:
        variance = np.square(inputs, dtype=np.float64).sum(axis=1, keepdims=True) / gates.units
        deviation = np.sqrt(np.where(variance > 0, variance, 1))
        of_base = (inputs / deviation * input_gain[:, :, None]).astype(np.float32)
        of_base = of_base.reshape(1, rows, 4)
    packed = pack_direction(
        bias.reshape(1, rows),
        of_base,
        inputs.reshape(1, rows, -1) if of_base is None else None,
        states.reshape(1, rows, -1),
        UNITS,
    )
    gates_and_bases = packed.table.reshape(3, -1, TABLE_ENTRIES)
    kmers = gates.kmers and gates.kmers._replace(factors=_FACTORS.astype(np.float64))
    packed = packed._replace(kmers=pack_kmers(kmers, gates_and_bases, 2))
    gains = flat(np.stack([state_gain, input_gain]))
    return NormalizedDirection(*packed, gains, flat(gates.start), np.float32(1 / gates.units))


def _centred(weights: NDArray[np.float32], units: int) -> NDArray[np.float32]:
    """Subtract the mean over the units, without added ones, from weights (gates, H, n)."""
    centred = weights.astype(np.float64)
    centred[:, :units] -= centred[:, :units].mean(axis=1, keepdims=True)
    return centred.astype(weights.dtype)


@inlined
def _normal(
    weights: NDArray[np.float32],
    gate: int,
    hidden: int,
    vectors: NDArray[np.float32],
    own: int,
    other: int,
    gains: NDArray[np.float32],
    first_gain: int,
    share: np.float32,
    memory: NDArray[np.float32],
    out: int,
) -> None:
    """Write a gate's normalised products, times gains, to position `out` of `memory`.

    The weights multiply the numbers from position `own` of `vectors`, and then those from position
    `other` unless that is below 0.
    """
    zero = zeros(memory)
    squares_a, squares_b = zero, zero
    depth = hidden if other < 0 else 2 * hidden
    for tile in range(hidden // UNITS):
        at = (gate * hidden + tile * UNITS) * depth
        sums = (zero, zero, zero, zero, zero, zero, zero, zero)
        sums = product4(weights, at, vectors, own, hidden, sums)
        if other >= 0:
            sums = product4(weights, at + hidden * UNITS, vectors, other, hidden, sums)
        place = out + tile * UNITS * LANES
        store(memory, place, sums[0])
        store(memory, place + VECTOR, sums[1])
        store(memory, place + LANES, sums[2])
        store(memory, place + LANES + VECTOR, sums[3])
        store(memory, place + 2 * LANES, sums[4])
        store(memory, place + 2 * LANES + VECTOR, sums[5])
        store(memory, place + 3 * LANES, sums[6])
        store(memory, place + 3 * LANES + VECTOR, sums[7])
        squares_a = fma(sums[0], sums[0], fma(sums[2], sums[2], squares_a))
        squares_a = fma(sums[4], sums[4], fma(sums[6], sums[6], squares_a))
        squares_b = fma(sums[1], sums[1], fma(sums[3], sums[3], squares_b))
        squares_b = fma(sums[5], sums[5], fma(sums[7], sums[7], squares_b))
    one, limit, part = like(zero, _ONE), like(zero, _MIN_VARIANCE), like(zero, share)
    a = one / square_root(maximum(limit, squares_a * part))
    b = one / square_root(maximum(limit, squares_b * part))
    for unit in range(hidden):
        place, gain = out + unit * LANES, like(zero, gains[first_gain + unit])
        store(memory, place, load(memory, place) * a * gain)
        store(memory, place + VECTOR, load(memory, place + VECTOR) * b * gain)


@kernel
def run(
    codes: Codes,
    places: NDArray[np.int64],
    length: int,
    reverse: bool,
    begins: bool,
    table: NDArray[np.float32],
    kmers: NDArray[np.float32],
    inputs: NDArray[np.float32],
    states: NDArray[np.float32],
    gains: NDArray[np.float32],
    start: NDArray[np.float32],
    share: np.float32,
    hidden: int,
    below: NDArray[np.float32],
    above: NDArray[np.float32],
    head: NDArray[np.float32],
    rows: int,
    answers: NDArray[np.float32],
    memory: NDArray[np.float32],
    saved: None,
) -> None:
    """Run one direction of a layer over a block of windows.

    Parameters
    ----------
    codes : ndarray, (L * LANES,) uint8
    places : ndarray, (L * LANES,) int64
        Places in `kmers` of each base's row; empty if `kmers` is.
    length : int
        L.
    reverse : bool
        Whether to read from the last base to the first.
    begins : bool
        Whether to start from `start`, if it is not empty. If not, the state is at the start of
        `memory`.
    table, kmers, inputs, states, gains, start, share
        As in `NormalizedDirection`.
    hidden : int
        H, a multiple of `UNITS`.
    below, above, head, rows, answers
        As in `dnabirnn.engine.kernels.gru.run`.
    memory : ndarray, (MEMORY * H * LANES,) float32
        Scratch space. At the end, it starts with the state after each window's last base in this
        direction.
    saved : None
        Unused; other cells save values for their backward passes here.
    """
    size = hidden * LANES
    zero = zeros(memory)
    for unit in range(hidden if begins and start.size else 0):
        for v in range(0, LANES, VECTOR):
            store(memory, unit * LANES + v, like(zero, start[unit]))
    half = size if reverse else 0
    gate = hidden * TABLE_ENTRIES
    for step in range(length):
        t = length - 1 - step if reverse else step
        # Each direction adds its own features first, so that both strands add in the same order.
        own, other = t * 2 * size + half, t * 2 * size + size - half
        for g in range(3 if inputs.size else 0):
            gain, out = (3 + g) * hidden, (4 + g) * size
            _normal(inputs, g, hidden, below, own, other, gains, gain, share, memory, out)
        for g in range(2):
            out = (1 + g) * size
            _normal(states, g, hidden, memory, 0, -1, gains, g * hidden, share, memory, out)
        a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
        for unit in range(0, hidden, 2):
            at = unit * LANES
            if kmers.size:
                of_r = take_kmers(kmers, unit // 2 * _COLUMNS, 2, places, t * LANES)
            else:
                of_r = take_rows(table, unit * TABLE_ENTRIES, 2, a, b)
            r = load4(memory, size + at) + join(of_r)
            if inputs.size:
                r = r + load4(memory, 4 * size + at)
            store(memory, size + at, half_logistic(r) * load4(memory, at))
        _normal(states, 2, hidden, memory, size, -1, gains, 2 * hidden, share, memory, 3 * size)
        bases = join((a, b, a, b))
        for unit in range(0, hidden, 2):
            at, entry = unit * LANES, gate + unit * TABLE_ENTRIES
            if kmers.size:
                both = take_kmers(kmers, unit // 2 * _COLUMNS + 2, 4, places, t * LANES)
            else:
                of_z = take_rows(table, entry, 2, a, b)
                both = of_z + take_rows(table, entry + gate, 2, a, b)
            z = load4(memory, 2 * size + at) + join(both[:4])
            n = load4(memory, 3 * size + at) + join(both[4:])
            if inputs.size:
                z = z + load4(memory, 5 * size + at)
                n = n + load4(memory, 6 * size + at)
            h, n = load4(memory, at), tanh(n)
            h = where_padding(bases, h, fma(half_logistic(z), h - n, n))
            store(memory, at, h)
            if above.size:
                store(above, t * 2 * size + half + at, h)
        project(head, rows, hidden, memory, 0, answers, t * rows * LANES, reverse)
