"""Write docs/accuracy.md and its figure from the saved results."""

from __future__ import annotations

import json
from textwrap import fill
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt

from benchmarks.gue import BEST_OF_FIVE, FINE_TUNED
from benchmarks.page import COLOURS, RESULTS, ROOT, describe_machine, save_figure, table
from benchmarks.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["write_accuracy_page"]

_BASES = {
    "on": "test",
    "class": "class",
    "ap": "AP",
    "ap_ci": "95 %",
    "ap_stranded": "AP by strand",
    "matrix_ap": "matrix, AP",
    "matrix_ap_stranded": "matrix, AP by strand",
    "gain_ap_stranded": "gain",
    "gain_ap_stranded_se": "standard error",
    "behind": "behind",
    "alone_ap_stranded": "alone",
    "unseen_ap": "AP, unseen",
    "unseen_share": "unseen share",
    "recall": "recall",
    "precision": "precision",
    "expected_over_observed": "expected / observed",
    "calibration_slope": "slope",
}
_CALLS = {
    "on": "test",
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
_COPIES = {
    "on": "test",
    "class": "class",
    "bound": "bound",
    "unbound": "unbound",
    "copies_ap": "AP",
    "matrix_copies_ap": "matrix, AP",
    "gain_copies_ap": "gain",
    "gain_copies_ap_ci": "95 %",
}
_ENDS = {
    "on": "test",
    "class": "class",
    "ends": "ends",
    "region_f1": "best F1",
    "region_precision": "precision",
    "region_recall": "recall",
    "matrix_region_f1": "matrix, best F1",
    "matrix_region_precision": "matrix, precision",
    "matrix_region_recall": "matrix, recall",
}
_PEERS = {
    "peer": "program",
    "note": "version, options",
    "ap_stranded": "AP by strand",
    "ap": "AP",
    "best_f1_stranded": "best F1 by strand",
    "best_f1": "best F1",
    "mbs": "Mb/s per core",
}
_PEERS_ABOUT = (
    "REP elements of *E. coli*, with the split of rep. The models of nhmmer and cmsearch are made "
    "of an alignment of the training sites, and that of cmsearch has its best hairpin. The score "
    "of a base is that of the best hit that covers it. The torch loop and ONNX Runtime run the "
    "network of seed 0 in the same windows. Speeds are bases per processor time of one thread, "
    "over both strands: of whole commands, but without output for the torch loop and ONNX Runtime."
)
_GUE = {
    "task": "task",
    "seeds": "seeds",
    "auroc": "AUROC",
    "five": "best of five",
    "mcc": "MCC",
    "tuned": "DNABERT-2, MCC",
    "ap": "AP",
    "weights": "weights",
    "cpu_s": "training, CPU s",
}
_GUE_ABOUT = (
    "Labels of whole sequences ([sequence-labels.md](sequence-labels.md)): factors of human (tf) "
    "and mouse, and promoters, of the GUE benchmark (Zhou and others, DNABERT-2, ICLR 2024), on "
    "the published test splits. Mean over seeds, and the standard deviation. Settings were chosen "
    "on the dev splits of tf_0, tf_3, mouse_4 and promoters with TATA. The best of five is the "
    "highest AUROC of DNABERT-2, NT-v2, HyenaDNA, Caduceus-Ph and GROVER with frozen weights and "
    "a random forest (tables 1 and 2 of Nature Communications 2025, "
    "doi:10.1038/s41467-025-65823-8); that its human factors 1 to 5 are tf_0 to tf_4, and its "
    "mouse factors 1, 3, 4 and 5 are mouse_0, 2, 3 and 4, is an assumption. DNABERT-2's MCC is "
    "that of all its 117 million weights after fine-tuning, rounded, as later papers quote it. "
    "Sequences of tf_4 and mouse_2 often share 24 bases with a training sequence: 46 % and 35 % "
    "of those of the dev splits. That windows are whole sequences was chosen later, on dev "
    "splits, and all tasks were then evaluated again. With random parts of sequences as windows, "
    "the AUROC of core promoters with TATA was 0.827, of mouse_3 0.952, of 300 bp 0.820, and of "
    "the others within 0.003 of those below."
)
_SPREAD = (
    *("auroc", "mcc"),
    *("ap", "ap_stranded", "alone_ap_stranded", "call_f1", "copies_ap", "region_f1"),
    *("expected_over_observed", "calibration_slope"),
)
_KINDS = (
    ("", "Per base:", _BASES),
    ("", "Per call:", _CALLS),
    (
        "copies",
        "Per copy of the consensus, bound against unbound, in excluded bases too. The score of a "
        "copy is the mean of the log-odds of its bases, on its strand. The mean is that of the "
        "classes with at least 25 bound and 50 unbound copies. Intervals come from a bootstrap of "
        "copies, stratified by bound and unbound:",
        _COPIES,
    ),
    (
        "ends",
        "Per region, at the threshold with the best F1 on the test. A region is a run of 10 to "
        "200 called bases, with gaps of at most 10. It is right if a transcript ends in it, or at "
        "most 10 bases from it, on the same strand. Each region finds one end:",
        _ENDS,
    ),
)
"""Tables of a task: the key "table" of their rows, the line above, and columns."""
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
        parts += _task(json.loads(path.read_text()))
    parts += _gue()
    parts += _peers()
    parts += _presets()
    parts.append((ROOT / "benchmarks" / "study.md").read_text())
    (ROOT / "docs" / "accuracy.md").write_text("\n".join(parts))


def _task(found: Mapping[str, Any]) -> list[str]:
    """Return the section of a task."""
    rows = [_shown(row) for row in found["rows"]]
    first = found["rows"][0]
    options = f' --options "{first["options"]}"' if first["options"] else ""
    parts = [
        f"## {first['task']}\n\n{fill(TASKS[first['task']].about, 100)}\n\n"
        f"`python -m benchmarks accuracy {first['task']}{options}`, on "
        f"{describe_machine(found['machine'])}; training took {first['train_s']:.0f} s.\n"
    ]
    for kind, title, columns in _KINDS:
        if own := [row for row in rows if row.get("table", "") == kind]:
            parts += [f"{title}\n", table(_filled(columns, own), own)]
    return parts


def _filled(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns that have a value."""
    return {
        key: title
        for key, title in columns.items()
        if any(row.get(key) is not None for row in rows)
    }


def _peers() -> list[str]:
    path = RESULTS / "peers.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    return [
        f"## Peers\n\n{fill(_PEERS_ABOUT, 100)}\n\n`python -m benchmarks peers`, on "
        f"{describe_machine(found['machine'])}.\n",
        table(_PEERS, found["rows"]),
    ]


def _gue() -> list[str]:
    path = RESULTS / "gue.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    rows = [
        _shown(row)
        | {"weights": f"{row['weights']:,}", "cpu_s": f"{row['cpu_s']:.0f}"}
        | {"five": _rounded(BEST_OF_FIVE.get(row["task"]), 3)}
        | {"tuned": _rounded(FINE_TUNED.get(row["task"]), 2)}
        for row in found["rows"]
    ]
    return [
        f"## GUE\n\n{fill(_GUE_ABOUT, 100)}\n\n`python -m benchmarks gue all`, on "
        f"{describe_machine(found['machine'])}.\n",
        table(_GUE, rows),
    ]


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


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
