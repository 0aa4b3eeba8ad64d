"""Contigs that a run reads: those of its shard, checked against what names contigs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from dnabirnn.circular import Circular
from dnabirnn.errors import OptionError
from dnabirnn.fasta import contig_lengths
from dnabirnn.outputs import is_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dnabirnn.inputs import PathLike
    from dnabirnn.scoring import Contig
    from dnabirnn.shards import Shard

    _Contig = TypeVar("_Contig", bound=Contig)

__all__ = ["NamesContigs", "checked_contigs", "contigs_of_shard"]


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
