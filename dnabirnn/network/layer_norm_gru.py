"""dna-brnn's recurrent cell in torch: a GRU whose products are normalised.

Li (2019), Identifying centromeric satellites with dna-brnn, Bioinformatics 35:4408; its library
KANN calls the cell `kann_layer_gru2` with `KANN_RNN_NORM`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["NormalizedGRU"]


class NormalizedGRU(nn.Module):
    """One direction of a layer of normalised gated recurrent units.

    With s for the logistic function and N for layer normalisation::

        r = s(N(W_r x) + N(U_r h))
        z = s(N(W_z x) + N(U_z h))
        n = tanh(N(W_n x) + N(U_n (r h)))
        h' = (1 - z) n + z h

        N(p) = gain * (p - mean(p)) / deviation(p) + bias

    The mean and the standard deviation are over the units. If all units have the same value, the
    deviation is 0 and the normalised product is 0. Each product has separate gains and biases, one
    per unit.

    Terms of k-mers, if given, are added to the sums of r, z and n. They are not normalised.

    The reset gate acts before the product with the state; in torch.nn.GRU it acts after it. The
    initial state is a weight of the cell, or the last state of another direction.

    Parameters
    ----------
    inputs, hidden : int
        Features per base, and hidden units.
    units : int
        Number of units in means and deviations: the first ones. The others are added units, whose
        weights are 0.
    begins : bool
        Whether the cell has an initial state as a weight. If not, `forward` needs `start`.
    """

    weight_ih_l0: nn.Parameter
    weight_hh_l0: nn.Parameter
    gain_ih_l0: nn.Parameter
    gain_hh_l0: nn.Parameter
    bias_ih_l0: nn.Parameter
    bias_hh_l0: nn.Parameter
    state_l0: nn.Parameter | None

    def __init__(self, inputs: int, hidden: int, units: int, begins: bool = True) -> None:
        super().__init__()
        self.hidden, self.units = hidden, units
        bound = hidden**-0.5
        for side, columns in (("ih", inputs), ("hh", hidden)):
            weight = torch.empty(3 * hidden, columns).uniform_(-bound, bound)
            setattr(self, f"weight_{side}_l0", nn.Parameter(weight))
            setattr(self, f"gain_{side}_l0", nn.Parameter(torch.ones(3 * hidden)))
            setattr(self, f"bias_{side}_l0", nn.Parameter(torch.zeros(3 * hidden)))
        state = nn.Parameter(torch.empty(hidden).normal_(0, bound)) if begins else None
        self.register_parameter("state_l0", state)

    def forward(
        self, lanes: Tensor, start: Tensor | None = None, of_kmers: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the states of all steps, and the last state.

        Parameters
        ----------
        lanes : Tensor, (B, L, inputs) float32
        start : Tensor, (B, H) float32, optional
            Initial state, used instead of the cell's weight.
        of_kmers : Tensor, (B, L, 3H) float32, optional
            Terms of k-mers.

        Returns
        -------
        states : Tensor, (B, L, H) float32
        last : Tensor, (B, H) float32
        """
        hidden = self.hidden
        weight, gain, bias = self.weight_hh_l0, self.gain_hh_l0, self.bias_hh_l0
        of_gates, of_new = weight[: 2 * hidden], weight[2 * hidden :]
        gate_gain, new_gain = gain[: 2 * hidden], gain[2 * hidden :]
        gate_bias, new_bias = bias[: 2 * hidden], bias[2 * hidden :]
        products = nn.functional.linear(lanes, self.weight_ih_l0)  # (B, L, 3H)
        of_inputs = self._normal(products, self.gain_ih_l0, self.bias_ih_l0)
        if of_kmers is not None:
            of_inputs = of_inputs + of_kmers
        own = self.state_l0
        state = start if own is None or start is not None else own.expand(len(lanes), hidden)
        assert state is not None
        states = []
        for of_input in of_inputs.unbind(1):  # (B, 3H)
            for_gates, for_new = of_input[:, : 2 * hidden], of_input[:, 2 * hidden :]
            products = nn.functional.linear(state, of_gates)
            gates = torch.sigmoid(for_gates + self._normal(products, gate_gain, gate_bias))
            r, z = gates.chunk(2, dim=1)
            products = nn.functional.linear(r * state, of_new)
            new = torch.tanh(for_new + self._normal(products, new_gain, new_bias))
            state = new + z * (state - new)
            states.append(state)
        return torch.stack(states, dim=1), state

    def _normal(self, products: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """Normalise products (..., gates * H) over the units of each gate."""
        rows = products.reshape(*products.shape[:-1], -1, self.hidden).to(gain.dtype)
        centred = rows - rows.sum(-1, keepdim=True) / self.units
        if self.units < self.hidden:
            centred = centred * (torch.arange(self.hidden, device=gain.device) < self.units)
        squares = centred.square().sum(-1, keepdim=True)
        # If all units are equal, divide by 1. The test comes before the root, since the gradient of
        # a root is infinite at 0, and would make all gradients NaN.
        variance = torch.where(squares > 0, squares / self.units, 1.0)
        normal: Tensor = (centred * variance.rsqrt()).flatten(-2)
        return normal * gain + bias
