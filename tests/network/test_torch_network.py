import itertools

import numpy as np
import pytest
import torch

from dnabirnn.alphabet import PADDING, reverse_complement
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture, Cell
from dnabirnn.network.torch_network import Network, load_weights, to_probabilities, weights_of

STRANDED = (MotifClass("A", True), MotifClass("B", True))
MIXED = (MotifClass("A", True), MotifClass("B", False))
UNSTRANDED = (MotifClass("B", False),)

TIED = [
    Architecture(classes, cell, hidden=5, layers=layers, tied=True, exclusive=exclusive)
    for cell, layers, exclusive, classes in itertools.product(
        Cell, (1, 2, 3), (False, True), (STRANDED, MIXED, UNSTRANDED)
    )
]
TIED += [
    Architecture(MIXED, cell, hidden=5, layers=layers, kmer=kmer)
    for cell, layers, kmer in itertools.product(Cell, (1, 2), (3, 5))
]


def label(a: Architecture) -> str:
    strands = "".join("s" if c.stranded else "u" for c in a.classes)
    kind = "exclusive" if a.exclusive else "overlapping"
    return f"{a.cell.value}-{a.layers}-{kind}-{strands}-{a.kmer}"


def network_of(architecture: Architecture) -> Network:
    torch.manual_seed(7)
    network = Network(architecture).eval()
    for name, table in network.named_parameters():  # which is zeros at first
        if "kmer" in name:
            table.data.normal_(0, 0.5)
    return network


def random_codes(rng: np.random.Generator, length: int) -> np.ndarray:
    return rng.choice(5, size=length, p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8)


def padded(sequences: list[np.ndarray], length: int) -> torch.Tensor:
    batch = np.full((len(sequences), length), PADDING, dtype=np.uint8)
    for row, codes in zip(batch, sequences, strict=True):
        row[: len(codes)] = codes
    return torch.from_numpy(batch)


def score(network: Network, batch: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return to_probabilities(network(batch), network.architecture).numpy()


def mirror(architecture: Architecture, scores: np.ndarray) -> np.ndarray:
    """Scores (L, O) of a sequence as those of its reverse complement."""
    swapped = {"+": "-", "-": "+", ".": "."}
    outputs = architecture.outputs
    columns = [outputs.index(o._replace(strand=swapped[o.strand])) for o in outputs]
    return scores[::-1, columns]


@pytest.mark.parametrize("architecture", TIED, ids=label)
def test_reverse_complement_scores_as_the_mirror(architecture: Architecture) -> None:
    network = network_of(architecture)
    rng = np.random.default_rng(1)
    sequences = [random_codes(rng, n) for n in (40, 1, 2, 7, 39)]
    scores = score(network, padded(sequences, 40))
    opposite = score(network, padded([reverse_complement(s) for s in sequences], 40))
    for sequence, one, other in zip(sequences, scores, opposite, strict=True):
        n = len(sequence)
        # Dividing by a small deviation makes more of the last bits.
        atol = 2e-5 if architecture.cell.normalized else 1e-6
        np.testing.assert_allclose(other[:n], mirror(architecture, one[:n]), atol=atol)


@pytest.mark.parametrize("architecture", [*TIED[:-16:7], *TIED[-16:]], ids=label)
@pytest.mark.parametrize("tied", [True, False])
def test_padding_changes_nothing(architecture: Architecture, tied: bool) -> None:
    architecture = Architecture(
        **{f: getattr(architecture, f) for f in ("classes", "cell", "hidden", "layers", "kmer")},
        tied=tied,
    )
    network = network_of(architecture)
    rng = np.random.default_rng(2)
    sequences = [random_codes(rng, n) for n in (1, 5, 17, 30)]
    together = score(network, padded(sequences, 64))
    for sequence, row in zip(sequences, together, strict=True):
        alone = score(network, padded([sequence], len(sequence)))[0]
        np.testing.assert_allclose(row[: len(sequence)], alone, atol=5e-6)


def test_states_are_zero_at_padding() -> None:
    network = network_of(Architecture(MIXED, layers=2, hidden=4))
    features = network.features(padded([np.array([0, 1, 2], dtype=np.uint8)], 6))
    assert not features.forward[0, 3:].any()
    assert not features.reverse[0, 3:].any()
    assert features.forward[0, :3].any()


@pytest.mark.parametrize("cell", [Cell.RNN, Cell.GRU, Cell.LSTM])
@pytest.mark.parametrize("layers", [1, 2])
def test_untied_is_what_bidirectional_torch_computes(cell: Cell, layers: int) -> None:
    """Reversed instead of reverse-complemented input: complement the first layer's columns."""
    hidden = 6
    network = network_of(Architecture(MIXED, cell, hidden=hidden, layers=layers, tied=False))
    kinds = {Cell.RNN: torch.nn.RNN, Cell.GRU: torch.nn.GRU, Cell.LSTM: torch.nn.LSTM}
    reference = kinds[cell](4, hidden, layers, batch_first=True, bidirectional=True)
    weights = {}
    for layer, (direction, suffix) in itertools.product(range(layers), enumerate(("", "_reverse"))):
        own = network.recurrent[2 * layer + direction].state_dict()
        if layer == 0 and direction == 1:
            own["weight_ih_l0"] = own["weight_ih_l0"].flip(1)
        for name, tensor in own.items():
            weights[name.replace("_l0", f"_l{layer}") + suffix] = tensor
    reference.load_state_dict(weights)
    codes = torch.from_numpy(np.random.default_rng(3).integers(0, 4, (3, 25), dtype=np.uint8))
    with torch.inference_mode():
        features = network.features(codes)
        states, last = reference(torch.nn.functional.one_hot(codes.long(), 4).float())
    hidden_last = last[0] if cell is Cell.LSTM else last
    ours = torch.cat([features.forward, features.reverse], dim=2)
    torch.testing.assert_close(ours, states, atol=1e-6, rtol=0)
    assert features.last_hidden.shape == (layers * 2, 3, hidden)
    torch.testing.assert_close(features.last_hidden, hidden_last, atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", [Cell.RNN, Cell.GRU, Cell.LSTM])
@pytest.mark.parametrize("tied", [True, False])
def test_kmers_are_inputs_of_their_own(cell: Cell, tied: bool) -> None:
    """torch's own cell, over one-hot bases beside one-hot k-mers found base by base."""
    network = network_of(Architecture(MIXED, cell, hidden=4, tied=tied, kmer=3))
    codes = random_codes(np.random.default_rng(6), 60)
    features = network.features(torch.from_numpy(codes[None]))
    kinds = {Cell.RNN: torch.nn.RNN, Cell.GRU: torch.nn.GRU, Cell.LSTM: torch.nn.LSTM}
    for number, lane in enumerate((codes, reverse_complement(codes))):
        inputs = torch.zeros(1, len(lane), 4 + 64)
        for place, base in enumerate(lane.tolist()):
            if base < 4:
                inputs[0, place, base] = 1
            around = lane[place - 1 : place + 2].tolist() if place else []
            if len(around) == 3 and max(around) < 4:
                inputs[0, place, 4 + 16 * around[0] + 4 * around[1] + around[2]] = 1
        weights = network.recurrent[0 if tied else number].state_dict()
        table = weights.pop("weight_kmer_l0")
        weights["weight_ih_l0"] = torch.cat([weights["weight_ih_l0"], table.T], dim=1)
        reference = kinds[cell](4 + 64, 4, batch_first=True)
        reference.load_state_dict(weights)
        states = reference(inputs)[0]
        ours = features.reverse.flip(1) if number else features.forward
        torch.testing.assert_close(ours, states, atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", list(Cell))
def test_a_new_table_of_kmers_changes_nothing(cell: Cell) -> None:
    networks = []
    for kmer in (1, 5):
        torch.manual_seed(3)
        networks.append(Network(Architecture(MIXED, cell, kmer=kmer)))
    codes = torch.randint(0, 5, (2, 50), dtype=torch.uint8)
    torch.testing.assert_close(networks[0](codes), networks[1](codes), atol=1e-6, rtol=0)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("exclusive", [True, False])
def test_logits_have_a_column_an_output(tied: bool, exclusive: bool) -> None:
    network = network_of(Architecture(MIXED, tied=tied, exclusive=exclusive))
    logits = network(torch.zeros((2, 9), dtype=torch.uint8))
    assert logits.shape == (2, 9, 3 + exclusive)
    assert to_probabilities(logits, network.architecture).shape == (2, 9, 3)


def test_exclusive_probabilities_leave_room_for_background() -> None:
    network = network_of(Architecture(STRANDED, exclusive=True))
    scores = score(network, padded([random_codes(np.random.default_rng(4), 50)], 50))
    total = scores.sum(axis=2)
    assert (total > 0).all()
    assert (total < 1).all()


def test_ambiguous_bases_are_no_padding() -> None:
    network = network_of(Architecture(UNSTRANDED))
    short = score(network, torch.tensor([[0, 1, 2]], dtype=torch.uint8))
    longer = score(network, torch.tensor([[0, 1, 2, 4]], dtype=torch.uint8))
    assert np.abs(short[0] - longer[0, :3]).max() > 1e-4


def test_weights_make_a_round_trip() -> None:
    architecture = Architecture(MIXED, layers=2, hidden=3)
    first, second = network_of(architecture), Network(architecture).eval()
    load_weights(second, weights_of(first))
    codes = torch.randint(0, 5, (2, 30), dtype=torch.uint8)
    torch.testing.assert_close(first(codes), second(codes), atol=0, rtol=0)
