"""Text to paste: a paragraph for the methods of a paper, and a citation."""

from __future__ import annotations

import platform
from importlib.metadata import metadata, version
from typing import TYPE_CHECKING

from dnabirnn.report import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dnabirnn.report.material import Material, NamedModel

__all__ = ["citation", "methods_text"]

_VERSIONS = ("numpy", "polars", "torch", "numba")


def citation() -> str:
    """Return a BibTeX entry of this version of dnabirnn."""
    about = metadata("dnabirnn")
    fields = {
        "title": f"dnabirnn: {about['Summary'].rstrip('.')}",
        "version": about["Version"],
        "license": about["License-Expression"] or about["License"],
    }
    lines = [f"  {key} = {{{value}}}" for key, value in fields.items() if value]
    return "@software{dnabirnn,\n" + ",\n".join(lines) + "\n}"


def methods_text(material: Material) -> str:
    """Return a paragraph about the model, its training, its accuracy and the calls.

    Parameters
    ----------
    material : Material
        Must have a model.
    """
    model = material.model
    assert model is not None
    parts = [
        f"Motifs were found with dnabirnn {version('dnabirnn')}, which gives every base the "
        f"probability that it belongs to a motif. {_network(model)}",
        _training(model),
        *_accuracy(material.metrics),
        f"Calls were made as follows. {tables.calls_fact(material.calling, model)}.",
    ]
    if material.assemblies:
        scored = [
            name if own.sizes is None else f"{name} ({sum(own.sizes.values()):,} bases)"
            for name, own in material.assemblies.items()
        ]
        parts.append(f"The assemblies scored were {_listed(scored)}.")
    versions = [f"{name} {version(name)}" for name in _VERSIONS]
    parts.append(
        f"The report was made with Python {platform.python_version()}, {_listed(versions)}."
    )
    return " ".join(filter(None, parts))


def _network(model: NamedModel) -> str:
    checkpoint = model.checkpoint
    shape, several = checkpoint.architecture, len(checkpoint.members)
    cell, layers = checkpoint.members[0][0].cell.value.upper(), checkpoint.members[0][0].layers
    hidden = checkpoint.members[0][0].hidden
    classes = _listed([name for name, _ in shape.classes])
    what = f"a bidirectional recurrent network ({cell}, {layers} layer{'s' * (layers > 1)} of "
    what += f"{hidden} units per direction)"
    if several > 1:
        what = f"{several} bidirectional recurrent networks, whose log-odds are averaged"
    return f"The model {model.name} (SHA-256 {model.sha256[:16]}) is {what}, for {classes}."


def _training(model: NamedModel) -> str:
    training = model.checkpoint.training
    if not training:
        return ""
    fit, sampling, inputs = training["fit"], training["sampling"], training["inputs"]
    data = [
        f"{_listed([file['name'] for file in inputs[kind]])} ({kind})"
        for kind in sorted(inputs)
        if inputs[kind]
    ]
    versions = training.get("versions", {})
    made = f" with dnabirnn {versions['dnabirnn']}" if "dnabirnn" in versions else ""
    of = f" from {_listed(data)}" if data else ""
    # Those of each network; fewer than planned if validation no longer improved.
    done = training.get("trained_bases", [fit["bases"]])
    used = sorted({f"{min(bases, fit['bases']) / 1e6:.3g}" for bases in done}, key=float)
    return (
        f"It was trained{made} on {_listed(used)} Mb of windows of "
        f"{sampling['window_bp']:,} bp{of}, with seed {sampling['seed']}."
    )


def _accuracy(metrics: Mapping[str, Mapping[str, object]]) -> Iterable[str]:
    """Yield a sentence per sample and class with figures."""
    for name, sample in metrics.items():
        where = tables.sequence_of(sample["splits"])  # type: ignore[arg-type]
        of = f" of {name}" if len(metrics) > 1 else ""
        for class_name, entry in sample["classes"].items():  # type: ignore[attr-defined]
            if entry is None:
                continue
            text = f"On {where}{of}, its average precision for {class_name} is {entry['ap']:.3f}"
            if ends := entry.get("ap_ci"):
                text += f" (95 % interval {ends[0]:.3f} to {ends[1]:.3f})"
            yield f"{text}, over {entry['bases']:,} bases."


def _listed(names: Sequence[str]) -> str:
    """Return names with commas, and "and" before the last.

    Examples
    --------
    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
