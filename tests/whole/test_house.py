"""The structure: who imports whom, how long modules are, what a bare import costs."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dnabirnn

PACKAGE = Path(dnabirnn.__file__).parent
ROOT = Path(__file__).parents[2]

ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.pyi"))
"""Subpackages with a face: names that other rooms may import."""
MOST_MODULES = {"": 8, "cli": 40, "engine.kernels": 24}
MOST_MODULES_OF_A_ROOM = 18


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py")}


def test_imports_point_downwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contracts in pyproject.toml hold."""
    monkeypatch.chdir(ROOT)
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_every_room_is_in_the_contracts() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in settings["contracts"]}
    layers = contracts["Imports point downwards"]["layers"]
    named = {name.strip() for layer in layers for name in re.split("[|:]", layer)}
    top = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert named == {*ROOMS, "cli", *top}
    assert {name for name in contracts if name.startswith("The face of ")} == {
        f"The face of {room}" for room in ROOMS
    }


def test_no_room_is_crowded() -> None:
    found: dict[str, int] = {}
    for path in PACKAGE.rglob("*.py"):
        room = ".".join(path.relative_to(PACKAGE).parts[:-1])
        found[room] = found.get(room, 0) + (path.name != "__init__.py")
    crowded = {r: n for r, n in found.items() if n > MOST_MODULES.get(r, MOST_MODULES_OF_A_ROOM)}
    assert not crowded


@pytest.mark.parametrize("room", ROOMS)
def test_a_face_names_what_is_there(room: str) -> None:
    face = importlib.import_module(f"dnabirnn.{room}")
    for name in face.__all__:
        assert getattr(face, name) is not None
    # Importing a module sets an attribute of its name, which would hide what the face calls so.
    modules = {path.stem for path in (PACKAGE / room).iterdir()}
    assert not modules & set(face.__all__)
    # The docstring names the modules, in the order in which to read them.
    assert modules - {"__init__", "__pycache__"} <= set(re.findall(r"`(\w+)`", face.__doc__ or ""))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_can_be_held_in_the_head(name: str) -> None:
    assert len(MODULES[name].read_text().splitlines()) <= 500


def test_no_grab_bags() -> None:
    assert not {"utils", "common", "helpers", "misc"} & {name.split(".")[-1] for name in MODULES}


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_a_bare_import_is_light() -> None:
    assert not {"numpy", "polars", "torch"} & modules_after("import dnabirnn; dir(dnabirnn)")


def test_reading_model_files_and_plans_need_no_torch() -> None:
    names = ["scoring.genome", "scoring.model", "network.read_checkpoint"]
    names += ["explanation.plan", "explanation.variants.plan"]
    statement = "import " + ", ".join(f"dnabirnn.{name}" for name in names)
    assert not {"torch", "matplotlib", "lightning_fabric"} & modules_after(statement)


def test_markers_are_used_and_documented() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    markers = {text.split(":")[0] for text in settings["ini_options"]["markers"]}
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert markers == {name for name in markers if f"@pytest.mark.{name}\n" in tests}
    (listed,) = re.findall(r"Markers: (.*)\.", (ROOT / "CONTRIBUTING.md").read_text())
    assert markers == set(re.findall(r"`(\w+)`", listed))


def test_public_names_are_there() -> None:
    for name in dnabirnn.__all__:
        assert getattr(dnabirnn, name).__doc__
    assert dnabirnn.__version__
    with pytest.raises(AttributeError, match="No dnabirnn attribute nothing"):
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
