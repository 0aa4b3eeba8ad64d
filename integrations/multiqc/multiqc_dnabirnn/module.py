"""The section of a report: calls, bases and metrics by sample and class."""

from __future__ import annotations

import json
import logging
from typing import Any

from multiqc.base_module import BaseMultiqcModule, ModuleNoSamplesFound
from multiqc.plots import bargraph, table

log = logging.getLogger(__name__)

_FORMAT = ("dnabirnn summary", 1)
_FIGURES = {
    "calls": {"title": "Calls", "format": "{:,d}", "min": 0, "scale": "Blues"},
    "bases": {"title": "Bases", "format": "{:,d}", "min": 0, "scale": "Greens"},
    "share": {"title": "% of bases", "suffix": "%", "format": "{:,.4f}", "scale": "Purples"},
    "longest": {"title": "Longest", "suffix": " bp", "format": "{:,d}", "scale": "Oranges"},
    "n50": {"title": "N50", "suffix": " bp", "format": "{:,d}", "scale": "Reds"},
    "threshold": {"title": "Threshold", "min": 0, "max": 1, "format": "{:,.3f}", "hidden": True},
    "ap": {"title": "AP", "description": "Average precision per base", "min": 0, "max": 1},
    "call_f1": {"title": "F1 of calls", "min": 0, "max": 1, "format": "{:,.3f}"},
}


class MultiqcModule(BaseMultiqcModule):
    """Calls of dnabirnn."""

    def __init__(self) -> None:
        super().__init__(
            name="dnabirnn",
            anchor="dnabirnn",
            href="https://github.com/dnabirnn/dnabirnn",
            info="scores every base of DNA with the probability that it belongs to a motif.",
        )
        rows: dict[str, dict[str, Any]] = {}
        calls: dict[str, dict[str, int]] = {}
        for file in self.find_log_files("dnabirnn"):
            content = _parsed(file["f"], file["fn"])
            if content is None:
                continue
            self.add_data_source(file)
            self.add_software_version(content["tool_version"])
            for sample, figures in content["samples"].items():
                name = self.clean_s_name(sample, file)
                for label, row in _rows(content, figures).items():
                    rows[f"{name}: {label}"] = row
                    calls.setdefault(name, {})[label] = row["calls"]
        calls = self.ignore_samples(calls)
        rows = self.ignore_samples(rows)
        if not rows:
            raise ModuleNoSamplesFound
        totals = {name: {"dnabirnn_calls": sum(own.values())} for name, own in calls.items()}
        self.general_stats_addcols(
            totals, {"dnabirnn_calls": {"title": "Calls", "format": "{:,d}", "scale": "Blues"}}
        )
        self.add_section(
            name="Calls by class",
            anchor="dnabirnn-calls",
            plot=bargraph.plot(
                calls, pconfig={"id": "dnabirnn_calls_plot", "title": "dnabirnn: calls by class"}
            ),
        )
        self.add_section(
            name="Figures by class",
            anchor="dnabirnn-figures",
            plot=table.plot(
                rows, _FIGURES, {"id": "dnabirnn_table", "title": "dnabirnn: figures by class"}
            ),
        )
        self.write_data_file(rows, "multiqc_dnabirnn")


def _parsed(text: str, name: str) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(text)
        found = (content["format"], content["format_version"])
    except (ValueError, KeyError, TypeError):
        log.warning("%s: not a summary of dnabirnn", name)
        return None
    if found != _FORMAT:
        log.warning("%s: format version %s is not supported; update this module", name, found[1])
        return None
    return content


def _rows(content: dict[str, Any], sample: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the figures of a sample by class. Unknown ones are left out."""
    rules = (content["model"] or {}).get("classes", {})
    rows = {}
    for label, figures in sample["classes"].items():
        row = figures | rules.get(label, {}) | sample["metrics"].get(label, {})
        row = {key: value for key, value in row.items() if key in _FIGURES and value is not None}
        if "share" in row:
            row["share"] *= 100
        rows[label] = row
    return rows
