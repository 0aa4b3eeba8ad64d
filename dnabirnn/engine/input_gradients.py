"""Gradients of summed log-odds by the letters of windows, by compiled kernels on CPUs.

A block of `LANES` windows is computed side by side, as for scores. Each window has a target: a sum
over its bases of shares times the log-odds of one output. In a network of one layer, a direction
reads the block and then goes back at once, so that values are saved for one direction only.

Gradients are those of the multilinear extension of a network to mixtures of bases, see
`dnabirnn.network.Network.forward`. At a sequence, the kernels do all of the work. On a path of
mixtures, torch computes the sums that the first layer would look up for a k-mer (`PathSums`). The
kernels read them as a table with one row per base and place on the path, and keep the deltas, which
are the gradients by these rows.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, ONE_HOT, PADDING
from dnabirnn.engine.fused_engine import FusedEngine
from dnabirnn.engine.gradient_network import GradientNetwork, PathSums, gradient_networks
from dnabirnn.engine.kernels import gradients
from dnabirnn.engine.kernels.kmers import find_places
from dnabirnn.engine.kernels.letters import Letters, by_letter, no_letters
from dnabirnn.engine.kernels.packing import PackedNetwork
from dnabirnn.engine.kernels.vectors import LANES, VECTOR, aligned
from dnabirnn.engine.torch_engine import use_one_thread
from dnabirnn.engine.torch_gradients import TorchGradients
from dnabirnn.network import members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.choose import Engine
    from dnabirnn.engine.mixture_path import MixturePath
    from dnabirnn.network import Checkpoint

    Floats = NDArray[np.float32]

__all__ = ["InputGradients", "has_gradient_kernels", "make_input_gradients"]


def make_input_gradients(checkpoint: Checkpoint, engine: Engine) -> InputGradients | TorchGradients:
    """Create what computes the gradients of a model: compiled kernels, or torch.

    Parameters
    ----------
    checkpoint : Checkpoint
    engine : Engine
        Engine that scores with the model. torch computes gradients if it computes scores, and for
        cells without kernels of backward passes.
    """
    if has_gradient_kernels(checkpoint, engine):
        return InputGradients(checkpoint)
    return TorchGradients(checkpoint, engine.device.split(" ")[0])


def has_gradient_kernels(checkpoint: Checkpoint, engine: Engine) -> bool:
    """Return whether compiled kernels compute the gradients of a model."""
    members = members_of(checkpoint.architecture, checkpoint.weights)
    trained = all(member.architecture.cell.trains_compiled for member in members)
    return trained and isinstance(engine, FusedEngine)


class InputGradients:
    """Gradients of targets by the letters of windows.

    A target is the sum over the bases of a window of shares times the log-odds of one output. For
    exclusive classes, they are relative to the background. The gradient of a window does not depend
    on the other windows, and the opposite strand has the mirrored gradient, to the last bit.

    Parameters
    ----------
    checkpoint : Checkpoint
        All its cells have kernels of backward passes.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._networks = gradient_networks(checkpoint)
        self._local = threading.local()

    def at_sequences(
        self,
        codes: Codes,
        shares: Floats,
        outputs: NDArray[np.int64],
        wanted: NDArray[np.int64] | None = None,
    ) -> Floats:
        """Return the gradients at sequences.

        Parameters
        ----------
        codes : ndarray, (n, L) uint8
            Windows of one length, without padding.
        shares : ndarray, (n, L) float32
        outputs : ndarray, (n,) int64
        wanted : ndarray, (n, 2) int64, optional
            First base, and the one after the last base, whose gradients are needed; by default all.

        Returns
        -------
        gradients : ndarray, (n, L, 4) float32
            By the share of each letter, up to a number per base that all letters have in common. 0
            at bases of code 4, and at those outside the wanted bases and the shares.
        """
        length = codes.shape[1]
        if wanted is None:
            wanted = np.tile(np.array([0, length], np.int64), (len(codes), 1))
        needed = _needed(shares, wanted)
        # Only the part of a block that some window needs is computed, so windows with similar
        # parts are put together.
        order = np.argsort(needed[:, 0], kind="stable")
        found = np.zeros((*codes.shape, 4), np.float32)
        for part in _blocks(len(codes)):
            block = order[part]
            first, last = int(needed[block, 0].min()), int(needed[block, 1].max())
            total = np.zeros((len(block), last - first, 4), np.float32)
            for network, arrays in self._arrays(length):
                arrays.begin(codes[block], shares[block], outputs[block])
                total += arrays.at_sequences(codes[block], first, last)
                if network.module is not None:
                    mixtures = ONE_HOT[codes[block]]
                    own = codes[block], mixtures, shares[block], outputs[block]
                    _, gradient = network.of_matrices(*own)
                    known = codes[block, first:last] < AMBIGUOUS
                    total += gradient[:, first:last] * known[..., None]
            for window, gradient in zip(block.tolist(), total, strict=True):
                start, end = needed[window]
                found[window, start:end] = gradient[start - first : end - first]
        return found

    def along_path(self, path: MixturePath) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return targets along the path from a baseline to a sequence, and the summed gradient.

        Returns
        -------
        values : ndarray, (n,) float64
            The targets, except for the biases of the log-odds, which are the same everywhere.
        gradients : ndarray, (L, 4) float64
            Sum of the gradients by the share of each letter, times the weights; as those of
            `at_sequences`.
        """
        values, found = np.zeros(len(path.places)), np.zeros((len(path.codes), 4))
        for network, arrays in self._arrays(len(path.codes)):
            parts = [arrays.along_path(path)]
            if network.module is not None:
                parts.append(path.summed(network.of_matrices))
            for value, gradient in parts:
                values += value
                found += gradient
        return values, found

    def thread_bytes(self, length_bp: int, *, mixed: bool) -> int:
        """Return the bytes that a thread needs for windows of `length_bp`, at mixtures or not."""
        numbers = 0
        for network in self._networks:
            packed = network.packed
            layers, hidden = len(packed.layers), packed.hidden
            rows = (
                2 * layers + packed.cell.BACKWARD.saved * (2 * layers if layers > 1 else 1)
            ) * hidden
            rows += 4 * hidden if layers > 1 else 0
            rows += 32  # shares, numbers of k-mers, gradients
            if mixed:
                width = network.with_table.kmer_width
                rows += 2 * width
                # Coefficients of the sums, and deltas by power.
                numbers += 4 * width * (network.architecture.kmer + 1) * length_bp
            numbers += rows * length_bp * LANES
        return 4 * numbers

    def _arrays(self, length: int) -> Iterator[tuple[GradientNetwork, _Arrays]]:
        """Yield networks with the arrays of this thread, which windows of one length share."""
        kept: dict[int, list[_Arrays]] = getattr(self._local, "arrays", {})
        if length not in kept:
            kept = {length: [_Arrays(network, length) for network in self._networks]}
            self._local.arrays = kept
        yield from zip(self._networks, kept[length], strict=True)


def _blocks(windows: int) -> list[slice]:
    return [slice(first, first + LANES) for first in range(0, windows, LANES)]


def _needed(shares: Floats, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the intervals of windows that have wanted bases and shares: (n, 2)."""
    counted = shares != 0
    first, last = counted.argmax(axis=1), shares.shape[1] - counted[:, ::-1].argmax(axis=1)
    needed = wanted.copy()
    some = counted.any(axis=1)
    needed[some, 0] = np.minimum(first, wanted[:, 0])[some]
    needed[some, 1] = np.maximum(last, wanted[:, 1])[some]
    return needed


class _Arrays:
    """Flat arrays for the passes of one network over a block of windows of one length."""

    def __init__(self, network: GradientNetwork, length: int) -> None:
        self._network, self._length = network, length
        packed = network.packed
        backward, hidden, layers = packed.cell.BACKWARD, packed.hidden, len(packed.layers)
        wide, half = length * 2 * hidden * LANES, network.architecture.kmer // 2
        tables = network.tables[0]
        self._none = aligned(0)
        self._rows = len(backward.of_inputs) * hidden
        self._codes = np.empty(length * LANES, np.uint8)
        self._numbers = np.empty(length * LANES, np.int64)
        self._features = [aligned(wide) for _ in range(layers)]
        # A network of one layer saves values for one direction at a time.
        sides = 1 if layers == 1 else 2
        saved = length * backward.saved * hidden * LANES
        self._saved = [[aligned(saved) for _ in range(sides)] * (3 - sides) for _ in range(layers)]
        self._gradients = [aligned(wide if n < layers - 1 else 0) for n in range(2)]
        slack = VECTOR * LANES  # for what `add_letters` reads beyond the last step
        self._deltas = aligned(gradients.STEPS * backward.deltas * hidden * LANES + slack)
        self._memory = aligned(3 * hidden * LANES)
        self._targets = aligned(2, hidden * LANES)
        self._shares = aligned(length * LANES)
        self._scratch = aligned(gradients.STEPS * VECTOR * tables.width)
        self._by_own = aligned(2, LANES * (length + 2 * half) * 4)
        self._of_bases = aligned(length * 4 * LANES)
        self._sums = self._none

    def begin(self, codes: Codes, shares: Floats, outputs: NDArray[np.int64]) -> None:
        """Take at most `LANES` windows, and their targets."""
        windows, kmer = len(codes), self._network.architecture.kmer
        lanes = np.full((self._length, LANES), PADDING, np.uint8)
        lanes[:, :windows] = codes.T
        self._codes[:] = lanes.reshape(-1)
        find_places(self._codes, self._length, kmer, 1, self._numbers)
        of_lanes = self._shares.reshape(self._length, LANES)
        of_lanes[:] = 0
        of_lanes[:, :windows] = shares.T
        targets = self._targets.reshape(2, -1, LANES)
        targets[:] = 0
        targets[:, :, :windows] = self._network.targets[outputs].transpose(1, 2, 0)

    def at_sequences(self, codes: Codes, first: int, last: int) -> Floats:
        """Return the gradients of the block at its sequences, (W, L, 4), from `first` to `last`."""
        network, length = self._network, self._length
        kmer, packed = network.architecture.kmer, network.packed
        places = self._numbers * packed.kmer_width if kmer > 1 else self._numbers[:0]
        part = self._part(first, last)
        self._of_own(part)[:] = 0
        kmers = [weights.packed.kmers for weights in packed.layers[0]]
        self._both_passes(packed, places, kmers, part, keep=False)
        inside = slice(*part)
        read = np.ascontiguousarray(codes[:, inside])
        out = np.empty((*read.shape, 4), np.float32)
        if kmer > 1:
            both = self._of_own(part).reshape(2, LANES, -1, 4)
            by_letter(read, kmer // 2, both[0], both[1], out)
        else:
            of_lanes = self._of_bases.reshape(length, 4, LANES)[inside, :, : len(codes)]
            out[:] = of_lanes.transpose(2, 0, 1) * (read < AMBIGUOUS)[..., None]
        return out[:, first - part[0] : last - part[0]]

    def along_path(self, path: MixturePath) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what `InputGradients.along_path` does, without matrices."""
        use_one_thread()
        sums = PathSums(self._network, path.codes, path.baseline)
        length, rows, width = self._length, self._rows, self._network.with_table.kmer_width
        if not self._sums.size:
            self._sums = aligned(2, LANES * length * width)
        # One row per base and window.
        at = ((np.arange(LANES) * length + np.arange(length)[:, None]) * width).reshape(-1)
        values = []
        for first in range(0, len(path.places), LANES):
            some = path.places[first : first + LANES]
            number = len(some)
            many = np.tile(path.codes, (number, 1))
            self.begin(many, np.tile(path.shares, (number, 1)), np.full(number, path.output))
            sums.write_sums(some, self._sums.reshape(2, LANES, length, width)[:, :number])
            kmers = list(self._sums)
            self._both_passes(self._network.with_table, at, kmers, (0, length), keep=True)
            kept = self._sums[:, : length * rows * LANES].reshape(2, length, rows, LANES)
            sums.add_deltas(some, path.weights[first : first + LANES], kept)
            values.append(self._values(number))
        return np.concatenate(values), sums.gradients()

    def _values(self, windows: int) -> NDArray[np.float64]:
        """Return the targets of the block after a forward pass, without biases."""
        hidden = self._network.packed.hidden
        features = self._features[-1].reshape(self._length, 2, hidden, LANES)[..., :windows]
        shares = self._shares.reshape(self._length, LANES)[:, :windows]
        targets = self._targets.reshape(2, hidden, LANES)[..., :windows]
        values: NDArray[np.float64] = np.einsum(
            "tduw,duw,tw->w", features, targets, shares, dtype=np.float64, optimize=True
        )
        return values

    def _part(self, first: int, last: int) -> tuple[int, int]:
        """Return the part of the windows to go back over, for bases from `first` to `last`.

        It has one base more than the k-mers of these bases need: at the first base of a part, the
        state before it is taken for 0. Steps are taken `STEPS` at a time in any part, so that sums
        do not depend on it.
        """
        if len(self._network.packed.layers) > 1:
            return 0, self._length
        more = self._network.architecture.kmer // 2 + 1
        before, after = max(first - more, 0), max(self._length - last - more, 0)
        return before - before % gradients.STEPS, self._length - (after - after % gradients.STEPS)

    def _both_passes(
        self,
        network: PackedNetwork,
        places: NDArray[np.int64],
        kmers: list[Floats],
        part: tuple[int, int],
        *,
        keep: bool,
    ) -> None:
        """Run the forward pass of all layers over the block, and the backward pass over a part."""
        last = len(network.layers) - 1
        for layer in range(last):
            for reverse in (False, True):
                self._forward(network, layer, reverse, places, kmers, part)
        for reverse in (False, True):
            self._forward(network, last, reverse, places, kmers, part)
            self._backward(network, last, reverse, part, keep)
        for layer in reversed(range(last)):
            for reverse in (False, True):
                self._backward(network, layer, reverse, part, keep)

    def _forward(
        self,
        network: PackedNetwork,
        layer: int,
        reverse: bool,
        places: NDArray[np.int64],
        kmers: list[Floats],
        part: tuple[int, int],
    ) -> None:
        """Run a direction up to the end of a part; save the values of the part."""
        weights = network.layers[layer][reverse].packed
        if not layer:
            weights = weights._replace(kmers=kmers[reverse])
        before = (part[1], self._length) if reverse else (0, part[0])
        for first, last in (before, part) if before[0] < before[1] else (part,):
            saves = (first, last) == part
            network.cell.run(
                _rows(self._codes, first, last, 1),
                _rows(places, first, last, 1),
                last - first,
                reverse,
                not saves or before[0] == before[1],
                *weights,
                network.hidden,
                self._features[layer - 1] if layer else self._none,
                _rows(self._features[layer], first, last, 2 * network.hidden)
                if saves
                else self._none,
                self._none,
                0,
                self._none,
                self._memory,
                self._saved[layer][reverse] if saves else None,
            )

    def _backward(
        self, network: PackedNetwork, layer: int, reverse: bool, part: tuple[int, int], keep: bool
    ) -> None:
        weights, none, side = network.layers[layer][reverse], self._none, int(reverse)
        tables, top = self._network.tables[reverse], layer == len(network.layers) - 1
        inputs, below = weights.inputs, self._gradients[(layer + 1) % 2]
        letters = no_letters(np.dtype(np.float32))
        if not layer and not keep:
            if self._network.architecture.kmer > 1:
                letters = Letters(
                    self._network.architecture.kmer,
                    _rows(self._numbers, *part, 1),
                    tables.letters,
                    tables.width,
                    self._scratch,
                    self._of_own(part)[side],
                )
            else:
                inputs, below = tables.of_bases, _rows(self._of_bases, *part, 4)
        sums = gradients.Sums(
            none,
            2 * network.hidden if layer else 4,
            inputs,
            below,
            none,
            none,
            none,
            self._numbers[:0],
            none,
            letters,
            # Sums are not read again after the forward pass.
            self._sums[side] if keep and not layer else none,
        )
        network.cell.backward(
            _rows(self._codes, *part, 1),
            part[1] - part[0],
            reverse,
            network.hidden,
            self._saved[layer][reverse],
            _rows(self._features[layer], *part, 2 * network.hidden),
            none if top else self._gradients[layer % 2],
            gradients.Target(_rows(self._shares, *part, 1) if top else none, self._targets[side]),
            weights.states,
            sums,
            self._deltas,
            self._memory,
        )

    def _of_own(self, part: tuple[int, int]) -> Floats:
        """Return the gradients by own letter of both directions, flat, for a part."""
        bases = part[1] - part[0] + 2 * (self._network.architecture.kmer // 2)
        return self._by_own[:, : LANES * bases * 4]


def _rows(array: NDArray[Any], first: int, last: int, rows: int) -> NDArray[Any]:
    """Return the bases from `first` to `last` of an array of `rows` rows per base."""
    return array[first * rows * LANES : last * rows * LANES]
