"""`dnabirnn report`: from its inputs to a page that Chromium opens without a word."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import chromium
from commands import content, make_material, run, succeed

from dnabirnn.errors import ReportError
from dnabirnn.evaluation.bootstrap import Curve
from dnabirnn.evaluation.metrics import PrecisionRecall
from dnabirnn.evaluation.reliability import Reliability
from dnabirnn.intervals.bed import read_bed
from dnabirnn.labels.load import load_truth
from dnabirnn.network.call_rules import CallRule, CallSettings
from dnabirnn.report.examples import Genome, gather
from dnabirnn.report.material import Material, read_curves, read_log, read_metrics
from dnabirnn.report.report import report_html
from dnabirnn.scoring.model import load

ALL = ["regions", "log", "metrics", "curves", "encoded", "calls", "command-log"]


def curve(ap, stranded):
    recall = np.linspace(0.05, 1, 20)
    ends = np.array([0.1, np.nan]), np.array([0.3, np.nan])
    slices = Reliability(np.array([0.1, 0.9]), np.array([0.2, 0.8]), np.array([900, 100]), *ends)
    points = PrecisionRecall(recall, 1 - recall**4 * (1 - ap), 1 - recall)
    return Curve("M", stranded, ap, 0.1, 1.02, 0.9, points, slices)


def shifted(rows):
    """Calls: every fourth site missed, the others moved by up to two bases."""
    return "".join(
        f"{chrom}\t{start + i % 3}\t{end + i % 2}\tM\t{900 - i}\t{strand}\n"
        for i, (chrom, start, end, strand) in enumerate(rows)
        if i % 4
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = make_material(tmp_path_factory.mktemp("report"))
    rows = read_bed(folder / "sites.bed").select("chrom", "start", "end", "strand").rows()
    (folder / "calls.bed").write_text(shifted(rows))
    (folder / "regions.bed").write_text("a\t0\t1990\nb\t0\t1000\n")
    command = ["evaluate", folder / "genome.fa", "--labels", folder / "sites.bed", "--no-plots"]
    metrics = folder / "metrics.json"
    succeed(*command, "-m", folder / "m.safetensors", "-o", metrics)
    values = json.loads(metrics.read_text())
    values["baseline"] = {"M": values["classes"]["M"] | {"ap": 0.123, "ap_ci": [0.1, 0.2]}}
    values["classes"]["<IS>"] = values["calls"]["<IS>"] = None
    values["absent"] = {"<IS>": {"called_bases": 7, "bases": 4000, "called_per_mb": 1750.0}}
    metrics.write_text(json.dumps(values))
    (folder / "log.csv").write_text(
        "step,bases,learning_rate,loss,seconds,ap_M\n1,1000,0.1,0.5,1.5,\n2,2000,0.2,0.25,61,0.75\n"
    )
    drawn = {
        "network": [curve(0.9, False).plain(), curve(0.8, True).plain()],
        "baseline": [curve(0.4, False).plain()],
    }
    (folder / "curves.json").write_text(json.dumps(drawn))
    (folder / "commands.txt").write_text("dnabirnn train <set> & more\n")
    return folder


def arguments(folder, *names, fasta=True, model=True):
    files = {
        "regions": "regions.bed",
        "log": "log.csv",
        "metrics": "metrics.json",
        "curves": "curves.json",
        "encoded": "set",
        "calls": "calls.bed",
        "scores": "scores.bed",
        "command-log": "commands.txt",
    }
    given = ["--model", folder / "m.safetensors"] if model else []
    if fasta:
        given += ["--fasta", folder / "genome.fa", "--labels", folder / "sites.bed"]
    return [*given, *(part for name in names for part in (f"--{name}", folder / files[name]))]


def written(folder, tmp_path, *extra, name="report.html"):
    out = tmp_path / name
    succeed("report", "-o", out, *extra)
    return out.read_text()


def sections(html):
    return re.findall(r'<section id="([^"]+)"', html)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(html):
    """Steps, files and digests of the table of files."""
    row = r"<tr><th[^>]*>([^<]*)</th><td[^>]*>([^<]*)</td><td[^>]*>(?:<[^>]*>)?([0-9a-f]{64})<"
    return re.findall(row, html)


def without(step, html):
    """The page without the rows of a step in the table of files."""
    row = rf"<tr><th[^>]*>{step}</th>((?!</tr>).)*[0-9a-f]{{64}}((?!</tr>).)*</tr>\n"
    html = re.sub(r'href="data:text/csv[^"]*"', "", html)
    return re.sub(row, "", html, flags=re.DOTALL)


def test_all_sections(folder, tmp_path):
    html = written(folder, tmp_path, *arguments(folder, *ALL), "--title", "REP & <co>")
    assert sections(html) == [
        *("summary", "run", "data", "training", "precision-recall", "reliability"),
        *("calls", "regions", "figures", "absent", "methods"),
    ]
    assert "<title>REP &amp; &lt;co&gt;</title>" in html
    assert "dnabirnn train &lt;set&gt; &amp; more" in html
    assert "a position weight matrix made from the same training sites reaches 0.123" in html
    assert "0.100 to 0.200" in html
    assert "1,750.0" in html
    assert "It took 1 min 1 s." in html
    # Training, precision-recall, reliability, lengths, boundaries, and nine regions at most.
    assert 11 <= html.count("<svg ") <= 14
    for heading in ("Best", "Worst", "Random"):
        assert f"<h3>{heading}</h3>" in html
    for name in ("genome.fa", "sites.bed", "calls.bed", "m.safetensors"):
        assert re.search(rf"<td class=\"text\">{re.escape(name)}</td>.*[0-9a-f]{{64}}", html)


def test_the_same_bytes_each_time_and_for_any_threads(folder, tmp_path):
    pages = [
        written(folder, tmp_path, *arguments(folder, *ALL), "--threads", threads)
        for threads in (1, 2)
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        (
            ["metrics"],
            {"fasta": False, "model": False},
            ["summary", "run", "calls", "figures", "absent"],
        ),
        (["log"], {"fasta": False, "model": False}, ["training"]),
        (["encoded"], {"fasta": False, "model": False}, ["run", "data"]),
        (["curves"], {"fasta": False, "model": False}, ["precision-recall", "reliability"]),
        (["command-log"], {"fasta": False, "model": False}, ["run"]),
        ([], {"fasta": False}, ["run", "methods"]),
        ([], {}, ["run", "calls", "regions", "methods"]),
        (["calls"], {"model": False}, ["run", "calls", "regions"]),
        (["calls", "scores"], {"model": False}, ["run", "calls", "regions"]),
        (["scores"], {}, ["run", "calls", "regions", "methods"]),
    ],
)
def test_each_input_has_its_section_and_no_other(folder, tmp_path, names, options, expected):
    html = written(folder, tmp_path, *arguments(folder, *names, **options))
    assert sections(html) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "M: probability of 0.500 or more, at least 1 bp, gaps of up to 0 bp merged"),
        (
            "--threshold 0.7 --min-length 5 --merge-gap 2",
            "M: probability of 0.700 or more, at least 5 bp, gaps of up to 2 bp merged",
        ),
        ("--threshold 0.99 --min-length 200", "M: probability of 0.990 or more, at least 200 bp"),
        ("--method mss", "M: maximal scoring segments, probability of 0.500 or more"),
    ],
)
def test_calls_are_those_that_score_writes(folder, tmp_path, options, expected):
    calls, options = tmp_path / "own.bed", options.split()
    succeed(
        *("score", folder / "genome.fa", "-m", folder / "m.safetensors", "-o", "/dev/null"),
        *("--calls", calls, *options),
    )
    named = written(folder, tmp_path, *arguments(folder), "--calls", calls, *options)
    assert ("calls", "own.bed", sha256(calls)) in digests(named)
    found = without("calls", named)
    assert found == without("calls", written(folder, tmp_path, *arguments(folder), *options))
    scored = written(folder, tmp_path, *arguments(folder, "scores"), *options)
    assert ("scores", "scores.bed", sha256(folder / "scores.bed")) in digests(scored)
    assert found == without("scores", scored)
    assert expected in found
    metrics = tmp_path / "metrics.json"
    command = ["evaluate", folder / "genome.fa", "--labels", folder / "sites.bed", "--no-plots"]
    succeed(*command, "-m", folder / "m.safetensors", "-o", metrics, *options)
    counts = json.loads(metrics.read_text())["calls"]["M"]
    assert f">calls ({counts['calls']:,})<" in found


def test_the_threshold_drawn_is_that_of_the_calls(folder):
    model = load(folder / "m.safetensors")
    labels = load_truth([folder / "sites.bed"], model.checkpoint.architecture.classes)
    genome = Genome([folder / "genome.fa"], labels, model, [folder / "calls.bed"])
    for threshold, settings in ((0.5, None), (0.7, CallSettings({"M": CallRule(700)}))):
        gallery = gather(replace(genome, settings=settings), each=1)
        assert gallery.views
        assert all(view.thresholds == {"M": threshold} for _, view in gallery.views)


def test_what_is_excluded_counts_nowhere(folder, tmp_path):
    rows = read_bed(folder / "sites.bed").select("chrom", "start").rows()
    left = [chrom for chrom, start in rows if chrom != "a" or start >= 1_000]
    (tmp_path / "x.bed").write_text("a\t0\t1000\n")
    html = written(folder, tmp_path, *arguments(folder), "--exclude", tmp_path / "x.bed")
    assert len(left) < len(rows)
    assert f">labels ({len(left)})<" in html


def test_several_samples_are_told_apart(folder, tmp_path):
    for name in ("metrics", "curves"):
        (tmp_path / f"other.{name}.json").write_bytes((folder / f"{name}.json").read_bytes())
    html = written(
        folder,
        tmp_path,
        *arguments(folder, "metrics", "curves", fasta=False, model=False),
        *("--metrics", tmp_path / "other.metrics.json", "--curves", tmp_path / "other.curves.json"),
    )
    assert "metrics, M: average precision" in html
    assert "other, M: average precision" in html
    assert "per base on other." in html


@pytest.mark.parametrize(
    ("split", "named", "warned"),
    [
        ("", "Key figures on the evaluated sequence, with", ""),
        ("test", "Key figures on the test split, with", ""),
        ("val", "Key figures on the validation split, with", "thresholds were chosen on the val"),
        ("train", "Key figures on the training split, with", "the network was fitted on the train"),
    ],
)
def test_the_split_of_figures_is_named(folder, tmp_path, split, named, warned):
    (tmp_path / "r.bed").write_text(f"a\t0\t1990\t{split}\n")
    metrics = tmp_path / "val.json"
    command = ["evaluate", folder / "genome.fa", "--labels", folder / "sites.bed", "--no-plots"]
    model = ["-m", folder / "m.safetensors"]
    succeed(*command, *model, "--regions", tmp_path / "r.bed", "-o", metrics)
    html = written(folder, tmp_path, "--metrics", metrics)
    assert named in html
    assert bool(re.search(r"over 1,990 bases of the \w+ split, of which", html)) == bool(split)
    assert ("Figures are optimistic" in html) == bool(warned)
    assert warned in html
    both = written(folder, tmp_path, "--metrics", metrics, "--metrics", folder / "metrics.json")
    assert ("the evaluated sequence (val: the " in both) == bool(split)
    assert ("Figures of val are optimistic" in both) == bool(warned)


@pytest.mark.parametrize("several", [True, False])
def test_figures_of_one_sample_name_it_where_there_are_several(folder, tmp_path, several):
    (tmp_path / "other.json").write_bytes((folder / "metrics.json").read_bytes())
    more = ["--metrics", tmp_path / "other.json"] if several else []
    given = [*arguments(folder, "metrics", "calls"), "--sample", "metrics", *more]
    html = written(folder, tmp_path, *given)
    titles = [
        "Lengths of calls and of labelled sites",
        "Errors at the ends of matched calls",
        "M, [+\N{MINUS SIGN}] strand",
    ]
    for title in titles:
        assert bool(re.search(rf"{title} on metrics\.", html)) == several
        assert bool(re.search(rf"{title}\.", html)) != several
    assert ("Examples of sites on metrics, drawn with" in html) == several


def test_digests_of_all_that_was_read(folder, tmp_path):
    (tmp_path / "r.bed").write_text("a\t0\t1990\tval\n")
    (tmp_path / "x.bed").write_text("a\t9\t29\n")
    # Calls by the name of the labels, and of a contig a file.
    calls = [tmp_path / "1" / "sites.bed", tmp_path / "2" / "sites.bed"]
    rows = (folder / "calls.bed").read_text().splitlines(keepends=True)
    for path, own in zip(calls, ("a", "bc"), strict=True):
        path.parent.mkdir()
        path.write_text("".join(row for row in rows if row[0] in own))
    command = ["evaluate", folder / "genome.fa", "--labels", folder / "sites.bed", "--no-plots"]
    command += ["-m", folder / "m.safetensors"]
    parts = ["--regions", tmp_path / "r.bed", "--exclude", tmp_path / "x.bed"]
    plain, part = tmp_path / "plain.json", tmp_path / "part.json"
    succeed(*command, "-o", plain)
    succeed(*command, *parts, "-o", part)
    metrics = [word for path in (plain, part) for word in ("--metrics", path)]
    given = [word for path in calls for word in ("--calls", path)]
    html = written(folder, tmp_path, *arguments(folder), *metrics, *given)
    sources = [(path.name, sha256(path)) for path in (folder / "genome.fa", folder / "sites.bed")]
    cuts = [(path.name, sha256(path)) for path in (tmp_path / "r.bed", tmp_path / "x.bed")]
    listed = [row for row in digests(html) if row[0] != "model"]
    assert sorted(listed) == sorted(
        [
            *(("evaluation of plain", *file) for file in sources),
            *(("evaluation of part", *file) for file in (*sources, *cuts)),
            ("calls", "sites.bed", sha256(calls[0])),
            ("calls", "sites.bed (2)", sha256(calls[1])),
        ]
    )
    whole = written(folder, tmp_path, *arguments(folder, "calls"), *metrics)
    assert without("calls", whole) == without("calls", html)


def test_no_examples_and_a_date(folder, tmp_path):
    html = written(folder, tmp_path, *arguments(folder), "--examples", 0, "--date", "1 May 2031")
    assert sections(html) == ["run", "calls", "methods"]
    assert "1 May 2031" in html


def test_empty_calls_are_calls(folder, tmp_path):
    (tmp_path / "none.bed").write_text("")
    html = written(folder, tmp_path, *arguments(folder), "--calls", tmp_path / "none.bed")
    assert "Labelled, but no call matches" in html


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ([], "nothing to report"),
        (["--fasta", "{}/genome.fa"], "give --labels"),
        (["--labels", "{}/sites.bed"], "give --fasta"),
        (["--model", "{}/m.safetensors", "--calls", "{}/calls.bed"], "--calls: .* give --fasta"),
        (["--fasta", "{}/genome.fa", "--labels", "{}/sites.bed"], "give --calls or --model"),
        (["--fasta", "-", "--labels", "{}/sites.bed", "--calls", "{}/calls.bed"], "give a file"),
        (["--metrics", "{}/metrics.json", "--min-length", "9"], "--min-length: .* give --model"),
        (["--metrics", "{}/log.csv"], "log.csv: not valid JSON"),
        (["--metrics", "{}/curves.json"], "curves.json: .* has no figures by class"),
        (["--curves", "{}/metrics.json"], "metrics.json: not a file of curves"),
        (["--log", "{}/metrics.json"], "metrics.json: not a training log"),
        (["--encoded", "{}"], "manifest.json"),
        (["--model", "{}/sites.bed"], "sites.bed"),
        (["--command-log", "{}/absent.txt"], "absent.txt: no such file"),
    ],
)
def test_bad_input_is_reported_in_one_line_and_leaves_no_page(folder, tmp_path, extra, words):
    out = tmp_path / "report.html"
    done = run("report", "-o", out, *(word.format(folder) for word in extra))
    assert done.exit_code != 0
    assert re.search(words, done.stderr), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not content(tmp_path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a\t1\t9\tN\t500\t+", "line 1: class 'N' on strand '\\+': not one of M \\+, M -"),
        ("a\t1\t9\tM\t500\t.", "not one of"),
        ("a\t1\t9\tM\t1001\t+", "an integer from 0 to 1000"),
        ("a\t1\t9\tM\t0.5\t+", "an integer from 0 to 1000"),
        ("a\t1\t9000\tM\t500\t+", "past the end of a .2000 bp."),
    ],
)
def test_calls_of_something_else(folder, tmp_path, row, words):
    (tmp_path / "calls.bed").write_text(f"{row}\n")
    out = tmp_path / "report.html"
    done = run("report", "-o", out, *arguments(folder), "--calls", tmp_path / "calls.bed")
    assert done.exit_code != 0
    assert re.search(words, done.stderr), done.stderr
    assert not out.exists()


def test_curves_and_logs_come_back_as_they_were(folder):
    network, baseline = read_curves(folder / "curves.json")
    for found, given in zip(
        [*network, *baseline], [curve(0.9, False), curve(0.8, True), curve(0.4, False)], strict=True
    ):
        assert found[:5] == given[:5]
        np.testing.assert_array_equal(found.precision_recall[:2], given.precision_recall[:2])
        for mine, theirs in zip(found.reliability, given.reliability, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    log = read_log(folder / "log.csv")
    assert log["bases"].to_list() == [1000, 2000]
    assert log["ap_M"].to_list() == [None, 0.75]
    assert read_metrics(folder / "metrics.json")["baseline"]["M"]["ap"] == 0.123


def test_metrics_without_a_baseline(tmp_path):
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"classes": {"M": None}}))
    assert read_metrics(path) == {
        "classes": {"M": None},
        "calls": {},
        "absent": {},
        "baseline": {},
        "sequences": {},
        "splits": [],
        "inputs": {},
    }
    for wrong in (3, {"M": None}, {"M": {"auroc": 0.5}}):
        path.write_text(json.dumps({"sequences": wrong}))
        with pytest.raises(ReportError, match="a class in 'sequences' has no"):
            read_metrics(path)
    for inputs in (3, {"fasta": 3}, {"fasta": [3]}, {"fasta": [{"name": "a"}]}):
        path.write_text(json.dumps({"classes": {"M": None}, "inputs": inputs}))
        with pytest.raises(ReportError, match="'inputs' has no digests of files"):
            read_metrics(path)
    path.write_text(json.dumps({"classes": {"M": None}, "splits": ["dev"]}))
    with pytest.raises(ReportError, match="'splits' is not a list of names among train, val, test"):
        read_metrics(path)
    path.write_text(json.dumps({"classes": {"M": {"ap": 1}}}))
    with pytest.raises(ReportError, match="a class in 'classes' has no 'bases'"):
        read_metrics(path)
    path.write_text(json.dumps({"classes": {"M": 3}}))
    with pytest.raises(ReportError, match="has no figures by class"):
        read_metrics(path)


def test_names_of_files(folder, tmp_path):
    for name in ("NC_1.3.json", "NC_1.4.metrics.json", "NC_1.4.json"):
        (tmp_path / name).write_bytes((folder / "metrics.json").read_bytes())
    files = [tmp_path / name for name in ("NC_1.3.json", "NC_1.4.metrics.json", "NC_1.4.json")]
    assert list(Material.read(metrics=files).metrics) == ["NC_1.3", "NC_1.4", "NC_1.4 (2)"]


def test_nothing_gives_an_empty_page():
    assert sections(report_html(Material())) == []


def test_chromium_opens_it_without_a_word(folder, tmp_path):
    html = written(folder, tmp_path, *arguments(folder, *ALL))
    with chromium(tmp_path / "report.html", tmp_path / "profile") as page:
        assert page.console() == []
        asked = [url for url in page.requests() if not url.startswith("data:")]
        assert asked == [(tmp_path / "report.html").resolve().as_uri()]
        boxes = page.run(
            "return [...document.querySelectorAll('figure')].map(f => {"
            "const b = f.querySelector('svg').getBoundingClientRect();"
            "return [b.width, b.height, f.querySelector('figcaption').innerText.length,"
            " f.querySelectorAll('svg path').length]})"
        )
        assert len(boxes) == html.count("<figure ") >= 11
        for width, height, caption, paths in boxes:
            assert 300 < width <= 1000
            assert height > 100
            assert caption > 80
            assert paths > 5
        # Names are given once, every link and clip path leads somewhere, nothing sticks out.
        assert (
            page.run(
                "const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
                "return ids.length - new Set(ids).size"
            )
            == 0
        )
        assert (
            page.run(
                "return [...document.querySelectorAll('[href^=\"#\"]')]"
                ".filter(e => !document.getElementById(e.getAttribute('href').slice(1))).length"
            )
            == 0
        )
        assert page.run(
            "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        assert page.run("return document.scripts.length") == 0
        page.screenshot(tmp_path / "seen.png")
        assert (tmp_path / "seen.png").stat().st_size > 10_000
