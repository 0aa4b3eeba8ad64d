"""The network in torch: a bidirectional RNN that can give both strands the same scores.

Two lanes. The forward lane reads the sequence, the reverse lane its reverse complement. Flipped
back, row t of both belongs to base t of the sequence::

    sequence            A  A  C  G          f = states of the forward lane
    reverse complement  C  G  T  T          r = states of the reverse lane, flipped

Strand tying. A tied network runs the same weights over both lanes. The features of a base are
[f, r] for the + strand and [r, f] for the - strand. Now let the sequence be replaced by its reverse
complement. The lanes trade places, so base t becomes base n - 1 - t, f becomes r, and r becomes f::

                    sequence, base t        reverse complement, base n - 1 - t
    + features         [f, r]                          [r, f]
    - features         [r, f]                          [f, r]

One head reads both kinds of features. The log-odds of the + strand and of the - strand are
therefore exchanged, and the scores are the exact mirror, whatever the weights are. A deeper layer
keeps this property: its forward lane reads [f, r], and its reverse lane reads [r, f] flipped.

K-mers. A first layer may add, beside the product of a base, the row of a table for the k-mer around
the base (see `kmers`). Both lanes read the k-mers of their own sequence, so that a tied network is
still its own mirror image.

Padding. It is only on the right, in both lanes. A lane reads all its bases before any padding, so
padding cannot change the state of a base. States at padding are set to 0. A short sequence scores
the same alone and in any batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnabirnn.alphabet import AMBIGUOUS, COMPLEMENT, ONE_HOT, PADDING
from dnabirnn.network.architecture import Cell
from dnabirnn.network.layer_norm_gru import NormalizedGRU
from dnabirnn.network.matrix_scores import MatrixScore, matrix_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.network.architecture import Architecture, Ensemble

__all__ = [
    "Dropout",
    "Network",
    "RecurrentStates",
    "head_rows",
    "kmer_shares",
    "load_weights",
    "to_probabilities",
    "weights_of",
]

_CELLS = {Cell.RNN: nn.RNN, Cell.GRU: nn.GRU, Cell.LSTM: nn.LSTM}
# The functions behind the modules, with the weights as arguments.
_FUNCTIONS: Mapping[str, Any] = {
    Cell.RNN: torch.rnn_tanh,
    Cell.GRU: torch.gru,
    Cell.LSTM: torch.lstm,
}


def _direction(
    architecture: Architecture, layer: int, reverse: int, units: int | None
) -> nn.Module:
    """Create one direction of a layer."""
    hidden = architecture.hidden
    inputs = 2 * hidden if layer else 4
    direction: nn.Module
    if architecture.cell.normalized:
        direction = NormalizedGRU(inputs, hidden, units or hidden, begins=not reverse)
    else:
        direction = _CELLS[architecture.cell](inputs, hidden, batch_first=True)
    if architecture.kmer > 1 and not layer:
        # Zeros: training starts as without k-mers.
        table = torch.zeros(4**architecture.kmer, architecture.cell.gates * hidden)
        direction.register_parameter("weight_kmer_l0", nn.Parameter(table))
    return direction


class RecurrentStates(NamedTuple):
    """Output of the recurrent layers.

    Attributes
    ----------
    forward, reverse : Tensor, (B, L, H) float32
        States of the two directions of the last layer, both in the coordinates of the sequence;
        0 at padding.
    last_hidden : Tensor, (layers * 2, B, H) float32
        States of each layer after the last base of a lane, forward before reverse. This is the
        order of torch.nn.GRU(bidirectional=True).
    """

    forward: Tensor
    reverse: Tensor
    last_hidden: Tensor


class Dropout:
    """Dropout with a separate random generator.

    Threads train on slices of a batch. With torch's global generator, the numbers that a slice gets
    would depend on the order in which the threads run.

    Parameters
    ----------
    rate : float
        Share of features set to 0.
    seed : int
        Seed of the generator.
    """

    def __init__(self, rate: float, seed: int) -> None:
        self.rate = rate
        self.seed = seed
        self._generator: torch.Generator | None = None

    def __call__(self, features: Tensor) -> Tensor:
        """Set a share `rate` of the features to 0, and scale up the others."""
        if self.rate == 0:
            return features
        if self._generator is None:
            self._generator = torch.Generator(features.device).manual_seed(self.seed)
        draw = torch.rand(features.shape, generator=self._generator, device=features.device)
        return features * (draw >= self.rate) / (1 - self.rate)


class Network(nn.Module):
    """Bidirectional recurrent network that computes log-odds from codes.

    A tied network runs one set of weights over both lanes. The reverse complement of a sequence
    scores as the exact mirror; the module docstring explains why. An untied network has separate
    weights for the reverse lane, and one row of the head per output. It computes the same as
    torch.nn.GRU(bidirectional=True) with a linear layer.

    Parameters
    ----------
    architecture : Architecture
    units : int, optional
        Number of hidden units without added ones. Added units have weights of 0, and fill up
        `architecture.hidden`.
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
        self.matrix = nn.ModuleDict(
            {str(n): MatrixScore(shape) for n, shape in enumerate(architecture.matrices) if shape}
        )
        self.register_buffer("_complement", torch.from_numpy(COMPLEMENT).long(), persistent=False)
        self.register_buffer("_one_hot", torch.from_numpy(ONE_HOT.copy()), persistent=False)

    def forward(
        self,
        codes: Tensor,
        dropout: Dropout | None = None,
        flanked: Tensor | None = None,
        mixtures: Tensor | None = None,
    ) -> Tensor:
        """Compute the log-odds of a batch.

        Parameters
        ----------
        codes : Tensor, (B, L) uint8
            Padding (code 5) only on the right.
        dropout : Dropout, optional
            Applied before the head and between layers; for training.
        flanked : Tensor, (B, F + L + F) uint8, optional
            The same windows with flanks, which the matrices read. By default, they read `codes`.
        mixtures : Tensor, (B, L, 4) float32, optional
            Shares of the four bases at each place, in place of the bases of `codes`, which still
            say where padding is. Every term that is linear in the one-hot bases takes its mean.
            The table of k-mers takes the mean of its rows, with the shares of neighbors multiplied.

        Returns
        -------
        logits : Tensor, (B, L, O) float32
            One column per output. (B, L, 1 + O) for an exclusive network, background first.
        """
        logits = self._recurrent_logits(codes, dropout, mixtures)
        if not self.matrix:
            return logits
        read = (codes if flanked is None else flanked).long()
        if mixtures is not None:
            return logits + matrix_terms(read, mixtures, self.matrix, self.architecture)
        flank = (read.shape[1] - codes.shape[1]) // 2
        terms = matrix_terms(read, self._one_hot[read], self.matrix, self.architecture)
        return logits + terms[:, flank : flank + codes.shape[1]]

    def _recurrent_logits(
        self, codes: Tensor, dropout: Dropout | None, mixtures: Tensor | None
    ) -> Tensor:
        """Compute the log-odds of a batch without matrices."""
        features = self.features(codes, dropout, mixtures)
        plus = torch.cat([features.forward, features.reverse], dim=2)  # (B, L, 2H)
        if dropout is not None:
            plus = dropout(plus)
        if not self.architecture.tied:
            return self.head(plus)  # type: ignore[no-any-return]
        minus = plus.roll(self.architecture.hidden, dims=2)  # [reverse, forward]
        return self._by_output(self.head(plus), self.head(minus))

    def _by_output(self, plus: Tensor, minus: Tensor) -> Tensor:
        """Select the columns of the outputs from a tied head's rows for each strand: (B, L, O)."""
        mean = (plus + minus) / 2
        first = int(self.architecture.exclusive)
        columns = [mean[..., 0]] if first else []
        for row, motif_class in enumerate(self.architecture.classes, first):
            strands = (plus, minus) if motif_class.stranded else (mean,)
            columns += [strand[..., row] for strand in strands]
        return torch.stack(columns, dim=2)

    def features(
        self, codes: Tensor, dropout: Dropout | None = None, mixtures: Tensor | None = None
    ) -> RecurrentStates:
        """Compute the states of both directions.

        Parameters
        ----------
        codes : Tensor, (B, L) uint8
            Padding (code 5) only on the right.
        dropout : Dropout, optional
            Applied between layers.
        mixtures : Tensor, (B, L, 4) float32, optional
            As for `forward`.
        """
        length = codes.shape[1]
        codes = codes.long()
        real = codes != PADDING  # (B, L)
        lengths = real.sum(dim=1, keepdim=True)  # (B, 1)
        # Base t of a sequence of n bases is base n - 1 - t of its reverse complement.
        flip = (lengths - 1 - torch.arange(length, device=codes.device)).clamp(min=0)  # (B, L)
        opposite = self._complement[codes.gather(1, flip)].masked_fill(~real, PADDING)
        bases = torch.cat([codes, opposite])  # (2B, L)
        if mixtures is None:
            lanes = self._one_hot[bases]  # (2B, L, 4)
            kmers = _kmer_rows(bases, self.architecture.kmer)
        else:
            turned = _take(mixtures.flip(2), flip.unsqueeze(2)) * real.unsqueeze(2)
            lanes = torch.cat([mixtures, turned])
            kmers = kmer_shares(lanes, self.architecture.kmer)
        real = real.unsqueeze(2).to(lanes.dtype)  # (B, L, 1)
        at_last = (lengths - 1).clamp(min=0).unsqueeze(2)
        last_hidden: list[Tensor] = []
        for layer in range(self.architecture.layers):
            rows = kmers if layer == 0 and self.architecture.kmer > 1 else None
            forward, backward = self._run(layer, lanes, rows, at_last)  # each (B, L, H)
            forward, backward = forward * real, backward * real
            last_hidden += [_take(forward, at_last), _take(backward, at_last)]
            reverse = _take(backward, flip.unsqueeze(2)) * real
            if layer + 1 < self.architecture.layers:
                lanes = self._next_lanes(forward, reverse, flip.unsqueeze(2))
                lanes = lanes if dropout is None else dropout(lanes)
        return RecurrentStates(forward, reverse, torch.cat(last_hidden, dim=1).transpose(0, 1))

    def _run(
        self, layer: int, lanes: Tensor, rows: Tensor | None, at_last: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run both directions of a layer: states (B, L, H) each, in the lane's own coordinates."""
        if self.architecture.tied:
            forward, backward = self._states(layer, lanes, rows).chunk(2)
            return forward, backward
        first, second = lanes.chunk(2)
        of_first, of_second = (None, None) if rows is None else rows.chunk(2)
        forward = self._states(2 * layer, first, of_first)
        start = _take(forward, at_last)[:, 0]  # for a cell without its own
        return forward, self._states(2 * layer + 1, second, of_second, start)

    def _states(
        self, number: int, lanes: Tensor, rows: Tensor | None, start: Tensor | None = None
    ) -> Tensor:
        """Run one set of recurrent weights over lanes (B, L, I): states (B, L, H).

        `rows` (B, L) are rows of the table of k-mers, or (B, L, 4**k) their shares; `start` is for
        normalised cells only.
        """
        cell = self.recurrent[number]
        of_kmers = None
        if rows is not None and rows.is_floating_point():
            of_kmers = rows @ cell.get_parameter("weight_kmer_l0")
        elif rows is not None:
            # One more row, of zeros, for bases without a k-mer.
            table = functional.pad(cell.get_parameter("weight_kmer_l0"), (0, 0, 0, 1))
            of_kmers = functional.embedding(rows, table)  # (B, L, G H)
        if isinstance(cell, NormalizedGRU):
            states: Tensor = cell(lanes, start, of_kmers)[0]
        elif of_kmers is None:
            states = cell(lanes)[0]
        else:
            sums = functional.linear(lanes, cell.get_parameter("weight_ih_l0")) + of_kmers
            states = self._states_of_sums(cell, sums)
        return states

    def _states_of_sums(self, cell: nn.Module, sums: Tensor) -> Tensor:
        """Run a cell of torch over products of its input (B, L, G H), without biases.

        torch has no function for this. The products are given to it as the input, with the unit
        matrix as the weights.
        """
        kind = self.architecture.cell
        states_weight = cell.get_parameter("weight_hh_l0")
        biases = cell.get_parameter("bias_ih_l0"), cell.get_parameter("bias_hh_l0")
        unit = torch.eye(sums.shape[2], dtype=states_weight.dtype, device=sums.device)
        # In one piece of memory, as cuDNN wants them.
        parts = [unit, states_weight, *biases]
        flat, weights, first = torch.cat([part.reshape(-1) for part in parts]), [], 0
        for part in parts:
            weights.append(flat[first : first + part.numel()].view(part.shape))
            first += part.numel()
        zeros = sums.new_zeros(1, len(sums), self.architecture.hidden)
        start = (zeros, zeros) if kind is Cell.LSTM else zeros
        settings = (True, 1, 0.0, self.training, False, True)
        states: Tensor = _FUNCTIONS[kind](sums, start, weights, *settings)[0]
        return states

    def _next_lanes(self, forward: Tensor, reverse: Tensor, flip: Tensor) -> Tensor:
        """Return the input of the next layer: (2B, L, 2H), each lane in its own coordinates."""
        plus = torch.cat([forward, reverse], dim=2)
        minus = torch.cat([reverse, forward], dim=2) if self.architecture.tied else plus
        return torch.cat([plus, _take(minus, flip)])


def _kmer_rows(bases: Tensor, kmer: int) -> Tensor:
    """Return the number of the k-mer around each base (B, L); 4**kmer if it has none."""
    length = bases.shape[1]
    padded = functional.pad(bases, (kmer // 2, kmer // 2), value=PADDING)
    rows, known = torch.zeros_like(bases), torch.ones_like(bases, dtype=torch.bool)
    for first in range(kmer):
        base = padded[:, first : first + length]
        rows, known = rows * 4 + base, known & (base < AMBIGUOUS)
    return rows.masked_fill(~known, 4**kmer)


def kmer_shares(mixtures: Tensor, kmer: int) -> Tensor:
    """Return the share of every k-mer around each base: (B, L, 4**kmer).

    It is the product of the shares of its bases. It is 0 beyond the ends of a window, and where a
    base is unknown, as its four shares are 0.
    """
    length, flank = mixtures.shape[1], kmer // 2
    padded = functional.pad(mixtures, (0, 0, flank, flank))
    shares = padded[:, :length]
    for first in range(1, kmer):
        base = padded[:, first : first + length]
        shares = (shares.unsqueeze(3) * base.unsqueeze(2)).flatten(2)
    return shares


def _take(states: Tensor, positions: Tensor) -> Tensor:
    """Pick states (B, L, C) at positions (B, P, 1): (B, P, C)."""
    return states.gather(1, positions.expand(-1, -1, states.shape[2]))


def head_rows(architecture: Architecture) -> list[Output | None]:
    """Return the output of each row of the head; None is the background, which comes first.

    An untied network has one row per output. A tied network has one row per class, which serves
    both strands; the list has the first output of the class for it.
    """
    rows: list[Output | None] = [None] if architecture.exclusive else []
    if not architecture.tied:
        return [*rows, *architecture.outputs]
    first = [architecture.columns(motif_class.name)[0] for motif_class in architecture.classes]
    return [*rows, *(architecture.outputs[column] for column in first)]


def to_probabilities(logits: Tensor, architecture: Architecture | Ensemble) -> Tensor:
    """Convert log-odds of the network, already corrected for the prior, to probabilities.

    Parameters
    ----------
    logits : Tensor, (..., O) float32; (..., 1 + O) with the background first if exclusive
    architecture : Architecture or Ensemble

    Returns
    -------
    probabilities : Tensor, (..., O) float32
    """
    if not architecture.exclusive:
        return torch.sigmoid(logits)
    odds = torch.exp(logits - logits.amax(dim=-1, keepdim=True))
    total = odds[..., 0]
    for name, _ in architecture.classes:
        # Add the two strands of a class first: a + b equals b + a in floating point, so the total
        # is the same to the last bit for the opposite strand.
        columns = architecture.columns(name)
        total = total + sum(odds[..., 1 + column] for column in columns)
    return odds[..., 1:] / total.unsqueeze(-1)


def weights_of(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Return copies of the weights of a `Network` or `EnsembleNetwork`, for the model file."""
    return {
        name: tensor.detach().float().cpu().numpy().copy()
        for name, tensor in network.state_dict().items()
    }


def load_weights(network: nn.Module, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Load weights, by the names in `weights_of`, into a module of the same shape."""
    network.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
