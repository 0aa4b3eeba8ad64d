"""Sequences whose classes are known as a whole, and their splits.

Such a set is encoded like any other: a sequence is a contig, and all of its bases, on both strands,
have the labels of its classes. The manifest says that the labels are those of whole sequences
(`EncodedSet.whole_sequences`).

Splits, unless the table or its files give them:

- `--val-chroms` and `--test-chroms` name contigs of the genome that the sequences come from. They
  are known for intervals, and for sequences with names such as chr1:1000-1200. Any other sequence
  is named itself.
- Otherwise, sequences are dealt out: each goes to the split that is furthest behind its fraction,
  for each combination of classes by itself. Sequences of which parts could be the same stay
  together: those within the same 100 kb of a contig, those with the same bases on either strand,
  and a shuffle with what it is a shuffle of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.alphabet import reverse_complement
from dnabirnn.encoded.splits import SPLITS, ChromSplit, FractionSplit, SplitInterval, SplitPlan
from dnabirnn.errors import EncodedSetError, OptionError
from dnabirnn.labels import ClassTable, Labels
from dnabirnn.motif_classes import MAX_CLASSES, MotifClass
from dnabirnn.names import aligned, shortened
from dnabirnn.sequences import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = [
    "LabelledSequence",
    "LabelledSequences",
    "SequenceSplit",
    "place_of",
    "sequence_counts",
    "sequence_table",
]

_BLOCK_BP = 100_000
_NAMED_PLACE = re.compile(r"(.+):(\d{1,12})-\d{1,12}(?:\([+-]\))?")


class Place(NamedTuple):
    """Where a sequence begins in a genome."""

    contig: str
    start: int


def place_of(name: str) -> Place | None:
    """Return the place that the name of a sequence gives, such as chr1:1000-1200.

    Examples
    --------
    >>> place_of("chr1:1000-1200"), place_of("peak 7")
    (Place(contig='chr1', start=1000), None)
    """
    found = _NAMED_PLACE.fullmatch(name)
    return None if found is None else Place(found[1], int(found[2]))


@dataclass(frozen=True, eq=False)
class LabelledSequence:
    """A sequence and what is known of it.

    Attributes
    ----------
    name : str
    codes : ndarray, (L,) uint8
    lower : ndarray, (L,) bool
        Bases in lower case.
    classes : frozenset of str
        Classes that it has; none for a negative.
    split : str, optional
        "train", "val" or "test" if it is given.
    place : Place, optional
        Where it begins in a genome.
    origin : str
        Name of the sequence that it is a shuffle of; its own otherwise.
    summit : int, optional
        0-based position of the summit of a peak in the sequence.
    """

    name: str
    codes: Codes
    lower: NDArray[np.bool_]
    classes: frozenset[str]
    split: str | None = None
    place: Place | None = None
    origin: str = ""
    summit: int | None = None


@dataclass(frozen=True)
class LabelledSequences:
    """Sequences with their classes.

    Attributes
    ----------
    sequences : sequence of LabelledSequence
    names : tuple of str
        Names of the classes, sorted.
    negatives : str
        Where the negatives are from: "given", "shuffled", "genomic", or "none" if the classes are
        only distinguished from each other.
    seed : int
    digests : mapping of str to mapping of str to str
        SHA-256 of the files by name, by kind of file.

    Raises
    ------
    OptionError
        There is no class, or one class without negatives.
    """

    sequences: Sequence[LabelledSequence]
    names: tuple[str, ...]
    negatives: str = "given"
    seed: int = 0
    digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.names) > MAX_CLASSES:
            raise OptionError(
                f"{len(self.names)} classes ({shortened(self.names)}): at most {MAX_CLASSES}; "
                "leave some out"
            )
        for name in self.names:
            having = sum(name in one.classes for one in self.sequences)
            for count, kind in ((having, "has"), (len(self.sequences) - having, "lacks")):
                if not count:
                    raise OptionError(
                        f"class {name}: no sequence {kind} it; give positives and negatives, such "
                        "as with --negatives shuffled"
                    )

    @property
    def records(self) -> list[Record]:
        """The sequences to encode."""
        return [Record(one.name, one.codes, one.lower) for one in self.sequences]

    def labels(self) -> Labels:
        """Return labels for all bases of both strands of the sequences that have a class."""
        number = {name: i for i, name in enumerate(self.names)}
        rows = [
            (one.name, 0, len(one.codes), number[name], strand, "", 0)
            for one in self.sequences
            for name in sorted(one.classes)
            for strand in "+-"
        ]
        columns = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "class": pl.Int32}
        columns |= {"strand": pl.String, "file": pl.String, "line": pl.UInt32}
        table = ClassTable(tuple(MotifClass(name, True) for name in self.names))
        return Labels(table, pl.DataFrame(rows, columns, orient="row"))

    def description(self) -> dict[str, Any]:
        """Return the entry of the manifest."""
        summits = {one.name: one.summit for one in self.sequences if one.summit is not None}
        return {"negatives": self.negatives, "seed": self.seed, "summits": summits}


@dataclass(frozen=True)
class SequenceSplit:
    """Splits of whole sequences, as a `SplitPlan`; see the module docstring.

    Attributes
    ----------
    sequences : LabelledSequences
    plan : SplitPlan
        By contig or by fractions. Used for sequences whose split is not given.
    """

    sequences: LabelledSequences
    plan: SplitPlan

    def resolve(
        self, lengths: Mapping[str, int], labelled: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, list[SplitInterval]]:
        """Apply the plan; raise OptionError for a contig that no sequence is from."""
        own = self.sequences.sequences
        left = [one for one in own if one.split is None]
        chosen = {one.name: one.split for one in own if one.split is not None}
        if isinstance(self.plan, ChromSplit):
            chosen |= _by_contig(left, self.plan)
        else:
            assert isinstance(self.plan, FractionSplit), "a BED is no split of whole sequences"
            chosen |= _dealt(left, self.plan)
        splits: dict[str, list[SplitInterval]] = {name: [] for name in SPLITS}
        for name, length in lengths.items():
            if length:
                splits[chosen[name]].append(SplitInterval(name, 0, length))
        self._check(chosen)
        return splits

    def _check(self, chosen: Mapping[str, str]) -> None:
        """Raise if the training split, or a validation split, lacks positives or negatives."""
        for split in ("train", "val"):
            there = [one for one in self.sequences.sequences if chosen[one.name] == split]
            if split == "val" and not there:
                continue
            for name in self.sequences.names:
                having = sum(name in one.classes for one in there)
                for count, kind in ((having, "with"), (len(there) - having, "without")):
                    if not count:
                        raise EncodedSetError(
                            f"the {split} split has no sequence {kind} class {name}; choose "
                            "another split, or give more sequences"
                        )


def _by_contig(sequences: Iterable[LabelledSequence], plan: ChromSplit) -> dict[str, str]:
    """Return the split of each sequence by the contig that it is from."""
    contigs = {one.name: one.name if one.place is None else one.place.contig for one in sequences}
    known = {*contigs.values()}
    for option, names in (("--val-chroms", plan.val), ("--test-chroms", plan.test)):
        for name in names:
            if name not in known:
                raise OptionError(
                    f"{option} {name}: no sequence is from this contig; they are from "
                    f"{shortened(sorted(known))}"
                )
    split_of = dict.fromkeys(plan.val, "val") | dict.fromkeys(plan.test, "test")
    return {name: split_of.get(contig, "train") for name, contig in contigs.items()}


def _dealt(sequences: Iterable[LabelledSequence], plan: FractionSplit) -> dict[str, str]:
    """Deal sequences out by fractions; those that may share bases go to the same split."""
    chosen: dict[str, str] = {}
    of_group: dict[object, str] = {}
    dealt: dict[frozenset[str], dict[str, int]] = {}
    own = list(sequences)
    for one, group in zip(own, _groups(own), strict=True):
        counts = dealt.setdefault(one.classes, dict.fromkeys(SPLITS, 0))
        split = of_group.get(group)
        if split is None:
            total = sum(counts.values()) + 1
            shares = dict(zip(SPLITS, plan.fractions, strict=True))
            # Of equals, `max` returns the first.
            behind = {s: share * total - counts[s] for s, share in shares.items() if share}
            split = max(behind, key=behind.__getitem__)
        counts[split] += 1
        chosen[one.name] = of_group[group] = split
    return chosen


def _groups(sequences: Sequence[LabelledSequence]) -> list[object]:
    """Return the group of each sequence; a chain of sequences with common keys is one group."""
    above: dict[object, object] = {}

    def top(key: object) -> object:
        while (upper := above.setdefault(key, key)) != key:
            above[key] = above[upper]
            key = upper
        return key

    keys = [_keys(one) for one in sequences]
    for first, *others in keys:
        for other in others:
            above[top(other)] = top(first)
    return [top(first) for first, *_ in keys]


def _keys(one: LabelledSequence) -> list[object]:
    """Return keys of a sequence; sequences with a common key may share bases."""
    forward, reverse = one.codes.tobytes(), reverse_complement(one.codes).tobytes()
    keys: list[object] = [one.origin or one.name, min(forward, reverse)]
    if one.place is not None:
        keys.append((one.place.contig, one.place.start // _BLOCK_BP))
    return keys


def sequence_counts(
    sequences: LabelledSequences, splits: Mapping[str, Sequence[SplitInterval]]
) -> dict[str, dict[str, int]]:
    """Return the number of sequences of each class, and of negatives (""), by split."""
    classes = {one.name: one.classes for one in sequences.sequences}
    counts = {name: dict.fromkeys(SPLITS, 0) for name in (*sequences.names, "")}
    for split in SPLITS:
        for contig, _, _ in splits[split]:
            for name in classes[contig] or ("",):
                counts[name][split] += 1
    return counts


def sequence_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Format the result of `sequence_counts` as aligned text for a terminal.

    Examples
    --------
    >>> print(sequence_table({"CTCF": {"train": 80, "val": 10, "test": 10}}))
    class  train sequences  val sequences  test sequences
    CTCF                80             10              10
    """
    rows = [["class", *(f"{split} sequences" for split in SPLITS)]]
    rows += [
        [name or "(negative)", *(f"{n:,}" for n in of.values())]
        for name, of in counts.items()
        if name or any(of.values())
    ]
    return "\n".join(aligned(rows))
