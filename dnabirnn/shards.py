"""Shards: parts of a genome for jobs of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Shard"]


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
