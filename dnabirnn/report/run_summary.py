"""The summary of calls as JSON, with the model and the metrics, for programs such as MultiQC."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from dnabirnn.files import OutputFiles
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.report.material import NamedModel, read_metrics
from dnabirnn.report.summary import VALUES, summarize_calls

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from dnabirnn.files import PathLike

__all__ = ["FORMAT_VERSION", "summarize_run", "write_run_summary"]

FORMAT_VERSION = 1
"""Version of the format, see docs/format.md."""

_BASE_FIGURES = ("ap", "auroc", "best_f1", "mcc", "precision", "recall")
_CALL_FIGURES = ("precision", "recall", "f1")


def summarize_run(
    calls: Mapping[str, pl.DataFrame],
    sizes: Mapping[str, Mapping[str, int]] | None = None,
    model: PathLike | None = None,
    metrics: Mapping[str, PathLike] | None = None,
) -> dict[str, Any]:
    """Return the calls of samples by class, the model they were made with, and its metrics.

    Parameters
    ----------
    calls, sizes
        As for `summarize_calls`.
    model : str or PathLike, optional
        Model file, or the name of a bundled model.
    metrics : mapping of str to path, optional
        File written by `dnabirnn evaluate`, by sample.

    Returns
    -------
    summary : dict
        The content of a file `*.dnabirnn.json`, see docs/format.md.

    Raises
    ------
    TrackError
        As for `summarize_calls`.
    ModelFileError, ReportError
        A file that is not a model or not metrics.
    """
    sizes, metrics = sizes or {}, metrics or {}
    samples: dict[str, dict[str, Any]] = {
        name: {
            "contigs": len(sizes[name]) if name in sizes else None,
            "bases": sum(sizes[name].values()) if name in sizes else None,
            "classes": {},
            "metrics": _figures(metrics[name]) if name in metrics else {},
        }
        for name in calls
    }
    for row in summarize_calls(calls, sizes, ["class"]).iter_rows(named=True):
        figures = {name: row[name] for name in VALUES}
        samples[row["sample"]]["classes"][row["class"]] = figures
    return {
        "format": "dnabirnn summary",
        "format_version": FORMAT_VERSION,
        "tool_version": version("dnabirnn"),
        "model": None if model is None else _model(NamedModel.read(model)),
        "samples": samples,
    }


def write_run_summary(summary: Mapping[str, Any], path: PathLike) -> None:
    """Write a summary as JSON.

    Raises
    ------
    OutputError
        As for `OutputFiles.open`.
    """
    text = json.dumps(summary, indent=2, sort_keys=True, allow_nan=False)
    with OutputFiles() as files:
        files.open(path).write(f"{text}\n".encode())


def _model(model: NamedModel) -> dict[str, Any]:
    calls = model.checkpoint.calls
    return {
        "name": model.name,
        "sha256": model.sha256,
        "classes": {
            name: {"threshold": calls[name].threshold / MAX_SCORE if name in calls else None}
            for name, _ in model.checkpoint.architecture.classes
        },
    }


def _figures(path: PathLike) -> dict[str, Any]:
    """Return the figures of each class that `dnabirnn evaluate` found in the labels."""
    found = read_metrics(path)
    return {
        name: {key: figures.get(key) for key in _BASE_FIGURES}
        | {f"call_{key}": (found["calls"].get(name) or {}).get(key) for key in _CALL_FIGURES}
        for name, figures in sorted((found["classes"] | found["sequences"]).items())
        if figures is not None
    }
