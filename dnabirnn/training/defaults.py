"""Defaults that follow the task. Tuning starts from them (`dnabirnn.tuning`).

Window. Average precision by strand on validation sequence, seed 0, for windows of two lengths::

                                        200 bp   400 bp
    fly donor, acceptor, start          0.427, 0.490, 0.161   0.475, 0.464, 0.195
    REP                                 0.914    0.918
    bacterial terminators               0.071    0.083
    bacterial promoters                 0.083    0.087
    yeast factors, few sites each       0.639    0.605
    attC sites, few                     0.329    0.315
    beta satellite, long sites          0.997    0.996

Mutation. The table in `dnabirnn.training.sampling` is that of labels of bases. With labels of whole
sequences, AUROC on validation sequences, seed 0, 10 Mb of windows, for shares of 0 and 0.05::

    GUE tf_3                            0.776    0.772

Network. With labels of whole sequences, AUROC on dev splits of GUE, of the network alone and with
words, seed 0, 32 units::

                                        tf_0            tf_3            mouse_4
    1 layer, 3-mers, 10 Mb, 0.1         0.864, 0.878    0.772, 0.830    0.765, 0.833
    1 layer, 3-mers, 30 Mb, 0.2         0.874, 0.882    0.797, 0.833    0.791, 0.836
    2 layers, no k-mers, 30 Mb, 0.2     0.872, 0.881    0.821, 0.840    0.821, 0.843
    1 layer, 3-mers, 60 Mb, 0.2         0.873, 0.882
    1 layer, 3-mers, 30 Mb, 0.4         0.875, 0.883

(Mb of windows, and rate of dropout.) The network of two layers has 13,121 weights, that with 3-mers
9,857, and one with 5-mers 102,017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.encoded import LabelledSites
from dnabirnn.network import DEFAULT_KMER, Architecture
from dnabirnn.training.matrices import FEW_SITES

if TYPE_CHECKING:
    from dnabirnn.encoded import EncodedSet

__all__ = [
    "DEFAULT_DROPOUT",
    "default_architecture",
    "default_bases",
    "default_dropout",
    "default_kmer",
    "default_layers",
    "default_mutation_rate",
    "default_window_bp",
]

DEFAULT_DROPOUT = 0.1
_LEAST_BASES, _MOST_BASES = 30_000_000, 80_000_000
_WINDOW_BP, _LONG_WINDOW_BP = 200, 400
_SHORT_SITE_BP = 60
_LONGEST_SEQUENCE_BP = 500
_MUTATION_RATE = 0.1
_SEQUENCE_LAYERS = 2
_SEQUENCE_DROPOUT = 0.2


def default_bases(classes: int) -> int:
    """Return the number of bases that a network with this number of classes is trained on.

    All classes together get half of the windows, so a network with more classes needs more.

    Examples
    --------
    >>> [default_bases(classes) // 1_000_000 for classes in (1, 2, 8)]
    [30, 40, 80]
    """
    return min(max(20_000_000 + 10_000_000 * classes, _LEAST_BASES), _MOST_BASES)


def default_architecture(encoded: EncodedSet) -> Architecture:
    """Return a strand-tied GRU with 32 hidden units for an encoded set."""
    layers, kmer = default_layers(encoded), default_kmer(encoded)
    return Architecture(encoded.classes, layers=layers, kmer=kmer)


def default_layers(encoded: EncodedSet) -> int:
    """Return the number of recurrent layers of a network for an encoded set."""
    return _SEQUENCE_LAYERS if encoded.whole_sequences else 1


def default_kmer(encoded: EncodedSet) -> int:
    """Return the length of the k-mers of a network for an encoded set."""
    return 1 if encoded.whole_sequences else DEFAULT_KMER


def default_dropout(encoded: EncodedSet) -> float:
    """Return the dropout rate for an encoded set."""
    return _SEQUENCE_DROPOUT if encoded.whole_sequences else DEFAULT_DROPOUT


def default_mutation_rate(encoded: EncodedSet) -> float:
    """Return the share of mutated bases for an encoded set.

    It is 0 for labels of whole sequences: where sites are is not known, so that they cannot be
    mutated less than the rest.
    """
    return 0.0 if encoded.whole_sequences else _MUTATION_RATE


def default_window_bp(encoded: EncodedSet) -> int:
    """Return the length of training windows for an encoded set.

    For labels of whole sequences, it is the median length of the training sequences, and at most
    500 bp. Otherwise it is 400 bp if most classes have short sites (median below 60 bp) and at
    least 400 of them for training, which suffices to learn from a wide context. Otherwise, or if no
    sequence for training is that long, it is 200 bp.
    """
    intervals = encoded.split("train")
    if encoded.whole_sequences:
        median = np.median(intervals[:, 1] - intervals[:, 0]) if len(intervals) else _WINDOW_BP
        return min(int(median), _LONGEST_SEQUENCE_BP)
    longest = max((int(end - start) for start, end in intervals), default=0)
    if longest < _LONG_WINDOW_BP:
        return _WINDOW_BP
    sites = LabelledSites(encoded)
    many = 0
    for number in range(len(encoded.classes)):
        spans = sites.of("train", number)
        if len(spans) >= FEW_SITES:
            many += bool(np.median(spans[:, 1] - spans[:, 0]) < _SHORT_SITE_BP)
    return _LONG_WINDOW_BP if 2 * many > len(encoded.classes) else _WINDOW_BP
