"""The report: sections, sentences and captions of the page."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from dnabirnn.alphabet import decode
from dnabirnn.errors import ReportError
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.names import wrapped_commands
from dnabirnn.report import tables
from dnabirnn.report.assemblies import assembly_blocks
from dnabirnn.report.curves import comparison_figure, reliability_figure
from dnabirnn.report.effects import effect_table
from dnabirnn.report.figures import MAX_CLASSES, boundary_figure, length_figure, training_figure
from dnabirnn.report.methods import citation, methods_text
from dnabirnn.report.motifs import motif_blocks
from dnabirnn.report.page import Element, Figure, Heading, Links, Listing, Section, Text, render
from dnabirnn.report.region import region_figure
from dnabirnn.report.sequence_figures import sequence_finding, sequence_table
from dnabirnn.report.sites import KINDS, boundary_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dnabirnn.report.material import Material
    from dnabirnn.report.region import View
    from dnabirnn.report.sites import Example

__all__ = ["report_html"]

_VERSIONS = ("dnabirnn", "numpy", "polars", "matplotlib", "jinja2")
_KIND_TITLES = {
    "best": "Best",
    "worst": "Worst",
    "random": "Random",
}


def report_html(material: Material, *, title: str = "dnabirnn report", date: str = "") -> str:
    """Make the page. Sections without data are left out.

    Parameters
    ----------
    material : Material
    title : str
    date : str
        Date of the run, written unchanged. Nothing else on the page depends on the time.

    Returns
    -------
    html : str
        A complete document, without scripts. It refers to other files only in the links of
        `Material.links`. The same material always gives the same text.
    """
    sections = [Section(key, title, _blocks(make, material)) for key, title, make in _SECTIONS]
    versions = ", ".join(f"{name} {version(name)}" for name in _VERSIONS)
    return render(
        title,
        _lead(material, date),
        [section for section in sections if section.blocks],
        f"Made by dnabirnn report with {versions}.",
        version("dnabirnn"),
    )


def _blocks(make: Callable[[Material], Iterator[Element]], material: Material) -> list[Element]:
    """Return the blocks of a section; raise ReportError if values of input files are invalid."""
    try:
        return list(make(material))
    except (AttributeError, LookupError, ArithmeticError, TypeError, ValueError) as cause:
        named = material.model.name if material.model else ""
        files = [
            named,
            *material.discovered,
            *material.encoded,
            *material.logs,
            *material.metrics,
            *material.curves,
        ]
        raise ReportError(
            f"{', '.join(filter(None, files)) or 'report'}: a value is missing or invalid "
            f"({type(cause).__name__}: {cause}); create the files again with dnabirnn"
        ) from cause


def _lead(material: Material, date: str) -> str:
    """Return the line below the title: classes, model and date."""
    names = [
        name
        for sample in material.metrics.values()
        for name in (*sample["classes"], *sample["sequences"])
    ]
    if not names and material.model is not None:
        names = [name for name, _ in material.model.checkpoint.architecture.classes]
    if not names:
        names = [name for own in material.assemblies.values() for name in own.calls["class"]]
    parts = [", ".join(dict.fromkeys(names)), material.model.name if material.model else "", date]
    return " · ".join(part for part in parts if part)


def _summary(material: Material) -> Iterator[Element]:
    if not material.metrics:
        return
    for name, sample in material.metrics.items():
        where = f"{name}, " if len(material.metrics) > 1 else ""
        for class_name, entry in list(sample["classes"].items())[:MAX_CLASSES]:
            if entry is not None:
                yield Text(_finding(where + class_name, entry, sample, class_name), finding=True)
        for class_name, entry in list(sample["sequences"].items())[:MAX_CLASSES]:
            yield Text(sequence_finding(where + class_name, entry, sample), finding=True)
    for name, sample in material.metrics.items():
        of = f" of {name}" if len(material.metrics) > 1 else ""
        if text := tables.optimism(sample["splits"], of):
            yield Text(text)
    if any(sample["classes"] for sample in material.metrics.values()):
        yield tables.key_table(material.metrics)
    if any(sample["sequences"] for sample in material.metrics.values()):
        yield sequence_table(material.metrics)


def _finding(
    name: str, entry: Mapping[str, Any], sample: Mapping[str, Any], class_name: str
) -> str:
    """Return the result of a class in one or two sentences."""
    text = f"{name}: average precision {entry['ap']:.3f}"
    if ends := entry.get("ap_ci"):
        text += f" (95 % interval {ends[0]:.3f} to {ends[1]:.3f})"
    of = f" of {tables.sequence_of(sample['splits'])}" if sample["splits"] else ""
    text += f" over {entry['bases']:,} bases{of}, of which {entry['positives']:,} are positive"
    matrix = sample["baseline"].get(class_name)
    if matrix is not None:
        text += (
            "; a position weight matrix made from the same training sites reaches "
            f"{matrix['ap']:.3f}"
        )
    calls = sample["calls"].get(class_name)
    if calls is None:
        return f"{text}."
    return (
        f"{text}. {calls['matched']:,} of {calls['calls']:,} calls match one of the "
        f"{calls['truth']:,} labelled sites."
    )


def _assemblies(material: Material) -> Iterator[Element]:
    if material.assemblies:
        model = material.model
        classes = model and [name for name, _ in model.checkpoint.architecture.classes]
        yield from assembly_blocks(material.assemblies, classes)


def _links(material: Material) -> Iterator[Element]:
    if material.links:
        yield Text("Files beside this page. The links work as long as they stay where they are.")
        yield Links([(link, link) for link in material.links])


def _methods(material: Material) -> Iterator[Element]:
    if material.model is not None:
        yield Text(methods_text(material))
        yield Listing("Citation (BibTeX)", citation())


def _run(material: Material) -> Iterator[Element]:
    for name, text in material.commands.items():
        yield Listing(name, wrapped_commands(text))
    if material.model is not None:
        yield tables.model_table(material.model, material.calling)
    read: dict[str, list[Mapping[str, str]]] = {}
    if material.gallery:
        read |= {kind: [*own] for kind, own in material.gallery.inputs.items()}
    if material.assembly_inputs:
        known = {file["sha256"] for file in read.get("calls", ())}
        others = [file for file in material.assembly_inputs if file["sha256"] not in known]
        read["calls"] = [*read.get("calls", ()), *others]
    files = tables.files_table(material.model, material.encoded, material.metrics, read)
    if files is not None:
        yield files


def _data(material: Material) -> Iterator[Element]:
    for name, manifest in material.encoded.items():
        shown = name if len(material.encoded) > 1 else ""
        if shown:
            yield Heading(name)
        yield tables.split_table(manifest, shown)
        yield tables.class_table(manifest, shown)


def _training(material: Material) -> Iterator[Element]:
    for name, log in material.logs.items():
        of = f" of {name}" if len(material.logs) > 1 else ""
        seconds = log["seconds"].max()
        took = f" It took {_duration(float(seconds))}." if isinstance(seconds, float) else ""
        yield Figure(
            training_figure(log),
            f"Training curves{of}.",
            "Top: loss (cross-entropy on training windows, mean since the previous row of the "
            "log), on a logarithmic axis. It should fall and then level off. Middle: average "
            "precision (AP) on validation sequence, with each base counted once per strand. The "
            "dotted line marks the highest mean AP; the model has the weights of this point. An "
            "AP that falls while the loss still falls is a sign of overfitting. Bottom: learning "
            f"rate.{took}",
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _precision_recall(material: Material) -> Iterator[Element]:
    for name, (network, baseline) in material.curves.items():
        if not network:
            continue
        of = f" on {name}" if len(material.curves) > 1 else ""
        matrix = (
            "Orange: a position weight matrix made from the same training sites and applied to "
            "both strands. It scores the site alone, without its context. "
            if baseline
            else ""
        )
        yield Figure(
            comparison_figure(network, baseline),
            f"Precision against recall, per base{of}.",
            f"Each point of a curve is a threshold. Blue: the network. {matrix}Solid: the score "
            "of a base is the larger one of the two strands. Dashed: each base counts once per "
            "strand. Curves nearer to the upper right are better. The average precision (AP) is "
            "the area under the curve. Dotted: precision of random calls, which is the share of "
            "positive bases.",
        )


def _reliability(material: Material) -> Iterator[Element]:
    for name, (network, _) in material.curves.items():
        if not network:
            continue
        of = f" on {name}" if len(material.curves) > 1 else ""
        yield Figure(
            reliability_figure(network),
            f"Observed against predicted probability{of}.",
            "Bases with a predicted probability of 0.05 or more, in ten slices of about equally "
            "many bases. On the diagonal, the probabilities are right: of the bases with a "
            "probability of 0.8, 80 % are positive. Above the diagonal the probabilities are too "
            "low, below it they are too high. Vertical bars: 95 % intervals. Lower panel: number "
            "of bases in each slice, on a logarithmic axis. Slope: the factor that would correct "
            "the log-odds. Expected / observed: the sum of all probabilities divided by the "
            "number of positive bases. Both are 1 if the probabilities are right.",
        )


def _calls(material: Material) -> Iterator[Element]:
    if any(sample["calls"] for sample in material.metrics.values()):
        yield tables.call_table(material.metrics)
        yield tables.boundary_table(material.metrics)
    sites = None if material.gallery is None else material.gallery.sites
    if sites is None or sites.is_empty():
        return
    names = sites["class"].unique()
    shown = (
        f" Only the {MAX_CLASSES} most frequent classes are shown."
        if len(names) > MAX_CLASSES
        else ""
    )
    yield Figure(
        length_figure(sites),
        f"Lengths of calls and of labelled sites{_of_sample(material)}.",
        "Grey: labelled sites; sites that touch on the same strand are joined. Blue outline: "
        "calls. Where the two differ, calls are too short, too long or merged, or sites of these "
        f"lengths are missed.{shown}",
    )
    errors = boundary_errors(sites)
    if errors.is_empty():
        return
    exact = errors.filter((pl.col("five") == 0) & (pl.col("three") == 0)).height
    yield Figure(
        boundary_figure(errors),
        f"Errors at the ends of matched calls{_of_sample(material)}.",
        "Blue: at the 5' end of the motif. Orange, hatched: at its 3' end. For a class without "
        "strands: at the start and at the end. 0 is an exact end. The outermost bars include all "
        f"larger errors. {exact:,} of {errors.height:,} matched calls are exact at both "
        f"ends.{shown}",
    )


def _of_sample(material: Material) -> str:
    """Return " on " and the sample of the gallery if there are several samples, else ""."""
    several = max(len(material.metrics), len(material.curves)) > 1
    return f" on {material.sample}" if several and material.sample else ""


def _regions(material: Material) -> Iterator[Element]:
    gallery, of = material.gallery, _of_sample(material)
    if gallery is None or not gallery.views:
        return
    yield Text(
        f"Examples of sites{of}, drawn with flanking sequence. Best: matched sites with the "
        "highest agreement (number of bases in both call and labelled site, divided by the "
        "number of bases in either). Worst: alternately sites without a call, the longest first, "
        "and calls without a site, those with the highest probability first. Random: drawn from "
        f"all sites and all calls without a site (seed {material.seed}). Coordinates are as in "
        "BED files: 0-based, half-open."
    )
    for kind in KINDS:
        own = [pair for pair in gallery.views if pair[0].kind == kind]
        if own:
            yield Heading(_KIND_TITLES[kind])
        for example, view in own:
            yield _region(example, view, of)
    table = effect_table(gallery.views)
    if table is not None:
        yield Heading("Strongest effects")
        yield table


def _region(example: Example, view: View, of: str) -> Figure:
    site = example.site
    strand = {"+": ", + strand", "-": ", \N{MINUS SIGN} strand", ".": ""}[str(site["strand"])]
    size = f"{site['end'] - site['start']:,} bp"  # type: ignore[operator]
    place = f"{site['chrom']}:{site['start']}-{site['end']}"
    caption = f"{place}, {size}. {_verdict(site)} {_reading(view)}"
    if not view.start <= site["start"] < site["end"] <= view.end:  # type: ignore[operator]
        caption += f" Only {view.end - view.start:,} bp around the start of the site are drawn."
    sequence = ""
    if view.lettered:
        sequence = f">{view.chrom}:{view.start}-{view.end}(+)\n{decode(view.codes)}"
    return Figure(region_figure(view), f"{site['class']}{strand}{of}.", caption, sequence=sequence)


def _reading(view: View) -> str:
    """Return how to read the figure of a region."""
    lanes = ["sequence of the + strand"] if view.lettered else []
    if view.effects is not None:
        lanes.append("importance of its bases for the site")
    if view.probabilities is not None:
        lanes.append("probability on each strand (+ above, \N{MINUS SIGN} below)")
    lanes += ["calls with their mean probability", "labelled sites (black)"]
    text = f"From the middle outwards: {', '.join(lanes)}."
    if view.effects is not None:
        text += (
            " Importance, as the height of a letter: mean decrease of the log-odds of the site, "
            "summed over its bases, by the three substitutions of a base."
        )
    if {o.strand for o in view.outputs if o.class_name in view.shown} > {"."}:
        text += " A class without strands is drawn above."
    if view.probabilities is not None and view.thresholds:
        text += f" Dashed: threshold for calls of {view.class_name}."
    if view.probabilities is not None and view.stretch_bp > 1:
        text += f" Probabilities are means over {view.stretch_bp:,} bp."
    if not view.counted.all():
        text += " Hatched: bases left out of the metrics."
    return text


def _verdict(site: Mapping[str, Any]) -> str:
    if site["other_start"] is None:
        if site["source"] == "call":
            return (
                f"Called with a mean probability of {site['score'] / MAX_SCORE:.2f}, but no "
                "labelled site matches."
            )
        return "Labelled, but no call matches (50 % reciprocal overlap on the same strand)."
    if site["agreement"] == 1:
        return (
            "Called with exactly the labelled ends and a mean probability of "
            f"{site['score'] / MAX_SCORE:.2f}."
        )
    return (
        f"Called as {site['other_start']}-{site['other_end']} with a mean probability of "
        f"{site['score'] / MAX_SCORE:.2f}; agreement {site['agreement']:.2f}."
    )


def _motifs(material: Material) -> Iterator[Element]:
    if material.discovered:
        yield from motif_blocks(material.discovered)


def _figures(material: Material) -> Iterator[Element]:
    if not any(sample["classes"] for sample in material.metrics.values()):
        return
    yield Text(
        "Figures are strand-blind if not marked as by strand: the score of a base is the larger "
        "one of the two strands, and the base is positive if it is labelled on either strand. By "
        "strand, each base counts once per strand. The 95 % intervals are percentiles of a "
        "bootstrap over blocks of 10 kb, because neighboring bases are not independent. Figures "
        "of calls are in the table of calls."
    )
    for name, sample in material.metrics.items():
        shown = name if len(material.metrics) > 1 else ""
        for class_name, entry in sample["classes"].items():
            if entry is not None or sample["baseline"].get(class_name) is not None:
                yield tables.base_table(class_name, sample, shown)


def _absent(material: Material) -> Iterator[Element]:
    if any(sample["absent"] for sample in material.metrics.values()):
        yield tables.absent_table(material.metrics)


_SECTIONS = (
    ("summary", "Summary", _summary),
    ("assemblies", "Calls by assembly", _assemblies),
    ("run", "Commands and files", _run),
    ("data", "Data", _data),
    ("training", "Training", _training),
    ("precision-recall", "Precision and recall", _precision_recall),
    ("reliability", "Calibration", _reliability),
    ("calls", "Calls", _calls),
    ("regions", "Example regions", _regions),
    ("motifs", "Motifs that the model reads", _motifs),
    ("figures", "All figures", _figures),
    ("absent", "False positives of absent classes", _absent),
    ("files", "Files", _links),
    ("methods", "Methods and citation", _methods),
)
