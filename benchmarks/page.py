"""Write docs/benchmarks.md and its figures from the saved results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "RESULTS",
    "ROOT",
    "describe_machine",
    "save_figure",
    "save_results",
    "table",
    "write_page",
]

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
# Colours of Okabe and Ito, which colour-blind readers can distinguish.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")

_TITLES = {
    "speed": "Engines",
    "forms": "Narrower vectors",
    "bf16": "bfloat16 on CPUs",
    "bf16-accuracy": "Scores in bfloat16",
    "train": "Training",
    "devices": "GPUs",
    "explain": "Mutagenesis",
    "gradients": "Gradients",
    "score": "The command",
    "start": "Start",
    "io": "Steps outside the network",
    "memory": "Memory",
    "scaling": "Scaling",
    "threads": "Threads",
    "estimates": "Estimates",
    "windows": "Scoring windows",
    "fdr": "q-values",
    "ranking": "Ranking of calls",
}
_COMMANDS = {"gradients": "explain"}
"""Commands that write a table of another name."""
_COLUMNS: dict[str, dict[str, str]] = {
    "speed": {
        "cell": "cell",
        "hidden": "hidden",
        "layers": "layers",
        "threads": "threads",
        "fused_mbs": "fused, Mb/s",
        "torch_mbs": "torch, Mb/s",
        "ratio": "ratio",
        "share_of_floor": "share of the sgemm floor",
    },
    "forms": {
        "form": "vectors",
        "cell": "cell",
        "hidden": "hidden",
        "fused_mbs": "fused, Mb/s",
        "torch_mbs": "torch, Mb/s",
        "ratio": "ratio",
    },
    "bf16": {
        "instructions": "instructions",
        "case": "case",
        "cell": "cell",
        "hidden": "hidden",
        "layers": "layers",
        "f32_mbs": "f32, Mb/s",
        "bf16_mbs": "bf16, Mb/s",
        "ratio": "ratio",
    },
    "bf16-accuracy": {
        "model": "model",
        "on": "test sequence",
        "class": "class",
        "ap_f32": "AP, f32",
        "ap_bf16": "AP, bf16",
        "ap_change": "change",
        "changed": "share of integer scores that change",
        "changed_written": "share among scores of 100 or more",
        "largest": "largest change of a probability",
    },
    "train": {
        "cell": "cell",
        "hidden": "hidden",
        "layers": "layers",
        "threads": "threads",
        "fused_mbs": "fused, Mb/s",
        "torch_mbs": "torch, Mb/s",
        "ratio": "ratio",
        "of_one_thread": "speed relative to one thread",
        "sampling": "share of time: sampling",
        "optimiser": "share of time: optimiser",
    },
    "devices": {
        "device": "device",
        "engine": "engine",
        "case": "case",
        "hidden": "hidden",
        "precision": "precision",
        "mbs": "Mb/s",
        "share_of_floor": "share of the product's floor",
    },
    "explain": {
        "cell": "cell",
        "hidden": "hidden",
        "reach": "reach, bases",
        "threads": "threads",
        "mutants_s": "mutants/s",
        "whole_s": "whole windows, mutants/s",
        "torch_s": "torch, mutants/s",
        "ratio": "ratio to whole windows",
    },
    "gradients": {
        "cell": "cell",
        "hidden": "hidden",
        "kmer": "k-mers",
        "score_mbs": "scoring, Mb/s",
        "gradient_mbs": "gradients of windows, Mb/s",
        "ratio": "ratio to scoring",
        "site_mbs": "gradients of sites, Mb/s",
        "site_ratio": "ratio to scoring",
        "torch_mbs": "torch, Mb/s",
    },
    "score": {
        "case": "case",
        "mbs": "Mb/s",
        "torch_mbs": "bare torch.nn.GRU, Mb/s",
        "ratio": "ratio",
        "cores_used": "cores used",
        "peak_mb": "peak, MB",
    },
    "start": {"case": "case", "wall_s": "s"},
    "io": {"step": "step", "ns_a_base": "ns per base"},
    "memory": {"case": "case", "peak_mb": "peak, MB", "mbs": "Mb/s"},
    "scaling": {"case": "case", "wall_s": "s", "mbs": "Mb/s", "peak_mb": "peak, MB"},
    "threads": {
        "network": "network",
        "start_s": "start, s",
        "reading_ns": "reading, ns per base",
        "joining_ns": "joining, ns per base",
        "scoring_ns": "scoring, ns per base",
        "two_threads": "two threads, measured",
        "cores_2": "2 threads, predicted",
        "cores_16": "16 cores, 3.1 Gb, predicted",
        "cores_64": "64 cores, 3.1 Gb, predicted",
    },
    "estimates": {
        "case": "case",
        "memory_mb": "memory, estimate in MB",
        "memory_ratio": "estimated / used",
        "disk_mb": "disk, estimate in MB",
        "disk_ratio": "estimated / used",
        "time_s": "time, estimate in s",
        "time_ratio": "estimated / used",
    },
    "windows": {
        "task": "task",
        "length_bp": "window, bp",
        "halo_bp": "halo, bp",
        "computed_per_kept": "bases computed per base kept",
        "ap": "AP on validation sequence",
    },
    "fdr": {
        "case": "case",
        "class": "class",
        "stated": "stated",
        "observed": "observed, by locus",
        "standard_error": "standard error",
        "observed_by_call": "observed, by call",
        "loci": "loci called",
        "power": "share of sites found",
        "all_loci": "loci without a limit",
        "least_evalue": "least E-value",
    },
    "ranking": {
        "task": "task",
        "on": "test sequence",
        "class": "class",
        "calls": "calls",
        "true": "true ones",
        "ap_by_evidence": "AP by evidence",
        "ap_by_score": "AP by mean score",
        "ap_by_sum": "AP by the plain sum",
    },
}


def save_results(name: str, rows: Iterable[Mapping[str, Any]], machine: Mapping[str, str]) -> None:
    """Write the results of a benchmark, after all of them are measured."""
    measured = list(rows)
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine, "rows": measured}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")


def write_page() -> None:
    """Write docs/benchmarks.md from all saved results."""
    parts = [(ROOT / "benchmarks" / "page.md").read_text()]
    for name, title in _TITLES.items():
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        found = json.loads(path.read_text())
        figure = _FIGURES.get(name)
        machine = describe_machine(found["machine"])
        command = _COMMANDS.get(name, name)
        parts.append(f"## {title}\n\n`python -m benchmarks {command}`, on {machine}.\n")
        if figure is not None:
            parts.append(save_figure(name, figure, found["rows"]))
        parts.append(table(_COLUMNS[name], found["rows"]))
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(parts))


def describe_machine(machine: Mapping[str, str]) -> str:
    """Return a machine and its versions as text."""
    versions = ", ".join(f"{n} {machine[n]}" for n in ("python", "numpy", "numba", "torch"))
    return f"{machine['processor']}, {machine['cores']} cores, {machine['system']} ({versions})"


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table; `columns` has the titles by key."""
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + " --- |" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(_cell(row.get(key)) for key in columns) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:,.0f}"
    return str(value)


def save_figure(name: str, figure: Any, rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw a figure of rows, save it as SVG, and return the Markdown that shows it."""
    plt.rcParams.update({"font.size": 9, "svg.hashsalt": name})
    drawing, caption = figure(rows)
    path = ROOT / "docs" / "images" / f"benchmarks-{name}.svg"
    drawing.savefig(path, metadata={"Date": None})
    plt.close(drawing)
    return f"![{caption}](images/{path.name})\n\n*{caption}*\n"


def _speed(rows: Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    return _by_hidden(rows), (
        "Bases scored per second of one thread: fused kernels and a bare loop of torch"
    )


def _train(rows: Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    return _by_hidden(rows), (
        "Training bases per second of one thread: fused kernels and a bare loop of torch's autograd"
    )


def _by_hidden(rows: Sequence[Mapping[str, Any]]) -> Any:
    figure, panels = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
    for panel, cell in zip(panels, ("gru", "lstm", "rnn"), strict=True):
        for number, layers in enumerate((1, 2)):
            for name, mark in (("fused", "o-"), ("torch", "s--")):
                of_cell = [
                    row
                    for row in rows
                    if (row["cell"], row["layers"], row["threads"]) == (cell, layers, 1)
                ]
                panel.plot(
                    [row["hidden"] for row in of_cell],
                    [row[f"{name}_mbs"] for row in of_cell],
                    mark,
                    color=COLOURS[2 * number + (name == "torch")],
                    label=f"{name}, {layers} layer{'s' * (layers > 1)}",
                )
        _log_axes(panel, "hidden units", cell.upper())
    panels[0].set_ylabel("Mb/s, one thread")
    panels[0].legend(frameon=False)
    return figure


def _scaling(rows: Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    kinds = list(dict.fromkeys(row["against"] for row in rows))
    figure, panels = plt.subplots(1, len(kinds), figsize=(9, 2.6), layout="constrained")
    for panel, kind in zip(panels, kinds, strict=True):
        taken = [row for row in rows if row["against"] == kind]
        values = [row["value"] for row in taken]
        panel.plot(values, [row["wall_s"] for row in taken], "o-", color=COLOURS[0], label="s")
        memory = [row["peak_mb"] for row in taken]
        panel.plot(values, memory, "s--", color=COLOURS[1], label="peak MB")
        _log_axes(panel, kind, "")
        panel.set_ylim(1, 2000)
    panels[0].legend(frameon=False)
    return figure, "Seconds and peak memory of `dnabirnn score` on one core"


def _windows(rows: Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    size = (3.2 * len(tasks), 3)
    figure, panels = plt.subplots(1, len(tasks), figsize=size, layout="constrained", squeeze=False)
    for panel, task in zip(panels[0], tasks, strict=True):
        lengths = sorted({row["length_bp"] for row in rows})
        for length, colour in zip(lengths, COLOURS, strict=True):
            taken = [row for row in rows if (row["task"], row["length_bp"]) == (task, length)]
            panel.plot(
                [row["computed_per_kept"] for row in taken],
                [row["ap"] for row in taken],
                "o-",
                color=colour,
                label=f"{length:,} bp",
                markersize=3,
            )
        panel.set(title=task, xlabel="bases computed per base kept", xlim=(0.98, 2))
    panels[0][0].set_ylabel("AP on validation sequence")
    panels[0][0].legend(frameon=False, title="window")
    return (
        figure,
        "Average precision against the work of the halo; the halo grows along each line",
    )


def _log_axes(panel: Axes, across: str, title: str) -> None:
    panel.set(xscale="log", yscale="log", xlabel=across, title=title)
    panel.grid(alpha=0.3)


def _fdr(rows: Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.4), sharey=True, layout="constrained")
    simulated = [row for row in rows if row.get("standard_error") is not None]
    stated = [row["stated"] for row in simulated]
    panels[0].errorbar(
        stated,
        [row["observed"] for row in simulated],
        [2 * row["standard_error"] for row in simulated],
        fmt="o-",
        color=COLOURS[0],
        label="false loci, two standard errors",
    )
    panels[0].plot(
        stated, [row["power"] for row in simulated], "s--", color=COLOURS[1], label="sites found"
    )
    real = [row for row in rows if row.get("standard_error") is None and row["loci"]]
    cases = list(dict.fromkeys((row["case"], row["class"]) for row in real))
    for number, case in enumerate(cases):
        own = [row for row in real if (row["case"], row["class"]) == case]
        panels[1].plot(
            [row["stated"] for row in own],
            [row["observed"] for row in own],
            "osD^v"[number // len(COLOURS)] + "-",
            color=COLOURS[number % len(COLOURS)],
            label=", ".join(case),
        )
    for panel, title in zip(panels, ("simulated genomes", "real sequence"), strict=True):
        panel.plot([0, 0.2], [0, 0.2], ":", color="0.4", label="observed as stated")
        panel.set(xlabel="largest q-value", ylim=(0, 1), title=title)
        panel.grid(alpha=0.3)
        panel.legend(frameon=False, fontsize=7)
    panels[0].set_ylabel("share")
    return figure, "False discovery rates stated and observed"


_FIGURES = {
    "speed": _speed,
    "train": _train,
    "scaling": _scaling,
    "windows": _windows,
    "fdr": _fdr,
}
