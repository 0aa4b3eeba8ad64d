"""How commands end: what was found, an interruption, the end of the bar; names of models."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import make_material, run, succeed

from dnabirnn.cli.progress import ProgressBar
from dnabirnn.network.read_checkpoint import load_checkpoint

ROOT = Path(__file__).parents[2]
SCORE = ("score", "genome.fa", "-m", "m.safetensors", "--device", "cpu")
TRAIN = "train set --window 50 --bases 5k --hidden 2 --validations 1 --device cpu"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("material"))


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Links to the material, as working folder."""
    for path in material.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ------------------------------------------------------------------------ what was found


def test_score_ends_with_what_it_found(folder: Path) -> None:
    result = succeed(*SCORE, "-o", "o.bed", "--calls", "c.bed.gz", "--index")
    lines = [line.removeprefix("dnabirnn: ") for line in result.stderr.splitlines()]
    number = len(succeed("-q", *SCORE, "-o", "/dev/null", "--calls", "-").stdout.splitlines())
    assert result.stdout == ""
    assert lines[1] == "4,000 bases of 3 contigs scored"
    assert lines[2].split() == ["class", "calls", "bases", "bases", "on", "either", "strand"]
    assert lines[3].split()[:2] == ["M", f"{number:,}"]
    assert lines[4:] == ["written: o.bed, c.bed.gz, c.bed.gz.tbi"]


@pytest.mark.parametrize(
    "words",
    [
        (*SCORE, "-o", "-"),
        (*SCORE, "-o", "-", "--format", "dna-brnn"),
        (*SCORE, "-o", "/dev/null", "--calls", "-"),
        ("call", "scores.bed", "-m", "m.safetensors", "-o", "-"),
    ],
)
def test_standard_output_holds_rows_only(folder: Path, words: tuple[str, ...]) -> None:
    result, quiet = succeed(*words), succeed("-q", *words)
    assert result.stdout == quiet.stdout
    assert all(re.match(r"[abc]\t\d+\t\d+\t", row) for row in result.stdout.splitlines())
    assert "written" not in result.stderr
    assert quiet.stderr == ""


def test_call_ends_with_what_it_found(folder: Path) -> None:
    result = succeed("call", "scores.bed", "-m", "m.safetensors", "-o", "c.bed")
    rows = [row.split("\t") for row in Path("c.bed").read_text().splitlines()]
    bases = sum(int(row[2]) - int(row[1]) for row in rows)
    head, row, files = result.stderr.splitlines()
    assert head.startswith("dnabirnn: class ")
    assert row.split()[1:4] == ["M", f"{len(rows):,}", f"{bases:,}"]
    assert files == "dnabirnn: written: c.bed"


def test_a_failure_reports_nothing_found(folder: Path) -> None:
    Path("bad.fa").write_text(">a\nACGT\n>b\nAC!GT\n")
    result = run("score", "bad.fa", "-m", "m.safetensors", "-o", "o.bed")
    assert result.exit_code == 1
    assert "scored\n" not in result.stderr
    assert "written" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("dnabirnn score: error: ")


# ------------------------------------------------------------------------ interruptions

KEPT = "interrupted at step 5 of 9; the state of step 5 is kept in m.resume"


def stopped(error: BaseException, note: str | None) -> Callable[..., None]:
    def stop(*_: object, **__: object) -> None:
        if note is not None:
            error.add_note(note)
        raise error

    return stop


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 1), (SystemExit(143), 143), (SystemExit(129), 129)]
)
@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_an_interruption_says_what_is_kept(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    quiet: tuple[str, ...],
) -> None:
    error.__notes__ = []  # of the other trial
    monkeypatch.setattr("dnabirnn.training.train_members", stopped(error, KEPT))
    result = run(*quiet, *TRAIN.split(), "-o", "m")
    assert (result.exit_code, result.stderr) == (code, f"dnabirnn train: {KEPT}\n")
    error.__notes__ = []
    monkeypatch.setattr("dnabirnn.training.train_members", stopped(error, None))
    result = run(*TRAIN.split(), "-o", "m")
    assert result.exit_code == code
    assert result.stderr.splitlines() == ["dnabirnn train: interrupted; run the same command again"]
    monkeypatch.setenv("LOCAL_RANK", "1")
    result = run(*TRAIN.split(), "-o", "m")
    assert (result.exit_code, result.stderr) == (code, "")


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ((*SCORE, "-o", "o.bed"), "dnabirnn.scoring.score_genome"),
        (
            ("encode", "genome.fa", "--labels", "sites.bed", "-o", "e"),
            "dnabirnn.labels.load_labels",
        ),
        (("info", "m.safetensors"), "dnabirnn.network.load_checkpoint"),
    ],
)
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 1), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_every_command_ends_with_one_line_when_it_is_interrupted(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    target: str,
    name: str,
    code: int,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), getattr(signal, name))
        time.sleep(60)

    monkeypatch.setattr(target, interrupted)
    before = {path.name for path in folder.iterdir()}
    result = run("-q", *words)
    assert result.stderr == f"dnabirnn {words[0]}: interrupted; run the same command again\n"
    assert result.exit_code == code
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 1), ("SIGTERM", 143)])
def test_a_process_that_is_interrupted_goes_on_later(folder: Path, name: str, code: int) -> None:
    if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        pytest.skip("ignored here")
    words = [sys.executable, "-m", "dnabirnn", "train", "set", "-o", "new", "--bases", "300M"]
    with subprocess.Popen(
        [*words, "--threads", "1", "--device", "cpu"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("dnabirnn: training on"):
            assert line
        second = run("train", "set", "-o", "new", "--seed", "1", "--device", "cpu")
        process.send_signal(getattr(signal, name))
        told = process.stderr.read()
    assert process.returncode == code
    assert told.count("\n") == 1
    found = re.fullmatch(
        r"dnabirnn train: interrupted at step (\d+) of 23438; the state of step (\d+) is kept in "
        r"new\.resume; run the same command again to continue\n",
        told,
    )
    assert found is not None
    assert found[1] == found[2]
    assert {path.name for path in Path("new.resume").iterdir()} == {
        "state.json",
        f"step-{found[1]}.safetensors",
    }
    assert second.exit_code == 1
    error = second.stderr.splitlines()[-1]
    assert error.startswith("dnabirnn train: error: new: another `dnabirnn train` is writing ")


# ------------------------------------------------------------------------ the bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def rows(self) -> list[str]:
        """Lines as a terminal shows them."""
        shown = []
        for line in self.getvalue().split("\n"):
            row = ""
            for piece in line.split("\r"):
                row = piece + row[len(piece) :]
            shown.append(row.rstrip())
        return shown


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr("dnabirnn.cli.progress._SECONDS_BEFORE_BAR", -1.0)
    handler = logging.StreamHandler(made)
    monkeypatch.setattr(logging.getLogger("dnabirnn"), "handlers", [handler])
    return made


@pytest.mark.parametrize("error", [None, ValueError(), KeyboardInterrupt(), SystemExit(143)])
@pytest.mark.parametrize("said", [False, True])
def test_a_message_starts_on_a_line_of_its_own(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, error: BaseException | None, said: bool
) -> None:
    if said:  # a line above a bar that would be shown only later
        monkeypatch.setattr("dnabirnn.cli.progress._SECONDS_BEFORE_BAR", 60.0)

    monkeypatch.setattr(sys, "stderr", terminal)

    def work() -> None:
        with ProgressBar("scored", 3_000) as bar:
            bar.add(1_000)
            if said:
                bar.say("AP 0.5")
            logging.getLogger("dnabirnn.x").warning("3 of 9 rows are cut")
            bar.add(1_000)
            if error is not None:
                raise error

    if error is None:
        work()
    else:
        with pytest.raises(type(error)):
            work()
    terminal.write("dnabirnn: the end\n")
    rows = terminal.rows()
    assert "3 of 9 rows are cut" in rows
    assert "dnabirnn: the end" in rows
    assert ("dnabirnn: AP 0.5" in rows) == said
    bars = [row for row in rows if row.startswith("scored:")]
    assert bool(bars) == (error is not None)


def test_a_bar_leaves_messages_as_they_were(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    (handler,) = logging.getLogger("dnabirnn").handlers
    with ProgressBar("scored"):
        assert handler.filters
    assert not handler.filters


# ------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "warns"),
    [
        *((name, True) for name in ("x.txt", "x.bed", "x.pt", "x.H5", "x.csv", "x.v2.onnx")),
        *((name, False) for name in ("x", "x.safetensors", "x.SafeTensors", "rep.v2", "rep.1")),
    ],
)
def test_a_model_of_any_name_works_and_odd_ones_warn(folder: Path, name: str, warns: bool) -> None:
    result = succeed(*TRAIN.split(), "-o", name)
    lines = [line for line in result.stderr.splitlines() if "warning: -o" in line]
    assert len(lines) == warns
    assert all(name in line and "usually ends in .safetensors" in line for line in lines)
    assert load_checkpoint(name).architecture.hidden == 2


# ------------------------------------------------------------------------ the documentation


@pytest.mark.parametrize(
    ("given", "fasta", "threads"),
    [
        (["a b.fa", "-A", "-i", "other.knm", "-t", "16"], "a b.fa", "16"),
        (["-Ai", "other.knm", "-t16", "g.fa"], "g.fa", "16"),
        (["g.fa", "-A", "-i", "other.knm"], "g.fa", "1"),
        (["-t", "4", "-A", "-i", "other.knm", "/d/g.fa"], "/d/g.fa", "4"),
    ],
)
def test_the_script_for_cactus_passes_the_threads_on(
    tmp_path: Path, given: list[str], fasta: str, threads: str
) -> None:
    text = (ROOT / "docs/dna-brnn.md").read_text()
    (script,) = re.findall(r"```\n(#!/bin/sh\n.*?)```", text, re.DOTALL)
    (tmp_path / "dna-brnn").write_text(script)
    (tmp_path / "dnabirnn").write_text('#!/bin/sh\nfor word; do echo "$word"; done\n')
    for name in ("dna-brnn", "dnabirnn"):
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [tmp_path / "dna-brnn", *given], env=environment, capture_output=True, text=True, check=True
    )
    words = done.stdout.splitlines()
    assert words[:3] == ["-q", "score", fasta]
    options: dict[str, Any] = dict(zip(words[3::2], words[4::2], strict=True))
    assert options["--threads"] == threads
    assert options["--format"] == "dna-brnn"
    assert options["-m"].endswith("attcc-alpha.safetensors")
