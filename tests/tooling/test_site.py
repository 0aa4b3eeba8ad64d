"""The site: built without a warning, opened from its folder, searched without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import notebooks
import pytest
from browser import Page, chromium

ROOT = Path(__file__).parents[2]


def build(config: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Build a site."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", out],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built; skips without the packages of the extra `docs`."""
    for package in ("material", "mkdocstrings", "nbconvert", "jupytext"):
        pytest.importorskip(package)
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", out)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return out


def until(page: Page, script: str) -> Any:
    """What a script returns once that is neither empty nor null, within a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = page.run(f"return {script}")
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{script} found nothing")


def test_pages_ask_for_nothing_outside_their_folder(site: Path, tmp_path: Path) -> None:
    with chromium(site / "index.html", tmp_path / "profile") as page:
        for name in ("index", "commands/score", "api/dnabirnn", "notebooks/1-rep", "adr/README"):
            page.ask("url", url=(site / f"{name}.html").resolve().as_uri())
            assert until(page, "document.querySelector('h1')?.innerText")
            assert page.run("return [...document.images].every(i => i.complete && i.naturalWidth)")
        assert page.console() == []
        local = (f"{site.resolve().as_uri()}/", "data:")
        assert [url for url in page.requests() if not url.startswith(local)] == []


def test_search_works_without_a_network(site: Path, tmp_path: Path) -> None:
    with chromium(site / "index.html", tmp_path / "profile") as page:
        field = "document.querySelector('[data-md-component=search-query]')"
        until(page, f"{field} !== null")
        page.run(f"const f = {field}; f.focus(); f.value = 'mutagenesis';")
        page.run(f"{field}.dispatchEvent(new Event('keyup', {{bubbles: true}}))")
        links = until(
            page, "[...document.querySelectorAll('.md-search-result__link')].map(a => a.href)"
        )
        assert any("effects.html" in link for link in links)


def test_every_page_is_in_the_navigation(site: Path) -> None:
    text = (site / "index.html").read_text()
    named = {link.partition("#")[0] for link in re.findall(r'href="([^"]+\.html[^"]*)"', text)}
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert pages - named == {"404.html"}


def test_links_to_files_that_are_no_pages_lead_to_the_repository(site: Path) -> None:
    pipeline = (site / "pipeline.html").read_text()
    assert 'href="https://github.com/dnabirnn/dnabirnn/blob/main/workflows/config.yaml"' in pipeline
    assert 'href="contributing.html"' in (site / "architecture.html").read_text()


def test_a_broken_link_fails(tmp_path: Path) -> None:
    pytest.importorskip("material")
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs" / "assets", docs / "assets")
    (docs / "index.md").write_text("# Page\n\n[broken](nowhere.md)\n")
    config = (ROOT / "mkdocs.yml").read_text()
    config = re.sub(r"(?ms)^(hooks|nav):.*?(?=^\w|\Z)", "", config)
    (tmp_path / "mkdocs.yml").write_text(config)
    done = build(tmp_path / "mkdocs.yml", tmp_path / "out")
    assert done.returncode != 0
    assert "nowhere.md" in done.stderr


def test_an_outdated_notebook_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jupytext")
    source = tmp_path / "1-rep.py"
    shutil.copy(notebooks.sources()[0].with_suffix(".ipynb"), tmp_path / "1-rep.ipynb")
    source.write_text(notebooks.sources()[0].read_text().replace("REP elements", "something else"))
    with pytest.raises(ValueError, match=r"1-rep.ipynb: differs from 1-rep.py; run make notebooks"):
        list(notebooks.site_files(source))
