"""Calls of assemblies in the report: findings, tables that are whole as CSV, links."""

from __future__ import annotations

import csv
import html
import io
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from browser import chromium
from commands import run, succeed, write_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [f"c{i}\t{i}\t{i + 50}\tM\t900\t{'+-'[i % 2]}\n" for i in range(60)]
    Path("one.bed").write_text("".join(rows))
    Path("two.bed").write_text("c1\t0\t10\tM\t900\t+\nc1\t5\t25\tN & co\t900\t.\n")
    Path("none.bed").write_text("")
    Path("c.sizes").write_text("".join(f"c{i}\t1000\n" for i in range(60)))
    return tmp_path


def page(*arguments: object) -> str:
    succeed("report", "-o", "report.html", *arguments)
    return Path("report.html").read_text()


def tables(text: str) -> list[list[dict[str, str]]]:
    """The tables that the page offers as CSV."""
    found = re.findall(
        r'download="table-\d+\.csv" href="data:text/csv;charset=utf-8,([^"]*)"', text
    )
    return [list(csv.DictReader(io.StringIO(unquote(html.unescape(one))))) for one in found]


def given(*names: str, sizes: bool = True) -> list[str]:
    words = [word for name in names for word in ("--assembly", f"{name}.bed")]
    return [*words, *(["--sizes", "c.sizes"] if sizes else [])]


def test_findings_tables_and_figures(folder: Path) -> None:
    text = page(*given("one", "two", "none"))
    seen = html.unescape(text).replace("\N{NO-BREAK SPACE}", " ")
    assert "one (60,000 bases in 60 contigs): 60 calls of M, 3,000 bases (5.00 %)." in seen
    assert "two (60,000 bases in 60 contigs): 1 call of M, 10 bases (0.0167 %); 1 call" in seen
    assert "none (60,000 bases in 60 contigs): no calls." in seen
    by_class, by_contig, _ = tables(text)
    assert len(by_class) == 9
    assert by_class[1] | {"share (%)": ""} == {
        **{"assembly": "one", "class": "M", "strand": "-", "calls": "30", "bases": "1500"},
        **{"longest (bp)": "50", "N50 (bp)": "50", "share (%)": ""},
    }
    assert by_class[-1]["longest (bp)"] == ""
    # The page shows the first rows of a long table; its CSV has all.
    assert len(by_contig) == 62
    assert "The first 40 of 62 rows; the CSV has all of them." in text
    assert text.count("<figure ") == 4
    assert "The 30 contigs with the most bases in calls, of 60 with calls." in text


def test_without_lengths(folder: Path) -> None:
    text = page(*given("two", sizes=False))
    assert "two: 1 call of M, 10 bases; 1 call of N &amp; co, 20 bases." in text
    assert "Contigs end at their last call" in text
    assert "Bases in calls (kb)" in text


def test_links_lead_from_the_page_to_the_files(folder: Path) -> None:
    Path("out").mkdir()
    Path("a b#1.bed").write_text("")
    words = ["--link", "one.bed", "--link", "a b#1.bed"]
    succeed("report", "-o", "out/report.html", *given("one"), *words)
    text = Path("out/report.html").read_text()
    (links,) = re.findall(r'<ul class="links">(.*?)</ul>', text, re.DOTALL)
    addresses = re.findall(r'href="([^"]+)"', links)
    assert addresses == ["../one.bed", "../a%20b%231.bed"]
    assert all(Path("out", unquote(address)).is_file() for address in addresses)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sizes", "c.sizes"], "nothing to report|--sizes: 1 files for 0"),
        ([*given("one", "two"), *["--sizes", "c.sizes"] * 2], "--sizes: 3 files for 2"),
        ([*given("one"), "--link", "no.bed"], "--link no.bed: no such file"),
        (["--assembly", "no.bed"], "no.bed: no such file"),
        (["--assembly", "one.bed", "--sizes", "short.sizes"], "calls on c1, which --sizes lacks"),
    ],
)
def test_mistakes(folder: Path, words: list[str], message: str) -> None:
    Path("short.sizes").write_text("c0\t1000\n")
    result = run("report", "-o", "report.html", *words)
    assert result.exit_code == 1
    assert re.search(message, result.stderr), result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("report.html").exists()


def test_nothing_is_cut_off_at_1280_pixels(folder: Path) -> None:
    write_model(folder / "m.safetensors")
    log = "dnabirnn train --first " + "--an-option with-a-value " * 30
    Path("commands.txt").write_text(log)
    page(*given("one", "two"), "-m", "m.safetensors", "--command-log", "commands.txt")
    with chromium(folder / "report.html", folder / "profile") as seen:
        seen.ask("window/rect", width=1280, height=900)
        assert seen.console() == []
        wide = "return [...document.querySelectorAll('.scroll, pre')]"
        assert seen.run(f"{wide}.length") >= 5
        assert seen.run(f"{wide}.filter(e => e.scrollWidth > e.clientWidth).length") == 0
