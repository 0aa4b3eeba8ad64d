"""Splits: which bases a network is fitted on, chosen by, and judged on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import polars as pl

from dnabirnn.errors import LabelError, OptionError
from dnabirnn.intervals import check_contigs, merge, read_bed
from dnabirnn.names import shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.labels import Aliases

__all__ = [
    "SPLITS",
    "BedSplit",
    "ChromSplit",
    "FractionSplit",
    "SplitInterval",
    "SplitPlan",
    "split_plan",
    "splits_of",
]

SPLITS = ("train", "val", "test")
"""Names of the splits, in the order in which they are written and dealt."""

DEFAULT_FRACTIONS = (0.8, 0.1, 0.1)

_BLOCKS_A_GENOME = 200
_SHORTEST_BLOCK_BP, _LONGEST_BLOCK_BP = 10_000, 1_000_000
_FEWEST_BLOCKS, _SHORTEST_OF_ALL_BP = 20, 1_000
_FARTHEST_MOVE_BP = 10_000


def splits_of(names: Iterable[str | None]) -> list[str]:
    """Splits that intervals are of: none unless every one is named after its split.

    Examples
    --------
    >>> splits_of(["val", "test", "val"]), splits_of(["val", None]), splits_of([])
    (['val', 'test'], [], [])
    """
    found = set(names)
    return [split for split in SPLITS if split in found] if found <= {*SPLITS} else []


class SplitInterval(NamedTuple):
    """A stretch of a contig, 0-based, half-open."""

    contig: str
    start: int
    end: int


class SplitPlan(Protocol):
    """A way of splitting, still to be applied to contigs."""

    def resolve(
        self, lengths: Mapping[str, int], labelled: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, list[SplitInterval]]:
        """Apply the plan.

        Parameters
        ----------
        lengths : mapping
            Bases of each contig, in the order of the FASTA.
        labelled : mapping
            Labelled intervals of contigs: (n, 2) int64, sorted, apart from one another.

        Returns
        -------
        splits : dict
            Pieces of "train", "val" and "test" (a split may have none), in the order of the
            contigs, then by start. No two pieces overlap, and none are empty.
        """
        ...


@dataclass(frozen=True)
class BedSplit:
    """Splits as a BED file says in its fourth column; what lies outside is in none."""

    path: PathLike
    aliases: Aliases | None = None

    def resolve(
        self, lengths: Mapping[str, int], labelled: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, list[SplitInterval]]:
        """Apply the plan; raises LabelError for a file that does not fit the contigs."""
        source = str(self.path)
        frame = read_bed(self.path, span=True)
        for row in frame.filter(~pl.col("name").is_in(SPLITS).fill_null(False)).iter_rows(
            named=True
        ):
            raise LabelError(
                f"{source}, line {row['line']}: {row['name'] or 'nothing'!r} in the fourth "
                "column; write train, val or test"
            )
        if self.aliases is not None:
            frame = self.aliases.translated(frame)
        frame = check_contigs(frame, lengths, source)
        _check_apart(frame, source)
        merged = merge(frame, ("chrom", "name"))
        splits: dict[str, list[SplitInterval]] = {name: [] for name in SPLITS}
        for chrom, start, end, name in merged.iter_rows():
            splits[name].append(SplitInterval(chrom, start, end))
        order = {name: i for i, name in enumerate(lengths)}
        for pieces in splits.values():
            pieces.sort(key=lambda piece: (order[piece.contig], piece.start))
        return splits


def _check_apart(frame: pl.DataFrame, source: str) -> None:
    """Raise for intervals of different splits that overlap."""
    rows = frame.filter(pl.col("end") > pl.col("start")).sort("chrom", "start", "line")
    # The farthest end of each other split so far.
    for name in SPLITS:
        reach = pl.when(pl.col("name") == name).then("end").cum_max().forward_fill().shift(1)
        clash = rows.with_columns(reach=reach.over("chrom")).filter(
            (pl.col("name") != name) & (pl.col("start") < pl.col("reach"))
        )
        for row in clash.head(1).iter_rows(named=True):
            raise LabelError(
                f"{source}, line {row['line']}: {row['name']} interval "
                f"{row['chrom']}:{row['start']}-{row['end']} overlaps one of {name}; "
                "a base can be in one split only"
            )


@dataclass(frozen=True)
class ChromSplit:
    """Whole contigs: some for validation, some for testing, the rest for training."""

    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if both := sorted(set(self.val) & set(self.test)):
            raise OptionError(
                f"{both[0]!r} is in --val-chroms and in --test-chroms; leave it out of one"
            )

    def resolve(
        self, lengths: Mapping[str, int], labelled: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, list[SplitInterval]]:
        """Apply the plan; raises OptionError for a name that the FASTA lacks."""
        for option, names in (("--val-chroms", self.val), ("--test-chroms", self.test)):
            for name in names:
                if name not in lengths:
                    raise OptionError(
                        f"{option} {name}: no such contig; the FASTA has {shortened(list(lengths))}"
                    )
        split_of = dict.fromkeys(self.val, "val") | dict.fromkeys(self.test, "test")
        splits: dict[str, list[SplitInterval]] = {name: [] for name in SPLITS}
        for name, length in lengths.items():
            if length:
                splits[split_of.get(name, "train")].append(SplitInterval(name, 0, length))
        return splits


@dataclass(frozen=True)
class FractionSplit:
    """Shares of the genome, dealt out in blocks; the same genome is always dealt the same way.

    A block is a two-hundredth of the genome, at least 10 kb and at most 1 Mb; in genomes under
    200 kb it is a twentieth, at least 1 kb, so that each split gets some. Where the end of a
    block would cut a labelled interval, it moves right to the first base without a label, by 10
    kb at most.
    """

    train: float = DEFAULT_FRACTIONS[0]
    val: float = DEFAULT_FRACTIONS[1]
    test: float = DEFAULT_FRACTIONS[2]

    def __post_init__(self) -> None:
        shown = ",".join(f"{fraction:g}" for fraction in self.fractions)
        if not all(fraction >= 0 for fraction in self.fractions):
            raise OptionError(f"--split-fractions {shown}: each must be 0 or more")
        if not abs(sum(self.fractions) - 1) <= 1e-6:
            raise OptionError(
                f"--split-fractions {shown}: they sum to {sum(self.fractions):g}, must be 1"
            )
        if self.train == 0:
            raise OptionError(f"--split-fractions {shown}: the first, training, must be above 0")

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Shares of train, val and test."""
        return self.train, self.val, self.test

    def resolve(
        self, lengths: Mapping[str, int], labelled: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, list[SplitInterval]]:
        """Apply the plan."""
        splits: dict[str, list[SplitInterval]] = {name: [] for name in SPLITS}
        dealt = dict.fromkeys(SPLITS, 0)
        total = 0
        for piece in self._blocks(lengths, labelled):
            bases = piece.end - piece.start
            total += bases
            # The split furthest behind its share of what will have been dealt; the first of
            # equals.
            shares = zip(SPLITS, self.fractions, strict=True)
            behind = {
                name: share * total - dealt[name] if share else -np.inf for name, share in shares
            }
            name = max(SPLITS, key=behind.__getitem__)
            dealt[name] += bases
            _append(splits[name], piece)
        return splits

    def _blocks(
        self, lengths: Mapping[str, int], labelled: Mapping[str, NDArray[np.int64]]
    ) -> Iterator[SplitInterval]:
        block_bp = block_length(sum(lengths.values()))
        nothing = np.empty((0, 2), dtype=np.int64)
        for name, length in lengths.items():
            edges = _block_edges(length, block_bp, labelled.get(name, nothing))
            for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                yield SplitInterval(name, start, end)


def block_length(genome_bp: int) -> int:
    """Length in bases of the blocks that a genome is dealt out in.

    Examples
    --------
    >>> block_length(12_600_000), block_length(3_000_000_000), block_length(100_000)
    (63000, 1000000, 5000)
    """
    block_bp = min(max(genome_bp // _BLOCKS_A_GENOME, _SHORTEST_BLOCK_BP), _LONGEST_BLOCK_BP)
    return min(block_bp, max(genome_bp // _FEWEST_BLOCKS, _SHORTEST_OF_ALL_BP))


def _block_edges(length: int, block_bp: int, labelled: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ends of the blocks of a contig, 0 and its length among them: (n + 1,) int64."""
    if not length:
        return np.zeros(1, dtype=np.int64)
    # A remainder shorter than half a block stays with the block before it.
    count = max((length + block_bp // 2) // block_bp, 1)
    if count == 1:
        return np.array([0, length], dtype=np.int64)
    edges = np.arange(count + 1, dtype=np.int64) * block_bp
    if len(labelled):
        holder = np.searchsorted(labelled[:, 0], edges, side="left") - 1
        start_end = labelled[np.maximum(holder, 0)]
        cut = (holder >= 0) & (start_end[:, 1] > edges)
        cut &= start_end[:, 1] - edges <= _FARTHEST_MOVE_BP
        edges = np.where(cut, start_end[:, 1], edges)
    edges[-1] = length
    return np.unique(np.minimum(edges, length))


def _append(pieces: list[SplitInterval], piece: SplitInterval) -> None:
    """Append a piece, joined to the last where it goes on from there."""
    if pieces and pieces[-1].contig == piece.contig and pieces[-1].end == piece.start:
        piece = SplitInterval(piece.contig, pieces.pop().start, piece.end)
    pieces.append(piece)


def split_plan(
    bed: PathLike | None = None,
    val_chroms: Sequence[str] = (),
    test_chroms: Sequence[str] = (),
    fractions: Sequence[float] | None = None,
    aliases: Aliases | None = None,
) -> SplitPlan:
    """Plan from options, of which at most one kind may be given.

    Parameters
    ----------
    bed : str or PathLike, optional
        BED whose fourth column is train, val or test.
    val_chroms, test_chroms : sequence of str
        Contigs for validation and for testing; the rest is for training.
    fractions : sequence of three floats, optional
        Shares of train, val and test. 0.8, 0.1, 0.1 where nothing is given.
    aliases : Aliases, optional
        Other names that contigs may have in the BED or in the options.

    Raises
    ------
    OptionError
        Options that exclude each other, or fractions that are no shares.
    """
    by_chrom = bool(val_chroms or test_chroms)
    if (bed is not None) + by_chrom + (fractions is not None) > 1:
        raise OptionError(
            "--split, --val-chroms with --test-chroms, and --split-fractions exclude one "
            "another; give one"
        )
    if bed is not None:
        return BedSplit(bed, aliases)
    if by_chrom:
        named = [
            names if aliases is None else [aliases.name(name) for name in names]
            for names in (val_chroms, test_chroms)
        ]
        return ChromSplit(*map(tuple, named))
    shares = tuple(DEFAULT_FRACTIONS if fractions is None else fractions)
    if len(shares) != len(SPLITS):
        raise OptionError(
            f"--split-fractions: {len(shares)} numbers; give three, for train, val and test"
        )
    return FractionSplit(*shares)
