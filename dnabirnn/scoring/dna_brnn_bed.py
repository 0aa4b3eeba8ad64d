"""Calls in dna-brnn's format: BED4 with the number of a label in the fourth column."""

from __future__ import annotations

import os
from heapq import heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.files import OutputFiles, PathLike, is_stream
from dnabirnn.motif_classes import Output
from dnabirnn.network import default_min_score
from dnabirnn.scoring.calls import find_calls
from dnabirnn.scoring.genome import Found
from dnabirnn.scoring.stream import bases_needed
from dnabirnn.sequences import contigs_of_shard
from dnabirnn.tracks import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dnabirnn.intervals import Regions
    from dnabirnn.network import CallSettings
    from dnabirnn.scoring.model import Model
    from dnabirnn.sequences import Circular, Shard
    from dnabirnn.tracks import Rows

__all__ = ["apart", "score_labels"]


def score_labels(
    model: Model,
    fasta: Sequence[PathLike],
    out: PathLike,
    calls: CallSettings,
    *,
    shard: Shard | None = None,
    regions: Regions | None = None,
    circular: Circular | None = None,
    progress: Callable[[int], None] = lambda bases: None,
) -> Found:
    """Write the calls of FASTA files as BED4: contig, start, end, label.

    The label is the number of the class, counted from 1. Contigs are in the order of the FASTA, and
    rows of a contig are sorted by start. Rows do not overlap: see `apart`.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    out : str or PathLike
    calls : CallSettings
    shard : Shard, optional
        Part of the contigs to score; by default all.
    regions : Regions, optional
        Regions to which calls are limited; the scores are those of the whole contig.
    circular : Circular, optional
        Circular contigs: windows run across their origin.
    progress : callable
        Called with the size of each finished block, in bases.

    Returns
    -------
    found : Found

    Raises
    ------
    OptionError, OutputError, FastaError, LabelError
        If options or inputs are wrong, or the output cannot be written. No file is written then.
    """
    wanted = None if regions is None else regions.of
    spans = bases_needed(wanted, model.checkpoint.scoring_window.length_bp, circular or ())
    contigs = contigs_of_shard(model.contigs, fasta, shard, [regions, circular], spans)
    sizes: dict[str, int] = {}
    runs = model.runs(
        contigs,
        min_score=default_min_score([*model.checkpoint.calls.values(), *calls.rules.values()]),
        wanted=wanted,
        circular=circular or (),
        sizes=sizes,
        progress=progress,
    )
    label_of = _labels(model.outputs)
    shortest = {
        label_of[column]: calls.rules[output.class_name].min_length_bp
        for column, output in enumerate(model.outputs)
        if output.class_name in calls.rules
    }
    # Rows have a label in place of an output, and no strand.
    classes = [
        Output(name, ".") for name in dict.fromkeys(output.class_name for output in model.outputs)
    ]
    summary = Found()
    summary.expect_calls(classes, calls)
    with OutputFiles() as outputs:
        labels = sorted(set(label_of))
        lines = Lines(outputs.open(out), [str(label) for label in labels])
        for rows in find_calls(runs, model.outputs, calls):
            found = [row for row in apart(rows, label_of) if row[1] - row[0] >= shortest[row[2]]]
            labelled, texts = _rows(rows, found)
            lines.add(labelled, texts)
            summary.add_calls(labelled, classes)
        lines.flush()
    summary.add_contigs(sizes, wanted)
    summary.files = [] if is_stream(out) else [os.fspath(out)]
    return summary


def apart(calls: Rows, label_of: Sequence[int]) -> list[tuple[int, int, int]]:
    """Cut the calls of a contig so that they do not overlap.

    A base in several calls goes to the call with the highest score; among equal scores, to the
    lowest label. Adjacent stretches with the same label are joined.

    Parameters
    ----------
    calls : Rows
        Sorted by start.
    label_of : sequence of int
        Label of each output.

    Returns
    -------
    found : list of (start, end, label)
        0-based, half-open, ascending.
    """
    starts, ends = calls.start.tolist(), calls.end.tolist()
    labels = [label_of[column] for column in calls.output.tolist()]
    places = sorted({*starts, *ends})
    found: list[tuple[int, int, int]] = []
    open_calls: list[tuple[int, int, int]] = []  # heap of (-score, label, end)
    following = 0
    for begin, end in pairwise(places):
        while following < len(starts) and starts[following] == begin:
            rank = (-int(calls.score[following]), labels[following], ends[following])
            heappush(open_calls, rank)
            following += 1
        while open_calls and open_calls[0][2] <= begin:
            heappop(open_calls)
        if not open_calls:
            continue
        label = open_calls[0][1]
        if found and found[-1][1:] == (begin, label):
            begin = found.pop()[0]
        found.append((begin, end, label))
    return found


def _labels(outputs: Sequence[Output]) -> list[int]:
    """Label of each output: the number of its class, counted from 1."""
    names = list(dict.fromkeys(output.class_name for output in outputs))
    return [1 + names.index(output.class_name) for output in outputs]


def _rows(calls: Rows, found: list[tuple[int, int, int]]) -> tuple[Rows, NDArray[np.uint32]]:
    """Rows to write, and for each row the index of its label in the list of label texts."""
    columns = np.array(found, np.int64).reshape(-1, 3)
    label = columns[:, 2] - 1
    rows = calls._replace(
        output=label.astype(np.uint8),
        start=columns[:, 0],
        end=columns[:, 1],
        score=np.zeros(len(found), np.int16),
    )
    return rows, label.astype(np.uint32)
