"""Labels as bits: one unsigned integer per base.

Bit 0 means *ignore*. Class number c, from 0, has bit 1 + 2c for + and bit 2 + 2c for -. An
unstranded class sets both::

    bit       ...  4    3    2    1    0
    meaning   ...  1-   1+   0-   0+   ignore
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.motif_classes import MotifClass

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = [
    "IGNORED",
    "IGNORE_BIT",
    "ClassTable",
    "LabelRows",
    "class_bits",
    "ignore_flanks",
    "ignore_outside",
    "intervals_of",
    "label_dtype",
    "opposite_outputs",
    "output_masks",
    "overlaps",
    "paint",
    "reverse_labels",
    "runs",
    "targets",
]

IGNORE_BIT = 1
"""Value of bit 0: the base is excluded from the loss and from metrics."""
IGNORED = -1
"""Class number of rows of an ignored class."""


def label_dtype(class_count: int) -> np.dtype[np.unsignedinteger]:
    """Return the smallest unsigned little-endian type for labels of this number of classes."""
    bits = 1 + 2 * class_count
    return np.dtype(next(f"<u{size}" for size in (1, 2, 4, 8) if bits <= 8 * size))


def class_bits(number: int, strand: str) -> int:
    """Return the bits that a row of a class sets. Number -1 means an ignored class.

    Examples
    --------
    >>> class_bits(0, "+"), class_bits(0, "-"), class_bits(1, "."), class_bits(-1, "+")
    (2, 4, 24, 1)
    """
    if number == IGNORED:
        return IGNORE_BIT
    return {"+": 1, "-": 2, ".": 3}[strand] << (1 + 2 * number)


class ClassTable(NamedTuple):
    """Classes of a set of labels, in the order of their bits, and the ignored classes."""

    classes: tuple[MotifClass, ...]
    ignore: tuple[str, ...] = ()

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Smallest unsigned type that holds every bit, little-endian.

        Examples
        --------
        >>> ClassTable((MotifClass("a", True),) * 4).dtype
        dtype('uint16')
        """
        return label_dtype(len(self.classes))


class LabelRows(NamedTuple):
    """Labelled intervals of one contig.

    Attributes
    ----------
    starts, ends : ndarray, (n,) int64
        0-based, half-open.
    bits : ndarray, (n,) uint64
        Bits that each row sets, see `class_bits`.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    bits: NDArray[np.uint64]


def paint(
    rows: LabelRows, length: int, table: ClassTable, ignored: NDArray[np.int64] | None = None
) -> NDArray[np.unsignedinteger]:
    """Return the labels of a contig's bases.

    Parameters
    ----------
    rows : LabelRows
        Rows as returned by `Labels.of`.
    length : int
        Length of the contig, in bases.
    table : ClassTable
    ignored : ndarray, (n, 2) int64, optional
        Intervals whose bases get the ignore bit in addition.

    Returns
    -------
    labels : ndarray, (length,) of `table.dtype`

    Examples
    --------
    >>> table = ClassTable((MotifClass("REP", True),), ignore=("gap",))
    >>> rows = LabelRows(np.array([0, 1, 4]), np.array([2, 3, 5]), np.array([2, 4, 1], np.uint64))
    >>> paint(rows, 6, table)
    array([2, 6, 4, 0, 1, 0], dtype=uint8)
    >>> paint(rows, 6, table, ignored=np.array([[2, 4]]))
    array([2, 6, 5, 1, 1, 0], dtype=uint8)
    """
    labels = np.zeros(length, dtype=table.dtype)
    bits = rows.bits.astype(table.dtype)
    for start, end, bit in zip(rows.starts.tolist(), rows.ends.tolist(), bits, strict=True):
        labels[start:end] |= bit
    if ignored is not None:
        for start, end in ignored.tolist():
            labels[start:end] |= labels.dtype.type(IGNORE_BIT)
    return labels


def ignore_outside(labels: NDArray[np.unsignedinteger], known: NDArray[np.int64]) -> None:
    """Set the ignore bit of bases that have no class and lie outside some intervals.

    Parameters
    ----------
    labels : ndarray, (L,) unsigned
        Changed in place.
    known : ndarray, (n, 2) int64
        Known negatives: intervals in which a base without a class really has none.

    Examples
    --------
    >>> labels = np.array([0, 2, 0, 0, 0], dtype=np.uint8)
    >>> ignore_outside(labels, np.array([[3, 4]]))
    >>> labels
    array([1, 2, 1, 0, 1], dtype=uint8)
    """
    unknown = labels <= IGNORE_BIT
    for start, end in known.tolist():
        unknown[start:end] = False
    labels[unknown] |= labels.dtype.type(IGNORE_BIT)


def ignore_flanks(labels: NDArray[np.unsignedinteger], flank_bp: int) -> None:
    """Set the ignore bit on both sides of each position where the classes of bases change.

    The ends of a contig are not such positions: an interval that reaches the end of a contig is
    exact there.

    Parameters
    ----------
    labels : ndarray, (L,) unsigned
        Changed in place.
    flank_bp : int
        Number of bases on each side.

    Examples
    --------
    >>> labels = np.array([2, 2, 2, 0, 0, 0, 4, 2], dtype=np.uint8)
    >>> ignore_flanks(labels, 1)
    >>> labels
    array([2, 2, 3, 1, 0, 1, 5, 3], dtype=uint8)
    """
    kinds = labels >> 1
    edges = np.flatnonzero(kinds[1:] != kinds[:-1]) + 1
    for edge in edges.tolist():
        labels[max(edge - flank_bp, 0) : edge + flank_bp] |= labels.dtype.type(IGNORE_BIT)


def runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the runs of True.

    Parameters
    ----------
    mask : ndarray, (L,) bool

    Returns
    -------
    spans : ndarray, (n, 2) int64
        Start and end of each run, 0-based and half-open, in order.

    Examples
    --------
    >>> runs(np.array([True, True, False, True])).tolist()
    [[0, 2], [3, 4]]
    """
    if not mask.size:
        return np.empty((0, 2), dtype=np.int64)
    edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    if mask[0]:
        edges = np.append(0, edges)
    if mask[-1]:
        edges = np.append(edges, mask.size)
    return edges.astype(np.int64, copy=False).reshape(-1, 2)


def intervals_of(labels: NDArray[np.unsignedinteger], bit: int) -> NDArray[np.int64]:
    """Return the runs of bases that have any of some bits set: (n, 2) int64, half-open.

    Parameters
    ----------
    labels : ndarray, (L,) unsigned
    bit : int
        Value of the bit or bits, such as IGNORE_BIT or a value of `class_bits`.

    Examples
    --------
    >>> intervals_of(np.array([0, 2, 6, 4], dtype=np.uint8), class_bits(0, "-")).tolist()
    [[2, 4]]
    """
    return runs((labels & labels.dtype.type(bit)) != 0)


def reverse_labels(labels: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Return the labels of the opposite strand, 5' to 3': + and - of each class change places.

    Parameters
    ----------
    labels : ndarray, (L,) unsigned

    Returns
    -------
    opposite : ndarray, (L,) of the same type
        A new array.

    Examples
    --------
    >>> reverse_labels(np.array([2, 4 | 1, 8 | 16], dtype=np.uint8))
    array([24,  3,  4], dtype=uint8)
    """
    kind, bits = labels.dtype.type, 8 * labels.dtype.itemsize
    # Bits 1, 3, 5, ... are those of +, the bits above them those of -.
    plus = kind(sum(1 << bit for bit in range(1, bits - 1, 2)))
    turned = labels[::-1]
    forward, backward = (turned & plus) << kind(1), (turned >> kind(1)) & plus
    opposite: NDArray[np.unsignedinteger] = forward | backward | (turned & kind(IGNORE_BIT))
    return opposite


def output_masks(classes: Sequence[MotifClass]) -> tuple[int, ...]:
    """Return the bits of each output, in the order of `Architecture.outputs`.

    Examples
    --------
    >>> output_masks([MotifClass("REP", True), MotifClass("IS", False)])
    (2, 4, 24)
    """
    return tuple(
        class_bits(number, strand)
        for number, (_, stranded) in enumerate(classes)
        for strand in ("+-" if stranded else ".")
    )


def opposite_outputs(classes: Sequence[MotifClass]) -> list[int]:
    """Return, for each output, the number of the output for the opposite strand.

    Examples
    --------
    >>> opposite_outputs([MotifClass("REP", True), MotifClass("IS", False)])
    [1, 0, 2]
    """
    columns: list[int] = []
    for _, stranded in classes:
        column = len(columns)
        columns += [column + 1, column] if stranded else [column]
    return columns


def targets(
    labels: NDArray[np.unsignedinteger], classes: Sequence[MotifClass]
) -> NDArray[np.bool_]:
    """Return the target value of each output.

    Parameters
    ----------
    labels : ndarray, (...) unsigned
    classes : sequence of MotifClass

    Returns
    -------
    truth : ndarray, (..., O) bool
        Outputs in the order of `Architecture.outputs`. The ignore bit has no effect.

    Examples
    --------
    >>> targets(np.array([0, 4, 8 | 16], np.uint8), [MotifClass("a", True), MotifClass("b", False)])
    array([[False, False, False],
           [False,  True, False],
           [False, False,  True]])
    """
    masks = output_masks(classes)
    truth = np.empty((*labels.shape, len(masks)), np.bool_)
    for column, mask in enumerate(masks):
        truth[..., column] = (labels & labels.dtype.type(mask)) != 0
    return truth


def overlaps(
    labels: NDArray[np.unsignedinteger], classes: Sequence[MotifClass]
) -> NDArray[np.bool_]:
    """Return which bases have more than one output set: (...) bool.

    Networks with exclusive classes allow no such base.

    Examples
    --------
    >>> overlaps(np.array([2, 2 | 4, 2 | 8], np.uint8), [MotifClass(c, True) for c in "ab"])
    array([False,  True,  True])
    """
    once = np.zeros(labels.shape, dtype=np.bool_)
    twice = np.zeros(labels.shape, dtype=np.bool_)
    for mask in output_masks(classes):
        hit = (labels & labels.dtype.type(mask)) != 0
        twice |= once & hit
        once |= hit
    return twice
