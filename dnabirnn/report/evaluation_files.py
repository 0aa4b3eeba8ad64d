"""The files that `dnabirnn evaluate` writes: metrics, curves and their figures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dnabirnn.drawing import save
from dnabirnn.files import OutputFiles, is_stream
from dnabirnn.report.curves import precision_recall_figure, reliability_figure

if TYPE_CHECKING:
    from dnabirnn.evaluation import Report

__all__ = ["write_evaluation"]


def write_evaluation(
    report: Report,
    baseline: Report | None,
    out: str,
    *,
    curves: str | None = None,
    plots: bool = True,
) -> None:
    """Write an evaluation; all files are written, or none.

    Parameters
    ----------
    report : Report
        Metrics and curves of the network.
    baseline : Report, optional
        Those of position weight matrices.
    out : str
        JSON file of metrics; "-" is standard output.
    curves : str, optional
        JSON file of the points of all curves.
    plots : bool
        Write precision-recall and reliability curves as PNG and SVG beside `out`, unless that is a
        stream.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    with OutputFiles() as files:
        text = json.dumps(report.metrics, indent=2, sort_keys=True, allow_nan=False)
        files.open(out).write(f"{text}\n".encode())
        if curves is not None:
            points = {
                "network": [curve.plain() for curve in report.curves],
                "baseline": [curve.plain() for curve in baseline.curves] if baseline else [],
            }
            text = json.dumps(points, sort_keys=True, allow_nan=False)
            files.open(curves).write(f"{text}\n".encode())
        if not plots or is_stream(out):
            return
        figures = {
            "precision_recall": precision_recall_figure(report.curves),
            "reliability": reliability_figure(report.curves),
        }
        for name, figure in figures.items():
            for form in ("png", "svg"):
                target = f"{out.removesuffix('.json')}.{name}.{form}"
                save(figure, files.open(target), form)
