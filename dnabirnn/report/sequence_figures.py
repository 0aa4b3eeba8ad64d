"""Figures of whole sequences: each counts once per class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnabirnn.report.page import Table, TableCell
from dnabirnn.report.tables import evaluated, figure_cell, number, sequence_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["sequence_finding", "sequence_table"]


def sequence_finding(name: str, entry: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
    """Return the result of a class on whole sequences in a sentence."""
    text = f"{name}: AUROC {number(entry['auroc'], 3)}"
    if ends := entry.get("auroc_ci"):
        text += f" (95 % interval {ends[0]:.3f} to {ends[1]:.3f})"
    of = f" of {sequence_of(sample['splits'])}" if sample["splits"] else ""
    text += f" over {entry['sequences']:,} sequences{of}"
    return f"{text}, of which {entry['positives']:,} are positive."


def sequence_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Make the table of figures of whole sequences, one row per class."""
    named = len(metrics) > 1
    head = ["sample"] * named + ["class", "sequences", "positives", "AUROC", "AP", "MCC"]
    head += ["precision", "recall"]
    rows = [
        [TableCell(name)] * named
        + [TableCell(class_name)]
        + [TableCell(number(entry[key])) for key in ("sequences", "positives")]
        + [figure_cell(entry, key, 3) for key in ("auroc", "ap", "mcc", "precision", "recall")]
        for name, sample in metrics.items()
        for class_name, entry in sample["sequences"].items()
    ]
    caption = (
        f"Figures of whole sequences on {evaluated(metrics)}, with 95 % intervals. Each sequence "
        "counts once per class. AUROC: area under the receiver operating characteristic. AP: "
        "average precision. MCC: Matthews correlation, at the threshold of the model, as "
        "precision and recall."
    )
    return Table(caption, head, rows, 1 + named)
