"""The network: a bidirectional RNN that can answer the same on both strands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from dnabirnn.alphabet import COMPLEMENT, ONE_HOT, PADDING
from dnabirnn.network.architecture import Cell
from dnabirnn.network.layer_norm_gru import NormalizedGRU

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.network.architecture import Architecture

__all__ = [
    "Dropout",
    "Network",
    "RecurrentStates",
    "head_rows",
    "load_weights",
    "to_probabilities",
    "weights_of",
]

_CELLS = {Cell.RNN: nn.RNN, Cell.GRU: nn.GRU, Cell.LSTM: nn.LSTM}


def _direction(
    architecture: Architecture, layer: int, reverse: int, units: int | None
) -> nn.Module:
    """One direction of a layer."""
    hidden = architecture.hidden
    inputs = 2 * hidden if layer else 4
    if architecture.cell.normalized:
        return NormalizedGRU(inputs, hidden, units or hidden, begins=not reverse)
    direction: nn.Module = _CELLS[architecture.cell](inputs, hidden, batch_first=True)
    return direction


class RecurrentStates(NamedTuple):
    """What the recurrent layers give.

    Attributes
    ----------
    forward, reverse : Tensor, (B, L, H) float32
        States of the last layer of the two directions, both in the coordinates of the
        sequence as given; 0 at padding.
    last_hidden : Tensor, (layers * 2, B, H) float32
        Each layer's states after a lane's last true base, forward before reverse, as
        torch.nn.GRU(bidirectional=True) orders them.
    """

    forward: Tensor
    reverse: Tensor
    last_hidden: Tensor


class Dropout:
    """Zeroes features while training, by a seed of its own.

    The global generator of torch would make what a slice of a batch gets depend on the order
    in which threads run.

    Parameters
    ----------
    rate : float
    seed : int
    """

    def __init__(self, rate: float, seed: int) -> None:
        self.rate = rate
        self.seed = seed
        self._generator: torch.Generator | None = None

    def __call__(self, features: Tensor) -> Tensor:
        """Features with the share `rate` zeroed, the others scaled up."""
        if self.rate == 0:
            return features
        if self._generator is None:
            self._generator = torch.Generator(features.device).manual_seed(self.seed)
        draw = torch.rand(features.shape, generator=self._generator, device=features.device)
        return features * (draw >= self.rate) / (1 - self.rate)


class Network(nn.Module):
    """Codes to log-odds.

    The forward lane reads the sequence, the reverse lane its reverse complement. Padding
    stands on the right of both, so that no state is touched by padding before the lane's
    last base, and a short sequence scores the same alone and in any batch.

    A strand-tied network runs one set of weights over both lanes. The features of the +
    strand are [forward, reverse], those of the - strand [reverse, forward], at every layer;
    the reverse complement of a sequence therefore scores as the exact mirror. An untied
    network has weights of its own for the reverse lane and a row of the head for each
    output: what torch.nn.GRU(bidirectional=True) with a linear layer computes.

    Parameters
    ----------
    architecture : Architecture
    units : int, optional
        Hidden units that count, where others with weights of 0 fill them up.
    """

    _one_hot: Tensor
    _complement: Tensor

    def __init__(self, architecture: Architecture, units: int | None = None) -> None:
        super().__init__()
        self.architecture = architecture
        hidden = architecture.hidden
        self.recurrent = nn.ModuleList(
            _direction(architecture, layer, reverse, units)
            for layer in range(architecture.layers)
            for reverse in range(1 if architecture.tied else 2)
        )
        self.head = nn.Linear(2 * hidden, len(head_rows(architecture)))
        self.register_buffer("_complement", torch.from_numpy(COMPLEMENT).long(), persistent=False)
        self.register_buffer("_one_hot", torch.from_numpy(ONE_HOT.copy()), persistent=False)

    def forward(self, codes: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Log-odds of a batch.

        Parameters
        ----------
        codes : Tensor, (B, L) uint8
            Padding (code 5) only on the right.
        dropout : Dropout, optional
            Applied before the head and between layers; for training.

        Returns
        -------
        logits : Tensor, (B, L, O) float32
            One column an output; (B, L, 1 + O) for an exclusive network, the background first.
        """
        features = self.features(codes, dropout)
        plus = torch.cat([features.forward, features.reverse], dim=2)  # (B, L, 2H)
        if dropout is not None:
            plus = dropout(plus)
        if not self.architecture.tied:
            return self.head(plus)  # type: ignore[no-any-return]
        minus = plus.roll(self.architecture.hidden, dims=2)  # [reverse, forward]
        return self._by_output(self.head(plus), self.head(minus))

    def _by_output(self, plus: Tensor, minus: Tensor) -> Tensor:
        """Columns of the outputs from the tied head's rows for each strand: (B, L, O)."""
        mean = (plus + minus) / 2
        first = int(self.architecture.exclusive)
        columns = [mean[..., 0]] if first else []
        for row, motif_class in enumerate(self.architecture.classes, first):
            strands = (plus, minus) if motif_class.stranded else (mean,)
            columns += [strand[..., row] for strand in strands]
        return torch.stack(columns, dim=2)

    def features(self, codes: Tensor, dropout: Dropout | None = None) -> RecurrentStates:
        """States of both directions.

        Parameters
        ----------
        codes : Tensor, (B, L) uint8
            Padding (code 5) only on the right.
        dropout : Dropout, optional
            Applied between layers.
        """
        length = codes.shape[1]
        codes = codes.long()
        real = codes != PADDING  # (B, L)
        lengths = real.sum(dim=1, keepdim=True)  # (B, 1)
        # Base t of a sequence of n bases is base n - 1 - t of its reverse complement.
        flip = (lengths - 1 - torch.arange(length, device=codes.device)).clamp(min=0)  # (B, L)
        opposite = self._complement[codes.gather(1, flip)].masked_fill(~real, PADDING)
        lanes = self._one_hot[torch.cat([codes, opposite])]  # (2B, L, 4)
        real = real.unsqueeze(2).to(lanes.dtype)  # (B, L, 1)
        at_last = (lengths - 1).clamp(min=0).unsqueeze(2)
        last_hidden: list[Tensor] = []
        for layer in range(self.architecture.layers):
            forward, backward = self._run(layer, lanes, at_last)  # each (B, L, H)
            forward, backward = forward * real, backward * real
            last_hidden += [_take(forward, at_last), _take(backward, at_last)]
            reverse = _take(backward, flip.unsqueeze(2)) * real
            if layer + 1 < self.architecture.layers:
                lanes = self._next_lanes(forward, reverse, flip.unsqueeze(2))
                lanes = lanes if dropout is None else dropout(lanes)
        return RecurrentStates(forward, reverse, torch.cat(last_hidden, dim=1).transpose(0, 1))

    def _run(self, layer: int, lanes: Tensor, at_last: Tensor) -> tuple[Tensor, Tensor]:
        """States of one layer's directions: each (B, L, H), in the lane's own coordinates."""
        if self.architecture.tied:
            forward, backward = self.recurrent[layer](lanes)[0].chunk(2)
            return forward, backward
        first, second = lanes.chunk(2)
        forward = self.recurrent[2 * layer](first)[0]
        cell = self.recurrent[2 * layer + 1]
        if isinstance(cell, NormalizedGRU):  # goes on from where the forward direction ended
            return forward, cell(second, _take(forward, at_last)[:, 0])[0]
        return forward, cell(second)[0]

    def _next_lanes(self, forward: Tensor, reverse: Tensor, flip: Tensor) -> Tensor:
        """Input of the next layer: (2B, L, 2H), each lane in its own coordinates."""
        plus = torch.cat([forward, reverse], dim=2)
        minus = torch.cat([reverse, forward], dim=2) if self.architecture.tied else plus
        return torch.cat([plus, _take(minus, flip)])


def _take(states: Tensor, places: Tensor) -> Tensor:
    """States (B, L, C) at places (B, P, 1): (B, P, C)."""
    return states.gather(1, places.expand(-1, -1, states.shape[2]))


def head_rows(architecture: Architecture) -> list[Output | None]:
    """What each row of the head is for; None is the background.

    The head of a tied network serves both strands: its row for a class stands under the
    class's first output. An untied network has a row for each output. The background is first.
    """
    rows: list[Output | None] = [None] if architecture.exclusive else []
    if not architecture.tied:
        return [*rows, *architecture.outputs]
    first = [architecture.columns(motif_class.name)[0] for motif_class in architecture.classes]
    return [*rows, *(architecture.outputs[column] for column in first)]


def to_probabilities(logits: Tensor, architecture: Architecture) -> Tensor:
    """Probabilities of the outputs from the network's log-odds, prior already corrected.

    Parameters
    ----------
    logits : Tensor, (..., O) float32; (..., 1 + O) with the background first if exclusive
    architecture : Architecture

    Returns
    -------
    probabilities : Tensor, (..., O) float32
    """
    if not architecture.exclusive:
        return torch.sigmoid(logits)
    odds = torch.exp(logits - logits.amax(dim=-1, keepdim=True))
    total = odds[..., 0]
    for name, _ in architecture.classes:
        # Both strands first: the sum is then the same to the bit for the opposite strand.
        columns = architecture.columns(name)
        total = total + sum(odds[..., 1 + column] for column in columns)
    return odds[..., 1:] / total.unsqueeze(-1)


def weights_of(network: Network) -> dict[str, NDArray[np.float32]]:
    """Copies of the network's weights by name, for the model file."""
    return {
        name: tensor.detach().float().cpu().numpy().copy()
        for name, tensor in network.state_dict().items()
    }


def load_weights(network: Network, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Put weights, by the names that `weights_of` gives, into a network of the same shape."""
    network.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
