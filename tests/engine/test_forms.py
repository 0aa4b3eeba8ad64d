"""The kernels on processors with narrower vectors: the same scores, to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from benchmarks.forms import WIDTHS, environment, widest

TESTS = Path(__file__).parents[1]


def run(form: str, *command: str) -> str:
    """Run Python with the kernels of a form; return what it prints."""
    if WIDTHS[form] > widest():
        pytest.skip(f"this processor has no {form}")
    path = os.pathsep.join([str(TESTS / "support"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | environment(form) | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@cache
def digests(form: str) -> list[str]:
    """The width of a form's vectors, and per model a digest of its scores."""
    return run(form, str(TESTS / "support" / "form_digests.py")).splitlines()


@pytest.mark.parametrize("form", ["avx512", "avx2"])
def test_all_forms_give_the_same_bytes(form: str) -> None:
    here, narrow = digests(form), digests("four")
    assert [here[0], narrow[0]] == [str(WIDTHS[form]), "4"]
    assert len(narrow) == 131
    # Scores at all limits may agree by chance, but most models differ from one another.
    assert len({line.split()[-1] for line in narrow[1:]}) > 90
    assert here[1:] == narrow[1:]


@pytest.mark.parametrize("form", WIDTHS)
def test_scores_pass_the_self_check_in_each_form(form: str) -> None:
    found = run(form, "-m", "dnabirnn", "selfcheck", "ecoli-rep", "--device", "cpu")
    rows = [line.split("\t") for line in found.splitlines()[1:]]
    assert len(rows) > 5
    assert {row[-1] for row in rows} == {"yes"}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["avx2", "four"])
def test_scores_and_gradients_agree_with_torch_in_each_form(form: str) -> None:
    files = [
        str(TESTS / "engine" / f"test_{name}.py")
        for name in ("fused_engine", "differentiable", "mutant_engine")
    ]
    said = run(form, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files)
    assert " passed" in said
