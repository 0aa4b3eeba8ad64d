"""Text to paste: command lines, a paragraph for the methods of a paper, and a citation."""

from __future__ import annotations

import platform
import re
from importlib.metadata import metadata, version
from typing import TYPE_CHECKING

from dnabirnn.report import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dnabirnn.report.material import Material, NamedModel

__all__ = ["citation", "methods_text", "wrapped_commands"]

_WORD = re.compile(r"(?:'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|[^\s'\"\\])+")
_WIDTH = 96
_INDENT = "    "
_VERSIONS = ("numpy", "polars", "torch", "numba")


def wrapped_commands(text: str, width: int = _WIDTH) -> str:
    r"""Break long command lines before options, so that they can still be pasted.

    Parameters
    ----------
    text : str
        Lines of a shell. Those that do not run `dnabirnn` are left as they are.
    width : int
        Longest line, in characters. A single option with its values may be longer.

    Examples
    --------
    >>> print(wrapped_commands("dnabirnn train 'my set' --bases 30M --seed 1", width=32))
    dnabirnn train 'my set' \
        --bases 30M --seed 1
    """
    return "\n".join(_wrapped(line, width) for line in text.split("\n"))


def _wrapped(line: str, width: int) -> str:
    words = _WORD.findall(line)
    if len(line) <= width or words[:1] != ["dnabirnn"] or " ".join(words) != line.strip():
        return line
    groups: list[list[str]] = [[]]
    for word in words:
        if re.match(r"--?[a-zA-Z]", word):
            groups.append([])
        groups[-1].append(word)
    lines = [" ".join(groups[0])]
    for group in groups[1:]:
        own = " ".join(group)
        if len(lines[-1]) + 1 + len(own) + 2 <= width:
            lines[-1] += f" {own}"
        else:
            lines.append(f"{_INDENT}{own}")
    return " \\\n".join(lines)


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
