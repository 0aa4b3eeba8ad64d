"""Contigs that a run reads: those of its shard, checked against what names contigs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from dnabirnn.errors import OptionError
from dnabirnn.files import is_stream
from dnabirnn.sequences.circular import Circular
from dnabirnn.sequences.read import contig_lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dnabirnn.files import PathLike
    from dnabirnn.sequences.records import Contig

    _Contig = TypeVar("_Contig", bound=Contig)

__all__ = ["NamesContigs", "Shard", "checked_contigs", "contigs_of_shard"]


class NamesContigs(Protocol):
    """What names contigs, such as regions or labels, and must fit those of the sequences."""

    def check_contigs(self, lengths: Mapping[str, int], /) -> None:
        """Raise unless it fits contigs of these lengths."""


def contigs_of_shard(
    read: Callable[..., Iterable[_Contig]],
    fasta: Sequence[PathLike],
    shard: Shard | None,
    naming: Iterable[NamesContigs | None],
) -> Iterable[_Contig]:
    """Contigs of a shard, or all.

    Parameters
    ----------
    read : callable
        Gives the contigs of files, such as `Model.contigs`.
    fasta : sequence of str or PathLike
    shard : Shard, optional
    naming : iterable of NamesContigs or None
        As `checked_contigs` takes them.

    Raises
    ------
    OptionError
        A shard of standard input or a pipe; and what the checks raise.
    """
    if shard is None:
        return checked_contigs(read(*fasta), fasta, naming)
    if any(map(is_stream, fasta)):
        raise OptionError(
            "--shard: reads the FASTA twice, which standard input and pipes do not allow"
        )
    lengths = contig_lengths(*fasta)
    for one in _checks(naming):
        one.check_contigs(lengths)
    names = shard.names(lengths)
    return (contig for contig in read(*fasta) if contig.name in names)


def checked_contigs(
    contigs: Iterable[_Contig],
    fasta: Sequence[PathLike],
    naming: Iterable[NamesContigs | None],
) -> Iterator[_Contig]:
    """Contigs, once what names them is found to fit: that is, before the first is scored.

    Standard input and pipes, which can be read only once, are checked when they end.

    Parameters
    ----------
    contigs : iterable of Contig
        Those of the files.
    fasta : sequence of str or PathLike
    naming : iterable of NamesContigs or None
        What must fit the contigs; None is passed over.
    """
    checks = _checks(naming)
    lengths: dict[str, int] = {}
    if checks and not any(map(is_stream, fasta)):
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


def _checks(naming: Iterable[NamesContigs | None]) -> list[NamesContigs]:
    every = [one for one in naming if one is not None]
    return [one for one in every if not (isinstance(one, Circular) and one.all)]


class Shard(NamedTuple):
    """One of several parts of consecutive contigs, of about equal bases; numbers from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "1-of-8".

        Raises
        ------
        OptionError
            Anything else.

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
        """Contigs of this shard: those whose middle lies in its part of all bases.

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
