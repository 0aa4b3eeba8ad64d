"""The sequences of an encoded set that were held out of training, with their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.encoded.sequences.labelled import LabelledSequence, LabelledSequences
from dnabirnn.errors import OptionError
from dnabirnn.labels import class_bits

if TYPE_CHECKING:
    from dnabirnn.encoded.encoded_set import EncodedSet

__all__ = ["held_out_sequences"]


def held_out_sequences(encoded: EncodedSet) -> tuple[LabelledSequences, str]:
    """Return the sequences of the test split, or of the validation split if there are none.

    Parameters
    ----------
    encoded : EncodedSet
        With labels of whole sequences.

    Returns
    -------
    sequences : LabelledSequences
    split : str
        "test" or "val".

    Raises
    ------
    OptionError
        The labels are those of bases, no sequence was held out, or all of those that were have
        a class, or none of them.
    """
    if not encoded.whole_sequences:
        raise OptionError(
            f"{encoded.path}: has labels of bases; give the genome, --labels and --regions"
        )
    split = next((name for name in ("test", "val") if len(encoded.split(name))), None)
    if split is None:
        raise OptionError(
            f"{encoded.path}: neither a test nor a validation split; encode again with one"
        )
    offsets = {contig.name: contig.offset for contig in encoded.contigs}
    found = []
    for name, start, end in encoded.contig_splits(split):
        first, last = offsets[name] + start, offsets[name] + end
        codes, labels = np.array(encoded.codes[first:last]), int(encoded.labels[first])
        classes = [
            one.name
            for number, one in enumerate(encoded.classes)
            if labels & class_bits(number, ".")
        ]
        lower = np.zeros(len(codes), np.bool_)
        found.append(LabelledSequence(name, codes, lower, frozenset(classes), split))
    digests = {
        kind: {file["name"]: file["sha256"] for file in files}
        for kind, files in encoded.manifest["inputs"].items()
        if files
    }
    names = tuple(sorted(one.name for one in encoded.classes))
    return LabelledSequences(found, names, digests=digests), split
