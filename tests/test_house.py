"""The structure: who imports whom, how long modules are, what a bare import costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dnabirnn

PACKAGE = Path(dnabirnn.__file__).parent
ROOT = Path(__file__).parent.parent

ORDER = [
    "errors",
    "messages",
    "plain",
    "tensors",
    "alphabet",
    "architecture",
    "rules",
    "shipped",
    "colours",
    "failures",
    "noted",
    "temporaries",
    "kernel_files",
    "compiled",
    "outputs",
    "provenance",
    "resources",
    "formats",
    "inputs",
    "records",
    "fastq",
    "twobit",
    "genbank",
    "fasta",
    "text",
    "bed",
    "intervals",
    "masking",
    "bits",
    "annotation",
    "annotation.features",
    "annotation.formats",
    "annotation.peaks",
    "annotation.gff",
    "annotation.repeats",
    "annotation.flatfile",
    "annotation.labelled_fastq",
    "annotation.reading",
    "classes",
    "label_set",
    "labels",
    "aliases",
    "splits",
    "summary",
    "encoded",
    "encoding",
    "background",
    "motifs",
    "simulation",
    "scanner",
    "search",
    "motif_sites",
    "weak_labels",
    "leakage",
    "windows",
    "logodds",
    "checkpoint",
    "onnx_model",
    "kann",
    "conversion",
    "workers",
    "devices",
    "normalized",
    "network",
    "engine.simd",
    "engine.tiles",
    "engine.activation",
    "engine.head",
    "engine.gradients",
    "engine.loss",
    "engine.layers",
    "engine.gru",
    "engine.gru_ln",
    "engine.lstm",
    "engine.rnn",
    "engine.fused_engine",
    "engine.packing",
    "engine.workspace",
    "engine.differentiable",
    "engine.torch_engine",
    "engine",
    "circular",
    "scoring",
    "runs",
    "summits",
    "calling",
    "metrics",
    "sampling",
    "calibration",
    "discoveries",
    "finishing",
    "resident",
    "fitting",
    "initial",
    "resume",
    "training_log",
    "training",
    "training_plan",
    "layouts",
    "lines",
    "tracks",
    "bigindex",
    "bigtracks",
    "parquet",
    "tabix",
    "writing",
    "merging",
    "hub",
    "readback",
    "reliability",
    "tally",
    "counting",
    "matching",
    "callevaluation",
    "sites",
    "evaluation",
    "matrix",
    "alignment",
    "baseline",
    "plots",
    "panels",
    "views",
    "page",
    "model",
    "selfcheck",
    "shards",
    "selection",
    "survey",
    "genome",
    "labelbed",
    "estimates",
    "gallery",
    "material",
    "tables",
    "report",
]
"""A module imports only from those before it; the command line from all."""


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py")}


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dnabirnn"):
            base = (node.module or "").removeprefix("dnabirnn").removeprefix(".")
            inner = {f"{base}.{alias.name}".strip(".") for alias in node.names}
            found |= {name for name in inner if name in MODULES} or {base}
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found |= {n.removeprefix("dnabirnn.") for n in names if n.startswith("dnabirnn.")}
    return found - {""}


def is_library(name: str) -> bool:
    return name not in ("", "__main__") and not name.startswith("cli")


def test_every_module_has_its_place() -> None:
    assert sorted(ORDER) == sorted(filter(is_library, MODULES))


@pytest.mark.parametrize("name", ORDER)
def test_imports_point_one_way(name: str) -> None:
    place = ORDER.index(name)
    # An engine is imported by the function that makes it, and knows the protocol for types only.
    allowed = {*ORDER[:place], *(["checkpoint"] if name.startswith("engine") else [])}
    assert imports_of(MODULES[name]) <= allowed


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_can_be_held_in_the_head(name: str) -> None:
    assert len(MODULES[name].read_text().splitlines()) <= 400


def test_no_grab_bags() -> None:
    assert not {"utils", "common", "helpers", "misc"} & {name.split(".")[-1] for name in MODULES}


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_a_bare_import_is_light() -> None:
    assert not {"numpy", "polars", "torch"} & modules_after("import dnabirnn; dir(dnabirnn)")


def test_reading_and_model_files_need_no_torch() -> None:
    names = ["genome", "model", "checkpoint", "training"]
    light = [n for n in names if n != "training"]
    statement = "import " + ", ".join(f"dnabirnn.{name}" for name in light)
    assert not {"torch", "matplotlib", "lightning_fabric"} & modules_after(statement)


def test_markers_are_used_and_told_of() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    markers = {text.split(":")[0] for text in settings["ini_options"]["markers"]}
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert markers == {name for name in markers if f"@pytest.mark.{name}\n" in tests}
    (told,) = re.findall(r"Markers: (.*)\.", (ROOT / "CONTRIBUTING.md").read_text())
    assert markers == set(re.findall(r"`(\w+)`", told))


def test_public_names_are_there() -> None:
    for name in dnabirnn.__all__:
        assert getattr(dnabirnn, name).__doc__
    assert dnabirnn.__version__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dnabirnn.nothing  # noqa: B018


_LOADERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
_RUNNERS = {"subprocess", "pty", "commands", "code", "codeop", "runpy"}
_CALLS = {"eval", "exec", "compile", "__import__", "mktemp", "system", "popen", "fromfile"}
"""What runs what others wrote, or makes files under names that others can foresee."""


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_runs_what_a_file_says(name: str) -> None:
    """No pickle is read, no text is executed: of what is read, everything is data.

    Numba reads pickles in its own modules; test_compiled.py has where from.
    """
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            roots = {alias.name.split(".")[0] for alias in node.names} | {module.split(".")[0]}
            assert not roots & (_LOADERS | _RUNNERS)
        elif isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name):
                assert function.id not in _CALLS
            if isinstance(function, ast.Attribute):
                owner = ast.unparse(function.value)
                called = f"{owner}.{function.attr}"
                assert function.attr not in _CALLS - {"compile", "eval"}
                assert called != "torch.load"
                safe = any(
                    word.arg == "allow_pickle" and ast.unparse(word.value) == "False"
                    for word in node.keywords
                )
                assert called != "np.load" or safe
                assert not any(word.arg == "shell" for word in node.keywords)
