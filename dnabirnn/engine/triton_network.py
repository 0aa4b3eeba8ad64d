"""Networks as the Triton kernel reads them, and their log-odds.

The kernel computes the recurrence and the halves of the head. torch does the rest on the same
device: products of matrices between layers, the scores of matrices, and the mean of several
networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import triton
from torch import Tensor, nn
from torch.nn import functional

from dnabirnn.alphabet import AMBIGUOUS, ONE_HOT, PADDING
from dnabirnn.engine.kernels.head import pack_head
from dnabirnn.engine.kernels.kmers import FURTHER
from dnabirnn.engine.kernels.layers import Gates
from dnabirnn.engine.triton_kernels import run
from dnabirnn.errors import DeviceError
from dnabirnn.network import Cell, Ensemble, Network, load_weights, matrix_terms, members_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.network import Checkpoint, Member

__all__ = ["TritonNetwork"]

_LEAST = 16
"""Smallest size of the sides of a product in Triton."""
_BLOCK_WINDOWS = 64
"""Windows of a program: the tensor cores of a Hopper GPU multiply 64 rows at a time."""
# Precision of `tl.dot`. Three products of rounded parts are about as exact as one of float32, and
# keep to the tensor cores; ADR 50 has the difference.
_PRODUCTS = {"f32": "tf32x3", "tf32": "tf32"}


class TritonNetwork(nn.Module):
    """One or several networks whose recurrence a Triton kernel computes.

    Parameters
    ----------
    checkpoint : Checkpoint
        Without the cell `gru-ln`, and with at most 128 units.
    precision : str
        "f32" or "tf32".
    """

    _shares: Tensor

    def __init__(self, checkpoint: Checkpoint, precision: str = "f32") -> None:
        super().__init__()
        self.architecture = checkpoint.architecture
        members = members_of(self.architecture, checkpoint.scoring_weights())
        self._members = [_Member(one, _PRODUCTS[precision]) for one in members]
        self.member = nn.ModuleList(self._members)  # so that they move to a device together
        shares = self.architecture.shares() if isinstance(self.architecture, Ensemble) else []
        self.register_buffer("_shares", torch.tensor(shares, dtype=torch.float32))

    def forward(self, codes: Tensor) -> Tensor:
        """Compute the log-odds of a batch, as `Network` does.

        Parameters
        ----------
        codes : Tensor, (B, L) uint8
            Padding (code 5) only on the right.

        Returns
        -------
        logits : Tensor, (B, L, O) float32
            One column per output. (B, L, 1 + O) for exclusive networks, background first.
        """
        shape = self.architecture
        if not isinstance(shape, Ensemble):
            alone: Tensor = self._members[0](codes)
            return alone
        mean = torch.zeros((*codes.shape, len(self._shares)), device=codes.device)
        for network, member in zip(self._members, shape.members, strict=True):
            places = shape.places(member)
            mean[..., places] += network(codes) * self._shares[places]
        return mean

    def bytes_a_base(self) -> int:
        """Return an estimate of the memory per base of a window, in bytes."""
        most = max(member.bytes_a_base() for member in self._members)
        return most + 4 * 8 * (1 + len(self.architecture.outputs))


class _Member(nn.Module):
    """One network, packed for the kernel."""

    head: Tensor
    _first: Tensor
    _second: Tensor
    _bias: Tensor
    _one_hot: Tensor

    def __init__(self, member: Member, products: str) -> None:
        super().__init__()
        shape, weights = member
        self.architecture = shape
        self._products = products
        self._hidden = _power_of_two(shape.hidden)
        self._layers = [_Layer(member, number, self._hidden) for number in range(shape.layers)]
        self.layer = nn.ModuleList(self._layers)
        head = pack_head(shape, weights, self._hidden)
        self._rows = head.rows
        halves = np.zeros((2, self._hidden, _power_of_two(head.rows)), np.float32)
        for half, packed in zip(halves, (head.forward, head.reverse), strict=True):
            pairs = packed.reshape(-1, self._hidden, 2)  # (rows / 2, H, 2)
            half[:, : head.rows] = pairs.transpose(1, 0, 2).reshape(self._hidden, -1)
        self.head = _fixed(halves)
        self.register_buffer("_first", torch.from_numpy(head.first))
        self.register_buffer("_second", torch.from_numpy(head.second))
        self.register_buffer("_bias", torch.from_numpy(head.bias))
        self.register_buffer("_one_hot", torch.from_numpy(ONE_HOT.copy()))
        network = Network(shape)
        load_weights(network, weights)
        self.matrix = network.matrix

    def forward(self, codes: Tensor) -> Tensor:
        """Compute the log-odds (B, L, C) of codes (B, L)."""
        places = _places(codes.t(), self.architecture.kmer)  # (L, B)
        features = self.head.new_empty(0)
        answers = self.head.new_empty((2, *places.shape, self._rows))
        for layer in self._layers:
            sums = layer.sums_of(features)
            last = layer is self._layers[-1]
            above = features.new_empty(0 if last else (*places.shape, 2 * self._hidden))
            self._launch(places, layer, sums, above, answers, self._rows if last else 0)
            features = above
        rows = answers[0] + answers[1]  # (L, B, R)
        log_odds = (rows[..., self._first] + rows[..., self._second]) / 2 + self._bias
        log_odds = log_odds.transpose(0, 1)  # (B, L, C)
        if not self.matrix:
            return log_odds
        read = codes.long()
        return log_odds + matrix_terms(read, self._one_hot[read], self.matrix, self.architecture)

    def _launch(
        self, places: Tensor, layer: _Layer, sums: Tensor, above: Tensor, answers: Tensor, rows: int
    ) -> None:
        length, windows = places.shape
        try:
            run[triton.cdiv(windows, _BLOCK_WINDOWS), 2](
                places,
                4**self.architecture.kmer + FURTHER,
                sums,
                layer.states,
                layer.state_bias,
                self.head,
                above,
                answers,
                windows,
                length,
                first_layer=layer.first,
                gates=self.architecture.cell.gates,
                hidden=self._hidden,
                columns=self.head.shape[2],
                rows=rows,
                block=_BLOCK_WINDOWS,
                precision=self._products,
                num_warps=4 if self._hidden < 128 else 8,
                num_stages=1,
            )
        except triton.TritonError as error:
            raise DeviceError(
                f"--engine triton: the kernel does not run on {places.device} "
                f"({str(error).splitlines()[0]}); choose --engine torch"
            ) from error

    def bytes_a_base(self) -> int:
        """Return an estimate of the memory per base of a window, in bytes."""
        numbers = 3 * self._rows + 16 * bool(self.matrix)
        if len(self._layers) > 1:
            numbers += 2 * (self.architecture.cell.gates + 2) * self._hidden
        return 32 + 4 * numbers


class _Layer(nn.Module):
    """Weights of a layer: those of the forward direction, then of the reverse direction."""

    def __init__(self, member: Member, layer: int, hidden: int) -> None:
        super().__init__()
        shape, weights = member
        cell, first = shape.cell, layer == 0
        self.first = first
        numbers = (layer, layer) if shape.tied else (2 * layer, 2 * layer + 1)
        both = [Gates.of(weights, n, cell.gates, hidden, first=first) for n in numbers]
        self.states = _fixed(np.stack([gates.states.transpose(0, 2, 1) for gates in both]))
        self.state_bias = _fixed(np.stack([gates.state_bias[-1] for gates in both]))
        biases = [_bias(gates, cell) for gates in both]
        if first:
            both[1] = both[1].of_reverse_complement(shape.tied)
            tables = [_table(*pair, shape.kmer) for pair in zip(both, biases, strict=True)]
            self.sums = _fixed(np.stack(tables))
            return
        inputs = [gates.inputs.reshape(-1, 2 * hidden).T for gates in both]  # (2 H, G H)
        if shape.tied:  # for [own, other], which is [reverse, forward] here
            inputs[1] = np.roll(inputs[1], hidden, axis=0)
        self.inputs = _fixed(np.stack(inputs))
        self.biases = _fixed(np.stack([bias.reshape(1, -1) for bias in biases]))

    def sums_of(self, features: Tensor) -> Tensor:
        """Return the sums before the product of the state, from features (L, B, 2 H) below."""
        if self.first:
            return self.sums
        return (features.flatten(0, 1) @ self.inputs).add_(self.biases)  # (2, L B, G H)


def _places(codes: Tensor, kmer: int) -> Tensor:
    """Return the row of each base in a table of k-mers, for codes (L, B): (L, B) int32.

    Rows are those of `kernels.kmers`. Padding has one more, which is not in the table.
    """
    length, half = len(codes), kmer // 2
    bases = functional.pad(codes.int(), (0, 0, half, half), value=PADDING)
    number, known = torch.zeros_like(bases[:length]), torch.ones_like(codes, dtype=torch.bool)
    for first in range(kmer):
        near = bases[first : first + length]
        number, known = number * 4 + near, known & (near < AMBIGUOUS)
    return torch.where(known, number, 4**kmer + bases[half : half + length]).contiguous()


def _bias(gates: Gates, cell: Cell) -> NDArray[np.float32]:
    """Return the biases in the sums, (G, H): all but that which the reset gate multiplies."""
    bias = gates.input_bias + gates.state_bias
    if cell is Cell.GRU:
        bias[2] = gates.input_bias[2]
    return bias


def _table(gates: Gates, bias: NDArray[np.float32], kmer: int) -> NDArray[np.float32]:
    """Return the sums of a first layer by k-mer, (4**k + FURTHER, G H); see `kernels.kmers`."""
    of_base = np.repeat(bias[None], FURTHER, axis=0)  # (FURTHER, G, H)
    of_base[:4] += gates.inputs.transpose(2, 0, 1)
    middle = np.arange(4**kmer) // 4 ** (kmer // 2) % 4
    of_kmer = of_base[middle]
    if gates.kmers is not None:
        rows = gates.kmers.table[gates.kmers.rows]
        of_kmer[..., : gates.units] += rows.reshape(*of_kmer.shape[:2], gates.units)
    return np.concatenate([of_kmer, of_base]).reshape(-1, bias.size)


def _fixed(array: NDArray[np.float32]) -> nn.Parameter:
    """Return weights that are not trained."""
    return nn.Parameter(torch.from_numpy(np.ascontiguousarray(array)), requires_grad=False)


def _power_of_two(size: int) -> int:
    """Return the next power of two, of at least `_LEAST`.

    Examples
    --------
    >>> [_power_of_two(size) for size in (2, 16, 17, 48, 64)]
    [16, 16, 32, 64, 64]
    """
    return max(_LEAST, 1 << (size - 1).bit_length())
