"""Write docs/accuracy.md and its figure from the saved results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt

from benchmarks.page import COLOURS, RESULTS, ROOT, describe_machine, save_figure, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["write_accuracy_page"]

_BASES = {
    "class": "class",
    "ap": "AP",
    "ap_ci": "95 %",
    "ap_stranded": "AP by strand",
    "unseen_ap": "AP, unseen",
    "unseen_share": "unseen share",
    "matrix_ap": "matrix, AP",
    "matrix_ap_stranded": "matrix, AP by strand",
    "recall": "recall",
    "precision": "precision",
    "expected_over_observed": "expected / observed",
    "calibration_slope": "slope",
}
_CALLS = {
    "class": "class",
    "call_f1": "F1",
    "call_recall": "recall",
    "call_precision": "precision",
    "call_boundary_median_bp": "median boundary error, bp",
    "call_boundary_p90_bp": "90 % quantile, bp",
    "call_boundary_shift_bp": "shift on +, bp",
    "call_boundary_shift_minus_bp": "shift on -, bp",
    "rate_calls": "false calls at 0.05",
    "rate_calls_ci": "95 %",
    "rate_calls_number": "calls",
    "rate_bases": "false bases at 0.05",
}
_SPREAD = ("ap", "ap_stranded", "call_f1", "expected_over_observed", "calibration_slope")
_PRESETS = {
    "task": "task",
    "class": "class",
    "preset": "preset",
    "ap": "AP",
    "ap_stranded": "AP by strand",
    "mbs": "Mb/s, one thread",
    "train_s": "training, s",
}


def write_accuracy_page() -> None:
    """Write docs/accuracy.md from the results of all tasks and presets."""
    parts = [(ROOT / "benchmarks" / "accuracy.md").read_text()]
    for path in sorted(RESULTS.glob("accuracy-*.json")):
        found = json.loads(path.read_text())
        first = found["rows"][0]
        command = " -- ".join(filter(None, [first["task"], first["options"]]))
        parts.append(
            f"## {first['task']}\n\n`python -m benchmarks accuracy {command}`, on "
            f"{describe_machine(found['machine'])}; training took {first['train_s']:.0f} s.\n"
        )
        rows = [_shown(row) for row in found["rows"]]
        parts += ["Per base:\n", table(_BASES, rows), "Per call:\n", table(_CALLS, rows)]
    parts += _presets()
    parts.append((ROOT / "benchmarks" / "study.md").read_text())
    (ROOT / "docs" / "accuracy.md").write_text("\n".join(parts))


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a row as text, some with the standard deviation over seeds."""
    shown = dict(row)
    for key, value in row.items():
        spread = row.get(f"{key}_sd")
        if isinstance(value, float):
            shown[key] = f"{value:.2f}" if key.endswith("_bp") else f"{value:.3f}"
            if key in _SPREAD and spread is not None:
                shown[key] += f" ({spread:.3f})"
        elif isinstance(value, list):
            shown[key] = " to ".join(f"{end:.3f}" for end in value)
    return shown


def _presets() -> list[str]:
    path = RESULTS / "presets.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    machine = describe_machine(found["machine"])
    return [
        f"## Presets\n\n`python -m benchmarks presets`, on {machine}; one seed. "
        f"{found.get('note', '')}\n",
        save_figure("presets", _figure, found["rows"]),
        table(_PRESETS, found["rows"]),
    ]


def _figure(rows: Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    marks = {"fast": "o", "default": "s", "accurate": "D"}
    lines = list(dict.fromkeys((row["task"], row["class"]) for row in rows))
    for number, line in enumerate(lines):
        own = [row for row in rows if (row["task"], row["class"]) == line]
        colour = COLOURS[number % len(COLOURS)]
        style = "-" if number < len(COLOURS) else "--"
        axes.plot([r["mbs"] for r in own], [r["ap"] for r in own], style, color=colour)
        for row in own:
            axes.plot(row["mbs"], row["ap"], marks[row["preset"]], color=colour)
        axes.annotate(
            line[1], (own[0]["mbs"], own[0]["ap"]), (6, -3), textcoords="offset points", fontsize=8
        )
    for preset, mark in marks.items():
        axes.plot([], [], mark, color="0.4", label=preset)
    axes.set(xlabel="Mb/s, one thread", ylabel="average precision on the test", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, title="preset")
    return figure, "Average precision against speed; one line per class"
