"""A report: one page of what was run, on what, and how good it is."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from dnabirnn.alphabet import decode
from dnabirnn.errors import ReportError
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.report import tables
from dnabirnn.report.curves import comparison_figure, reliability_figure
from dnabirnn.report.figures import MOST_CLASSES, boundary_figure, length_figure, training_figure
from dnabirnn.report.page import Element, Figure, Heading, Listing, Section, Text, render
from dnabirnn.report.region import region_figure
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
    "random": "At random",
}


def report_html(material: Material, *, title: str = "dnabirnn report", date: str = "") -> str:
    """Make the page; what is not given has no section.

    Parameters
    ----------
    material : Material
    title : str
    date : str
        Of the run, as it is to be written. Nothing else in the page depends on when it is made.

    Returns
    -------
    html : str
        A whole document that needs no network and no script. The same material gives the same
        text.
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
    """Blocks of a section; raises ReportError for figures of files that are none."""
    try:
        return list(make(material))
    except (AttributeError, LookupError, ArithmeticError, TypeError, ValueError) as cause:
        named = material.model.name if material.model else ""
        files = [named, *material.encoded, *material.logs, *material.metrics, *material.curves]
        raise ReportError(
            f"{', '.join(filter(None, files)) or 'report'}: something is not what dnabirnn writes "
            f"there ({type(cause).__name__}: {cause}); make the files again"
        ) from cause


def _lead(material: Material, date: str) -> str:
    names = [name for told in material.metrics.values() for name in told["classes"]]
    if not names and material.model is not None:
        names = [name for name, _ in material.model.checkpoint.architecture.classes]
    parts = [", ".join(dict.fromkeys(names)), material.model.name if material.model else "", date]
    return " · ".join(part for part in parts if part)


def _summary(material: Material) -> Iterator[Element]:
    if not material.metrics:
        return
    for name, told in material.metrics.items():
        where = f"{name}, " if len(material.metrics) > 1 else ""
        for class_name, entry in list(told["classes"].items())[:MOST_CLASSES]:
            if entry is not None:
                yield Text(_finding(where + class_name, entry, told, class_name), finding=True)
    for name, told in material.metrics.items():
        of = f" of {name}" if len(material.metrics) > 1 else ""
        if text := tables.optimism(told["splits"], of):
            yield Text(text)
    yield tables.key_table(material.metrics)


def _finding(name: str, entry: Mapping[str, Any], told: Mapping[str, Any], class_name: str) -> str:
    """The result of a class in a sentence or two."""
    text = f"{name}: average precision {entry['ap']:.3f}"
    if ends := entry.get("ap_ci"):
        text += f" (95 % interval {ends[0]:.3f} to {ends[1]:.3f})"
    of = f" of {tables.sequence_of(told['splits'])}" if told["splits"] else ""
    text += f" over {entry['bases']:,} bases{of}, of which {entry['positives']:,} are positive"
    matrix = told["baseline"].get(class_name)
    if matrix is not None:
        text += (
            f"; the position weight matrix of the same training sites reaches {matrix['ap']:.3f}"
        )
    calls = told["calls"].get(class_name)
    if calls is None:
        return f"{text}."
    return (
        f"{text}. Of its {calls['calls']:,} calls {calls['matched']:,} match one of the "
        f"{calls['truth']:,} labelled sites."
    )


def _run(material: Material) -> Iterator[Element]:
    for name, text in material.commands.items():
        yield Listing(name, text)
    if material.model is not None:
        yield tables.model_table(material.model, material.calling)
    read = material.gallery.inputs if material.gallery else {}
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
            f"The course of training{of}.",
            "Top: mean loss since the row of the log before, cross-entropy on training windows, "
            "on a logarithmic axis; it should fall and level off. Middle: average precision on "
            "validation sequence as it is, each strand's bases as their own; the dotted line "
            "marks the highest mean, whose weights are the model. An AP that falls while the loss "
            f"still falls would be overfitting. Bottom: the learning rate.{took}",
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
            "Orange: the position weight matrix of the same training sites, scored along both "
            "strands, which sees the site alone and no context. "
            if baseline
            else ""
        )
        yield Figure(
            comparison_figure(network, baseline),
            f"Precision against recall, per base{of}.",
            f"Each point of a curve is a threshold. Blue: the network. {matrix}Solid: the larger "
            "score of the two strands; dashed: each strand's bases as their own. The nearer to "
            "the upper right the better; AP is the area beneath. Dotted: calling at random, "
            "which is the share of positive bases.",
        )


def _reliability(material: Material) -> Iterator[Element]:
    for name, (network, _) in material.curves.items():
        if not network:
            continue
        of = f" on {name}" if len(material.curves) > 1 else ""
        yield Figure(
            reliability_figure(network),
            f"Observed against predicted{of}.",
            "Bases with a probability of 0.05 or more, in ten slices of about as many bases each. "
            "On the diagonal, of the bases that are given 0.8, 80 % are positive; above it the "
            "network is too timid, below it too sure. Bars are intervals of 95 %. Beneath, the "
            "number of bases of each slice on a logarithmic axis. The slope is what the log-odds "
            "would have to be multiplied by, expected / observed the sum of all probabilities over "
            "the number of positive bases: both are 1 where probabilities are right.",
        )


def _calls(material: Material) -> Iterator[Element]:
    if any(told["calls"] for told in material.metrics.values()):
        yield tables.call_table(material.metrics)
    sites = None if material.gallery is None else material.gallery.sites
    if sites is None or sites.is_empty():
        return
    names = sites["class"].unique()
    least = f" The {MOST_CLASSES} most frequent classes." if len(names) > MOST_CLASSES else ""
    yield Figure(
        length_figure(sites),
        f"Lengths of calls and of labelled sites{_of_sample(material)}.",
        "Grey: labelled sites, touching ones of a strand joined. Blue outline: calls. Where the "
        f"two differ, calls are cut short, run together, or missing at some lengths.{least}",
    )
    errors = boundary_errors(sites)
    if errors.is_empty():
        return
    exact = errors.filter((pl.col("five") == 0) & (pl.col("three") == 0)).height
    yield Figure(
        boundary_figure(errors),
        f"Errors at the ends of matched calls{_of_sample(material)}.",
        "Blue: at the 5' end of the motif; orange, hatched: at its 3' end (start and end where a "
        "class has no strand). 0 is exact; the outermost bars hold all that lies beyond. "
        f"{exact:,} of {errors.height:,} matched calls are exact at both ends.{least}",
    )


def _of_sample(material: Material) -> str:
    """What the gallery is of, where there is more than one sample."""
    several = max(len(material.metrics), len(material.curves)) > 1
    return f" on {material.sample}" if several and material.sample else ""


def _regions(material: Material) -> Iterator[Element]:
    gallery, of = material.gallery, _of_sample(material)
    if gallery is None or not gallery.views:
        return
    yield Text(
        f"Sites{of} drawn with some flank. Best: matched sites of highest agreement, which is the "
        "bases that call and truth share over the bases of either. Worst: sites without a call, "
        "the longest first, and calls without a site, the most certain first, in turn. At random: "
        f"drawn from all sites and all calls without a site (seed {material.seed}). Coordinates "
        "are those of BED: 0-based, half-open."
    )
    for kind in KINDS:
        own = [pair for pair in gallery.views if pair[0].kind == kind]
        if own:
            yield Heading(_KIND_TITLES[kind])
        for example, view in own:
            yield _region(example, view, of)


def _region(example: Example, view: View, of: str) -> Figure:
    site = example.site
    strand = {"+": ", + strand", "-": ", \N{MINUS SIGN} strand", ".": ""}[str(site["strand"])]
    size = f"{site['end'] - site['start']:,} bp"  # type: ignore[operator]
    place = f"{site['chrom']}:{site['start']}-{site['end']}"
    caption = f"{place}, {size}. {_verdict(site)} {_reading(view)}"
    if not view.start <= site["start"] < site["end"] <= view.end:  # type: ignore[operator]
        caption += f" Of the site, {view.end - view.start:,} bp around its start are drawn."
    sequence = ""
    if view.lettered:
        sequence = f">{view.chrom}:{view.start}-{view.end}(+)\n{decode(view.codes)}"
    return Figure(region_figure(view), f"{site['class']}{strand}{of}.", caption, sequence=sequence)


def _reading(view: View) -> str:
    """How to read a region."""
    lanes = ["the sequence of the + strand"] if view.lettered else []
    if view.probabilities is not None:
        lanes.append("the probability of each strand (+ above, \N{MINUS SIGN} below)")
    lanes += ["calls in colour with their mean probability", "truth in black"]
    text = f"Outwards from the middle: {', '.join(lanes)}."
    if {o.strand for o in view.outputs if o.class_name in view.shown} > {"."}:
        text += " A class without strands is drawn above."
    if view.probabilities is not None and view.thresholds:
        text += " Dashed: the threshold of its calls."
    if view.probabilities is not None and view.stretch_bp > 1:
        text += f" Probabilities are means of {view.stretch_bp:,} bp."
    if not view.counted.all():
        text += " Hatched: bases that figures leave out."
    return text


def _verdict(site: Mapping[str, Any]) -> str:
    if site["other_start"] is None:
        if site["source"] == "call":
            return (
                f"Called with a mean probability of {site['score'] / MAX_SCORE:.2f}; no such label."
            )
        return "Labelled, but no call on this strand shares half of the bases of both."
    if site["agreement"] == 1:
        return f"Called to the base, with a mean probability of {site['score'] / MAX_SCORE:.2f}."
    return (
        f"Called as {site['other_start']}-{site['other_end']} with a mean probability of "
        f"{site['score'] / MAX_SCORE:.2f}; agreement {site['agreement']:.2f}."
    )


def _figures(material: Material) -> Iterator[Element]:
    if not material.metrics:
        return
    yield Text(
        "Strand-blind, a base's score is the larger of the two strands' and it is positive if it "
        "is so on either; by strand, each base counts once a strand. Intervals of 95 % are "
        "percentiles of a bootstrap over blocks of 10 kb, since neighbouring bases are not "
        "independent. Calls: see the table of calls."
    )
    for name, told in material.metrics.items():
        shown = name if len(material.metrics) > 1 else ""
        for class_name, entry in told["classes"].items():
            if entry is not None or told["baseline"].get(class_name) is not None:
                yield tables.base_table(class_name, told, shown)


def _absent(material: Material) -> Iterator[Element]:
    if any(told["absent"] for told in material.metrics.values()):
        yield tables.absent_table(material.metrics)


_SECTIONS = (
    ("summary", "At a glance", _summary),
    ("run", "What was run", _run),
    ("data", "The data", _data),
    ("training", "Training", _training),
    ("precision-recall", "Precision and recall", _precision_recall),
    ("reliability", "Reliability", _reliability),
    ("calls", "Calls", _calls),
    ("regions", "Regions", _regions),
    ("figures", "All figures", _figures),
    ("absent", "False positives of absent classes", _absent),
)
