"""The sdist and the wheel: what they hold, and what PyPI shows."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from setup import description

ROOT = Path(__file__).parents[2]
_RELATIVE = re.compile(r"\]\((?![a-z]+:|#)([^)\s]+)\)")


@pytest.fixture(scope="module")
def metadata(release) -> Message:
    with zipfile.ZipFile(release.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(wheel.read(name))


def test_the_sdist_holds_the_repository(release) -> None:
    with tarfile.open(release.sdist) as sdist:
        found = {name.partition("/")[2] for name in sdist.getnames()}
    assert sorted(set(release.files) - found) == []
    assert not [name for name in found if name.endswith(".pyc") or "/__pycache__" in name]


def test_the_wheel_holds_the_package(release) -> None:
    with zipfile.ZipFile(release.wheel) as wheel:
        found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert found == {name for name in release.files if name.startswith("dnabirnn/")}


def test_twine_finds_no_fault(release) -> None:
    words = [sys.executable, "-m", "twine", "check", "--strict", release.sdist, release.wheel]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_links_of_the_readme_are_absolute(metadata: Message) -> None:
    readme, shown = (ROOT / "README.md").read_text(), metadata.get_payload()
    links = _RELATIVE.findall(readme)
    assert links
    for link in links:
        assert (ROOT / link.partition("#")[0]).exists(), link
        kind = "raw" if link.endswith(".svg") else "blob"
        address = f"https://github.com/dnabirnn/dnabirnn/{kind}/v{metadata['Version']}/{link}"
        assert f"]({address})" in shown
    assert _RELATIVE.findall(shown) == []
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_links_inside_code_and_within_the_page_stay() -> None:
    text = "[a](#b) [c](mailto:d) [e](https://f)"
    assert description(text, "https://g", "1") == text


def test_metadata(metadata: Message) -> None:
    assert metadata["License-Expression"] == "MIT"
    classifiers = metadata.get_all("Classifier") or []
    assert not [text for text in classifiers if text.startswith("License ::")]
    assert {text.split(" :: ")[0] for text in classifiers} >= {
        "Development Status",
        "Operating System",
        "Programming Language",
    }
    urls = dict(text.split(", ", 1) for text in metadata.get_all("Project-URL") or [])
    assert urls.keys() == {"Repository", "Documentation", "Changelog", "Issues"}
    assert metadata["Author"]
