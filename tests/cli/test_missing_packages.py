"""Without a dependency, a command says in one line what to install, before it works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import write_fasta, write_model

from dnabirnn.cli.missing_packages import check_packages, missing_package
from dnabirnn.engine import choose, make_engine
from dnabirnn.network import load_checkpoint


@pytest.mark.parametrize(
    ("module", "package", "words"),
    [
        ("torch", "torch", "train sites.enc -o m2.safetensors"),
        ("torch", "torch", "score g.fa -m m.safetensors -o o.bed --engine torch"),
        ("torch", "torch", "selfcheck m.safetensors"),
        ("matplotlib", "matplotlib", "evaluate g.fa --labels g.bed -m m.safetensors -o o.json"),
        ("jinja2", "jinja2", "report -m m.safetensors -o o.html"),
    ],
)
def test_a_package_that_is_not_there(module: str, package: str, words: str, tmp_path: Path) -> None:
    write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 100})
    (tmp_path / "g.bed").write_text("a\t10\t30\tM\t0\t+\n")
    write_model(tmp_path / "m.safetensors")
    before = set(tmp_path.iterdir())
    # `import` and `find_spec` fail as they would if the module were not there.
    script = f"""
import importlib.abc, sys
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
from dnabirnn.cli import run
run()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *words.split()], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert f"error: needs the package {package}, which is not installed; install it with" in line
    assert set(tmp_path.iterdir()) == before


def test_packages_of_which_nothing_is_known() -> None:
    assert missing_package(ModuleNotFoundError("No module named 'x'", name="x")) is None
    assert missing_package(ImportError("torch")) is None
    check_packages("numpy")
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_module'"):
        check_packages("no_such_module")


def test_a_gpu_is_not_used_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = load_checkpoint(write_model(tmp_path / "m.safetensors"))
    monkeypatch.setattr(choose, "_has_cuda", lambda: True)
    monkeypatch.setattr(choose, "_has_torch", lambda: False)
    assert "cpu" in make_engine(checkpoint).device
