"""Truth: the labels of a contig, and a mask of the bases that count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.labels import IGNORE_BIT
from dnabirnn.sequences import read_fasta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Labels
    from dnabirnn.sequences import Needed, Record

__all__ = ["LabelledContigs", "Truth", "painted_labels"]


_STEP_BASES = 1 << 16


class Truth:
    """Labels of a contig, and a mask of the bases that count.

    Attributes
    ----------
    labels : ndarray, (L,) unsigned
        Label bits of each base.
    counted : ndarray, (L,) bool
        False where metrics leave a base out.
    """

    def __init__(self, labels: NDArray[np.unsignedinteger], counted: NDArray[np.bool_]) -> None:
        self.labels = labels
        self.counted = counted

    @classmethod
    def of(
        cls,
        labels: NDArray[np.unsignedinteger],
        *,
        codes: Codes | None = None,
        regions: NDArray[np.int64] | None = None,
        cut: bool = True,
    ) -> Truth:
        """Make the truth of a contig from its painted labels.

        Parameters
        ----------
        labels : ndarray, (L,) unsigned
            Bases with the ignore bit do not count.
        codes : ndarray, (L,) uint8, optional
            Bases of code 4 do not count. Without codes, the caller must leave them out.
        regions : ndarray, (n, 2) int64, optional
            Sorted disjoint intervals. Bases outside them do not count.
        cut : bool
            Also remove labels outside the regions, so that true intervals end there.

        Examples
        --------
        >>> labels = np.array([2, 2, 3, 0], dtype=np.uint8)  # bit 0 is ignore
        >>> truth = Truth.of(labels, regions=np.array([[1, 4]]))
        >>> truth.labels.tolist(), truth.counted.tolist()
        ([0, 2, 3, 0], [False, True, False, True])
        """
        counted = _not_ignored(labels)
        if codes is not None:
            counted &= codes < AMBIGUOUS
        if regions is not None:
            inside = np.zeros(labels.size, dtype=np.bool_)
            for start, end in regions.tolist():
                inside[start:end] = True
            counted &= inside
            if cut:
                labels = np.where(inside, labels, labels.dtype.type(0))
        return cls(labels, counted)

    def share(
        self, mask: int, start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the share of counted bases of each interval whose labels have a bit of `mask`.

        Returns
        -------
        share : ndarray, (n,) float64
            NaN for an interval without a counted base.
        """
        from dnabirnn.evaluation.base_counts import count_in_intervals  # loads Numba

        counted, positive = count_in_intervals(self.labels, self.counted, mask, start, end)
        share = np.full(start.size, np.nan)
        np.divide(positive, counted, out=share, where=counted > 0)
        return share


def _not_ignored(labels: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
    """Mask of the bases without the ignore bit."""
    mask = np.empty(labels.shape, dtype=np.bool_)
    ignore = labels.dtype.type(IGNORE_BIT)
    # In steps, so that the intermediate array stays in the cache: ten times as fast.
    for begin in range(0, labels.size, _STEP_BASES):
        part = slice(begin, begin + _STEP_BASES)
        np.equal(labels[part] & ignore, 0, out=mask[part])
    return mask


def painted_labels(
    record: Record, labels: Labels, exclude: Regions | None
) -> NDArray[np.unsignedinteger]:
    """Return labels (L,) of a contig; excluded bases and those in `Record.lower` are ignored."""
    excluded = None if exclude is None else exclude.of(record.name)
    found = labels.paint(record.name, len(record.codes), excluded)
    if record.lower is not None:
        found[record.lower] |= found.dtype.type(IGNORE_BIT)
    return found


class LabelledContigs:
    """Contigs of FASTA files, with labels that are kept from reading until `labels_of` is called.

    Parameters
    ----------
    fasta : sequence of str or PathLike
    labels : Labels
    mask : str
        Meaning of lower-case letters: "none", "loss" (ignored) or "hard" (code 4).
    exclude : Regions, optional
        Bases that do not count.
    digests, needed : optional
        As in `dnabirnn.read_fasta`.
    """

    def __init__(
        self,
        fasta: Sequence[PathLike],
        labels: Labels,
        mask: str,
        exclude: Regions | None = None,
        digests: dict[str, str] | None = None,
        needed: Needed | None = None,
    ) -> None:
        case, hard = mask == "loss", mask == "hard"
        self._records = read_fasta(
            *fasta, case=case, hard_mask=hard, digests=digests, needed=needed
        )
        self._labels = labels
        self._exclude = exclude
        self._waiting: dict[str, NDArray[np.unsignedinteger]] = {}

    def __iter__(self) -> Iterator[Record]:
        for record in self._records:
            self._waiting[record.name] = painted_labels(record, self._labels, self._exclude)
            yield record

    def labels_of(self, name: str) -> NDArray[np.unsignedinteger]:
        """Return the labels (L,) of a contig that was read, and forget them."""
        return self._waiting.pop(name)
