"""Sequences with their classes, from the options of a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dnabirnn.encoded.sequences.files import GENOMIC, SHUFFLED, read_files
from dnabirnn.encoded.sequences.labelled import LabelledSequence, LabelledSequences
from dnabirnn.encoded.sequences.table import read_table, split_of_file
from dnabirnn.errors import LabelError, OptionError

if TYPE_CHECKING:
    from dnabirnn.files import PathLike

__all__ = ["read_sequences"]


def read_sequences(
    *,
    positives: Sequence[str] = (),
    negatives: str | None = None,
    tables: Sequence[str] = (),
    negative_label: str | None = None,
    genome: Sequence[PathLike] = (),
    class_name: str | None = None,
    summits: bool = False,
    hard_mask: bool = False,
    seed: int = 0,
) -> LabelledSequences:
    """Read sequences with their classes.

    Parameters
    ----------
    positives, negatives, genome, summits, hard_mask, seed
        As for `read_files`.
    tables : sequence of str
        `[SPLIT=]FILE` for each table (`read_table`), in place of `positives`.
    negative_label : str, optional
        Label of negatives in tables; "0" by default.
    class_name : str, optional
        Class of all labels of tables except for that of negatives.

    Raises
    ------
    FastaError, LabelError, OptionError
        A file cannot be read, or the options do not fit together.
    """
    if bool(positives) == bool(tables):
        raise OptionError(
            "--positives, --sequence-labels: both define labels of whole sequences; give one"
        )
    digests: dict[str, dict[str, str]] = {}
    if not tables:
        for option, value in (("--negative-label", negative_label), ("--class", class_name)):
            if value is not None:
                raise OptionError(
                    f"{option}: applies to --sequence-labels; name a class with "
                    "--positives NAME=FILE"
                )
        found = read_files(
            positives,
            negatives,
            genome,
            summits=summits,
            hard_mask=hard_mask,
            seed=seed,
            digests=digests,
        )
        kind = negatives if negatives in (SHUFFLED, GENOMIC) else "given"
        kind = "none" if negatives is None else kind
        return LabelledSequences(found, _classes(found), str(kind), seed, digests)
    for option, given in (
        ("--negatives", negatives is not None),
        ("--summits", summits),
        ("FASTA", bool(genome)),
    ):
        if given:
            raise OptionError(
                f"{option}: does not apply to --sequence-labels, which have the sequences and "
                "their labels; remove it"
            )
    found = _of_tables(tables, negative_label or "0", class_name, hard_mask, digests)
    return LabelledSequences(found, _classes(found), "given", seed, digests)


def _of_tables(
    tables: Sequence[str],
    negative: str,
    class_name: str | None,
    hard_mask: bool,
    digests: dict[str, dict[str, str]],
) -> list[LabelledSequence]:
    """Read tables; names are unique over all of them, and all or no sequences have a split."""
    found: dict[str, LabelledSequence] = {}
    own = digests.setdefault("labels", {})
    for split, path in map(split_of_file, tables):
        for one in read_table(
            path,
            split,
            negative=negative,
            class_name=class_name,
            hard_mask=hard_mask,
            digests=own,
        ):
            if one.name in found:
                raise LabelError(
                    f"{path}: name {one.name!r} occurs twice; names must be unique, also over "
                    "several tables: rename one of them"
                )
            found[one.name] = one
    having = [one for one in found.values() if one.split is not None]
    lacking = next((one for one in found.values() if one.split is None), None)
    if having and lacking is not None:
        raise LabelError(
            f"--sequence-labels: {lacking.name!r} has no split, but {having[0].name!r} has; give "
            "all sequences a split, or none"
        )
    return list(found.values())


def _classes(sequences: Sequence[LabelledSequence]) -> tuple[str, ...]:
    """Return the names of all classes, sorted."""
    return tuple(sorted({name for one in sequences for name in one.classes}))
