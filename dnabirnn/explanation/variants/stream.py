"""Stream from rows of a VCF to the changes that their alleles cause.

    rows -> alleles, checked against the contig -> tasks -> changes, in threads -> rows in order

A task is as many neighbouring rows as have one block of windows to keep. What is computed for an
allele does not depend on the rows beside it, so results do not depend on how tasks are cut. Memory
grows with the longest contig only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.engine import LANES, make_mutant_engine
from dnabirnn.errors import VariantError
from dnabirnn.explanation.changes import extremes_of
from dnabirnn.explanation.edits import Edits
from dnabirnn.explanation.kept_states import KeptStates
from dnabirnn.explanation.layout import Layout
from dnabirnn.explanation.stream import KEPT_BYTES, RESULT_BYTES
from dnabirnn.explanation.variants.alleles import Allele, Skipped, read_alleles
from dnabirnn.explanation.variants.calls import CallChanges, Compared
from dnabirnn.explanation.variants.changes import AlleleChanges, joined, largest_changes
from dnabirnn.explanation.variants.haplotypes import with_haplotypes
from dnabirnn.explanation.variants.pairs import Pairs
from dnabirnn.network import default_min_score
from dnabirnn.scoring import ordered_map

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.engine import MutantEngine
    from dnabirnn.explanation.variants.vcf import Row
    from dnabirnn.network import CallSettings
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig

__all__ = ["Annotated", "Contigs", "VariantSettings", "bases_around", "variant_changes"]

_ROWS = 1024
"""Most rows of a task."""
_LINE_BYTES = 1 << 22
"""Bytes of rows after which a task ends: rows of many samples are long."""
_PAIRS = 32
"""Most alleles of a task that need windows of their own, and those that are read together."""
_TOGETHER = 8


@dataclass(frozen=True)
class VariantSettings:
    """What to compute for variants.

    Attributes
    ----------
    max_distance_bp : int
        Bases on either side of an allele in which changes count.
    calls : CallSettings
        Rules of calls that are gained and lost.
    skip_mismatch : bool
        Leave out rows whose REF differs from the contig, instead of raising an error.
    sample_column : int, optional
        Column of a sample whose haplotypes are compared with the contig, instead of each allele.
    """

    max_distance_bp: int
    calls: CallSettings
    skip_mismatch: bool = False
    sample_column: int | None = None


class Annotated(NamedTuple):
    """Neighbouring rows, and what their alleles change.

    Attributes
    ----------
    rows : list of Row
    alleles : list of (int, Allele)
        Number of the row in `rows`, and the allele; sorted by row.
    changes : AlleleChanges
        Arrays of (n, O) for n alleles.
    """

    rows: list[Row]
    alleles: list[tuple[int, Allele]]
    changes: AlleleChanges


class Contigs:
    """Contigs by name, of which one is held at a time.

    The sequences are read once if they have the order of the variants. A contig that has already
    been passed is found by reading them again.

    Parameters
    ----------
    read : callable
        Returns an iterator over all contigs of `lengths`, or over those that will be asked for.
    lengths : mapping of str to int
        Length of each contig.
    """

    def __init__(self, read: Callable[[], Iterator[Contig]], lengths: Mapping[str, int]) -> None:
        self._read, self.lengths = read, lengths
        self._left: Iterator[Contig] = iter(())

    def get(self, name: str) -> Contig | None:
        """Return a contig, or None if there is none of this name."""
        if name not in self.lengths:
            return None
        for contig in self._left:
            if contig.name == name:
                return contig
        self._left = self._read()
        return next(contig for contig in self._left if contig.name == name)


def bases_around(model: Model, settings: VariantSettings) -> int:
    """Return how far from an allele bases of the contig are read."""
    reach_bp = settings.max_distance_bp + _call_changes(model, settings).margin_bp
    return reach_bp + model.checkpoint.scoring_window.length_bp


def _call_changes(model: Model, settings: VariantSettings) -> CallChanges:
    rules = [*model.checkpoint.calls.values(), *settings.calls.rules.values()]
    return CallChanges(model.outputs, settings.calls, default_min_score(rules))


class _Task(NamedTuple):
    layout: Layout | None
    rows: list[Row]
    alleles: list[tuple[int, Allele]]


def variant_changes(
    rows: Iterable[Row],
    contigs: Contigs,
    model: Model,
    settings: VariantSettings,
    skipped: Counter[Skipped],
    circular: Container[str] = (),
    name_of: Callable[[str], str] = str,
) -> Iterator[Annotated]:
    """Yield rows in their order, with what their alleles change.

    Parameters
    ----------
    rows : iterable of Row
        The rows of a contig are contiguous; for haplotypes, they are also sorted.
    contigs : Contigs
    model : Model
    settings : VariantSettings
    skipped : Counter
        Updated with the alleles that are left out.
    circular : container of str
        Names of circular contigs.
    name_of : callable
        Translates a contig's name in the VCF to that of the sequences.

    Raises
    ------
    VariantError
        As `read_alleles`; rows that are not contiguous, or not sorted.
    """
    mutants = make_mutant_engine(model.engine)
    tasks = _Tasks(model, mutants, settings).cut(
        _rows_of_contigs(rows, contigs, model, settings, skipped, circular, name_of)
    )
    method = _Method(model, mutants, settings)
    return ordered_map(method.run, tasks, model.engine.workers(model.threads))


def _rows_of_contigs(
    rows: Iterable[Row],
    contigs: Contigs,
    model: Model,
    settings: VariantSettings,
    skipped: Counter[Skipped],
    circular: Container[str],
    name_of: Callable[[str], str],
) -> Iterator[tuple[Layout | None, Row, list[Allele]]]:
    """Yield each row with its contig and alleles."""
    seen: set[str] = set()
    window = model.checkpoint.scoring_window
    for chrom, group in groupby(rows, key=lambda row: row.chrom):
        own: Iterator[Row] = group
        if chrom in seen:
            row = next(own)
            raise VariantError(
                f"{row.place}: rows of {chrom}, which other contigs separate from earlier ones; "
                "sort the file, for example with `bcftools sort`"
            )
        seen.add(chrom)
        name = name_of(chrom)
        contig = contigs.get(name)
        if contig is None:
            for row in own:
                skipped[Skipped.ABSENT] += len(row.alts)
                yield None, row, []
            continue
        layout = Layout(contig, name in circular, window)
        read: Iterator[tuple[Row, list[Allele]]] = (
            (row, read_alleles(row, contig.codes, skipped, skip_mismatch=settings.skip_mismatch))
            for row in own
        )
        if settings.sample_column is not None:
            # A neighbour can act through a window that holds it and a base within reach.
            near = settings.max_distance_bp + window.length_bp
            read = with_haplotypes(_sorted(read), settings.sample_column, near, skipped)
        for row, alleles in read:
            yield layout, row, alleles


def _sorted(
    rows: Iterable[tuple[Row, list[Allele]]],
) -> Iterator[tuple[Row, list[Allele]]]:
    """Yield rows unchanged; raise unless they are sorted by position."""
    last = -1
    for row, alleles in rows:
        if row.start < last:
            raise VariantError(
                f"{row.place}: POS {row.start + 1} follows {last + 1}; haplotypes need rows that "
                "are sorted by position, for example with `bcftools sort`"
            )
        last = row.start
        yield row, alleles


class _Tasks:
    """Cutter of tasks."""

    def __init__(
        self, model: Model, mutants: MutantEngine | None, settings: VariantSettings
    ) -> None:
        self._reach_bp = settings.max_distance_bp
        window_bp = model.checkpoint.scoring_window.length_bp
        self._windows = LANES
        if mutants is not None:
            self._windows = max(1, min(LANES, KEPT_BYTES // mutants.kept_bytes(window_bp)))
        one = (2 * self._reach_bp + 1) * len(model.outputs) * 4 * 2
        self._alleles = max(1, min(_ROWS, RESULT_BYTES // one))
        self._fast = mutants is not None

    def cut(self, rows: Iterable[tuple[Layout | None, Row, list[Allele]]]) -> Iterator[_Task]:
        """Yield tasks of one contig each."""
        for layout, group in groupby(rows, key=lambda row: row[0]):
            task = _Task(layout, [], [])
            windows: set[tuple[int, int]] = set()
            pairs = size = 0
            for _, row, alleles in group:
                assert layout is not None or not alleles
                fast = [one for one in alleles if self._fast and is_fast(one, layout)]
                own: set[tuple[int, int]] = set()
                for allele in fast:
                    assert layout is not None
                    reach = layout.reach_bp(self._reach_bp)
                    own |= {w[:2] for w in layout.windows(allele.at, allele.end, reach)}
                more = len(alleles) - len(fast)
                if task.rows and (
                    len(windows | own) > self._windows
                    or pairs + more > _PAIRS
                    or len(task.alleles) + len(alleles) > self._alleles
                    or len(task.rows) == _ROWS
                    or size > _LINE_BYTES
                ):
                    yield task
                    task, windows, pairs, size = _Task(layout, [], []), set(), 0, 0
                task.alleles.extend((len(task.rows), allele) for allele in alleles)
                task.rows.append(row)
                windows |= own
                pairs += more
                size += len(row.line)
            yield task


def is_fast(allele: Allele, layout: Layout | None) -> bool:
    """Return whether the changes of an allele can be computed from kept states."""
    return allele.is_substitution and layout is not None and not layout.repeats


class _Method:
    """Computation of the changes of the alleles of a task."""

    def __init__(
        self, model: Model, mutants: MutantEngine | None, settings: VariantSettings
    ) -> None:
        self._mutants, self._outputs = mutants, len(model.outputs)
        self._reach_bp = settings.max_distance_bp
        self._calls = _call_changes(model, settings)
        self._pairs = Pairs(model, self._reach_bp + self._calls.margin_bp)

    def run(self, task: _Task) -> Annotated:
        """Return what the alleles of a task change."""
        layout, rows, alleles = task
        if layout is None or not alleles:
            return Annotated(rows, alleles, self._empty(0))
        fast = np.array([self._mutants is not None and is_fast(one, layout) for _, one in alleles])
        found, order = [], []
        for method, which in ((self._from_states, fast), (self._from_pairs, ~fast)):
            numbers = np.flatnonzero(which)
            if len(numbers):
                found.append(method(layout, [alleles[number][1] for number in numbers]))
                order.append(numbers)
        places = np.argsort(np.concatenate(order))
        return Annotated(rows, alleles, joined(found).take(places))

    def _empty(self, count: int) -> AlleleChanges:
        sizes = [np.zeros((count, self._outputs), np.float32) for _ in range(6)]
        calls = np.tile(self._calls.none, (count, 1))
        gain, at_gain, of_gain, loss, at_loss, of_loss = sizes
        return AlleleChanges(
            gain,
            at_gain.astype(np.int32),
            of_gain,
            loss,
            at_loss.astype(np.int32),
            of_loss,
            calls,
            calls.copy(),
        )

    def _from_states(self, layout: Layout, alleles: list[Allele]) -> AlleleChanges:
        """Compute substitutions from the kept states of the unchanged windows."""
        assert self._mutants is not None
        reach = layout.reach_bp(self._reach_bp)
        order = np.argsort([allele.at for allele in alleles], kind="stable")
        ordered = [alleles[number] for number in order]
        windows = {
            window[:2]: (layout, window)
            for allele in ordered
            for window in layout.windows(allele.at, allele.end, reach)
        }
        states = KeptStates(self._mutants, windows.values())
        edits = Edits(
            np.array([allele.at for allele in ordered]),
            np.ones(len(ordered), np.int64),
            np.concatenate([allele.edits[0].codes for allele in ordered])[:, None],
        )
        log_odds, probabilities = states.profiles(layout, edits, reach)
        numbers = extremes_of(log_odds, probabilities, 1)
        gain, at_gain, of_gain, loss, at_loss, of_loss = numbers
        # From columns to distances from POS, which is before the base if REF is longer.
        moved = edits.at - np.array([allele.origin for allele in ordered]) - reach
        changes = self._empty(len(ordered))._replace(
            gain=gain,
            gain_distance=_distances(gain, at_gain, moved),
            gain_log_odds=of_gain,
            loss=loss,
            loss_distance=_distances(loss, at_loss, moved),
            loss_log_odds=of_loss,
        )
        self._count_calls(layout, ordered, probabilities, changes)
        return changes.take(np.argsort(order, kind="stable"))

    def _count_calls(
        self,
        layout: Layout,
        alleles: Sequence[Allele],
        probabilities: NDArray[np.float32],
        changes: AlleleChanges,
    ) -> None:
        """Count the calls that substitutions gain and lose; alleles are sorted."""
        if (self._calls.none < 0).all():
            return
        reach = probabilities.shape[1] // 2
        spans = [self._pairs.span(layout, allele.at, allele.end) for allele in alleles]
        compared, which = [], []
        for start, numbers, before in self._references(layout, spans):
            for number in numbers:
                first, last = spans[number]
                own = before[first - start : last - start]
                low = alleles[number].at - reach
                columns = slice(max(first - low, 0), min(last - low, 2 * reach + 1))
                begin = low + columns.start - first
                inner = own[begin : begin + columns.stop - columns.start]
                change = probabilities[number, columns]
                if self._calls.may_change(inner, inner + change):
                    after = own.copy()
                    after[begin : begin + len(inner)] += change
                    aligned = np.arange(len(own))
                    compared.append(Compared(own, after, aligned, begin, begin + len(inner)))
                    which.append(number)
        if which:
            changes.calls_gained[which], changes.calls_lost[which] = self._calls.count(compared)

    def _references(
        self, layout: Layout, spans: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[int, list[int], NDArray[np.float64]]]:
        """Yield the probabilities of the reference allele, of spans that overlap together.

        Yields
        ------
        start : int
        numbers : list of int
            The spans.
        probabilities : ndarray, (m, O)
        """
        groups: list[tuple[int, int, list[int]]] = []
        for number, (start, end) in enumerate(spans):
            if groups and start <= groups[-1][1]:
                first, last, numbers = groups[-1]
                numbers.append(number)
                groups[-1] = first, max(last, end), numbers
            else:
                groups.append((start, end, [number]))
        tracks = self._pairs.reference(layout, [group[:2] for group in groups])
        for (start, _, numbers), track in zip(groups, tracks, strict=True):
            yield start, numbers, track.probabilities

    def _from_pairs(self, layout: Layout, alleles: list[Allele]) -> AlleleChanges:
        """Compute alleles by reading the windows of both alleles."""
        changes = self._empty(len(alleles))
        reach = layout.reach_bp(self._reach_bp)
        for first in range(0, len(alleles), _TOGETHER):
            some = alleles[first : first + _TOGETHER]
            compared, which = [], []
            for number, pair in enumerate(self._pairs.of(layout, some), first):
                allele = alleles[number]
                for array, values in zip(
                    changes[:6], largest_changes(pair, allele, reach), strict=True
                ):
                    array[number] = values
                low = max(allele.at - reach - pair.start, 0)
                high = min(allele.end + reach - pair.start, len(pair.aligned))
                before, after = pair.reference.probabilities, pair.changed.probabilities
                if pair.blocks or self._calls.may_change(before[low:high], after[low:high]):
                    compared.append(Compared(before, after, pair.aligned, low, high))
                    which.append(number)
            if which:
                gained, lost = self._calls.count(compared)
                changes.calls_gained[which], changes.calls_lost[which] = gained, lost
        return changes


def _distances(
    size: NDArray[np.float32], column: NDArray[np.float32], moved: NDArray[np.int64]
) -> NDArray[np.int32]:
    places = column.astype(np.int64) + moved[:, None]
    return np.where(size > 0, places, 0).astype(np.int32)
