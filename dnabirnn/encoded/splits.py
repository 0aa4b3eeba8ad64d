"""Splits: the bases on which a network is trained, selected and tested.

By default (`FractionSplit`) the genome is cut into blocks, and each block goes to one split. Blocks
are chosen without random numbers, so the same genome and labels always give the same splits.

1. Length of blocks. For a genome of G bases, it is G / 200, but at least 10 kb and at most 1 Mb. It
   is also at most G / 20 (at least 1 kb), so that small genomes give each split some blocks.
2. Ends of blocks. Each contig is cut into blocks from its start. A remainder shorter than half a
   block stays with the block before it. An end that would cut a labelled interval moves right, to
   the first base after that interval, unless that is more than 10 kb away:

       labels           ######
       before    |--------|--------|
       after     |------------|----|

3. Dealing. In the order of the FASTA, each block goes to the split that is furthest behind its
   share, f T - D. Here f is the split's fraction, T is the number of bases of all blocks so far,
   this one included, and D is the number of bases that the split has already. Of equals, the first
   in the order train, val, test gets the block. A split with fraction 0 gets none.
"""

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
"""Names of the splits, in the order in which they are written and in which blocks are dealt."""

DEFAULT_FRACTIONS = (0.8, 0.1, 0.1)

_BLOCKS_PER_GENOME = 200
_MIN_BLOCK_BP, _MAX_BLOCK_BP = 10_000, 1_000_000
# For genomes so small that blocks of `_MIN_BLOCK_BP` would be too few.
_MIN_BLOCKS, _MIN_SMALL_BLOCK_BP = 20, 1_000
_MAX_MOVE_BP = 10_000


def splits_of(names: Iterable[str | None]) -> list[str]:
    """Splits to which intervals belong; none unless each interval is named after its split.

    Examples
    --------
    >>> splits_of(["val", "test", "val"]), splits_of(["val", None]), splits_of([])
    (['val', 'test'], [], [])
    """
    found = set(names)
    return [split for split in SPLITS if split in found] if found <= {*SPLITS} else []


class SplitInterval(NamedTuple):
    """Stretch of a contig, 0-based, half-open."""

    contig: str
    start: int
    end: int


class SplitPlan(Protocol):
    """Rule for splitting a genome, applied once its contigs are known."""

    def resolve(
        self, lengths: Mapping[str, int], labelled: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, list[SplitInterval]]:
        """Apply the plan.

        Parameters
        ----------
        lengths : mapping
            Length of each contig in bases, in the order of the FASTA.
        labelled : mapping
            Labelled intervals of each contig: (n, 2) int64, sorted; they do not touch.

        Returns
        -------
        splits : dict
            Pieces of "train", "val" and "test" (a split may have none), in the order of the
            contigs, then by start. No two pieces overlap, and no piece is empty.
        """
        ...


@dataclass(frozen=True)
class BedSplit:
    """Splits from the fourth column of a BED file; bases outside its intervals are in no split."""

    path: PathLike
    aliases: Aliases | None = None

    def resolve(
        self, lengths: Mapping[str, int], labelled: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, list[SplitInterval]]:
        """Apply the plan; raise LabelError if the file does not fit the contigs."""
        source = str(self.path)
        frame = read_bed(self.path, span=True, tolerant=True)
        for row in frame.filter(~pl.col("name").is_in(SPLITS).fill_null(False)).iter_rows(
            named=True
        ):
            name = repr(row["name"]) if row["name"] else "nothing"
            raise LabelError(
                f"{source}, line {row['line']}: {name} in the fourth column; write train, val or "
                "test"
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
    # For each split, compare the rows of other splits with its farthest end so far.
    for name in SPLITS:
        reach = pl.when(pl.col("name") == name).then("end").cum_max().forward_fill().shift(1)
        clash = rows.with_columns(reach=reach.over("chrom")).filter(
            (pl.col("name") != name) & (pl.col("start") < pl.col("reach"))
        )
        for row in clash.head(1).iter_rows(named=True):
            raise LabelError(
                f"{source}, line {row['line']}: {row['name']} interval "
                f"{row['chrom']}:{row['start']}-{row['end']} overlaps a {name} interval; "
                "a base can be in one split only"
            )


@dataclass(frozen=True)
class ChromSplit:
    """Splits by whole contigs: some for validation, some for testing, the rest for training."""

    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if both := sorted(set(self.val) & set(self.test)):
            raise OptionError(
                f"{both[0]!r} is in both --val-chroms and --test-chroms; leave it out of one"
            )

    def resolve(
        self, lengths: Mapping[str, int], labelled: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, list[SplitInterval]]:
        """Apply the plan; raise OptionError for a name that the FASTA lacks."""
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
    """Splits by fractions of the genome, dealt out in blocks; see the module's docstring.

    A block is 1/200 of the genome, but at least 10 kb and at most 1 Mb. In genomes under 200 kb it
    is 1/20, but at least 1 kb, so that each split gets some blocks. Where the end of a block would
    cut a labelled interval, it moves right to the first base after it, by 10 kb at most.

    Attributes
    ----------
    train, val, test : float
        Fraction of the bases of each split; they sum to 1.
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
                f"--split-fractions {shown}: they sum to {sum(self.fractions):g}, but must sum to 1"
            )
        if self.train == 0:
            raise OptionError(f"--split-fractions {shown}: the first (train) must be above 0")

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Fractions of train, val and test."""
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
            # Choose the split that is furthest behind its share, with this block counted in the
            # total. Of equals, `max` returns the first.
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
    """Length in bases of the blocks into which a genome is cut.

    Examples
    --------
    >>> block_length(12_600_000), block_length(3_000_000_000), block_length(100_000)
    (63000, 1000000, 5000)
    """
    block_bp = min(max(genome_bp // _BLOCKS_PER_GENOME, _MIN_BLOCK_BP), _MAX_BLOCK_BP)
    return min(block_bp, max(genome_bp // _MIN_BLOCKS, _MIN_SMALL_BLOCK_BP))


def _block_edges(length: int, block_bp: int, labelled: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the edges of the blocks of a contig, with 0 and its length: (n + 1,) int64."""
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
        cut &= start_end[:, 1] - edges <= _MAX_MOVE_BP
        edges = np.where(cut, start_end[:, 1], edges)
    edges[-1] = length
    return np.unique(np.minimum(edges, length))


def _append(pieces: list[SplitInterval], piece: SplitInterval) -> None:
    """Append a piece; join it to the last piece if it continues that one."""
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
    """Return the plan that options ask for; at most one kind of option may be given.

    Parameters
    ----------
    bed : str or PathLike, optional
        BED file with train, val or test in the fourth column.
    val_chroms, test_chroms : sequence of str
        Contigs for validation and for testing; the rest is for training.
    fractions : sequence of three floats, optional
        Fractions of train, val and test; 0.8, 0.1, 0.1 if no option is given.
    aliases : Aliases, optional
        Other names that contigs may have in the BED or in the options.

    Raises
    ------
    OptionError
        If options exclude each other, or fractions are invalid.
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
