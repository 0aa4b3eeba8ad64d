"""A network as the kernels of gradients by letters read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from dnabirnn.alphabet import AMBIGUOUS, ONE_HOT
from dnabirnn.engine.kernels.kmers import FURTHER
from dnabirnn.engine.kernels.layers import flat
from dnabirnn.engine.kernels.packing import PackedNetwork, transposed
from dnabirnn.engine.kernels.vectors import LETTER_COLUMNS, aligned
from dnabirnn.engine.kmer_paths import coefficients, gradients_of_bases, powers
from dnabirnn.engine.torch_engine import torch_network
from dnabirnn.network import Ensemble, matrix_terms, members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Checkpoint, Member, Network

    Floats = NDArray[np.float32]

__all__ = ["GradientNetwork", "PathSums", "Tables", "gradient_networks"]

# Bytes of the coefficients of k-mers in a step of torch, which keeps a few times as many.
_STEP_BYTES = 1 << 23


def gradient_networks(checkpoint: Checkpoint) -> list[GradientNetwork]:
    """Return the networks of a model, with their shares of the mean of log-odds."""
    shape = checkpoint.architecture
    members = members_of(shape, checkpoint.scoring_weights())
    if isinstance(shape, Ensemble):
        places = [shape.places(member.architecture) for member in members]
        shares = np.array(shape.shares())
    else:
        shares = np.ones(len(shape.outputs) + shape.exclusive)
        places = [[*range(len(shares))]]
    modules: Any = [None] * len(members)
    if any(any(member.architecture.matrices) for member in members):
        module: Any = torch_network(checkpoint, "cpu")
        modules = module.member if isinstance(shape, Ensemble) else [module]
    return [
        GradientNetwork(member, own, shares, module)
        for member, own, module in zip(members, places, modules, strict=True)
    ]


class Tables(NamedTuple):
    """Weights of one direction of a first layer, by k-mer.

    Attributes
    ----------
    sums : Tensor, (4**k + FURTHER, width) float32
        Sums that the kernels take from a table of k-mers, in their order.
    letters : ndarray, ((4**k + FURTHER) * width,) float32
        Weights, see `Letters`.
    width : int
        Numbers per row of `letters`.
    of_bases : ndarray, (4 / TILE * rows * TILE,) float32
        Transposed weights of the bases; empty if there are k-mers.
    """

    sums: torch.Tensor
    letters: Floats
    width: int
    of_bases: Floats


class GradientNetwork:
    """One network with its share of the targets.

    Parameters
    ----------
    member : Member
    places : list of int
        Number among the columns of the mean of each of the network's log-odds.
    shares : ndarray, (M,)
        Share of the network in each column of the mean.
    module : Network or None
        The network in torch, if the matrices of any network have to be differentiated.
    """

    def __init__(
        self, member: Member, places: list[int], shares: NDArray[np.float64], module: Network | None
    ) -> None:
        architecture, weights = member
        self.architecture = architecture
        self.packed = PackedNetwork(architecture, weights)
        self.module = module if any(architecture.matrices) else None
        self._places, self._shares = places, shares
        of_outputs = self._of_outputs()
        self.targets = of_outputs.astype(np.float32)  # (outputs, 2, H)
        # Without k-mers, mixtures need a table of sums by base.
        names = [name for name in weights if name.endswith("weight_hh_l0")]
        wide = dict(weights)
        self.with_table = self.packed
        if architecture.kmer == 1:
            for name in names[: 1 if architecture.tied else 2]:
                rows = np.zeros((4, weights[name].shape[0]), np.float32)
                wide[name.replace("weight_hh", "weight_kmer")] = rows
            self.with_table = PackedNetwork(architecture, wide)
        self.tables = [self._tables(wide, reverse) for reverse in (False, True)]

    def _of_outputs(self) -> NDArray[np.float64]:
        """Return the weights of the features in the log-odds of each output: (outputs, 2, H)."""
        head, hidden = self.packed.head, self.packed.hidden
        rows = self.packed.head_halves().astype(np.float64)  # (rows, 2, H)
        columns = np.zeros((len(self._shares), 2, hidden))
        columns[self._places] = (rows[head.first] + rows[head.second]) / 2
        columns *= self._shares[:, None, None]
        return columns[1:] - columns[:1] if head.exclusive else columns

    def _tables(self, weights: dict[str, Any], reverse: bool) -> Tables:
        packed, kmer = self.with_table, self.architecture.kmer
        order, hidden, number = list(packed.cell.BACKWARD.of_inputs), packed.hidden, 4**kmer
        gates = packed.gates(weights, 0, reverse)
        if reverse:
            gates = gates.of_reverse_complement(self.architecture.tied)
        rows = len(order) * hidden
        of_bases = gates.inputs[order].reshape(rows, 4)
        width = -(-rows // LETTER_COLUMNS) * LETTER_COLUMNS
        table = np.zeros((number + FURTHER, width), np.float32)
        assert gates.kmers is not None
        of_kmers = np.zeros((number, len(order), hidden), np.float32)
        own = gates.kmers.table[gates.kmers.rows].reshape(number, len(order), -1)
        of_kmers[:, :, : own.shape[2]] = own[:, order]
        middle = np.arange(number) // 4 ** (kmer // 2) % 4
        table[:number, :rows] = of_kmers.reshape(number, rows) + of_bases.T[middle]
        table[number : number + 4, :rows] = of_bases.T
        sums = packed.layers[0][reverse].packed.kmers.reshape(number + FURTHER, -1)
        none = aligned(0)
        return Tables(
            torch.from_numpy(sums),
            flat(table),
            width,
            transposed(of_bases) if kmer == 1 else none,
        )

    def of_matrices(
        self, codes: Codes, mixtures: Floats, shares: Floats, outputs: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], Floats]:
        """Return what the matrices add to targets and gradients, as `at_mixtures`."""
        assert self.module is not None
        first = int(self.architecture.exclusive)
        factors = np.zeros((len(self._shares), len(self._places)), np.float32)
        factors[self._places, range(len(self._places))] = self._shares[self._places]
        factors = factors[1:] - factors[:1] if first else factors
        values, found = np.zeros(len(codes)), np.empty_like(mixtures)
        # One window at a time: a convolution of torch depends on how many there are.
        for number, output in enumerate(outputs.tolist()):
            one = slice(number, number + 1)
            batch = torch.from_numpy(mixtures[one]).requires_grad_()
            read = torch.from_numpy(codes[one]).long()
            with torch.enable_grad():
                terms = matrix_terms(read, batch, self.module.matrix, self.architecture)
                own = (terms * torch.from_numpy(factors[output])).sum(dim=2).double()
                value = (own * torch.from_numpy(shares[one])).sum()
                (gradient,) = torch.autograd.grad(value, batch)
            values[number], found[one] = value.item(), gradient.numpy()
        return values, found


class PathSums:
    """Sums of a first layer along a path from a baseline to a sequence, and gradients by bases.

    Parameters
    ----------
    network : GradientNetwork
    codes : ndarray, (L,) uint8
        Of the sequence.
    baseline : ndarray, (L, 4) float32
    """

    def __init__(self, network: GradientNetwork, codes: Codes, baseline: Floats) -> None:
        self._tables = network.tables
        self._kmer, self._length = network.architecture.kmer, len(codes)
        self._rows = len(network.packed.cell.BACKWARD.of_inputs) * network.packed.hidden
        half = self._kmer // 2
        inside = np.pad(codes < AMBIGUOUS, half)
        known = np.lib.stride_tricks.sliding_window_view(inside, self._kmer).all(axis=1)
        self._known = torch.from_numpy(known)
        # Mixtures at both ends of the path, of all k-mers: (L, k, 4).
        self._ends = [
            torch.from_numpy(np.pad(one, ((half, half), (0, 0)))).unfold(0, self._kmer, 1).mT
            for one in (baseline.astype(np.float32), ONE_HOT[codes])
        ]
        self._coefficients, self._linear = self._sums()
        self._by_power = torch.zeros(2, self._length, self._rows, self._kmer)
        self._alone = torch.zeros(2, self._length, self._rows)

    def _steps(self) -> Iterator[slice]:
        size = max(1, _STEP_BYTES // (4 * (self._kmer + 1) * 4**self._kmer))
        for first in range(0, self._length, size):
            yield slice(first, min(first + size, self._length))

    @torch.inference_mode()
    def _sums(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return the coefficients of the sums, (k + 1, L, width), and the sums of bases alone.

        Those of bases alone are at both ends of the path, (2, L, width).
        """
        number, middle = 4**self._kmer, self._kmer // 2
        alone = torch.stack([end[:, middle] for end in self._ends])
        polynomials, linear = [], []
        for tables in self._tables:
            width = tables.sums.shape[1]
            polynomials.append(torch.empty(self._kmer + 1, self._length, width))
            of_bases = alone @ tables.sums[number : number + 4]
            of_bases += (1 - alone.sum(dim=2, keepdim=True)) * tables.sums[number + 4]
            linear.append(of_bases)
        for step in self._steps():
            found = coefficients(*(end[step] for end in self._ends))
            for tables, out in zip(self._tables, polynomials, strict=True):
                out[:, step] = (found @ tables.sums[:number]).transpose(0, 1)
        return polynomials, linear

    @torch.inference_mode()
    def write_sums(self, places: NDArray[np.float64], out: Floats) -> None:
        """Write the sums at places: (2, places, L, width)."""
        at = torch.from_numpy(places).float()
        factors, ends = powers(at, self._kmer), powers(at, 1)
        for side, polynomial, linear in zip(out, self._coefficients, self._linear, strict=True):
            sums = torch.from_numpy(side)
            sums[:] = (factors @ polynomial.flatten(1)).reshape(sums.shape)
            # Bases without a k-mer.
            sums[:, ~self._known] = torch.einsum("ae,elw->alw", ends, linear[:, ~self._known])

    @torch.inference_mode()
    def add_deltas(
        self, places: NDArray[np.float64], weights: NDArray[np.float64], kept: Floats
    ) -> None:
        """Add the deltas at places, times weights; `kept` is (2, L, rows, LANES)."""
        at, of_place = (torch.from_numpy(one).float() for one in (places, weights))
        factors = powers(at, self._kmer - 1) * of_place[:, None]
        deltas = torch.from_numpy(kept)[..., : len(places)]
        self._by_power += deltas @ factors
        self._alone[:, ~self._known] += deltas[:, ~self._known] @ of_place

    @torch.inference_mode()
    def gradients(self) -> NDArray[np.float64]:
        """Return the gradients by the shares of the bases, summed over places: (L, 4)."""
        number, half = 4**self._kmer, self._kmer // 2
        by_place = torch.zeros(self._length + 2 * half, 4, dtype=torch.float64)
        letters = [
            torch.from_numpy(tables.letters).reshape(number + FURTHER, -1)[:, : self._rows]
            for tables in self._tables
        ]
        for step in self._steps():
            of_shares = sum(
                deltas[step].transpose(1, 2) @ table[:number].T
                for deltas, table in zip(self._by_power, letters, strict=True)
            )
            assert isinstance(of_shares, torch.Tensor)
            of_shares *= self._known[step, None, None]
            found = gradients_of_bases(of_shares, *(end[step] for end in self._ends))
            for base in range(self._kmer):
                by_place[step.start + base : step.stop + base] += found[:, base]
        inside = by_place[half : half + self._length]
        for deltas, table in zip(self._alone, letters, strict=True):
            inside += deltas @ table[number : number + 4].T
        return inside.numpy()
