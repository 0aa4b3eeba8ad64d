"""Files for other systems name the version, the packages and the options that dnabirnn has."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
import yaml
from packages import PYTHONS, SCORING, declared
from packaging.requirements import Requirement

from dnabirnn.cli import main
from dnabirnn.network import shipped_models

ROOT = Path(__file__).parents[2]
INTEGRATIONS = ROOT / "integrations"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = PROJECT["version"]
REPOSITORY = PROJECT["urls"]["Repository"]
NAMES_ON_CONDA = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
GALAXY = INTEGRATIONS / "galaxy/dnabirnn_score.xml"
NEXTFLOW = INTEGRATIONS / "nf-core/dnabirnn/score"
WRAPPER = INTEGRATIONS / "snakemake-wrapper/dnabirnn/score"


def recipe() -> dict:
    """Return the conda recipe; its few expressions are replaced by their values."""
    text = (INTEGRATIONS / "conda/meta.yaml").read_text()
    values = dict(re.findall(r'\{% set (\w+) = "([^"]*)" %\}', text))
    text = re.sub(r"\{%.*?%\}", "", text)
    text = re.sub(r"\{\{ pin_subpackage.*?\}\}", "pinned", text)
    text = re.sub(r"\{\{ PYTHON \}\}", "python", text)
    text = re.sub(r"\{\{ name\[0\] \}\}", values["name"][0], text)
    return yaml.safe_load(re.sub(r"\{\{ (\w+) \}\}", lambda found: values[found[1]], text))


def pip_requirement(path: Path) -> Requirement:
    *_, pip = yaml.safe_load(path.read_text())["dependencies"]
    (line,) = pip["pip"]
    return Requirement(line)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("CITATION.cff", r"^version: (\S+)$"),
        ("codemeta.json", r'^  "version": "([^"]+)",$'),
        ("integrations/conda/meta.yaml", r'set version = "([^"]+)"'),
        ("integrations/galaxy/dnabirnn_score.xml", r'name="@TOOL_VERSION@">([^<]+)<'),
        ("integrations/multiqc/pyproject.toml", r'^version = "([^"]+)"$'),
        ("integrations/nf-core/dnabirnn/score/environment.yml", r"bioconda::dnabirnn=(\S+)$"),
        ("integrations/nf-core/dnabirnn/score/main.nf", r"/dnabirnn:([^-']+)--"),
        ("integrations/snakemake-wrapper/dnabirnn/score/environment.yaml", r"dnabirnn =(\S+)$"),
        ("workflows/envs/dnabirnn.yaml", r"dnabirnn\[.*\]==(\S+)$"),
    ],
)
def test_the_version(name: str, pattern: str) -> None:
    found = re.findall(pattern, (ROOT / name).read_text(), re.MULTILINE)
    assert set(found) == {VERSION}


def test_the_changelog_has_the_version_and_what_is_new() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[(.*?)\](?: - (\S+))?$", text, re.MULTILINE)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    codemeta = json.loads((ROOT / "codemeta.json").read_text())
    released = str(citation["date-released"])
    assert headings[:2] == [("Unreleased", ""), (VERSION, released)]
    assert codemeta["datePublished"] == codemeta["dateModified"] == released
    assert {f"[{name}]: {REPOSITORY}" in text for name, _ in headings} == {True}


def test_the_address_and_the_description() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    codemeta = json.loads((ROOT / "codemeta.json").read_text())
    assert citation["repository-code"] == codemeta["codeRepository"] == REPOSITORY
    assert codemeta["description"] == recipe()["about"]["summary"] == PROJECT["description"]
    assert citation["keywords"] == codemeta["keywords"] == PROJECT["keywords"]
    assert citation["license"] == recipe()["about"]["license"] == PROJECT["license"]


def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    found = recipe()["requirements"]
    python = f"python {PROJECT['requires-python']}"
    wanted = [Requirement(line) for line in PROJECT["dependencies"]]
    names = [NAMES_ON_CONDA.get(need.name, need.name) for need in wanted]
    expected = [f"{name} {need.specifier}" for name, need in zip(names, wanted, strict=True)]
    assert sorted(found["run"]) == sorted([python, *expected])
    assert python in found["host"]
    assert recipe()["build"]["run_exports"] == ["pinned"]
    (entry,) = recipe()["build"]["entry_points"]
    assert entry == f"dnabirnn = {PROJECT['scripts']['dnabirnn']}"


def test_extras_of_the_environment_of_the_workflow() -> None:
    need = pip_requirement(ROOT / "workflows/envs/dnabirnn.yaml")
    assert need.name == PROJECT["name"]
    assert "discover" in need.extras  # to compare motifs with a database
    assert need.extras <= declared().keys()


def test_scoring_needs_packages_that_are_declared() -> None:
    assert {*SCORING} <= {need.name for need in declared()[""]}


def test_pythons() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert tuple(matrix["python"]) == PYTHONS
    assert {f"Programming Language :: Python :: {python}" for python in PYTHONS} <= set(
        PROJECT["classifiers"]
    )


def test_options_in_the_integrations_exist() -> None:
    known = {"--quiet", "--version"}
    for name in ("score", "summary"):
        command = main.get_command(click.Context(main), name)
        assert command is not None
        known |= {word for one in command.params for word in one.opts}
    for path in (WRAPPER / "wrapper.py", NEXTFLOW / "main.nf", GALAXY):
        used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", path.read_text()))
        assert len(used) > 3
        assert used <= known, path


def test_galaxy_offers_the_bundled_models() -> None:
    options = ElementTree.parse(GALAXY).getroot().iter("option")
    offered = {option.get("value") for option in options} - {"bundled", "history"}
    assert offered == set(shipped_models())


def test_the_integrations_are_tested_on_the_same_sequence() -> None:
    copies = [path.read_bytes() for path in INTEGRATIONS.rglob("rep.fa")]
    assert len(copies) == 3
    assert len(set(copies)) == 1
