"""The release, installed and run in new environments."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).parents[2]
SEQUENCE = ROOT / "integrations/galaxy/test-data/rep.fa"
CALLS = ROOT / "integrations/galaxy/test-data/calls.bed"
MOST_BYTES = 550e6


@pytest.mark.slow
def test_the_lock_for_scoring(release, environment, tmp_path: Path) -> None:
    environment.install(
        "--no-deps", "--require-hashes", "--requirement", ROOT / "requirements-score.lock"
    )
    environment.install("--no-deps", release.wheel)
    files = [path for path in environment.packages.rglob("*") if path.is_file()]
    assert sum(path.lstat().st_size for path in files) < MOST_BYTES

    score = ("--quiet", "score", SEQUENCE, "-m", "ecoli-rep")
    new, own, calls = (tmp_path / name for name in ("new.bed", "own.bed", "calls.bed"))
    environment.run("dnabirnn", *score, "-o", new, "--calls", calls, cwd=tmp_path)
    words = [sys.executable, "-m", "dnabirnn", *score, "-o", own]
    subprocess.run([str(word) for word in words], cwd=tmp_path, check=True)
    assert new.read_bytes() == own.read_bytes()
    assert calls.read_bytes() == CALLS.read_bytes()

    table = tmp_path / "rep.dnabirnn.json"
    environment.run("dnabirnn", "summary", calls, "--sizes", SEQUENCE, "-o", table, cwd=tmp_path)
    assert json.loads(table.read_text())["samples"]["calls"]["classes"]["REP"]["calls"] == 3
    for words, package in [
        (("train", "sites.enc", "-o", "m.safetensors"), "torch"),
        (("report", "-o", "report.html", "--model", "ecoli-rep"), "jinja2"),
        ((*score, "-o", "x.bed", "--engine", "torch"), "torch"),
    ]:
        done = environment.run("dnabirnn", *words, cwd=tmp_path, exit_code=1)
        (line,) = done.stderr.splitlines()
        assert f"needs the package {package}, which is not installed; install it with" in line
    done = environment.run("python", "-m", "pip", "check", cwd=tmp_path, exit_code=1)
    assert " requires torch, which is not installed." in done.stdout


@pytest.mark.slow
def test_the_wheel_and_the_workflow_of_the_sdist(release, environment, tmp_path: Path) -> None:
    """The packages are those of this environment, but dnabirnn is the wheel's.

    The workflow is used as snakedeploy deploys it: as a module of a Snakefile of the user's.
    """
    own = Path(numpy.__file__).parents[1]
    (environment.packages / "dependencies.pth").write_text(f"{own}\n")
    environment.install("--no-deps", release.wheel)
    with tarfile.open(release.sdist) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("dnabirnn-*")
    done = environment.run("python", "-c", "import dnabirnn; print(dnabirnn)", cwd=tmp_path)
    assert str(environment.packages) in done.stdout

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
    words = ("-m", "snakemake", "--cores", "2", "--show-failed-logs")
    environment.run("python", *words, cwd=tmp_path)
    assert (tmp_path / "results/calls/rep.bed").read_bytes() == CALLS.read_bytes()
    assert "REP" in (tmp_path / "results/report.html").read_text()
