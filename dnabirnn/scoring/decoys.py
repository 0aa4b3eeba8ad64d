"""Decoys: sequence made from a genome itself, in which every call is false.

Decoys are scored and called exactly as the genome is. The evidence of their calls shows what the
composition of the genome alone gives; see `dnabirnn.scoring.qvalues`. There are two kinds:

**shuffle.** The contig is cut into blocks of 5 kb, and each block is shuffled so that it keeps its
counts of pairs of bases (`dnabirnn.sequences.shuffled`). Blocks keep the local composition, such as
GC content; pairs keep features such as the lack of CG. Longer words are not kept, because they are
parts of the sites that are looked for. Left out are the bases of calls, which would teach decoys
the sites and arrays, and soft-masked tandem repeats, whose shuffled bases resemble other arrays.
N and other ambiguous bases stay where they are.

**reverse.** The bases are read backwards, without taking their complement. Words occur in the
opposite order, and hairpins and tandem repeats stay what they are. This is for diagnosis: on such
decoys, a model that looks for hairpins has calls.

Of a large genome, a share of the blocks is enough. It is drawn by the seed, the name of the contig
and the number of the block, so shards draw the same blocks as one run does.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.errors import OptionError
from dnabirnn.labels import runs
from dnabirnn.scoring.calls import evidence_of, find_calls
from dnabirnn.sequences import period_of, shuffled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import CallSettings
    from dnabirnn.scoring.model import Model
    from dnabirnn.sequences import Record
    from dnabirnn.tracks import Rows

__all__ = ["SMALL_GENOME_BP", "DecoyKind", "DecoySearch", "Decoys", "decoy_of"]

SMALL_GENOME_BP = 20_000_000
"""Genomes up to this size have decoys of the same size by default, larger ones of a quarter."""
_BLOCK_BP = 5_000
# Of fewer bases, the original order would often come back.
_LEAST_BP = 20
_LONGEST_TANDEM_BP = 60
# Decoys that wait to be scored: enough that batches of windows are full.
_WAITING_BP = 4_000_000


class DecoyKind(StrEnum):
    """Kinds of decoys; see the module's docstring."""

    SHUFFLE = "shuffle"
    REVERSE = "reverse"


@dataclass(frozen=True)
class Decoys:
    """How decoys are made.

    Attributes
    ----------
    kind : DecoyKind
    share : float
        Share of the blocks of the genome that decoys are made from, above 0 and at most 1.
    seed : int
    """

    kind: DecoyKind = DecoyKind.SHUFFLE
    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise OptionError(
                f"--decoy-share {self.share:g}: must be above 0 and at most 1, the share of the "
                "genome that decoys are made from"
            )
        if self.seed < 0:
            raise OptionError(f"--decoy-seed {self.seed}: must be 0 or more")


def decoy_of(
    record: Record,
    decoys: Decoys,
    left_out: NDArray[np.int64],
    inside: NDArray[np.int64] | None = None,
) -> Codes:
    """Return the decoy of a contig.

    Parameters
    ----------
    record : Record
        With `lower`, to leave out soft-masked tandem repeats.
    decoys : Decoys
    left_out : ndarray, (n, 2) int64
        Intervals whose bases are not used, such as calls; for `DecoyKind.SHUFFLE` only.
    inside : ndarray, (n, 2) int64, optional
        Sorted, disjoint intervals; other bases are not used.

    Returns
    -------
    codes : ndarray, (m,) uint8
    """
    size = len(record.codes)
    spans = np.array([[0, size]]) if inside is None else np.clip(inside, 0, size)
    blocks = [
        (start, min(start + _BLOCK_BP, end))
        for first, end in spans.tolist()
        for start in range(first, end, _BLOCK_BP)
    ]
    random = np.random.default_rng([decoys.seed, zlib.crc32(record.name.encode())])
    chosen = random.random(len(blocks)) < decoys.share
    seeds = random.integers(0, 1 << 63, len(blocks))
    used = [(*blocks[n], int(seeds[n])) for n in np.flatnonzero(chosen).tolist()]
    if decoys.kind is DecoyKind.REVERSE:
        parts = [record.codes[start:end] for start, end, _ in used]
        return np.concatenate([np.empty(0, np.uint8), *parts])[::-1].copy()
    hidden = np.zeros(size, dtype=np.bool_)
    for start, end in left_out.tolist():
        hidden[start:end] = True
    parts = [np.empty(0, np.uint8)]
    for start, end, seed in used:
        lower = None if record.lower is None else record.lower[start:end]
        parts.append(_shuffled_block(record.codes[start:end], hidden[start:end], lower, seed))
    return np.concatenate(parts)


def _shuffled_block(
    codes: Codes, hidden: NDArray[np.bool_], lower: NDArray[np.bool_] | None, seed: int
) -> Codes:
    """Return the shuffled bases of a block that are not hidden, with ambiguous ones in place."""
    if lower is not None:
        hidden = hidden.copy()
        for start, end in runs(lower).tolist():
            if period_of(codes[start:end], _LONGEST_TANDEM_BP).length_bp:
                hidden[start:end] = True
    found = codes[~hidden]
    if np.count_nonzero(found < AMBIGUOUS) < _LEAST_BP:
        return found[:0]
    return shuffled(found, seed)


class _Decoy(NamedTuple):
    name: str
    codes: Codes


@dataclass
class DecoySearch:
    """Search of decoys for calls, contig by contig of the genome.

    Attributes
    ----------
    model : Model
    settings : CallSettings
        As for the genome.
    min_score : int
        Lowest score of the track that the genome's calls are made from.
    decoys : Decoys
    evidence : dict of class name to list of ndarray, int64
        Evidence of the calls of decoys.
    target_bp, decoy_bp : int
        Known bases of the genome that were searched, and of its decoys.
    """

    model: Model
    settings: CallSettings
    min_score: int
    decoys: Decoys
    evidence: dict[str, list[NDArray[np.int64]]] = field(default_factory=dict)
    target_bp: int = 0
    decoy_bp: int = 0
    _waiting: list[_Decoy] = field(default_factory=list)

    def add(self, record: Record, calls: Rows, inside: NDArray[np.int64] | None = None) -> None:
        """Make the decoy of a contig, given its calls; see `decoy_of`."""
        for start, end in [(0, len(record.codes))] if inside is None else inside.tolist():
            self.target_bp += int(np.count_nonzero(record.codes[start:end] < AMBIGUOUS))
        left_out = np.column_stack((calls.start, calls.end))
        codes = decoy_of(record, self.decoys, left_out, inside)
        self.decoy_bp += int(np.count_nonzero(codes < AMBIGUOUS))
        self._waiting.append(_Decoy(record.name, codes))
        if sum(len(decoy.codes) for decoy in self._waiting) >= _WAITING_BP:
            self.finish()

    def finish(self) -> None:
        """Search all decoys that wait."""
        outputs = self.model.outputs
        for calls in self._calls():
            evidence = evidence_of(calls)
            for name in self.settings.rules:
                columns = [n for n, output in enumerate(outputs) if output.class_name == name]
                own = evidence[np.isin(calls.output, columns)]
                if own.size:
                    self.evidence.setdefault(name, []).append(own)
        self._waiting.clear()

    def evidence_by_class(self) -> dict[str, NDArray[np.int64]]:
        """Return the evidence of the calls of all decoys searched so far, by class."""
        return {name: np.concatenate(parts) for name, parts in self.evidence.items()}

    def _calls(self) -> Iterator[Rows]:
        rows = self.model.runs(self._waiting, min_score=self.min_score)
        return find_calls(rows, self.model.outputs, self.settings)
