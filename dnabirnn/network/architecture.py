"""What a network is: frozen and plain, free of torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MAX_CLASSES, MotifClass, Output
from dnabirnn.names import is_printable

__all__ = ["PROBABILITY_BOUNDS", "Architecture", "Cell"]

PROBABILITY_BOUNDS = (1e-6, 1 - 1e-6)
"""No base is surer than that to be of a class, or not to be."""


class Cell(StrEnum):
    """Kinds of recurrent cell, computed as torch.nn.RNN (tanh), GRU and LSTM do.

    `gru-ln` is dna-brnn's: layer normalisation in each gate, the reset gate before the product, and
    a state to begin with. In an untied network its reverse direction begins where the forward one
    ended.
    """

    RNN = "rnn"
    GRU = "gru"
    GRU_LN = "gru-ln"
    LSTM = "lstm"

    @property
    def gates(self) -> int:
        """Rows of the weight matrices for each hidden unit."""
        return {Cell.RNN: 1, Cell.GRU: 3, Cell.GRU_LN: 3, Cell.LSTM: 4}[self]

    @property
    def normalized(self) -> bool:
        """Whether products go through layer normalisation, and have gains."""
        return self is Cell.GRU_LN

    @property
    def trains_compiled(self) -> bool:
        """Whether there are compiled kernels for its backward pass; else torch trains it."""
        return self is not Cell.GRU_LN


@dataclass(frozen=True)
class Architecture:
    """The shape of a network.

    Attributes
    ----------
    classes : tuple of MotifClass
        What is labelled, in the order of the network's outputs.
    cell : Cell
    hidden : int
        Units a direction.
    layers : int
    tied : bool
        One set of weights for both strands; else a second one for the reverse direction.
    exclusive : bool
        A softmax over background and all outputs; else a sigmoid an output.
    """

    classes: tuple[MotifClass, ...]
    cell: Cell = Cell.GRU
    hidden: int = 32
    layers: int = 1
    tied: bool = True
    exclusive: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.classes) <= MAX_CLASSES:
            raise OptionError(
                f"{len(self.classes)} classes: a network has 1 to {MAX_CLASSES}; "
                "name one for all rows with --class, or choose some with --classes"
            )
        names = [name for name, _ in self.classes]
        for name in names:
            if name.strip() in ("", ".") or not is_printable(name):
                raise OptionError(f"class {name!r}: give classes names of printable characters")
        if len(set(names)) < len(names):
            raise OptionError(f"classes {', '.join(names)}: give each a name of its own")
        for option, value in (("hidden", self.hidden), ("layers", self.layers)):
            if value < 1:
                raise OptionError(f"--{option} {value}: must be 1 or more")

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Class by class, + before -, or "." for an unstranded class.

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
        """Columns of a class among the outputs: two for a stranded class, else one."""
        return [i for i, output in enumerate(self.outputs) if output.class_name == class_name]

    def bytes_a_base(self, *, training: bool) -> int:
        """Memory that torch takes for each base of a window, by a careful guess.

        There are, a direction and a layer, inputs, sums of the gates, and states; in training
        also what is kept of them, and their gradients.
        """
        numbers = 2 * self.layers * (self.cell.gates + 4) * self.hidden
        return 4 * (numbers + 8 * len(self.outputs)) * (3 if training else 1)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the model file."""
        plain = asdict(self)
        plain["cell"] = self.cell.value
        plain["classes"] = [{"name": name, "stranded": strand} for name, strand in self.classes]
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Architecture:
        """Architecture from what `to_json` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            Values that are missing or of the wrong kind.
        """
        classes = tuple(MotifClass(str(c["name"]), bool(c["stranded"])) for c in plain["classes"])
        return cls(
            classes=classes,
            cell=Cell(plain["cell"]),
            hidden=int(plain["hidden"]),
            layers=int(plain["layers"]),
            tied=bool(plain["tied"]),
            exclusive=bool(plain["exclusive"]),
        )
