"""dna-brnn's cell in torch: its formula, and gradients where a formula has none."""

from __future__ import annotations

import pytest
import torch

from dnabirnn.network.layer_norm_gru import NormalizedGRU


def cell_of(inputs: int, hidden: int, units: int | None = None) -> NormalizedGRU:
    torch.manual_seed(hidden)
    cell = NormalizedGRU(inputs, hidden, units or hidden).double()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter)
    return cell


def naive(cell: NormalizedGRU, lane: torch.Tensor) -> torch.Tensor:
    """States (L, H), gate by gate."""
    gates = {
        name: parameter.chunk(3)
        for name, parameter in cell.named_parameters()
        if "state" not in name
    }

    def normal(side: str, gate: int, vector: torch.Tensor) -> torch.Tensor:
        product = gates[f"weight_{side}_l0"][gate] @ vector
        if (product - product.mean()).any():
            product = (product - product.mean()) / product.std(unbiased=False)
        return product * gates[f"gain_{side}_l0"][gate] + gates[f"bias_{side}_l0"][gate]

    assert cell.state_l0 is not None
    h, states = cell.state_l0, []
    for x in lane:
        r, z = (torch.sigmoid(normal("ih", g, x) + normal("hh", g, h)) for g in (0, 1))
        n = torch.tanh(normal("ih", 2, x) + normal("hh", 2, r * h))
        h = (1 - z) * n + z * h
        states.append(h)
    return torch.stack(states)


def test_is_the_formula() -> None:
    cell = cell_of(4, 6)
    lanes = torch.randn(3, 9, 4, dtype=torch.double)
    lanes[1, 4] = 0  # as N is
    states, last = cell(lanes)
    for lane, found in zip(lanes, states, strict=True):
        torch.testing.assert_close(found, naive(cell, lane))
    torch.testing.assert_close(last, states[:, -1])


def test_gradients_are_those_of_differences() -> None:
    cell = cell_of(4, 3)
    lanes = torch.randn(2, 4, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: cell(x)[0], lanes)


def test_products_of_zeros_have_finite_gradients() -> None:
    cell = cell_of(4, 5)
    assert cell.state_l0 is not None
    torch.nn.init.zeros_(cell.state_l0)
    cell(torch.zeros(2, 6, 4, dtype=torch.double))[0].sum().backward()
    for name, parameter in cell.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("units", [1, 3, 5])
def test_units_that_fill_up_change_nothing(units: int) -> None:
    small, large = cell_of(4, units), cell_of(4, 8, units)
    with torch.no_grad():
        for name, parameter in large.named_parameters():
            parameter.zero_()
            given = dict(small.named_parameters())[name]
            for gate in range(given.shape[0] // units):
                part = given[gate * units : (gate + 1) * units]
                columns = (slice(part.shape[1]),) if part.dim() == 2 else ()
                parameter[(slice(8 * gate, 8 * gate + units), *columns)] = part
    lanes = torch.randn(2, 7, 4, dtype=torch.double)
    torch.testing.assert_close(large(lanes)[0][..., :units], small(lanes)[0])
    assert not large(lanes)[0][..., units:].any()
