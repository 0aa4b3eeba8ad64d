"""The shape of a network, or of several: cell, sizes and classes. Does not import torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MAX_CLASSES, MotifClass, Output
from dnabirnn.names import is_printable

__all__ = [
    "DEFAULT_KMER",
    "MAX_COLUMNS",
    "PROBABILITY_BOUNDS",
    "Architecture",
    "Cell",
    "Ensemble",
    "MatrixShape",
]

DEFAULT_KMER = 5
"""Length of the k-mers of a network to train, unless given: accuracy and cost are in ADR 25."""
_MAX_KMER = 7  # each further pair of bases makes the table 16 times as large
PROBABILITY_BOUNDS = (1e-6, 1 - 1e-6)
"""Smallest and largest probability that is reported for a base and an output."""
MAX_COLUMNS = 512
"""Largest number of columns of a matrix."""


class Cell(StrEnum):
    """Kinds of recurrent cell, computed as torch.nn.RNN (tanh), GRU and LSTM do.

    `gru-ln` is the cell of dna-brnn. It applies layer normalisation in each gate, applies the reset
    gate before the product, and has a learned initial state. In an untied network its reverse
    direction starts from the last state of the forward direction.
    """

    RNN = "rnn"
    GRU = "gru"
    GRU_LN = "gru-ln"
    LSTM = "lstm"

    @property
    def gates(self) -> int:
        """Number of gates: rows of the weight matrices per hidden unit."""
        return {Cell.RNN: 1, Cell.GRU: 3, Cell.GRU_LN: 3, Cell.LSTM: 4}[self]

    @property
    def normalized(self) -> bool:
        """Whether the cell applies layer normalisation, with gains, to its products."""
        return self is Cell.GRU_LN

    @property
    def trains_compiled(self) -> bool:
        """Whether compiled kernels exist for its backward pass; if not, torch trains it."""
        return self is not Cell.GRU_LN


class MatrixShape(NamedTuple):
    """Shape of the position weight matrix of a class.

    Attributes
    ----------
    width : int
        Number of columns.
    flank_bp : int
        Columns at either end that add to the score of a site but lie outside it.
    """

    width: int
    flank_bp: int


@dataclass(frozen=True)
class _Classes:
    """The classes of a network or of several, and their outputs."""

    classes: tuple[MotifClass, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.classes) <= MAX_CLASSES:
            raise OptionError(
                f"{len(self.classes)} classes: a network has 1 to {MAX_CLASSES}; "
                "give all rows one class with --class, or select classes with --classes"
            )
        names = [name for name, _ in self.classes]
        for name in names:
            if name.strip() in ("", ".") or not is_printable(name):
                raise OptionError(
                    f"class {name!r}: a class name must consist of printable characters, and must "
                    "not be empty or a dot"
                )
        if len(set(names)) < len(names):
            raise OptionError(f"classes {', '.join(names)}: give each class a different name")

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Outputs in class order: + before - for a stranded class, "." for an unstranded one.

        Examples
        --------
        >>> Architecture((MotifClass("REP", True), MotifClass("IS", False))).outputs
        (Output(class_name='REP', strand='+'), Output(class_name='REP', strand='-'), \
Output(class_name='IS', strand='.'))
        """
        return tuple(
            Output(name, strand)
            for name, stranded in self.classes
            for strand in ("+-" if stranded else ".")
        )

    def columns(self, class_name: str) -> list[int]:
        """Return the output columns of a class: two for a stranded class, else one."""
        return [i for i, output in enumerate(self.outputs) if output.class_name == class_name]


@dataclass(frozen=True)
class Architecture(_Classes):
    """The shape of a network.

    Attributes
    ----------
    classes : tuple of MotifClass
        Classes in the order of the network's outputs.
    cell : Cell
        Kind of recurrent cell.
    hidden : int
        Hidden units per direction.
    layers : int
        Number of recurrent layers.
    tied : bool
        Whether both strands share one set of weights. If False, the reverse direction has separate
        weights.
    exclusive : bool
        If True, one softmax over the background and all outputs. If False, one sigmoid per output.
    matrices : tuple of MatrixShape or None
        Matrix of each class, whose calibrated score is added to the log-odds; empty if no class has
        one.
    kmer : int
        Length of the k-mers that the first layer looks up beside each base; 1 for none.
    """

    cell: Cell = Cell.GRU
    hidden: int = 32
    layers: int = 1
    tied: bool = True
    exclusive: bool = False
    kmer: int = 1
    matrices: tuple[MatrixShape | None, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, value in (("hidden", self.hidden), ("layers", self.layers)):
            if value < 1:
                raise OptionError(f"--{option} {value}: must be 1 or more")
        if self.kmer not in range(1, _MAX_KMER + 1, 2):
            raise OptionError(f"--kmer {self.kmer}: must be an odd number from 1 to {_MAX_KMER}")
        if len(self.matrices) not in (0, len(self.classes)):
            raise OptionError(f"{len(self.matrices)} matrices for {len(self.classes)} classes")
        for shape in self.matrices:
            if shape and not 0 <= 2 * shape.flank_bp < shape.width <= MAX_COLUMNS:
                raise OptionError(
                    f"a matrix of {shape.width} columns, {shape.flank_bp} of them outside the site "
                    f"at either end: a matrix has 1 to {MAX_COLUMNS} columns, one of them in the "
                    "site"
                )

    def matrix(self, number: int) -> MatrixShape | None:
        """Return the shape of the matrix of a class, given by its number."""
        return self.matrices[number] if self.matrices else None

    @property
    def matrix_reach_bp(self) -> int:
        """Number of bases on either side of a base that its matrix score can depend on."""
        return max((shape.width - 1 for shape in self.matrices if shape), default=0)

    def bytes_a_base(self, *, training: bool) -> int:
        """Return a conservative estimate of torch's memory per base of a window, in bytes.

        Per direction and layer, torch holds the inputs, the sums of the gates, and the states.
        A first layer with k-mers also holds their terms, and the sums before and after they are
        added. Training also keeps copies of them for the backward pass, and their gradients.
        """
        numbers = 2 * self.layers * (self.cell.gates + 4) * self.hidden
        if self.kmer > 1:
            numbers += 2 * 3 * self.cell.gates * self.hidden
        return 4 * (numbers + 8 * len(self.outputs)) * (3 if training else 1)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the model file."""
        plain = asdict(self)
        plain["cell"] = self.cell.value
        plain["classes"] = [{"name": name, "stranded": strand} for name, strand in self.classes]
        if any(self.matrices):
            plain["matrices"] = [shape and shape._asdict() for shape in self.matrices]
        else:
            del plain["matrices"]
        if self.kmer == 1:  # as in files of format 1
            del plain["kmer"]
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Architecture:
        """Create an architecture from the result of `to_json`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If a value is missing or has the wrong type.
        """
        classes = tuple(MotifClass(str(c["name"]), bool(c["stranded"])) for c in plain["classes"])
        return cls(
            classes=classes,
            cell=Cell(plain["cell"]),
            hidden=int(plain["hidden"]),
            layers=int(plain["layers"]),
            tied=bool(plain["tied"]),
            exclusive=bool(plain["exclusive"]),
            matrices=tuple(
                None if one is None else MatrixShape(int(one["width"]), int(one["flank_bp"]))
                for one in plain.get("matrices", ())
            ),
            kmer=int(plain.get("kmer", 1)),
        )


@dataclass(frozen=True)
class Ensemble(_Classes):
    """The shape of several networks, the members, whose log-odds are averaged.

    The log-odds of an output are the mean over the members that have its class. In exclusive
    networks, all members have all classes.

    Attributes
    ----------
    classes : tuple of MotifClass
        Classes in the order of the outputs.
    members : tuple of Architecture
        Two or more. Each has some of the classes, in the same order, and each class is in one of
        them.
    """

    members: tuple[Architecture, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.members) < 2:
            raise OptionError(f"{len(self.members)} members: an ensemble has at least 2 networks")
        for member in self.members:
            known = [each for each in self.classes if each in member.classes]
            if known != [*member.classes]:
                raise OptionError("the classes of a member are not classes of the ensemble")
            if member.exclusive != self.exclusive:
                raise OptionError("some members have exclusive classes, and others do not")
            if self.exclusive and member.classes != self.classes:
                raise OptionError("a member of an exclusive ensemble lacks a class")
        for motif_class in self.classes:
            if not any(motif_class in member.classes for member in self.members):
                raise OptionError(f"no member has class {motif_class.name}")

    @property
    def exclusive(self) -> bool:
        """Whether one softmax covers the background and all outputs."""
        return self.members[0].exclusive

    @property
    def tied(self) -> bool:
        """Whether both strands share one set of weights, in all members."""
        return all(member.tied for member in self.members)

    @property
    def matrix_reach_bp(self) -> int:
        """Number of bases on either side of a base that a matrix score can depend on."""
        return max(member.matrix_reach_bp for member in self.members)

    def places(self, member: Architecture) -> list[int]:
        """Return the number of the log-odds here of each of a member's log-odds.

        In exclusive networks, number 0 is the background.
        """
        first = int(self.exclusive)
        columns = [self.outputs.index(output) for output in member.outputs]
        return [*range(first), *(first + column for column in columns)]

    def shares(self) -> list[float]:
        """Return the share of a member in the mean of each of the log-odds, in their order.

        Examples
        --------
        >>> rep, other = MotifClass("REP", True), MotifClass("IS", False)
        >>> Ensemble((rep, other), (Architecture((rep, other)), Architecture((rep,)))).shares()
        [0.5, 0.5, 1.0]
        """
        counts = [
            sum(output in member.outputs for member in self.members) for output in self.outputs
        ]
        return [1 / len(self.members)] * self.exclusive + [1 / count for count in counts]

    def bytes_a_base(self, *, training: bool) -> int:
        """Return a conservative estimate of torch's memory per base of a window, in bytes.

        The members run one after the other.
        """
        most = max(member.bytes_a_base(training=training) for member in self.members)
        return most + 4 * 2 * (1 + len(self.outputs))

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the model file."""
        return {
            "classes": [{"name": name, "stranded": strand} for name, strand in self.classes],
            "exclusive": self.exclusive,
            "members": [member.to_json() for member in self.members],
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Ensemble:
        """Create an ensemble from the result of `to_json`; errors as for `Architecture`."""
        classes = tuple(MotifClass(str(c["name"]), bool(c["stranded"])) for c in plain["classes"])
        return cls(classes, tuple(map(Architecture.from_json, plain["members"])))
