"""The Snakemake workflow: both shapes, what runs again, shards, failures, use as a module."""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import pytest
import yaml
from commands import succeed, write_model
from matrix_models import log_odds_of, matrix_checkpoint, with_sites
from planted import write_genome
from variant_files import write_vcf

from dnabirnn.alphabet import decode, encode
from dnabirnn.cli import main
from dnabirnn.encoded import encoded_set as encoded
from dnabirnn.network import checkpoint

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "workflows"
PROFILES = WORKFLOWS / "profiles"
COMPUTED = {"train", "score", "evaluate", "report"}
CALLED = {"call", "summarize", "summary", "session", "report"}
"""What runs again if calls change."""
TINY = {
    "samples": "data/samples.tsv",
    "threads": 1,
    "shards": 2,
    "encode": {"val_chroms": ["b"], "test_chroms": ["c"]},
    "train": {"hidden": 4, "bases": "40k", "validations": 2, "batch": 16, "prior": {"M": 0.01}},
}
"""A config that trains a poor model quickly."""

needs_snakemake = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import snakemake"], capture_output=True).returncode != 0,
    reason="Snakemake is not installed: pip install '.[workflow]'",
)


def snakemake(
    folder: Path, *arguments: object, config: dict[str, Any] | None = None, path: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake from a folder other than its working directory; its output is in `stdout`."""
    if config is not None:
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        arguments = (*arguments, "--configfile", folder / "config.yaml")
    if "--snakefile" not in arguments:
        arguments = ("--snakefile", ROOT / "Snakefile", *arguments)
    words = [sys.executable, "-m", "snakemake", "--cores", "2", "--directory", folder, *arguments]
    places = [path, str(Path(sys.executable).parent), os.environ["PATH"]]
    return subprocess.run(
        [str(word) for word in words],
        cwd=folder.parent,
        env=os.environ
        | {
            "PATH": os.pathsep.join(filter(None, places)),
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(folder / ".cache"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def done(*arguments: Any, **options: Any) -> str:
    """Output of a run that must succeed."""
    process = snakemake(*arguments, **options)
    assert process.returncode == 0, process.stdout
    return process.stdout


def planned(folder: Path, *arguments: object, config: dict[str, Any]) -> dict[str, int]:
    """Number of jobs that a run would do, by rule."""
    words = done(folder, "--dry-run", *arguments, config=config)
    found = re.search(r"^Job stats:\n.*\n.*\n((?:\w+ +\d+\n)*)", words, re.MULTILINE)
    assert found or "Nothing to be done" in words, words
    jobs = dict(line.split() for line in found[1].splitlines()) if found else {}
    return {rule: int(count) for rule, count in jobs.items() if rule not in ("all", "total")}


def lines_of(path: Path) -> list[str]:
    """Lines of a table below its head."""
    return path.read_text().splitlines()[1:]


def write_sheet(folder: Path, *rows: str, columns: str = "sample fasta labels role") -> None:
    folder.mkdir(exist_ok=True)
    lines = [columns, *rows]
    text = "".join("\t".join(line.split(" ")) + "\n" for line in lines)
    (folder / "samples.tsv").write_text(text)


def write_assembly(folder: Path, name: str, contigs: dict[str, int], seed: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    fasta, bed = write_genome(folder, contigs, seed=seed)
    bed.rename(folder / f"{name}.bed")
    return fasta.rename(folder / f"{name}.fa")


def write_material(folder: Path) -> Path:
    """Write genomes for training, and one that is only scored, to a folder."""
    data = folder / "data"
    write_assembly(data, "known", {"a": 12_000, "b": 3_000})
    write_assembly(data, "more", {"c": 3_000}, seed=1)
    write_assembly(data, "other", {"d": 3_000, "e": 1_000}, seed=2)
    write_sheet(data, "known known.fa known.bed ", "more more.fa more.bed ", "other other.fa  ")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the whole workflow has run; no test may change its results."""
    folder = write_material(tmp_path_factory.mktemp("trained"))
    done(folder, config=TINY)
    return folder


@needs_snakemake
class TestTrainAndScore:
    def test_every_file_is_there(self, trained: Path) -> None:
        results = trained / "results"
        for name in (
            "models/motifs.safetensors",
            "scores/known.bed.gz",
            "scores/other.bed.gz",
            "calls/known.bed",
            "calls/more.bed",
            "calls/other.bed",
            "curves/motifs.json",
            "report.html",
            "summary.tsv",
            "summary/other.tsv",
            "browser/other/igv_session.xml",
            "browser/known/jbrowse2.json",
        ):
            assert (results / name).is_file(), name
        assert set(json.loads((results / "metrics/motifs.json").read_text())["classes"]) == {"M"}
        assert not (results / "shards").exists()
        assert (results / "sizes/other.sizes").read_text() == "d\t3000\ne\t1000\n"

    def test_lengths_are_not_read_from_sequences(self, trained: Path) -> None:
        logs = trained / "results/logs"
        for log in (logs / "summarize/other.log", logs / "report/report.log"):
            command = log.read_text().splitlines()[0]
            assert "--sizes results/sizes/other.sizes" in command
            assert "other.fa" not in command

    def test_each_job_leaves_a_log_and_a_benchmark(self, trained: Path) -> None:
        logs, times = trained / "results/logs", trained / "results/benchmarks"
        jobs = {path.relative_to(logs).with_suffix("") for path in logs.rglob("*.log")}
        assert {path.relative_to(times).with_suffix("") for path in times.rglob("*.tsv")} == jobs
        rules = {"encode", "held_out", "train", "score", "gather", "call", "evaluate", "report"}
        rules |= {"summarize", "summary", "session", "commands"}
        assert {path.parts[0] for path in jobs} == rules

    def test_the_test_split_is_what_counts(self, trained: Path) -> None:
        held_out = trained / "results/encoded/motifs.held_out.bed"
        assert held_out.read_text() == "c\t0\t3000\ttest\n"
        metrics = json.loads((trained / "results/metrics/motifs.json").read_text())
        assert metrics["classes"]["M"]["bases"] == 3_000

    @pytest.mark.parametrize("sample", ["known", "more", "other"])
    def test_shards_end_to_end_are_the_whole(
        self, trained: Path, tmp_path: Path, sample: str
    ) -> None:
        logs = sorted(path.stem for path in (trained / "results/logs/score" / sample).iterdir())
        assert logs == ["1-of-2", "2-of-2"]  # one of `more` is empty, which has one contig
        whole, model = tmp_path / "whole.bed", trained / "results/models/motifs.safetensors"
        succeed("score", trained / f"data/{sample}.fa", "-m", model, "-o", whole)
        gathered = gzip.decompress((trained / f"results/scores/{sample}.bed.gz").read_bytes())
        assert gathered == whole.read_bytes() != b""

    @pytest.mark.parametrize(
        ("change", "again"),
        [
            ({}, set()),
            ({"threads": 2, "device": "cpu", "engine": "torch"}, set()),
            ({"report": {"title": "It"}}, {"report"}),
            ({"call": {"min_length": 20}}, CALLED | {"evaluate", "commands"}),
            ({"score": {"min_score": 1}}, CALLED | {"score", "gather"}),
            ({"score": {"precision": "bf16"}}, CALLED | {"score", "gather"}),
            ({"train": TINY["train"] | {"seed": 1}}, CALLED | COMPUTED | {"gather", "commands"}),
        ],
    )
    def test_what_runs_again(self, trained: Path, change: dict[str, Any], again: set[str]) -> None:
        assert set(planned(trained, config=TINY | change)) == again

    def test_a_training_that_is_killed_goes_on(self, trained: Path, tmp_path: Path) -> None:
        write_material(tmp_path)
        model = tmp_path / "results/models/motifs.safetensors"
        deadly = tmp_path / "bin/dnabirnn"
        deadly.parent.mkdir()
        deadly.write_text(
            f"#!{sys.executable}\n"
            "import os, signal\n"
            "from dnabirnn import cli\n"
            "from dnabirnn.training import training_run\n"
            "from dnabirnn.training.states import resume\n"
            "save = resume.ResumeFolder.save\n"
            "def save_and_die(self, number, *rest):\n"
            "    save(self, number, *rest)\n"
            "    if number == 7:\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
            "resume.ResumeFolder.save = save_and_die\n"
            "training_run._SECONDS_BETWEEN_STATES = 0\n"
            "cli.main()\n"
        )
        deadly.chmod(deadly.stat().st_mode | stat.S_IXUSR)
        target = "results/models/motifs.safetensors"
        killed = snakemake(tmp_path, target, config=TINY, path=str(deadly.parent))
        assert killed.returncode == 1
        assert not model.exists()
        assert (tmp_path / f"{target}.resume/state.json").is_file()
        done(tmp_path, target, config=TINY)
        log = (tmp_path / "results/logs/train/motifs.log").read_text()
        assert "continuing from step 7 of" in log
        assert model.read_bytes() == (trained / target).read_bytes()
        assert not (tmp_path / f"{target}.resume").exists()

    @pytest.mark.slow
    def test_a_training_in_parts_gives_the_same_model(self, trained: Path, tmp_path: Path) -> None:
        write_material(tmp_path)
        results = tmp_path / "results"
        words = done(tmp_path, "results/commands.txt", config=TINY | {"training_parts": 3})
        assert words.count("rule train_part:") == 2
        for name in ("models/motifs.safetensors", "commands.txt"):
            assert (results / name).read_bytes() == (trained / "results" / name).read_bytes()
        logs = [path.read_text() for path in sorted((results / "logs/train").iterdir())]
        steps = [re.findall(r"continuing from step (\d+) of (\d+)", log) for log in logs]
        assert steps == [[("9", "13")], [], [("4", "13")]]  # the last part, then the first two
        assert sorted(path.name for path in (results / "models").iterdir()) == [
            "motifs.log.csv",
            "motifs.safetensors",
        ]
        assert planned(tmp_path, "results/commands.txt", config=TINY | {"training_parts": 3}) == {}

    @pytest.mark.parametrize("locked", [False, True])
    def test_jobs_left_on_a_cluster_are_cancelled(
        self, trained: Path, tmp_path: Path, locked: bool
    ) -> None:
        run, cancelled = "0f5a2b1c-1111-4222-8333-944455556666", tmp_path / "cancelled"
        rows = [
            f"12|{run}|{trained}",
            f"13|mine_{run}|{trained}",
            f"14|{run}|{trained}/results",
            f"15|bash|{trained}",
        ]
        queue = "".join(f"echo '{row}'\n" for row in rows)
        for name, text in (
            ("squeue", f"#!/bin/sh\ntest -e {cancelled} || {{\n{queue}}}\n"),
            ("scancel", f'#!/bin/sh\necho "$@" > {cancelled}\n'),
        ):
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)
        lock = trained / ".snakemake/locks/9.input.lock"
        if locked:
            lock.parent.mkdir(exist_ok=True)
            lock.write_text("of/another/workflow\n")
        dry = done(trained, "--dry-run", config=TINY, path=str(tmp_path))
        words = done(trained, config=TINY, path=str(tmp_path))
        lock.unlink(missing_ok=True)
        assert "Slurm jobs" not in dry
        assert cancelled.exists() is not locked
        if locked:
            assert "Slurm jobs 12, 13 may be those of a Snakemake that was killed" in words
        else:
            assert "cancelling Slurm jobs 12, 13 of a Snakemake that was killed" in words
            assert cancelled.read_text() == "12 13\n"

    def test_all_figures_are_of_the_same_calls(self, trained: Path) -> None:
        call = {"threshold": 0.95, "min_length": 30}
        words = done(trained, "--dry-run", "--printshellcmds", config=TINY | {"call": call})
        commands = re.findall(r"dnabirnn (call|evaluate|report) (.*)", words)
        assert {name for name, _ in commands} == {"call", "evaluate", "report"}
        assert all("--min-length 30 --threshold 0.95" in text for _, text in commands)
        assert "--sample motifs " in dict(commands)["report"]

    def test_the_report_shows_what_was_run(self, trained: Path) -> None:
        lines = (trained / "results/commands.txt").read_text().splitlines()
        commands = ["encode", "train", "evaluate"]
        assert [line.split()[:2] for line in lines] == [["dnabirnn", name] for name in commands]

    def test_the_report_has_the_digest_of_every_file(self, trained: Path) -> None:
        text = (trained / "results/report.html").read_text()
        names = ["known.fa", "known.bed", "more.fa", "more.bed"]
        files = [trained / "data" / name for name in names]
        files += [trained / "results/calls" / name for name in ("known.bed", "more.bed")]
        files.append(trained / "results/encoded/motifs.held_out.bed")
        for path in files:
            assert hashlib.sha256(path.read_bytes()).hexdigest() in text, path
        assert "report.calls" not in text

    def test_snakemakes_own_report(self, trained: Path) -> None:
        pytest.importorskip("pygments")
        done(trained, "--report", trained / "snakemake.html", config=TINY)
        text = (trained / "snakemake.html").read_text()
        assert "results/report.html" in text
        assert "results/calls/other.bed" in text


@needs_snakemake
class TestTrainedModel:
    def write(self, folder: Path, number: int) -> dict[str, Any]:
        rows = [f"s{i} s{i}.fa" for i in range(number)]
        for i in range(number):
            write_assembly(folder / "data", f"s{i}", {f"c{i}": 800, f"d{i}": 300}, seed=i)
        write_sheet(folder / "data", *rows, columns="sample fasta")
        write_model(folder / "m.safetensors")
        return {"samples": "data/samples.tsv", "model": "m.safetensors", "threads": 1, "shards": 2}

    def check(self, folder: Path, config: dict[str, Any], samples: list[str], bad: str) -> None:
        damaged = folder / f"data/{bad}.fa"
        damaged.write_bytes(gzip.compress(damaged.read_bytes())[:-20])
        laptop = ("--workflow-profile", PROFILES / "laptop")
        first = snakemake(folder, *laptop, config=config)
        assert first.returncode == 1
        for sample in samples:
            assert (folder / f"results/calls/{sample}.bed").exists() == (sample != bad)
            assert (folder / f"results/scores/{sample}.bed.gz").exists() == (sample != bad)
        why = f"dnabirnn score: error: data/{bad}.fa: truncated gzip file"
        logs = [path.read_text() for path in (folder / "results/logs/score" / bad).iterdir()]
        assert logs
        assert all(why in log for log in logs)
        assert why in first.stdout
        write_assembly(folder / "data", bad, {"x": 600})
        own = ("score", "gather", "call", "summarize", "session", "summary", "commands", "report")
        assert planned(folder, config=config) == dict.fromkeys(own, 1) | {"score": 2}
        results = {path.name for path in (folder / "results").iterdir()}
        own = ("benchmarks", "browser", "calls", "logs", "provenance", "scores", "sizes")
        assert results == {*own, "summary"}
        assert (folder / f"results/summary/{bad}.tsv").exists() is False

    def test_one_that_fails_stops_no_other(self, tmp_path: Path) -> None:
        config = self.write(tmp_path, 2)
        self.check(tmp_path, config, ["s0", "s1"], bad="s0")

    @pytest.mark.slow
    def test_twenty_assemblies(self, tmp_path: Path) -> None:
        config = self.write(tmp_path, 20)
        self.check(tmp_path, config, [f"s{i}" for i in range(20)], bad="s7")

    @pytest.mark.parametrize("least", [501, 500])
    def test_scores_that_calls_look_at_are_not_left_out(self, tmp_path: Path, least: int) -> None:
        config = self.write(tmp_path, 1) | {"shards": 1, "score": {"min_score": least}}
        process = snakemake(tmp_path, config=config)
        results = tmp_path / "results"
        assert process.returncode == (1 if least > 500 else 0), process.stdout
        log = (results / "logs/score/s0/1-of-1.log").read_text()
        words = "error: --min-score 501: calls use scores of 500 and above; give 500 or less"
        assert (words in log) == (least > 500)
        assert (results / "calls/s0.bed").exists() == (least <= 500)
        if least <= 500:
            whole, model = tmp_path / "whole.bed", tmp_path / "m.safetensors"
            succeed("score", tmp_path / "data/s0.fa", "-m", model, "-o", "-", "--calls", whole)
            assert (results / "calls/s0.bed").read_bytes() == whole.read_bytes() != b""

    def test_q_values_are_those_of_one_run(self, tmp_path: Path) -> None:
        assess = {"qvalue": True, "decoy_seed": 3, "max_q": 0.9, "periods": True}
        config = self.write(tmp_path, 1) | {"call": {"threshold": 0.9}, "assess": assess}
        done(tmp_path, config=config)
        words = ("--threshold", 0.9, "--qvalue", "--decoy-seed", 3, "--max-q", 0.9, "--periods")
        fasta, model = tmp_path / "data/s0.fa", tmp_path / "m.safetensors"
        whole, scores = tmp_path / "whole.tsv", tmp_path / "s.bed"
        succeed("score", fasta, "-m", model, "-o", scores, "--calls", whole, *words)
        assert (tmp_path / "results/qvalues/s0.tsv").read_bytes() == whole.read_bytes()
        assert whole.read_text().count("\n") > 3
        with gzip.open(tmp_path / "results/scores/s0.bed.gz") as file:
            assert file.read() == scores.read_bytes()
        assert not (tmp_path / "results/shards").exists()
        assert 'href="qvalues/s0.tsv"' in (tmp_path / "results/report.html").read_text()

    def test_labels_are_evaluated_and_not_trained_on(self, tmp_path: Path) -> None:
        config = self.write(tmp_path, 3)
        write_sheet(tmp_path / "data", "s0 s0.fa s0.bed ", "s1 s1.fa  ", "s2 s2.fa s2.bed ")
        jobs = planned(tmp_path, config=config | {"shards": 1})
        each = dict.fromkeys(("score", "gather", "call", "summarize", "session"), 3)
        assert jobs == each | {"evaluate": 2, "summary": 1, "commands": 1, "report": 1}

    def test_assemblies_without_labels_have_a_report(self, tmp_path: Path) -> None:
        config = self.write(tmp_path, 2) | {"shards": 1}
        done(tmp_path, config=config)
        results = tmp_path / "results"
        table = (results / "summary.tsv").read_text().splitlines()
        assert table[0].split("\t") == [
            *("sample", "contig", "class", "strand", "calls", "bases", "share", "longest", "n50")
        ]
        rows = [line for name in ("s0", "s1") for line in lines_of(results / f"summary/{name}.tsv")]
        assert table[1:] == rows
        assert {row.split("\t")[0] for row in rows} == {"s0", "s1"}
        page = (results / "report.html").read_text()
        assert re.findall(r'<section id="([^"]+)"', page) == [
            *("assemblies", "run", "files", "methods")
        ]
        assert "Where the calls of s1 lie." in page
        for address in re.findall(r'<li><a href="([^"#]+)"', page):
            assert (results / unquote(address)).is_file()
        assert 'href="scores/s0.bed.gz"' in page
        commands = (results / "commands.txt").read_text().splitlines()
        assert [line.split()[1] for line in commands] == ["score", "score", "call", "call"]

    def test_variants_are_annotated_as_by_the_command(self, tmp_path: Path) -> None:
        config = self.write(tmp_path, 2)
        fasta = tmp_path / "data/s0.fa"
        text = [record for record in fasta.read_text().split(">") if record]
        names = [record.split()[0] for record in text]
        rows = [
            (name, 5, "".join(record.split("\n")[1:])[5], "<DEL>,CGTTA")
            for name, record in zip(names, text, strict=True)
        ]
        write_vcf(tmp_path / "data/s0.vcf", rows)
        write_sheet(
            tmp_path / "data",
            *("s0 s0.fa s0.vcf", "s1 s1.fa "),
            columns="sample fasta variants",
        )
        config |= {"shards": 2, "variants": {"max_distance": 40}, "call": {"threshold": 0.6}}
        done(tmp_path, config=config)
        result = tmp_path / "results/variants/s0.vcf.gz"
        assert not (tmp_path / "results/variants/s1.vcf.gz").exists()
        whole = succeed(
            *("variants", tmp_path / "data/s0.vcf", "--fasta", fasta, "-o", "-"),
            *("-m", tmp_path / "m.safetensors", "--max-distance", 40, "--threshold", 0.6),
        )
        assert gzip.decompress(result.read_bytes()) == whole.stdout_bytes
        assert b"DNABIRNN=.,M|+|" in whole.stdout_bytes


PEAKS = {
    "samples": "data/samples.tsv",
    "threads": 1,
    "labels": {"whole_sequences": True, "class": "M", "negatives": "genomic"},
    "encode": {"val_chroms": ["b"], "test_chroms": ["c"]},
    "train": {"hidden": 4, "layers": 1, "bases": "40k", "validations": 2, "batch": 16},
    "call": {"threshold": 0.5},
    "discover": {"motifs": True, "reach": 20},
}
"""A config whose labels are peaks."""


def write_peaks(folder: Path) -> None:
    """Write a genome with peaks, and one with peaks that is only scored."""
    data = folder / "data"
    known = {"a": 12_000, "b": 4_000, "c": 4_000}
    for number, (name, contigs) in enumerate({"known": known, "other": {"d": 4_000}}.items()):
        write_assembly(data, name, contigs, seed=number)
        sites = [line.split("\t") for line in (data / f"{name}.bed").read_text().splitlines()]
        rows = [(c, max(int(start) - 40, 0), int(end) + 40) for c, start, end, *_ in sites]
        text = "".join(f"{c}\t{start}\t{end}\tpeak\n" for c, start, end in rows)
        (data / f"{name}.narrowPeak.bed").write_text(text)
    write_sheet(
        data,
        "known known.fa known.narrowPeak.bed ",
        "other other.fa other.narrowPeak.bed score",
    )


@needs_snakemake
def test_labels_that_are_peaks(tmp_path: Path) -> None:
    write_peaks(tmp_path)
    done(tmp_path, config=PEAKS)
    results = tmp_path / "results"
    commands = (results / "commands.txt").read_text().splitlines()
    assert [line.split()[1] for line in commands] == [
        *("encode", "train", "evaluate", "evaluate", "discover", "discover")
    ]
    assert "data/known.fa --positives M=data/known.narrowPeak.bed " in commands[0]
    assert "--held-out results/encoded/motifs " in commands[2]
    assert "--regions data/other.narrowPeak.bed " in commands[5]
    own, other = (
        json.loads((results / f"metrics/{name}.json").read_text()) for name in ("motifs", "other")
    )
    peaks = [(tmp_path / f"data/{name}.narrowPeak.bed").read_text() for name in ("known", "other")]
    assert own["sequences"]["M"]["positives"] == peaks[0].count("\nc\t")
    assert own["splits"] == ["test"]
    assert other["sequences"]["M"]["positives"] == peaks[1].count("\n")
    page = (results / "report.html").read_text()
    assert "Figures of whole sequences" in page
    assert 'section id="motifs"' in page
    assert set(planned(tmp_path, config=PEAKS)) == set()
    assert (results / "calls/other.bed").exists()


@needs_snakemake
def test_regions_do_not_apply_to_peaks(tmp_path: Path) -> None:
    columns = "sample fasta labels regions"
    write_sheet(tmp_path / "data", "known known.fa known.bed some.bed", columns=columns)
    process = snakemake(tmp_path, "--dry-run", config=PEAKS)
    assert process.returncode == 1
    assert "sample known: regions do not apply to labels of whole sequences" in process.stdout


@needs_snakemake
def test_labels_that_are_sequences(tmp_path: Path) -> None:
    write_peaks(tmp_path)
    data = tmp_path / "data"
    write_sheet(data, "known known.fa more.fa ", "other other.fa ")
    (data / "more.fa").write_text(">x\nACGT\n")
    labels = PEAKS["labels"] | {"negatives": "shuffled"}
    words = done(tmp_path, "--dry-run", "--printshellcmds", config=PEAKS | {"labels": labels})
    assert "dnabirnn encode --positives M=data/more.fa -o " in " ".join(words.split())
    assert "dnabirnn discover data/more.fa -m " in " ".join(words.split())
    assert "dnabirnn discover data/other.fa -m " in " ".join(words.split())


@needs_snakemake
class TestSheetAndConfig:
    def test_roles(self, tmp_path: Path) -> None:
        data = write_material(tmp_path) / "data"
        write_sheet(
            data, "known known.fa known.bed train", "other other.fa other.bed ",
            "more more.fa more.bed score",
        )  # fmt: skip
        jobs = planned(tmp_path, config=TINY | {"shards": 1})
        once, twice = (
            ("encode", "held_out", "train", "commands", "report", "summary"),
            ("score", "gather", "call", "evaluate", "summarize", "session"),
        )
        assert jobs == dict.fromkeys(once, 1) | dict.fromkeys(twice, 2)

    @pytest.mark.parametrize(
        ("value", "option"),
        [("auto", "--matrix auto"), ("none", "--matrix none"), ("m.meme", "--matrix m.meme")],
    )
    def test_matrices_come_from_sites_or_a_file(
        self, tmp_path: Path, value: str, option: str
    ) -> None:
        data = write_material(tmp_path) / "data"
        write_sheet(data, "known known.fa known.bed ")
        (tmp_path / "m.meme").write_text("MEME version 4\n")
        config = TINY | {
            "encode": {"val_chroms": ["b"]},
            "train": TINY["train"] | {"matrix": value},
        }
        words = done(tmp_path, "--dry-run", "--printshellcmds", config=config)
        (command,) = re.findall(r"dnabirnn train (.*)", words)
        assert command.count("--matrix") == 1
        assert f"{option} " in command
        assert ("m.meme" in re.sub("dnabirnn .*", "", words)) == (value == "m.meme")

    def test_settings_that_are_null_are_left_to_tuning(self, tmp_path: Path) -> None:
        data = write_material(tmp_path) / "data"
        write_sheet(data, "known known.fa known.bed ")
        config = TINY | {
            "encode": {"val_chroms": ["b"]},
            "train": {"tune": 2.5, "mutate": 0.05},
        }
        words = done(tmp_path, "--dry-run", "--printshellcmds", config=config)
        (command,) = re.findall(r"dnabirnn train (.*)", words)
        assert "--tune 2.5 " in command
        assert "--mutate 0.05 " in command
        assert not re.search(r"--(window|lr|hidden|bases) ", command)

    def test_backgrounds_are_files_or_words(self, tmp_path: Path) -> None:
        data = write_material(tmp_path) / "data"
        write_sheet(data, "known known.fa known.bed ")
        (tmp_path / "x.fa").write_text(">x\nACGT\n")
        encode = {"val_chroms": ["b"], "background": ["markov:30,65", "x.fa"], "seed": 3}
        words = done(tmp_path, "--dry-run", "--printshellcmds", config=TINY | {"encode": encode})
        (command,) = re.findall(r"dnabirnn encode (.*)", words)
        assert "--background x.fa --background markov:30,65 " in command
        assert "--seed 3" in command
        assert re.search(r"input: .*\bx\.fa\b", words)

    def test_what_is_excluded_counts_in_no_figure_of_the_encoded(self, tmp_path: Path) -> None:
        data = write_material(tmp_path) / "data"
        write_sheet(data, "known known.fa known.bed ", "other other.fa other.bed score")
        (tmp_path / "x.bed").write_text("b\t0\t1500\n")
        (tmp_path / "r.bed").write_text("# a review\n")
        encode = {"val_chroms": ["b"], "exclude": "x.bed", "corrections": "r.bed"}
        words = done(tmp_path, "--dry-run", "--printshellcmds", config=TINY | {"encode": encode})
        commands = re.findall(r"dnabirnn (encode|evaluate|report) (.*)", words)
        for _, text in commands:  # a review of the labels goes where they go
            assert ("--exclude x.bed" in text) == ("--corrections r.bed" in text)
        found = [(name, "known.bed" in text, "--exclude x.bed" in text) for name, text in commands]
        assert sorted(found) == [
            ("encode", True, True),
            ("evaluate", False, False),
            ("evaluate", True, True),
            ("report", True, True),
        ]

    @pytest.mark.parametrize(
        ("rows", "config", "words"),
        [
            (["known known.fa known.bed "], {"trian": {}}, "'trian'; did you mean train?"),
            (["known known.fa known.bed "], {"train": {"bases": "many"}}, "'many' does not match"),
            (["known known.fa  train"], {}, "sample known is for training but has no labels"),
            (["known known.fa  "], {}, "no sample for training and no model"),
            (["x y.fa  ", "x z.fa  "], {}, "sample x has two rows"),
            (["x/y y.fa  "], {}, "'x/y' does not match"),
            (["x y.fa  both,"], {}, "'both,' is not one of"),
            (["motifs y.fa y.bed "], {}, "motifs is also a sample"),
            (["known none.fa known.bed "], {}, "Missing input files for rule encode"),
            ([], {"samples": "nowhere.tsv"}, "nowhere.tsv: no such file"),
            (
                ["known known.fa known.bed "],
                {"labels": {"negatives": "genomic"}},
                "labels: negatives: genomic: applies to labels of whole sequences",
            ),
            (
                ["known known.fa known.bed "],
                {"encode": {"summits": True}},
                "encode: summits: true: applies to labels of whole sequences",
            ),
        ],
    )
    def test_mistakes_are_reported(
        self, tmp_path: Path, rows: list[str], config: dict[str, Any], words: str
    ) -> None:
        write_sheet(tmp_path / "data", *rows)
        process = snakemake(tmp_path, "--dry-run", config=TINY | config)
        assert process.returncode == 1
        assert words in process.stdout

    @pytest.mark.parametrize(
        ("name", "threads"),
        [
            ("laptop", {"explain": 12, "discover": 12}),
            ("gpu", dict.fromkeys((*COMPUTED, "explain", "discover"), 3)),
            ("slurm", {"train": 2, "explain": 8, "discover": 8}),
        ],
    )
    def test_profiles(self, tmp_path: Path, name: str, threads: dict[str, int]) -> None:
        write_material(tmp_path)
        config = TINY | {"explain": {"importance": True}, "discover": {"motifs": True}}
        options = ("--workflow-profile", PROFILES / name, "--cores", 12, "--printshellcmds")
        words = done(tmp_path, "--dry-run", *options, config=config)
        assert f"Using workflow specific profile {PROFILES / name}" in words
        assert ("gpu=1" in words) == (name == "gpu")
        found = re.findall(r"dnabirnn (\w+) .*--threads (\d+)", words)
        expected = dict.fromkeys((*COMPUTED, "explain", "discover"), 1) | threads
        assert {(rule, int(count)) for rule, count in found} == {*expected.items()}

    def test_every_job_on_the_gpu_asks_for_it(self) -> None:
        profile = yaml.safe_load((PROFILES / "gpu/profile.yaml").read_text())
        rules = "".join(path.read_text() for path in (WORKFLOWS / "rules").glob("*.smk"))
        found = re.findall(r"^ *rule (\w+):(?:(?!^ *rule ).)*?hardware=", rules, re.M | re.S)
        found += re.findall(r"use rule train as (\w+)", rules)
        assert {*profile["set-resources"]} == {*profile["set-threads"]} == {*found} > COMPUTED


@needs_snakemake
def test_importance_of_the_calls(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_assembly(data, "some", {"d": 2_000, "e": 1_000})
    write_sheet(data, "some some.fa", columns="sample fasta")
    model = write_model(tmp_path / "m.safetensors", threshold=900)
    config: dict[str, Any] = {"samples": "data/samples.tsv", "threads": 1, "model": str(model)}
    config["shards"] = 2
    assert "explain" not in planned(tmp_path, config=config)
    config["explain"] = {"importance": True, "reach": 20}
    done(tmp_path, config=config)
    results, own = tmp_path / "results", ["explain", data / "some.fa", "-m", model]
    calls = results / "calls/some.bed"
    assert calls.read_text()
    succeed(*own, "--calls", calls, "--reach", 20, "-o", tmp_path / "some.bw")
    for name in ("some.M.plus.bw", "some.M.minus.bw"):
        found = (results / "importance/some" / name).read_bytes()
        assert found == (tmp_path / name).read_bytes()
    config["explain"]["reach"] = 30
    assert planned(tmp_path, config=config) == {"explain": 2, "gather_importance": 1}


@needs_snakemake
def test_motifs_of_the_calls(tmp_path: Path) -> None:
    data, model = tmp_path / "data", tmp_path / "m.safetensors"
    data.mkdir()
    matrix = log_odds_of(encode("ACGTTGCAACCAGGT"), 0.97)
    (data / "some.fa").write_text(f">x\n{decode(with_sites(matrix, 40)[0])}\n")
    (data / "none.fa").write_text(f">y\n{'AC' * 200}\n")
    write_sheet(data, "some some.fa", "none none.fa", columns="sample fasta")
    matrix_checkpoint(matrix).save(model)
    config: dict[str, Any] = {"samples": "data/samples.tsv", "threads": 1, "model": str(model)}
    assert "discover" not in planned(tmp_path, config=config)
    config["discover"] = {"motifs": True, "reach": 20}
    done(tmp_path, config=config)
    motifs, calls = tmp_path / "results/motifs", tmp_path / "results/calls/some.bed"
    own = ["discover", data / "some.fa", "-m", model, "--calls", calls, "--reach", 20]
    succeed(*own, "-o", tmp_path / "own.meme", "--sites", tmp_path / "own.bed")
    for ending in ("meme", "bed"):
        assert (motifs / f"some.{ending}").read_bytes() == (tmp_path / f"own.{ending}").read_bytes()
    assert [path.name for path in (motifs / "some").glob("*.svg")] == ["A_1.svg"]
    assert (motifs / "none.bed").read_text() == ""
    page = (tmp_path / "results/report.html").read_text()
    assert "Motifs that the model reads" in page
    assert 'href="motifs/some.bed"' in page
    assert "No motif was found of none." in page
    config["discover"]["min_sites"] = 30
    assert planned(tmp_path, config=config) == {"discover": 2, "commands": 1, "report": 1}


@needs_snakemake
def test_a_model_that_ships_is_named(tmp_path: Path) -> None:
    write_assembly(tmp_path / "data", "s", {"c": 800})
    write_sheet(tmp_path / "data", "s s.fa", columns="sample fasta")
    done(tmp_path, config={"samples": "data/samples.tsv", "model": "ecoli-rep", "threads": 1})
    assert (tmp_path / "results/models/ecoli-rep.safetensors").is_file()
    assert (tmp_path / "results/calls/s.bed").is_file()
    # A file of that name takes precedence over the model of dnabirnn.
    write_model(tmp_path / "ecoli-rep")
    config = {"samples": "data/samples.tsv", "model": "ecoli-rep", "threads": 1}
    assert "shipped" not in planned(tmp_path, config=config)


@needs_snakemake
def test_as_a_module_of_another_workflow(tmp_path: Path) -> None:
    write_assembly(tmp_path / "data", "s", {"c": 800})
    write_sheet(tmp_path / "data", "s s.fa", columns="sample fasta")
    write_model(tmp_path / "m.safetensors")
    (tmp_path / "Snakefile").write_text(
        "module dnabirnn:\n"
        f'    snakefile: "{ROOT / "Snakefile"}"\n'
        '    config: {"samples": "data/samples.tsv", "model": "m.safetensors", "threads": 1}\n'
        '    pathvars: results="results/motifs"\n'
        "use rule * from dnabirnn as dnabirnn_*\n"
        "rule count:\n"
        '    input: "results/motifs/calls/s.bed"\n'
        '    output: "results/count.txt"\n'
        '    shell: "wc -l < {input} > {output}"\n'
    )
    done(tmp_path, "--snakefile", tmp_path / "Snakefile", "results/count.txt")
    assert int((tmp_path / "results/count.txt").read_text()) > 0
    assert (tmp_path / "results/motifs/logs/call/s.log").exists()


@needs_snakemake
@pytest.mark.parametrize("outer_first", [True, False])
def test_the_default_target_is_the_first_rule(tmp_path: Path, outer_first: bool) -> None:
    write_assembly(tmp_path / "data", "s", {"c": 800})
    write_sheet(tmp_path / "data", "s s.fa", columns="sample fasta")
    write_model(tmp_path / "m.safetensors")
    module = (
        "module dnabirnn:\n"
        f'    snakefile: "{ROOT / "Snakefile"}"\n'
        '    config: {"samples": "data/samples.tsv", "model": "m.safetensors", "threads": 1}\n'
        "use rule * from dnabirnn as dnabirnn_*\n"
    )
    outer = (
        'rule all:\n    input: "results/calls/s.bed", "own.txt"\nrule own:\n    output: "own.txt"\n'
    )
    (tmp_path / "Snakefile").write_text(outer + module if outer_first else module + outer)
    words = done(tmp_path, "--snakefile", tmp_path / "Snakefile", "--dry-run")
    targets = set(re.findall(r"^((?:\w+_)?all) +1$", words, re.MULTILINE))
    assert targets == ({"all"} if outer_first else {"dnabirnn_all"})
    assert ("own.txt" in words) == outer_first


@needs_snakemake
def test_lint(trained: Path) -> None:
    assert "your workflow is in a good condition" in done(trained, "--lint", config=TINY)


def test_format() -> None:
    pytest.importorskip("snakefmt")
    words = [
        sys.executable,
        "-m",
        "snakefmt.snakefmt",
        "--check",
        "Snakefile",
        "workflow",
        "workflows",
    ]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)


def config_defaults(schema: dict[str, Any]) -> Any:
    """Default values of a schema."""
    return {
        key: config_defaults(value) if "properties" in value else value["default"]
        for key, value in schema["properties"].items()
        if "default" in value
    }


def test_the_config_file_has_the_defaults_of_the_schema() -> None:
    schema = yaml.safe_load((WORKFLOWS / "schemas/config.schema.yaml").read_text())
    assert yaml.safe_load((WORKFLOWS / "config.yaml").read_text()) == config_defaults(schema)


@pytest.mark.parametrize("section", ["encode", "train", "score", "variants", "call", "report"])
def test_settings_are_options_of_the_command(section: str) -> None:
    config = yaml.safe_load((WORKFLOWS / "config.yaml").read_text())
    command = main.get_command(click.Context(main), section)
    assert command is not None
    known = {word: option for option in command.params for word in option.opts}
    for key, value in config[section].items():
        option = known[f"--{key.replace('_', '-')}"]
        if section == "train" and value:  # null and False mean that the option is not given
            assert str(option.default) == str(value)


def test_assessments_are_options_of_score_and_merge() -> None:
    config = yaml.safe_load((WORKFLOWS / "config.yaml").read_text())
    for key in config["assess"]:
        command = main.get_command(
            click.Context(main), "merge" if key.startswith("max_") else "score"
        )
        assert command is not None
        assert f"--{key.replace('_', '-')}" in {w for o in command.params for w in o.opts}


def test_formats_are_the_packages() -> None:
    tree = ast.parse(
        re.search(r"^FORMAT = .*", (WORKFLOWS / "rules/common.smk").read_text(), re.M)[0]
    )
    found = ast.literal_eval(tree.body[0].value)
    assert found["encoded"] == encoded.FORMAT_VERSION
    assert found["model"] == checkpoint.FORMAT_VERSION


@needs_snakemake
def test_the_image_runs_as_a_user_without_a_name(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    variables = dict(
        word.split("=", 1)
        for line in re.findall(r"^ENV (.*)", text, re.MULTILINE)
        for word in line.split()
    )
    nameless = tmp_path / "nameless.py"
    nameless.write_text(
        "import pwd, runpy\n"
        "def nobody(number):\n"
        "    raise KeyError(f'getpwuid(): uid not found: {number}')\n"
        "pwd.getpwuid = nobody\n"
        "runpy.run_module('snakemake', run_name='__main__')\n"
    )
    (tmp_path / "Snakefile").write_text("rule all:\n    shell: 'true'\n")
    done = subprocess.run(
        [sys.executable, nameless, "--cores", "1"],
        cwd=tmp_path,
        env=variables | {"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@needs_snakemake
@pytest.mark.slow
def test_rep_elements_of_e_coli(real_data: Path, tmp_path: Path) -> None:
    folder, chrom = real_data.resolve() / "ecoli_k12", "NC_000913.3"
    write_sheet(tmp_path / "data", f"ecoli {folder}/NC_000913.3.fa.gz {folder}/rep.bed ")
    (tmp_path / "split.bed").write_text(
        f"{chrom}\t0\t3300000\ttrain\n{chrom}\t3300000\t3713322\tval\n"
        f"{chrom}\t3713322\t4641652\ttest\n"
    )
    config = {"samples": "data/samples.tsv", "name": "rep", "encode": {"split": "split.bed"}}
    done(tmp_path, config=config)
    assert (tmp_path / "results/report.html").exists()
    metrics = json.loads((tmp_path / "results/metrics/rep.json").read_text())
    assert metrics["classes"]["REP"]["ap"] >= 0.92
    assert metrics["classes"]["REP"]["ap"] > metrics["baseline"]["REP"]["ap"]


@needs_snakemake
@pytest.mark.slow
def test_satellites_of_human_centromeres(real_data: Path, tmp_path: Path) -> None:
    folder = real_data.resolve() / "human_satellites"
    names = ("chm13_chr8_cen", "hg002_chr13mat_parm", "hg002_chr14mat_parm", "chm13_chrY_cen")
    roles = ("train", "train", "train", "both")
    rows = [
        f"{name} {folder}/{name}.fa.gz {folder}/satellites.strand.bed {role}"
        for name, role in zip(names, roles, strict=True)
    ]
    write_sheet(tmp_path / "data", *rows)
    config = {
        "samples": "data/samples.tsv",
        "name": "satellites",
        "labels": {"ignore_classes": ["gSat", "cenSat"]},
        "encode": {"test_chroms": [names[3]]},
    }
    done(tmp_path, config=config)
    assert (tmp_path / "results/report.html").exists()
    figures = json.loads((tmp_path / "results/metrics/satellites.json").read_text())["classes"]
    assert figures["alpha"]["ap"] >= 0.999
    assert figures["HSat3"]["ap"] >= 0.98


@needs_snakemake
@pytest.mark.slow
def test_the_sample_shows_what_context_is_worth(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "sample_data/config.yaml").read_text())
    done(tmp_path, config=config | {"samples": str(ROOT / "sample_data/samples.tsv")})
    metrics = json.loads((tmp_path / "results/metrics/CTCF.json").read_text())
    assert metrics["classes"]["CTCF"]["ap"] >= 0.95
    assert metrics["baseline"]["CTCF"]["ap"] <= 0.75
