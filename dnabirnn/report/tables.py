"""Tables of a report: inputs, model, and all figures with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnabirnn.encoded import SPLITS
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.network import CallMethod, CallSettings
from dnabirnn.report.page import Table, TableCell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dnabirnn.network import Member
    from dnabirnn.report.material import NamedModel

__all__ = [
    "absent_table",
    "base_table",
    "boundary_table",
    "call_table",
    "calls_fact",
    "class_table",
    "evaluated",
    "figure_cell",
    "files_table",
    "key_table",
    "model_table",
    "number",
    "optimism",
    "sequence_of",
    "split_table",
]

_SPLIT_TITLES = {"train": "training", "val": "validation", "test": "test"}
_FIGURES = (
    ("average precision (AP)", "ap", 4),
    ("area under the ROC curve", "auroc", 4),
    ("best F1 at any threshold", "best_f1", 4),
    ("threshold of the best F1", "best_f1_threshold", 3),
    ("threshold of calls", "threshold", 3),
    ("precision at the threshold of calls", "precision", 4),
    ("recall at the threshold of calls", "recall", 4),
    ("F1 at the threshold of calls", "f1", 4),
    ("Matthews correlation at the threshold of calls", "mcc", 4),
    ("Brier score", "brier", 5),
    ("expected over observed positives", "expected_over_observed", 3),
    ("calibration slope", "calibration_slope", 3),
    ("positive bases", "positives", 0),
    ("bases", "bases", 0),
)
_CALL_FIGURES = (
    ("calls", "calls", 0),
    ("labelled sites", "truth", 0),
    ("matched", "matched", 0),
    ("precision", "precision", 3),
    ("recall", "recall", 3),
    ("F1", "f1", 3),
    ("false discovery rate", "false_discovery_rate", 3),
)
_BOUNDARY_FIGURES = (
    ("error, median (bp)", "boundary_median_bp", 1),
    ("error, mean (bp)", "boundary_mean_bp", 1),
    ("error, 90 % quantile (bp)", "boundary_p90_bp", 1),
    ("shift, + strand (bp)", "boundary_shift_bp", 2),
    ("shift, \N{MINUS SIGN} strand (bp)", "boundary_shift_minus_bp", 2),
)


def number(value: float | None, digits: int = 0) -> str:
    """Format a number for a table; an undefined one is an en dash.

    Examples
    --------
    >>> number(0.92977, 4), number(928330), number(None) == "\N{EN DASH}"
    ('0.9298', '928,330', True)
    """
    return "\N{EN DASH}" if value is None else f"{value:,.{digits}f}"


def figure_cell(entry: Mapping[str, Any] | None, key: str, digits: int) -> TableCell:
    """Return the cell of a figure, with its interval below if it has one."""
    if entry is None:
        return TableCell(number(None))
    ends = entry.get(f"{key}_ci")
    note = f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}" if ends else ""
    return TableCell(number(entry.get(key), digits), note)


def sequence_of(splits: Sequence[str]) -> str:
    """Return the name of the evaluated splits in words.

    Examples
    --------
    >>> sequence_of(["test"]), sequence_of(["val", "test"]), sequence_of([])
    ('the test split', 'the validation and test splits', 'the evaluated sequence')
    """
    named = " and ".join(_SPLIT_TITLES[split] for split in splits)
    return f"the {named} split{'s' * (len(splits) > 1)}" if splits else "the evaluated sequence"


def optimism(splits: Sequence[str], of: str = "") -> str:
    """Return a warning if figures of the splits are optimistic, or an empty text.

    Examples
    --------
    >>> optimism(["val"], " of rep")
    'Figures of rep are optimistic: weights and thresholds were chosen on the validation split.'
    >>> optimism(["test"])
    ''
    """
    reasons = {
        "train": "the network was fitted on the training split",
        "val": "weights and thresholds were chosen on the validation split",
    }
    why = " and ".join(reason for split, reason in reasons.items() if split in splits)
    return f"Figures{of} are optimistic: {why}." if why else ""


def evaluated(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the evaluated splits in words, by sample if they differ."""
    by_name = {name: sample.get("splits", ()) for name, sample in metrics.items()}
    kinds = {sequence_of(splits) for splits in by_name.values()}
    if len(kinds) == 1:
        return kinds.pop()
    known = [f"{name}: {sequence_of(splits)}" for name, splits in by_name.items() if splits]
    return f"the evaluated sequence ({'; '.join(known)})"


def key_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Make the table of key figures, one row per class.

    Parameters
    ----------
    metrics : mapping of str to dict
        By name, each what `metrics.json` holds.
    """
    matrix = any(sample["baseline"] for sample in metrics.values())
    named = len(metrics) > 1
    head = ["sample"] * named + ["class", "AP"] + ["AP of the matrix"] * matrix
    head += ["AP by strand", "best F1", "precision of calls", "recall of calls", "F1 of calls"]
    rows = []
    for name, sample in metrics.items():
        for class_name, entry in sample["classes"].items():
            row = [TableCell(name)] * named + [TableCell(class_name), figure_cell(entry, "ap", 3)]
            if matrix:
                row.append(figure_cell(sample["baseline"].get(class_name), "ap", 3))
            row += [figure_cell(entry, key, 3) for key in ("ap_stranded", "best_f1")]
            calls = sample["calls"].get(class_name)
            row += [figure_cell(calls, key, 3) for key in ("precision", "recall", "f1")]
            rows.append(row)
    caption = (
        f"Key figures on {evaluated(metrics)}, with 95 % intervals. AP (average precision) is "
        "per base, with the larger score of the two strands. By strand, each base counts once "
        "per strand. A call is correct if it and a labelled site overlap by at least half of "
        "each."
    )
    return Table(caption, head, rows, 1 + named)


def base_table(class_name: str, sample: Mapping[str, Any], name: str = "") -> Table:
    """Make the table of all figures per base of a class, for the network and the matrix."""
    columns: list[tuple[str, Mapping[str, Any], str]] = []
    for kind, entries in (("network", sample["classes"]), ("matrix", sample["baseline"])):
        entry = entries.get(class_name)
        if entry is None:
            continue
        columns.append((kind, entry, ""))
        if entry.get("bases_stranded", entry.get("bases")) != entry.get("bases"):
            columns.append((f"{kind}, by strand", entry, "_stranded"))
    rows = []
    for label, key, digits in _FIGURES:
        cells = [
            figure_cell(
                {key: entry.get(key + form), f"{key}_ci": entry.get(f"{key}{form}_ci")}, key, digits
            )
            for _, entry, form in columns
        ]
        rows.append([TableCell(label), *cells])
    of = f"{name}: {class_name}" if name else class_name
    caption = f"All figures per base of {of}, with 95 % intervals below them."
    return Table(caption, ["figure", *(title for title, _, _ in columns)], rows)


def call_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Make the table of how many calls match labelled sites, one row per class."""
    return _by_class(
        metrics,
        _CALL_FIGURES,
        "Calls compared with labelled sites. They are matched one to one within class and "
        "strand, at 50 % reciprocal overlap. False discovery rate: share of calls of which less "
        "than half is labelled.",
    )


def boundary_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Make the table of how exact the ends of matched calls are, one row per class."""
    return _by_class(
        metrics,
        _BOUNDARY_FIGURES,
        "Ends of matched calls. Error: distance between the ends of a call and of its site. "
        "Shift: mean of the errors with sign, above 0 if calls lie too far to the right.",
    )


def _by_class(
    metrics: Mapping[str, Mapping[str, Any]],
    figures: Sequence[tuple[str, str, int]],
    caption: str,
) -> Table:
    """Make a table of figures of calls, one row per class."""
    named = len(metrics) > 1
    head = ["sample"] * named + ["class", *(label for label, _, _ in figures)]
    rows = [
        [TableCell(name)] * named
        + [TableCell(class_name), *(figure_cell(entry, key, digits) for _, key, digits in figures)]
        for name, sample in metrics.items()
        for class_name, entry in sample["calls"].items()
    ]
    return Table(caption, head, rows, 1 + named)


def absent_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Make the table of what was called of classes without a label."""
    named = len(metrics) > 1
    head = ["sample"] * named + ["class", "bases called", "of bases", "called per Mb", "calls"]
    rows = []
    for name, sample in metrics.items():
        for class_name, entry in sample["absent"].items():
            cells = [TableCell(name)] * named + [TableCell(class_name)]
            cells += [TableCell(number(entry.get(key))) for key in ("called_bases", "bases")]
            cells.append(TableCell(number(entry.get("called_per_mb"), 1)))
            rows.append([*cells, TableCell(number(entry.get("calls")))])
    caption = (
        "Classes without a label in the evaluated sequence. All that is called of them is a false "
        "positive. Strand-blind, at the threshold of calls."
    )
    return Table(caption, head, rows, 1 + named)


def split_table(manifest: Mapping[str, Any], name: str = "") -> Table:
    """Make the table of the bases of each split of an encoded set."""
    splits = manifest["summary"]["splits"]
    keys = ("bases", "ambiguous", "ignored", "masked")
    rows = [
        [TableCell(split), *(TableCell(number(splits[split][key])) for key in keys)]
        for split in SPLITS
        if split in splits
    ]
    of = f" of {name}" if name else ""
    caption = (
        f"Bases of each split{of}. Ambiguous: other than A, C, G and T. Ignored: not counted in "
        "the loss and in figures. Masked: lower case."
    )
    return Table(caption, ["split", *keys], rows)


def class_table(manifest: Mapping[str, Any], name: str = "") -> Table:
    """Make the table of intervals and bases by class, strand and split of an encoded set."""
    head = ["class", "strand"]
    for split in SPLITS:
        head += [f"{split} intervals", f"{split} bases"]
    rows = []
    for class_name, strands in manifest["summary"]["classes"].items():
        for strand, counts in strands.items():
            row = [TableCell(class_name), TableCell("both" if strand == "." else strand)]
            for split in SPLITS:
                row += [TableCell(number(counts[split][key])) for key in ("intervals", "bases")]
            rows.append(row)
    of = f" of {name}" if name else ""
    filled = {s for s, counts in manifest["summary"]["splits"].items() if counts["bases"]}
    chosen = "val" if "val" in filled else "train"
    test = (
        "test is not used for training"
        if "test" in filled
        else f"without a test split, figures of {chosen} are optimistic"
    )
    caption = (
        f"Labelled intervals and bases{of} by class, strand and split. The network is fitted on "
        f"train; its best weights and the thresholds are chosen on {chosen}; {test}."
    )
    return Table(caption, head, rows, 2)


def model_table(model: NamedModel, calling: CallSettings | None = None) -> Table:
    """Make the table of the network and the settings of its training.

    Parameters
    ----------
    model : NamedModel
    calling : CallSettings, optional
        Rules for calls; those of the model if None.
    """
    shape, window = model.checkpoint.architecture, model.checkpoint.scoring_window
    training = model.checkpoint.training
    facts = {
        **_network_facts(model.checkpoint.members, shape.exclusive),
        "classes": ", ".join(
            f"{name} ({'by strand' if stranded else 'without strands'})"
            for name, stranded in shape.classes
        ),
        "scoring window": f"{window.length_bp:,} bp, of which {window.halo_bp:,} bp on either side "
        "are used as context only",
        "lower case": {
            "none": "no meaning",
            "loss": "not counted in the loss and in figures",
            "hard": "read as N",
        }[model.checkpoint.mask],
        "calls": calls_fact(calling, model),
    }
    rows = [
        [TableCell(key), TableCell(value)] for key, value in (facts | _fit_facts(training)).items()
    ]
    return Table(f"The model {model.name}.", [], rows, 2)


def _network_facts(members: Sequence[Member], exclusive: bool) -> dict[str, str]:
    kind = f"{'exclusive' if exclusive else 'overlapping'} classes"
    facts, several = {}, len(members) > 1
    if several:
        facts["networks"] = f"{len(members)}, whose log-odds are averaged; {kind}"
    for number, (shape, arrays) in enumerate(members, 1):
        weights = sum(array.size for array in arrays.values())
        layers = "1 layer" if shape.layers == 1 else f"{shape.layers} layers"
        kmers = "" if shape.kmer == 1 else f"{shape.kmer}-mers, "
        names = ", ".join(name for name, _ in shape.classes)
        facts[f"network {number}" if several else "network"] = (
            f"{shape.cell.value.upper()}, {layers} of {shape.hidden} units per direction, "
            f"{'strand-tied' if shape.tied else 'untied'}, "
            f"{f'of {names}' if several else kind}, {kmers}{weights:,} weights"
        )
    return facts


def calls_fact(calling: CallSettings | None, model: NamedModel) -> str:
    """Return the rules for calls in words; those of the model if none are given."""
    names = [name for name, _ in model.checkpoint.architecture.classes]
    return _rules_fact(calling or CallSettings(model.checkpoint.calls), names)


def _rules_fact(calling: CallSettings, names: Sequence[str]) -> str:
    """Return the rules for calls in words.

    Examples
    --------
    >>> from dnabirnn.network.call_rules import CallRule
    >>> _rules_fact(CallSettings({"REP": CallRule(640, 15, 0)}), ["REP", "RIP"])
    'REP: probability of 0.640 or more, at least 15 bp, gaps of up to 0 bp merged; RIP: no calls'
    >>> _rules_fact(CallSettings({"REP": CallRule(640, 15, 0, 2000)}), ["REP"]).split(", at")[0]
    'REP: segments of maximum evidence, 2 nats or more above a probability of 0.640'
    """
    parts = []
    for name in names:
        rule = calling.rules.get(name)
        if rule is None:
            parts.append(f"{name}: no calls")
            continue
        method = calling.method_of(name)
        probability = f"probability of {rule.threshold / MAX_SCORE:.3f}"
        how = f"{probability} or more"
        if method is CallMethod.MSS:
            how = f"maximal scoring segments, {how}"
        elif method is CallMethod.EVIDENCE:
            least = f"{rule.segment_evidence() / 1000:,g} nats or more"
            how = f"segments of maximum evidence, {least} above a {probability}"
        parts.append(
            f"{name}: {how}, at least {rule.min_length_bp:,} bp, gaps of up to "
            f"{rule.merge_gap_bp:,} bp merged"
        )
    return "; ".join(parts)


def _fit_facts(training: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of training stored in a model; empty if it was not trained here."""
    if not training:
        return {}
    fit, sampling = training["fit"], training["sampling"]
    done = training.get("trained_bases", [fit["bases"]])
    early = (
        ""
        if min(done) >= fit["bases"]
        else (
            f", of which {', '.join(f'{bases / 1e6:.3g}' for bases in done)} Mb were used, because "
            "validation no longer improved"
        )
    )
    return {
        "training": f"{fit['bases'] / 1e6:g} Mb{early}, in windows of "
        f"{sampling['window_bp']:,} bp, {sampling['batch_windows']:,} windows per step; "
        f"highest learning rate {fit['learning_rate']:g}, weight decay {fit['weight_decay']:g}, "
        f"dropout {fit['dropout']:g}; share of windows with a site "
        f"{sampling['positive_share']:g}, share of mutated bases "
        f"{sampling.get('mutation_rate', 0):g}",
        **_tuning_fact(training.get("tuning")),
        "seed": str(sampling["seed"]),
        "device": f"{training['device']}; precision {training.get('precision', 'f32')}; "
        f"{training.get('processes', 1)} process{'es' * (training.get('processes', 1) > 1)}",
        "versions": ", ".join(f"{name} {v}" for name, v in sorted(training["versions"].items())),
    }


def _tuning_fact(record: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what tuning the settings came to; empty if they were not tuned."""
    if record is None:
        return {}
    tried = {
        name: sorted({one[name] for one in record["rounds"][0]["tried"]})
        for name in record["chosen"]
    }
    last = record["rounds"][-1]
    figures = {"defaults": record["defaults"], "chosen settings": record["chosen"]}
    found = [
        f"mean validation AP of the {what} {one['mean_ap']:.3f}"
        for what, settings in figures.items()
        for one in last["tried"]
        if one["mean_ap"] is not None and all(one[name] == settings[name] for name in settings)
    ]
    values = "; ".join(
        f"{name.removesuffix('_bp').replace('_', ' ')} {record['chosen'][name]:g} of "
        f"{', '.join(f'{value:g}' for value in of)}"
        for name, of in tried.items()
    )
    number = len(record["rounds"][0]["tried"])
    return {
        "tuning": f"{number} combinations tried: {values}; after {last['bases'] / 1e6:.3g} Mb, "
        f"{', '.join(found)}"
    }


def files_table(
    model: NamedModel | None,
    encoded: Mapping[str, Mapping[str, Any]],
    metrics: Mapping[str, Mapping[str, Any]],
    read: Mapping[str, Sequence[Mapping[str, str]]],
) -> Table | None:
    """Make the table of SHA-256 digests of all inputs; None if there are none.

    Parameters
    ----------
    model : NamedModel, optional
    encoded : mapping of str to dict
        Manifests of encoded sets.
    metrics : mapping of str to dict
        By name, each what `metrics.json` holds.
    read : mapping of str to sequence of mapping
        Name and SHA-256 of the files from which the table of sites was made, by kind.
    """
    rows: list[Sequence[TableCell]] = []
    if model is not None:
        rows += _inputs("training", model.checkpoint.training.get("inputs", {}))
        if "data" in model.checkpoint.training:
            rows.append(_file("training", "encoded set", model.checkpoint.training["data"]))
    for name, manifest in encoded.items():
        own = [
            *_inputs("encoding", manifest["inputs"]),
            _file("encoding", name, manifest["digest"]),
        ]
        rows += _fresh(own, rows)
    if model is not None:
        rows.append(_file("model", model.name, model.sha256))
    evaluated: list[Sequence[TableCell]] = []
    for name, sample in metrics.items():
        step = f"evaluation of {name}" if len(metrics) > 1 else "evaluation"
        evaluated += _inputs(step, sample["inputs"])
    # Sites mostly come from the evaluated files. Calls and scores are listed as separate steps.
    made = ("calls", "scores")
    drawn = {kind: files for kind, files in read.items() if kind not in made}
    rows += [*evaluated, *_fresh(_inputs("sites", drawn), evaluated)]
    for kind in made:
        rows += _inputs(kind, {kind: read.get(kind, ())})
    if not rows:
        return None
    caption = "Inputs: SHA-256 of each stored file, and of the encoded data."
    return Table(caption, ["step", "file", "SHA-256"], rows, 3)


def _fresh(
    own: Iterable[Sequence[TableCell]], known: Iterable[Sequence[TableCell]]
) -> list[Sequence[TableCell]]:
    """Return the rows of files that are not listed yet."""
    digests = {row[2].text for row in known}
    return [row for row in own if row[2].text not in digests]


def _inputs(step: str, inputs: Mapping[str, Iterable[Mapping[str, str]]]) -> list[list[TableCell]]:
    return [
        _file(step, file["name"], file["sha256"])
        for kind in sorted(inputs)
        for file in inputs[kind]
    ]


def _file(step: str, name: str, digest: str) -> list[TableCell]:
    return [TableCell(step), TableCell(name), TableCell(digest, code=True)]
