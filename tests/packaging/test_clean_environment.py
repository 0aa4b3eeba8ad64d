"""The release, installed and run in new environments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).parents[2]
SEQUENCE = ROOT / "integrations/galaxy/test-data/rep.fa"
CALLS = ROOT / "integrations/galaxy/test-data/calls.bed"
MOST_BYTES = 550e6

pytestmark = pytest.mark.slow


def environment(folder: Path) -> Path:
    """Create a virtual environment; return the folder of its programs."""
    venv.create(folder, with_pip=True)
    return folder / "bin"


def run(*words: object, cwd: Path, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a program with nothing of this environment on its path."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=variables, capture_output=True, text=True
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done


def pip(programs: Path, *words: object) -> None:
    command = [programs / "python", "-m", "pip", "install", "--quiet", "--no-deps"]
    run(*command, *words, cwd=programs.parent)


def test_the_lock_for_scoring(release, tmp_path: Path) -> None:
    programs = environment(tmp_path / "new")
    pip(programs, "--require-hashes", "--requirement", ROOT / "requirements-score.lock")
    pip(programs, release.wheel)
    packages = next((tmp_path / "new/lib").glob("python*")) / "site-packages"
    size = sum(path.lstat().st_size for path in packages.rglob("*") if path.is_file())
    assert size < MOST_BYTES

    command = programs / "dnabirnn"
    score = ("--quiet", "score", SEQUENCE, "-m", "ecoli-rep")
    new, own = tmp_path / "new.bed", tmp_path / "own.bed"
    run(command, *score, "-o", new, "--calls", tmp_path / "calls.bed", cwd=tmp_path)
    run(sys.executable, "-m", "dnabirnn", *score, "-o", own, cwd=tmp_path)
    assert new.read_bytes() == own.read_bytes()
    assert (tmp_path / "calls.bed").read_bytes() == CALLS.read_bytes()

    table = tmp_path / "rep.dnabirnn.json"
    run(command, "summary", tmp_path / "calls.bed", "--sizes", SEQUENCE, "-o", table, cwd=tmp_path)
    assert json.loads(table.read_text())["samples"]["calls"]["classes"]["REP"]["calls"] == 3
    for words, package in [
        (("train", "sites.enc", "-o", "m.safetensors"), "torch"),
        (("report", "-o", "report.html", "--model", "ecoli-rep"), "jinja2"),
        ((*score, "-o", "x.bed", "--engine", "torch"), "torch"),
    ]:
        done = run(command, *words, cwd=tmp_path, exit_code=1)
        (line,) = done.stderr.splitlines()
        assert f"needs the package {package}, which is not installed; install it with" in line
    missing = run(programs / "python", "-m", "pip", "check", cwd=tmp_path, exit_code=1).stdout
    assert "dnabirnn 0.1.0 requires torch, which is not installed." in missing.splitlines()


def test_the_wheel_and_the_workflow_of_the_sdist(release, tmp_path: Path) -> None:
    """The packages are those of this environment, but dnabirnn is the wheel's.

    The workflow is used as snakedeploy deploys it: as a module of a Snakefile of the user's.
    """
    programs = environment(tmp_path / "new")
    packages = next((tmp_path / "new/lib").glob("python*")) / "site-packages"
    (packages / "dependencies.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n")
    pip(programs, release.wheel)
    with tarfile.open(release.sdist) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("dnabirnn-*")
    where = run(programs / "python", "-c", "print(__import__('dnabirnn').__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(packages)

    (tmp_path / "config").mkdir()
    (tmp_path / "config/samples.tsv").write_text(f"sample\tfasta\nrep\t{SEQUENCE}\n")
    settings = (source / "config/config.yaml").read_text()
    (tmp_path / "config/config.yaml").write_text(
        settings.replace("model: null", "model: ecoli-rep")
    )
    (tmp_path / "Snakefile").write_text(
        'configfile: "config/config.yaml"\n'
        "module dnabirnn:\n"
        f"    snakefile: {str(source / 'workflow/Snakefile')!r}\n"
        "    config: config\n"
        "use rule * from dnabirnn\n"
    )
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    words = ["env", f"PATH={path}", programs / "python", "-m", "snakemake", "--cores", "2"]
    run(*words, cwd=tmp_path)
    assert (tmp_path / "results/calls/rep.bed").read_bytes() == CALLS.read_bytes()
    assert (tmp_path / "results/report.html").stat().st_size > 100_000
