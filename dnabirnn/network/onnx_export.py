"""Export a model to ONNX, so that other languages and runtimes give the same probabilities.

The graph uses the recurrent operators of ONNX (https://onnx.ai/onnx/operators). One operator
computes both directions of a layer. ONNX reverses the sequence, but does not complement it; see
`both_directions`.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, ONE_HOT, PADDING
from dnabirnn.errors import OptionError
from dnabirnn.files import OutputFiles
from dnabirnn.network.architecture import PROBABILITY_BOUNDS, Cell, Ensemble
from dnabirnn.network.checkpoint import members_of
from dnabirnn.network.kmers import opposite_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from onnx import ModelProto

    from dnabirnn.files import PathLike
    from dnabirnn.network.architecture import Architecture
    from dnabirnn.network.checkpoint import Checkpoint, Member

    _Named = dict[str, NDArray[np.float32]]
    _Weights = Mapping[str, NDArray[np.float32]]

__all__ = ["IR_VERSION", "OPSET", "both_directions", "onnx_bytes", "write_onnx"]

OPSET = 17
"""Version of the operators of the domain ai.onnx; ONNX Runtime reads it since 1.12 (2022)."""
IR_VERSION = 8
"""Version of the file format that was released with the opset."""

_DOC = (
    "Probability that a base belongs to each of `outputs` (metadata, key dnabirnn). codes: A C G "
    "T = 0 1 2 3, any other letter 4, padding 5, on the right only. probabilities: 0 where the "
    "code is 4 or 5."
)


class _Operator(NamedTuple):
    """ONNX's operator for a cell, and the position of each of its gates in torch's order."""

    name: str
    gates: tuple[int, ...]
    attributes: Mapping[str, int]


_OPERATORS: Mapping[str, _Operator] = {
    Cell.RNN: _Operator("RNN", (0,), {}),
    # ONNX: z, r, h; torch: r, z, n. The reset gate acts on the recurrent sum, as in torch.
    Cell.GRU: _Operator("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    # ONNX: i, o, f, c; torch: i, f, g, o.
    Cell.LSTM: _Operator("LSTM", (0, 3, 1, 2), {}),
}


class _Layer(NamedTuple):
    """Weights of both directions of a layer, in the layout of the operator."""

    inputs: NDArray[np.float32]  # (2, G H, I)
    recurrent: NDArray[np.float32]  # (2, G H, H)
    biases: NDArray[np.float32]  # (2, 2 G H)


def write_onnx(checkpoint: Checkpoint, path: PathLike) -> None:
    """Write a model as a complete ONNX file, or nothing.

    Raises
    ------
    OptionError
        If the package onnx is missing, or ONNX has no operator for the cell.
    OutputError
        If the path cannot be written.
    """
    data = onnx_bytes(checkpoint)
    with OutputFiles() as files:
        files.open(path).write(data)


def onnx_bytes(checkpoint: Checkpoint) -> bytes:
    """Return a model as ONNX. The same model gives the same bytes.

    The graph has one input, `codes` (B, L) uint8, and one output, `probabilities` (B, L, O)
    float32, which are those of an engine, and 0 at padding. B and L can be any number from 1 on.
    The metadata have two keys: `dnabirnn`, the description in the model file, and
    `dnabirnn_version`.

    Raises
    ------
    OptionError
        If the package onnx is missing, or ONNX has no operator for the cell.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise OptionError(
            "export to ONNX needs the package onnx, which is not installed; install it with "
            '`pip install "dnabirnn[onnx]"`'
        ) from error
    cells = [shape.cell for shape, _ in checkpoint.members]
    if cell := next((cell for cell in cells if cell not in _OPERATORS), None):
        raise OptionError(
            f"a network with cell {cell} cannot be exported: ONNX has no operator for it; "
            f"train one with --cell {', '.join(_OPERATORS)}"
        )
    model = _model(checkpoint)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def both_directions(
    architecture: Architecture, weights: _Weights
) -> tuple[list[tuple[_Named, _Named]], NDArray[np.float32], NDArray[np.float32]]:
    """Return weights for a bidirectional network that reads a sequence from both ends.

    A reverse lane reads the reverse complement from its first base to its last. A bidirectional
    network reads the sequence from its last base to its first, without complement. Both compute the
    same if the input weights of A and T, and of C and G, are exchanged: the order A, C, G, T is
    reversed. Likewise, the row of each k-mer becomes that of its reverse complement.

    In a tied network, the reverse lane of a deeper layer reads [reverse, forward], and so does the
    head for the - strand. A bidirectional network always gives [forward, reverse], so the halves of
    these weights are exchanged too.

    Parameters
    ----------
    architecture : Architecture
    weights : mapping
        Weights by the names in `dnabirnn.network.checkpoint.weight_shapes`.

    Returns
    -------
    layers : list of pairs of dicts
        Weights of the forward and of the reverse direction of each layer, by torch's names.
    head_weight : ndarray, (R, 2H) float32
    head_bias : ndarray, (R,) float32
        Head with one row per log-odds of `dnabirnn.network.torch_network.Network`.
    """
    directions = 1 if architecture.tied else 2
    layers = []
    for layer in range(architecture.layers):
        forward, reverse = (
            _of_lane(weights, layer * directions + direction) for direction in (0, directions - 1)
        )
        if layer == 0:
            reverse["weight_ih_l0"] = reverse["weight_ih_l0"][:, ::-1]
            if architecture.kmer > 1:
                rows = opposite_rows(architecture.kmer)
                reverse["weight_kmer_l0"] = reverse["weight_kmer_l0"][rows]
        elif architecture.tied:
            reverse["weight_ih_l0"] = _exchanged(architecture, reverse["weight_ih_l0"])
        layers.append((forward, reverse))
    if not architecture.tied:
        return layers, weights["head.weight"], weights["head.bias"]
    return layers, *_head_of_strands(architecture, weights)


def _of_lane(weights: _Weights, number: int) -> _Named:
    prefix = f"recurrent.{number}."
    return {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}


def _exchanged(architecture: Architecture, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights for [forward, reverse] that equal `weight` for [reverse, forward]."""
    return np.roll(weight, architecture.hidden, axis=1)


def _head_of_strands(
    architecture: Architecture, weights: _Weights
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the tied head with one row per output, after the row of the background if any."""
    plus = weights["head.weight"]
    minus = _exchanged(architecture, plus)
    of_strand: _Named = {"+": plus, "-": minus, ".": (plus + minus) / np.float32(2)}
    first = int(architecture.exclusive)
    names = [motif_class.name for motif_class in architecture.classes]
    rows = [(first + names.index(name), strand) for name, strand in architecture.outputs]
    if architecture.exclusive:
        rows.insert(0, (0, "."))
    head = np.stack([of_strand[strand][row] for row, strand in rows])
    return head, weights["head.bias"][[row for row, _ in rows]]


def _layer(pair: tuple[_Named, _Named], gates: tuple[int, ...]) -> _Layer:
    """Return the weights of both directions of a layer in the layout of the operator."""

    def ordered(lane: _Named, name: str) -> NDArray[np.float32]:
        parts = np.split(lane[name], len(gates))
        return np.concatenate([parts[gate] for gate in gates])

    def of_both(*names: str) -> NDArray[np.float32]:
        return np.stack([np.concatenate([ordered(lane, name) for name in names]) for lane in pair])

    return _Layer(
        of_both("weight_ih_l0"), of_both("weight_hh_l0"), of_both("bias_ih_l0", "bias_hh_l0")
    )


class _Graph:
    """Builder of a graph: collects nodes and constants, whose names begin with `prefix`."""

    def __init__(self) -> None:
        from onnx import NodeProto, TensorProto

        self.prefix = ""
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, array: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = self.prefix + name
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        output = self.prefix + output
        # Runtimes name the node in their messages.
        node = helper.make_node(operator, inputs, [output], name=f"make_{output}", **attributes)
        self.nodes.append(node)
        return output


def _model(checkpoint: Checkpoint) -> ModelProto:
    from onnx import TensorProto, helper

    graph = _Graph()
    members = members_of(checkpoint.architecture, checkpoint.scoring_weights())
    _add_probabilities(graph, checkpoint.architecture, members)
    outputs = len(checkpoint.architecture.outputs)
    codes = helper.make_tensor_value_info("codes", TensorProto.UINT8, ["batch", "length"])
    probabilities = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, ["batch", "length", outputs]
    )
    model = helper.make_model(
        helper.make_graph(graph.nodes, "dnabirnn", [codes], [probabilities], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="dnabirnn",
        producer_version=version("dnabirnn"),
        doc_string=_DOC,
    )
    description = json.dumps(checkpoint.description(), sort_keys=True, allow_nan=False)
    helper.set_model_props(
        model, {"dnabirnn": description, "dnabirnn_version": version("dnabirnn")}
    )
    return model


def _add_probabilities(
    graph: _Graph, architecture: Architecture | Ensemble, members: list[Member]
) -> None:
    """Add all nodes, from `codes` to `probabilities`."""
    from onnx import TensorProto

    numbers = graph.node("Cast", ["codes"], "numbers", to=TensorProto.INT32)  # (B, L)
    padding = graph.constant("padding", np.array(PADDING, np.int32))
    real = graph.node("Less", [numbers, padding], "real")
    ones = graph.node("Cast", [real], "ones", to=TensorProto.INT32)
    along = graph.constant("length_axis", np.array([1], np.int64))
    lengths = graph.node("ReduceSum", [ones, along], "lengths", keepdims=0)  # (B,)
    if isinstance(architecture, Ensemble):
        parts = []
        for number, member in enumerate(members):
            graph.prefix = f"member_{number}_"
            log_odds = _add_log_odds(graph, member, numbers, real, lengths)
            share = graph.constant("share_of_mean", _share_of_mean(architecture, member))
            parts.append(graph.node("MatMul", [log_odds, share], "part_of_mean"))
        graph.prefix = ""
        log_odds = graph.node("Sum", parts, "mean_log_odds")
    else:
        log_odds = _add_log_odds(graph, members[0], numbers, real, lengths)
    _add_answer(graph, architecture, log_odds, numbers)


def _share_of_mean(ensemble: Ensemble, member: Member) -> NDArray[np.float32]:
    """Return the matrix (R, M) from the log-odds of a member to its part of the mean."""
    shares, places = ensemble.shares(), ensemble.places(member.architecture)
    return np.diag(np.array(shares, np.float32))[places]


def _add_log_odds(graph: _Graph, member: Member, numbers: str, real: str, lengths: str) -> str:
    """Add the nodes from codes (B, L) to the log-odds of a network (B, L, R)."""
    architecture, weights = member
    layers, head_weight, head_bias = both_directions(architecture, weights)
    table, rows = ONE_HOT, numbers
    if architecture.kmer > 1:
        table, layers[0] = _sums_of_kmers(layers[0])
        rows = _add_kmer_rows(graph, architecture.kmer, numbers)
    of_row = graph.constant("input_of_row", table)
    read = graph.node("Gather", [of_row, rows], "input")  # (B, L, I)
    states = graph.node("Transpose", [read], "time_first", perm=[1, 0, 2])  # (L, B, I)
    for number, pair in enumerate(layers):
        states = _add_layer(graph, architecture, number, pair, states, lengths)
    matrix = graph.constant("head_weight", head_weight.T)
    products = graph.node("MatMul", [states, matrix], "products")  # (L, B, R)
    bias = graph.constant("head_bias", head_bias)
    log_odds = graph.node("Add", [products, bias], "log_odds_time_first")
    log_odds = graph.node("Transpose", [log_odds], "log_odds", perm=[1, 0, 2])  # (B, L, R)
    if any(architecture.matrices):
        terms = _add_matrices(graph, architecture, weights, numbers, real)
        log_odds = graph.node("Add", [log_odds, terms], "log_odds_with_matrices")
    return log_odds


def _add_matrices(
    graph: _Graph, architecture: Architecture, weights: _Weights, numbers: str, real: str
) -> str:
    """Add what the matrices add to the log-odds, (B, L, R); see `network.matrix_scores`."""
    from onnx import TensorProto

    one_hot = graph.constant("one_hot_of_code", ONE_HOT)
    letters = graph.node("Gather", [one_hot, numbers], "one_hot")  # (B, L, 4)
    letters = graph.node("Transpose", [letters], "letters", perm=[0, 2, 1])
    axis = graph.constant("letter_axis", np.array([1], np.int64))
    outside = graph.node("Not", [real], "outside")
    outside = graph.node("Cast", [outside], "outside_as_float", to=TensorProto.FLOAT)
    outside = graph.node("Unsqueeze", [outside, axis], "outside_of_base")  # (B, 1, L)
    shape = graph.node("Shape", ["codes"], "shape")
    length = graph.node("Gather", [shape, axis], "length")
    start = graph.constant("first_base", np.array([0], np.int64))
    bases = graph.constant("base_axis", np.array([2], np.int64))
    zero, one, lowest = (
        graph.constant(name, np.array(value, np.float32))
        for name, value in (("zero", 0), ("one", 1), ("no_site", -1e30))
    )
    none = graph.node("Mul", [outside, zero], "no_matrix")
    columns = [none] if architecture.exclusive else []
    for number, motif_class in enumerate(architecture.classes):
        matrix, name = architecture.matrix(number), f"matrix_{number}"
        if matrix is None:
            columns += [none] * (1 + motif_class.stranded)
            continue
        log_odds = weights[f"matrix.{number}.log_odds"].T
        slope, least, shift = weights[f"matrix.{number}.map"]
        share = np.exp(weights[f"matrix.{number}.scale"][0])
        width, core = matrix.width, matrix.width - 2 * matrix.flank_bp
        after = graph.constant(f"{name}_after", np.array([0, 0, 0, 0, 0, width - 1], np.int64))
        padded = graph.node("Pad", [letters, after, zero], f"{name}_letters")
        kernel = graph.constant(f"{name}_log_odds", np.stack([log_odds, log_odds[::-1, ::-1]]))
        sites = graph.node("Conv", [padded, kernel], f"{name}_sites")  # (B, 2, L)
        ends = graph.node("Pad", [outside, after, one], f"{name}_ends")
        ends = graph.node("MaxPool", [ends], f"{name}_over_end", kernel_shape=[width])
        ends = graph.node("Greater", [ends, zero], f"{name}_is_over_end")
        sites = graph.node("Where", [ends, lowest, sites], f"{name}_whole_sites")
        first = np.array([0, 0, core - 1 + matrix.flank_bp, 0, 0, 0], np.int64)
        before = graph.constant(f"{name}_before", first)
        sites = graph.node("Pad", [sites, before, lowest], f"{name}_padded_sites")
        best = graph.node("MaxPool", [sites], f"{name}_covers", kernel_shape=[core])
        best = graph.node("Slice", [best, start, length, bases], f"{name}_best")
        if not motif_class.stranded:
            best = graph.node("ReduceMax", [best], f"{name}_better_strand", axes=[1], keepdims=1)
        limit = graph.constant(f"{name}_least", np.array(least, np.float32))
        best = graph.node("Max", [best, limit], f"{name}_limited")
        factor = graph.constant(f"{name}_slope", np.array(share * slope, np.float32))
        best = graph.node("Mul", [best, factor], f"{name}_scaled")
        move = graph.constant(f"{name}_shift", np.array(share * shift, np.float32))
        columns.append(graph.node("Add", [best, move], f"{name}_terms"))
    terms = graph.node("Concat", columns, "terms_base_last", axis=1)  # (B, R, L)
    return graph.node("Transpose", [terms], "terms", perm=[0, 2, 1])


def _sums_of_kmers(
    pair: tuple[_Named, _Named],
) -> tuple[NDArray[np.float32], tuple[_Named, _Named]]:
    """Return the input products of a first layer with k-mers by row, and weights that read them.

    ONNX has no operator that adds to the products of a cell. So the input of the cell is the
    products of both directions, (4**k + 6, 2 G H), and the weights of each direction select its
    own. The last rows are those of codes without a k-mer.
    """
    products, weights = [], []
    for direction, lane in enumerate(pair):
        kmers, of_code = lane["weight_kmer_l0"], ONE_HOT @ lane["weight_ih_l0"].T
        count, width = kmers.shape
        # The base in the middle is the middle digit of the row.
        middle = np.arange(count) // round(count**0.5 / 2) % 4
        products.append(np.concatenate([of_code[middle] + kmers, of_code]))
        weights.append(np.eye(width, 2 * width, direction * width, np.float32))
    lanes = [{**lane, "weight_ih_l0": own} for lane, own in zip(pair, weights, strict=True)]
    return np.concatenate(products, axis=1), (lanes[0], lanes[1])


def _add_kmer_rows(graph: _Graph, kmer: int, numbers: str) -> str:
    """Add the nodes from codes (B, L) to rows of `_sums_of_kmers`."""
    ends = np.array([0, kmer // 2, 0, kmer // 2], np.int64)
    constants = [graph.constant("flanks", ends), "padding"]
    flanked = graph.node("Pad", [numbers, *constants], "flanked")  # (B, L + kmer - 1)
    along = graph.constant("kmer_axis", np.array([1], np.int64))
    ambiguous = graph.constant("no_base", np.array(AMBIGUOUS, np.int32))
    last = np.iinfo(np.int64).max
    row, largest = "", ""
    for n in range(kmer):
        first = graph.constant(f"first_{n}", np.array([n], np.int64))
        end = graph.constant(f"end_{n}", np.array([n + 1 - kmer or last], np.int64))
        base = graph.node("Slice", [flanked, first, end, along], f"base_{n}")  # (B, L)
        value = graph.constant(f"value_{n}", np.array(4 ** (kmer - 1 - n), np.int32))
        digit = graph.node("Mul", [base, value], f"digit_{n}")
        row = graph.node("Add", [row, digit], f"row_{n}") if n else digit
        largest = graph.node("Max", [largest, base], f"largest_{n}") if n else base
    complete = graph.node("Less", [largest, ambiguous], "is_kmer")
    beyond = graph.constant("kmers", np.array(4**kmer, np.int32))
    alone = graph.node("Add", [numbers, beyond], "row_of_code")
    return graph.node("Where", [complete, row, alone], "kmer_row")


def _add_layer(
    graph: _Graph,
    architecture: Architecture,
    number: int,
    pair: tuple[_Named, _Named],
    states: str,
    lengths: str,
) -> str:
    """Add a recurrent layer: (L, B, I) to (L, B, 2H)."""
    operator = _OPERATORS[architecture.cell]
    arrays = _layer(pair, operator.gates)._asdict()
    weights = [graph.constant(f"layer_{number}_{name}", array) for name, array in arrays.items()]
    lanes = graph.node(
        operator.name,
        [states, *weights, lengths],
        f"layer_{number}_lanes",  # (L, 2, B, H)
        direction="bidirectional",
        hidden_size=architecture.hidden,
        **operator.attributes,
    )
    lanes = graph.node("Transpose", [lanes], f"layer_{number}_base_first", perm=[0, 2, 1, 3])
    shape = np.array([0, 0, 2 * architecture.hidden], np.int64)  # 0: unchanged
    shape_name = graph.constant(f"layer_{number}_shape", shape)
    return graph.node("Reshape", [lanes, shape_name], f"layer_{number}_states")


def _add_answer(
    graph: _Graph, architecture: Architecture | Ensemble, log_odds: str, numbers: str
) -> None:
    """Add the nodes from log-odds to probabilities: 0 if the base is not A, C, G or T."""
    from onnx import TensorProto

    if architecture.exclusive:
        shares = graph.node("Softmax", [log_odds], "shares", axis=2)
        ends = [np.array([n], np.int64) for n in (1, 1 + len(architecture.outputs), 2)]
        names = ("first_output", "after_outputs", "output_axis")
        parts = [graph.constant(name, end) for name, end in zip(names, ends, strict=True)]
        chances = graph.node("Slice", [shares, *parts], "chances")
    else:
        chances = graph.node("Sigmoid", [log_odds], "chances")
    bounds = [
        graph.constant(name, np.array(bound, np.float32))
        for name, bound in zip(("least", "most"), PROBABILITY_BOUNDS, strict=True)
    ]
    bounded = graph.node("Clip", [chances, *bounds], "bounded")
    ambiguous = graph.constant("ambiguous", np.array(AMBIGUOUS, np.int32))
    known = graph.node("Less", [numbers, ambiguous], "known")
    known = graph.node("Cast", [known], "known_as_float", to=TensorProto.FLOAT)
    axis = graph.constant("last_axis", np.array([2], np.int64))
    known = graph.node("Unsqueeze", [known, axis], "known_of_base")
    graph.node("Mul", [bounded, known], "probabilities")
