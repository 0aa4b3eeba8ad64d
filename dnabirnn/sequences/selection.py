"""Contigs that a run reads: those of its shard, checked against inputs that name contigs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

from dnabirnn.errors import FastaError, OptionError
from dnabirnn.files import is_address, is_stream
from dnabirnn.sequences.circular import Circular
from dnabirnn.sequences.indexed import read_index
from dnabirnn.sequences.read import contig_lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.sequences.indexed import Needed
    from dnabirnn.sequences.records import Contig

    _Contig = TypeVar("_Contig", bound=Contig)

__all__ = ["NamesContigs", "Shard", "checked_contigs", "contigs_of_shard"]


class NamesContigs(Protocol):
    """An input that names contigs, such as regions or labels, which must fit the sequences."""

    def check_contigs(self, lengths: Mapping[str, int], /) -> None:
        """Raise an error unless it fits contigs of these lengths."""


def contigs_of_shard(
    read: Callable[..., Iterable[_Contig]],
    fasta: Sequence[PathLike],
    shard: Shard | None,
    naming: Iterable[NamesContigs | None],
    spans: Needed | None = None,
    sizes: dict[str, int] | None = None,
) -> Iterable[_Contig]:
    """Return the contigs of a shard, or all contigs.

    Parameters
    ----------
    read : callable
        Returns the contigs of files, such as `Model.contigs`.
    fasta : sequence of str or PathLike
    shard : Shard, optional
        All contigs by default.
    naming : iterable of NamesContigs or None
        As in `checked_contigs`.
    spans : callable, optional
        Bases that are needed of a contig, as `needed` of `read_fasta`; all of them by default. Of
        files with an index, only these and those of the shard are read.
    sizes : dict, optional
        The length of each contig of the files is added, before that contig is yielded or left out.

    Raises
    ------
    OptionError
        A shard of standard input or a pipe; a failed check of `naming` may raise other errors.
    """
    if shard is None:
        contigs = read(*fasta) if spans is None else read(*fasta, needed=spans)
        checked = checked_contigs(contigs, fasta, naming)
        return checked if sizes is None else _measured(checked, sizes)
    if any(map(is_stream, fasta)):
        raise OptionError(
            "--shard: reads the FASTA twice, which standard input and pipes do not allow"
        )
    lengths = contig_lengths(*fasta)
    for one in _checks(naming):
        one.check_contigs(lengths)
    names = shard.names(lengths)
    if sizes is not None:
        sizes |= lengths

    def needed(name: str, length: int) -> NDArray[np.int64] | None:
        if lengths.get(name) != length:
            raise FastaError(
                f"{', '.join(map(str, fasta))}: record {name!r} is not as in the index; make it "
                "again with `samtools faidx`"
            )
        if name not in names:
            return None
        return np.array([[0, length]]) if spans is None else spans(name, length)

    return read(*fasta, needed=needed)


def _measured(contigs: Iterable[_Contig], sizes: dict[str, int]) -> Iterator[_Contig]:
    for contig in contigs:
        sizes[contig.name] = len(contig.codes)
        yield contig
        del contig  # so that it is freed before the next is read


def checked_contigs(
    contigs: Iterable[_Contig],
    fasta: Sequence[PathLike],
    naming: Iterable[NamesContigs | None],
) -> Iterator[_Contig]:
    """Yield contigs after checking the inputs that name contigs, so before the first is scored.

    Standard input and pipes can be read only once, and addresses without an index would be fetched
    twice, so their check is made after the last contig.

    Parameters
    ----------
    contigs : iterable of Contig
        Contigs of the files.
    fasta : sequence of str or PathLike
    naming : iterable of NamesContigs or None
        Inputs that must fit the contigs; None is ignored.
    """
    checks = _checks(naming)
    lengths: dict[str, int] = {}
    if checks and not any(map(_reads_once, fasta)):
        lengths = contig_lengths(*fasta)
        for one in checks:
            one.check_contigs(lengths)
        yield from contigs
        return
    for contig in contigs:
        lengths[contig.name] = len(contig.codes)
        yield contig
    for one in checks:
        one.check_contigs(lengths)


def _reads_once(path: PathLike) -> bool:
    return is_stream(path) or (is_address(path) and read_index(path) is None)


def _checks(naming: Iterable[NamesContigs | None]) -> list[NamesContigs]:
    every = [one for one in naming if one is not None]
    return [one for one in every if not (isinstance(one, Circular) and one.all)]


class Shard(NamedTuple):
    """One of several parts of about equal size, each of consecutive contigs; `number` is from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse a shard such as "1-of-8".

        Raises
        ------
        OptionError
            The text does not have this form.

        Examples
        --------
        >>> Shard.parse("1-of-8")
        Shard(number=1, of=8)
        """
        match = re.fullmatch(r"([0-9]{1,9})-of-([0-9]{1,9})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise OptionError(f"--shard {text}: must be like 1-of-8, the first of eight")
        return cls(int(match[1]), int(match[2]))

    def names(self, lengths_bp: Mapping[str, int]) -> set[str]:
        """Return the names of the contigs of this shard.

        All contigs laid end to end are split into `of` equal parts. A contig belongs to the part
        that contains its middle.

        Examples
        --------
        >>> lengths = {"a": 60, "b": 30, "c": 20}
        >>> Shard(1, 2).names(lengths), sorted(Shard(2, 2).names(lengths))
        ({'a'}, ['b', 'c'])
        """
        twice_total = max(1, 2 * sum(lengths_bp.values()))
        mine, before = set(), 0
        for name, length in lengths_bp.items():
            part = min((2 * before + length) * self.of // twice_total, self.of - 1)
            if part == self.number - 1:
                mine.add(name)
            before += length
        return mine
