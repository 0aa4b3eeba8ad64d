"""Commands and their options, used rightly."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import GENOME, content, make_material, run, succeed, write_fasta, write_model
from planted import MOTIF

from dnabirnn.cli.progress import ProgressBar
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.errors import TrainingError
from dnabirnn.motif_classes import MotifClass
from dnabirnn.motifs.motif import read_motifs
from dnabirnn.network.architecture import Cell
from dnabirnn.network.call_rules import CallLengths
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.training import processes as workers

COMMANDS = (
    *("encode", "train", "score", "call", "evaluate", "info"),
    *("review", "summary", "mask", "merge", "hub", "export", "scan", "explain", "mutate"),
    "variants",
)


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("material"))


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with the material in it, to be in."""
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ok(command: str, input: bytes | None = None) -> str:
    """Run a command that must end well; its standard output."""
    return succeed(*command.split(), input=input).stdout


def packed(path: Path) -> bytes:
    """Content of a bgzip file, which must be whole."""
    data = path.read_bytes()
    assert data.endswith(bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000"))
    return gzip.decompress(data)


# ------------------------------------------------------------------------ help, version


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []], ids=str)
def test_help_lists_the_commands(arguments: list[str]) -> None:
    result = run(*arguments)
    text = result.stdout or result.stderr
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z]", text, re.MULTILINE)
    assert "Example:" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command: str) -> None:
    for option in ("--help", "-h"):
        text = ok(f"{command} {option}")
        assert text.startswith(f"Usage: main {command} [OPTIONS] ")
    # Same option, same name: what several commands take has one help text.
    assert "None" not in text


def test_shared_options_read_the_same_everywhere() -> None:
    texts = {command: ok(f"{command} --help") for command in COMMANDS}
    effects = ("explain", "mutate")
    shared = {
        "--model MODEL +Model file": ("score", "call", "evaluate", "review", *effects, "variants"),
        "--labels FILE": ("encode", "evaluate", "review"),
        "--label-format": ("encode", "evaluate", "review"),
        "--label-flank-ignore": ("encode", "evaluate", "review"),
        "--class-column": ("encode", "evaluate", "review"),
        "--classes-map": ("encode", "evaluate", "review"),
        "--feature-type": ("encode", "evaluate", "review"),
        "--negatives BED ": ("review",),
        r"--negatives BED\|FASTA": ("encode", "evaluate"),
        "--ignore-classes": ("encode", "evaluate", "review"),
        "--class NAME": ("encode", "evaluate", "scan", "review"),
        "--pvalue P": ("encode", "scan"),
        "--within BED": ("encode", "scan"),
        "--gc SHARE": ("encode", "scan"),
        "--span": ("encode", "evaluate", "review"),
        "--reach BP": effects,
        "--regions BED": ("score", "evaluate", *effects),
        "--exclude BED": ("encode", "evaluate", "report", "review"),
        "--name-prefix PREFIX": ("encode", "score", "evaluate", "report", "review", *effects),
        "--chrom-alias FILE": (
            "encode",
            "score",
            "evaluate",
            "report",
            "review",
            *effects,
            "variants",
        ),
        "--circular NAMES": ("score", "evaluate", "review", *effects, "variants"),
        r"--method \[threshold": ("score", "call", "evaluate", "report", "review", "variants"),
        "--threshold": ("score", "call", "evaluate", "report", "review", "variants"),
        "--fdr RATE": ("score", "call", "evaluate", "report", "review", "variants"),
        "--prior CLASS=SHARE": (
            "train",
            "score",
            "evaluate",
            "export",
            "review",
            *effects,
            "variants",
        ),
        "--min-length": ("score", "call", "evaluate", "report", "review", "variants"),
        "--merge-gap": ("score", "call", "evaluate", "report", "review", "variants"),
        "--threads": ("train", "score", "evaluate", "review", *effects, "variants"),
        "--device NAME": ("train", "score", "evaluate", "review", *effects, "variants"),
        "--engine": ("train", "score", "evaluate", "review", *effects, "variants"),
        "--precision": ("train", "score", "evaluate", "review", *effects, "variants"),
        "--corrections BED": ("encode", "evaluate"),
        "--index": ("score", "call", "merge", "variants"),
        "--so-type": ("score", "call"),
        "--email": ("score", "hub"),
    }
    for option, commands in shared.items():
        found = set()
        for command in COMMANDS:
            entry = re.search(rf"^ .*{option}.*\n(?:      .*\n)*", texts[command], re.MULTILINE)
            assert (entry is not None) == (command in commands), (option, command)
            if entry:
                # Labels may be left out where motifs can be given.
                found.add(" ".join(entry[0].replace("[required]", "").split()))
        assert len(found) == 1, option


def test_version() -> None:
    assert re.fullmatch(r"dnabirnn, version \d+\.\d+\.\d+\S*\n", ok("--version"))


MODULES = "import sys\nfrom dnabirnn.cli import main\nmain(standalone_mode=False)\n"
MODULES += "print(*sys.modules, file=sys.stderr)\n"


def modules_of(*arguments: str) -> set[str]:
    """Modules that a command loads."""
    script = f"import sys; sys.argv[1:] = {list(arguments)}\n" + MODULES
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


def test_help_loads_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "polars", "matplotlib", "safetensors", "Bio", "tqdm"}
    assert not heavy & modules_of("--help")
    assert not heavy & modules_of("train", "--help")


def test_commands_without_a_network_do_not_load_torch(folder: Path) -> None:
    assert "torch" not in modules_of("info", "m.safetensors")
    assert "torch" not in modules_of("call", "scores.bed", "-m", "m.safetensors", "-o", "c.bed")
    assert "torch" not in modules_of("encode", "genome.fa", "--labels", "sites.bed", "-o", "e")
    assert "torch" not in modules_of("export", "m.safetensors", "-o", "m.onnx")
    scan = ("scan", "genome.fa", "--motifs", "motifs.jaspar", "-o", "hits.bed")
    assert "torch" not in modules_of(*scan)


def test_help_imports_no_large_package() -> None:
    code = (
        "import sys\nfrom dnabirnn.cli import main\n"
        "try:\n    main(['score', '--help'])\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    imported = {name.partition(".")[0] for name in ran.stderr.split()}
    assert "dnabirnn" in imported
    assert not imported & {"fsspec", "llvmlite", "numba", "numpy", "polars", "torch"}


# ------------------------------------------------------------------------------- encode


def encoded(options: str, labels: str = "sites.bed") -> EncodedSet:
    ok(f"encode genome.fa --labels {labels} -o e {options}")
    return EncodedSet.open("e")


def positives(data: EncodedSet) -> int:
    return int((np.asarray(data.labels) > 1).sum())


def test_encode_tells_what_is_in_the_set(folder: Path) -> None:
    result = succeed("encode", "genome.fa", "--labels", "sites.bed", "-o", "e")
    assert result.stdout == ""
    assert re.search(r"^train +\d,\d{3} ", result.stderr, re.MULTILINE)
    assert re.search(r"^M +\+ +\d+ +\d+", result.stderr, re.MULTILINE)
    quiet = succeed("-q", "encode", "genome.fa", "--labels", "sites.bed", "-o", "e")
    assert "train" not in quiet.stderr


def test_encode_classes(folder: Path) -> None:
    rows = "a 0 9 x 0 +\na 20 29 y 0 -\na 40 49 z 0 .\na 60 64 w 0 +\n"
    (folder / "l.bed").write_text(rows.replace(" ", "\t"))
    fractions = "--split-fractions 1,0,0"
    assert encoded(fractions, "l.bed").classes == (
        MotifClass("w", True),
        MotifClass("x", True),
        MotifClass("y", True),
        MotifClass("z", False),
    )
    some = encoded(f"{fractions} --classes z,x --ignore-classes y", "l.bed")
    assert some.classes == (MotifClass("z", False), MotifClass("x", True))
    assert positives(some) == 18
    assert (np.asarray(some.labels) == 1).sum() == 9
    flat = encoded(f"{fractions} --unstranded x,y --unstranded w", "l.bed")
    assert not any(stranded for _, stranded in flat.classes)
    (folder / "m.bed").write_text("a\t70\t80\tz\t0\t.\n")
    with pytest.raises(AssertionError, match=r"'one' has rows with a strand"):
        encoded(f"{fractions} --class one --labels m.bed", "l.bed")
    one = encoded(f"{fractions} --class one --unstranded one", "l.bed")
    assert one.classes == (MotifClass("one", False),)
    assert positives(one) == 31


def test_encode_several_labels_and_blocks(folder: Path) -> None:
    (folder / "b.bed").write_text("a\t0\t30\tx\t0\t+\t0\t30\t0\t2\t5,10\t0,20\n")
    (folder / "c.bed.gz").write_bytes(gzip.compress(b"a 50 60 x 0 -\n"))
    fractions = "--split-fractions 1,0,0 --labels c.bed.gz"
    assert positives(encoded(fractions, "b.bed")) == 25
    assert positives(encoded(f"{fractions} --span", "b.bed")) == 40


def test_encode_splits(folder: Path) -> None:
    def pieces(data: EncodedSet) -> dict[str, list[tuple[str, int, int]]]:
        return {
            name: list(map(tuple, data.contig_splits(name))) for name in ("train", "val", "test")
        }

    by_contig = pieces(encoded("--val-chroms b --test-chroms c"))
    assert by_contig == {
        "train": [("a", 0, 2000)],
        "val": [("b", 0, 1000)],
        "test": [("c", 0, 1000)],
    }
    (folder / "s.bed").write_text("a 0 1000 train\nb 5 900 val\na 1000 1500 test\n")
    by_bed = pieces(encoded("--split s.bed"))
    assert by_bed == {
        "train": [("a", 0, 1000)],
        "val": [("b", 5, 900)],
        "test": [("a", 1000, 1500)],
    }
    shares = pieces(encoded("--split-fractions 0.5,0.25,0.25"))
    sizes = {name: sum(end - start for _, start, end in found) for name, found in shares.items()}
    assert sum(sizes.values()) == sum(GENOME.values())
    assert min(sizes.values()) > 0


def test_encode_mask_and_exclude(folder: Path) -> None:
    text = (folder / "genome.fa").read_text()
    head, _, rest = text.partition("\n")
    (folder / "genome.fa").write_text(f"{head}\n{rest[:100].lower()}{rest[100:]}")
    lower = sum(letter.islower() for letter in rest[:100].lower())
    plain = encoded("--val-chroms b")
    assert (np.asarray(plain.codes) == 4).sum() == 0
    loss = encoded("--val-chroms b --mask loss")
    assert (np.asarray(loss.labels) & 1).sum() == lower
    hard = encoded("--val-chroms b --mask hard")
    assert (np.asarray(hard.codes) == 4).sum() == lower
    (folder / "x.bed").write_text("b 100 150\nb 140 160\n")
    excluded = encoded("--val-chroms b --exclude x.bed")
    np.testing.assert_array_equal(
        np.flatnonzero(np.asarray(excluded.labels) & 1), 2000 + np.arange(100, 160)
    )


def test_encode_reads_streams_and_packed_files(folder: Path) -> None:
    plain = encoded("--val-chroms b")
    data = (folder / "genome.fa").read_bytes()
    command = "encode - --labels sites.bed -o stream --val-chroms b"
    ok(command, data)
    (folder / "genome.fa.gz").write_bytes(gzip.compress(data))
    ok("encode genome.fa.gz --labels sites.bed -o packed --val-chroms b")
    for name in ("stream", "packed"):
        assert EncodedSet.open(name).digest == plain.digest


def test_encode_replaces_a_set_of_its_own(folder: Path) -> None:
    first = encoded("--val-chroms b").digest
    assert encoded("--val-chroms c").digest != first
    assert {path.name for path in folder.iterdir()} == {
        "e",
        "set",
        "genome.fa",
        "sites.bed",
        "motifs.jaspar",
        "m.safetensors",
        "scores.bed",
        "variants.vcf",
    }


# -------------------------------------------------------------------------------- train

QUICK = "--hidden 8 --window 50 --batch 16 --bases 16k --validations 2 --device cpu"


def test_train(folder: Path) -> None:
    result = succeed("train", "set", "-o", "new.safetensors", *QUICK.split())
    assert result.stdout == ""
    assert "validation AP" in result.stderr
    assert re.search(r"^dnabirnn: M: AP [01]\.\d+, best F1 .* on val$", result.stderr, re.MULTILINE)
    checkpoint = load_checkpoint("new.safetensors")
    assert checkpoint.architecture.classes == (MotifClass("M", True),)
    assert (checkpoint.architecture.cell, checkpoint.architecture.hidden) == (Cell.GRU, 8)
    assert checkpoint.architecture.kmer == 5
    assert checkpoint.training_window_bp == 50
    header, *rows = (folder / "new.log.csv").read_text().splitlines()
    assert header == "step,bases,learning_rate,loss,seconds,ap_M"
    assert len(rows) >= 2
    assert not (folder / "new.safetensors.resume").exists()
    ok("score genome.fa -m new.safetensors -o o.bed")


def test_a_motif_file_goes_into_a_model_and_comes_out(folder: Path) -> None:
    counts = np.eye(4)[MOTIF] * 8 + np.arange(1, 5)
    rows = (
        ["A", "C", "G", "T"][base] + " " + " ".join(map(str, counts[:, base])) for base in range(4)
    )
    (folder / "in.jaspar").write_text(">MA1 m\n" + "\n".join(rows) + "\n")
    ok(f"-q train set -o with.safetensors {QUICK} --matrix in.jaspar")
    ok("-q export with.safetensors -o out.meme")
    (before,), (after,) = read_motifs("in.jaspar"), read_motifs("out.meme")
    assert after.name == "M"
    np.testing.assert_allclose(after.frequencies, before.frequencies, atol=2e-6)
    ok(f"-q train set -o again.safetensors {QUICK} --matrix out.meme")
    first, again = (load_checkpoint(f"{name}.safetensors") for name in ("with", "again"))
    name = "matrix.0.log_odds"
    np.testing.assert_allclose(again.weights[name], first.weights[name], atol=1e-3)
    for file, message in (("no.meme", "no.meme: no such file"), ("set", "set: ")):
        result = run(*f"-q train set -o x.safetensors {QUICK} --matrix {file}".split())
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert message in result.stderr
    result = run(*f"-q train set -o in.jaspar {QUICK} --matrix in.jaspar".split())
    assert "in.jaspar: is also an input" in result.stderr


def test_a_model_teaches_another(folder: Path) -> None:
    ok(f"-q train set -o teacher.safetensors {QUICK} --ensemble 2")
    ok(f"-q train set -o student.safetensors {QUICK} --teacher teacher.safetensors")
    digest = hashlib.sha256((folder / "teacher.safetensors").read_bytes()).hexdigest()
    student = load_checkpoint("student.safetensors")
    assert student.training["teacher"] == digest
    assert len(student.members) == 1
    ok("score genome.fa -m student.safetensors -o o.bed")
    for out, teacher, message in (
        ("student.safetensors", "student.safetensors", "student.safetensors: is also an input"),
        ("x.safetensors", "no.safetensors", "no.safetensors: no such file"),
        ("x.safetensors", "m.safetensors", "--teacher: the model file does not have the shares"),
        ("x.safetensors --ensemble 2", "teacher.safetensors", "--teacher: 2 networks would be"),
    ):
        result = run(*f"-q train set -o {out} {QUICK} --teacher {teacher}".split())
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert message in result.stderr
        assert not (folder / "x.safetensors").exists()


def test_train_options_reach_the_model(folder: Path) -> None:
    ok(
        f"-q train set -o m {QUICK} --cell rnn --layers 2 --untied --exclusive --seed 5 "
        "--lr 0.001 --weight-decay 0 --clip 2 --dropout 0.1 --positive-share 0.25 --log l.csv "
        "--mutate 0.2 --kmer 3 "
        "--resume never --engine torch --precision bf16 --devices 1 --nodes 1"
    )
    checkpoint = load_checkpoint("m")
    shape, training = checkpoint.architecture, checkpoint.training
    assert (training["engine"], training["precision"]) == ("torch", "bf16")
    assert (shape.cell, shape.layers, shape.tied, shape.exclusive) == (Cell.RNN, 2, False, True)
    assert shape.kmer == 3
    assert training["fit"] == {
        "bases": 16_000,
        "learning_rate": 0.001,
        "weight_decay": 0.0,
        "clip_norm": 2.0,
        "dropout": 0.1,
        "ends_early": False,
    }
    assert training["sampling"] == {
        "window_bp": 50,
        "batch_windows": 16,
        "mutation_rate": 0.2,
        "positive_share": 0.25,
        "seed": 5,
    }
    assert (folder / "l.csv").exists()
    assert not (folder / "m.log.csv").exists()


def test_presets_are_options_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnabirnn.training.fit.default_bases", lambda classes: 2_000 * classes)
    for preset, given, hidden, bases in (
        ("fast", "--bases 1k", 16, 1_000),
        ("default", "--bases 1k", 32, 1_000),
        ("accurate", "--bases 1k", 64, 1_000),
        ("accurate", "--hidden 4 --bases 2k", 4, 2_000),
        ("default", "", 32, 2_000),
        ("accurate", "--hidden 4", 4, 4_000),
    ):
        ok(f"-q train set -o p --window 50 --preset {preset} {given}")
        checkpoint = load_checkpoint("p")
        assert checkpoint.architecture.hidden == hidden
        assert checkpoint.training["fit"]["bases"] == bases
        assert checkpoint.training["fit"]["ends_early"] == ("--bases" not in given)


def test_train_gives_the_same_bytes_for_any_threads(folder: Path) -> None:
    for name, threads in (("one", 1), ("two", 2)):
        ok(f"-q train set -o {name} {QUICK} --batch 80 --threads {threads}")
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()
    ok(f"-q train set -o other {QUICK} --batch 80 --seed 1")
    assert (folder / "one").read_bytes() != (folder / "other").read_bytes()


def test_train_from_another_model(folder: Path) -> None:
    ok(f"-q train set -o new {QUICK} --init m.safetensors --lr 1e-9 --bases 1")
    name = "recurrent.0.weight_hh_l0"
    old, new = load_checkpoint("m.safetensors"), load_checkpoint("new")
    np.testing.assert_allclose(new.weights[name], old.weights[name], atol=1e-6)


LEFT_ALONE = "[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:38307."


@pytest.mark.parametrize("error", [TrainingError("the loss is nan"), RuntimeError(LEFT_ALONE)])
def test_of_several_processes_one_tells_what_is_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("dnabirnn.training.train_members", fail)
    monkeypatch.setenv("LOCAL_RANK", "1")
    second = run("train", "set", "-o", "new")
    assert (second.exit_code, second.stderr) == (1, "")
    assert isinstance(second.exception, SystemExit)
    monkeypatch.setenv("LOCAL_RANK", "0")
    first = run("train", "set", "-o", "new")
    assert first.exit_code == 1
    told = workers.LEFT_ALONE if isinstance(error, RuntimeError) else error
    assert first.stderr == f"dnabirnn train: error: {told}\n"


def test_a_defect_in_another_process_is_not_hidden(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("dnabirnn.training.train_members", fail)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert isinstance(run("train", "set", "-o", "new").exception, RuntimeError)


@pytest.mark.slow
def test_two_processes_fail_in_one_line(folder: Path) -> None:
    command = [sys.executable, "-m", "dnabirnn", "-q", "train", "set", "-o", "new", *QUICK.split()]
    diverging = ["--bases", "500k", "--lr", "1", "--weight-decay", "100", "--devices", "2"]
    done = subprocess.run([*command, *diverging], capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("dnabirnn train: error: step ")


# -------------------------------------------------------------------------------- score


def test_score_to_every_kind_of_file(folder: Path) -> None:
    expected = (folder / "scores.bed").read_bytes()
    assert expected
    ok("score genome.fa -m m.safetensors -o out.bed.gz --calls calls.bed.gz")
    assert packed(folder / "out.bed.gz") == expected
    ok("call scores.bed -m m.safetensors -o calls.bed")
    assert packed(folder / "calls.bed.gz") == (folder / "calls.bed").read_bytes()
    assert ok("-q score genome.fa -m m.safetensors -o -").encode() == expected
    assert ok("-q score genome.fa -m m.safetensors -o /dev/null") == ""
    ok("score genome.fa -m m.safetensors -o out.bedgraph")
    ok("score genome.fa -m m.safetensors -o out.bg.gz")
    for strand in ("plus", "minus"):
        graph = (folder / f"out.M.{strand}.bedgraph").read_bytes()
        assert packed(folder / f"out.M.{strand}.bg.gz") == graph


def test_score_reads_streams_packed_files_and_several(folder: Path) -> None:
    expected = (folder / "scores.bed").read_text()
    data = (folder / "genome.fa").read_bytes()
    assert ok("-q score - -m m.safetensors -o -", data) == expected
    assert ok("-q score - -m m.safetensors -o -", gzip.compress(data)) == expected
    first, second = data.split(b">b", 1)
    (folder / "1.fa").write_bytes(first)
    (folder / "2.fa.gz").write_bytes(gzip.compress(b">b" + second))
    assert ok("-q score 1.fa 2.fa.gz -m m.safetensors -o -") == expected


def test_score_options(folder: Path) -> None:
    score = "-q score genome.fa -m m.safetensors -o -"
    all_rows = [line.split("\t") for line in ok(f"{score} --min-score 1").splitlines()]
    some = [line.split("\t") for line in ok(f"{score} --min-score 600").splitlines()]
    assert some == [row for row in all_rows if int(row[4]) >= 600]
    single = ok(f"{score} --single-base").splitlines()
    usual = [line.split("\t") for line in ok(score).splitlines()]
    assert len(single) == sum(int(row[2]) - int(row[1]) for row in usual)
    shards = [ok(f"{score} --shard {i}-of-2") for i in (1, 2)]
    assert "".join(shards) == ok(score)
    assert ok(f"{score} --threads 3 --device cpu --engine fused") == ok(score)
    # Another engine may round a score to the next thousandth, and begin another row there.
    one, other = (sums_of_rows(ok(f"{score} --engine {name}")) for name in ("fused", "torch"))
    assert one == pytest.approx(other, rel=1e-3)


def told_of_rates(path: Path) -> None:
    """Give a model thresholds for false discovery rates, and the share that it was trained with."""
    found = {"M": {"bases": {"0.05": 450, "0.1": 60}, "calls": {"0.05": 620, "0.1": 60}}}
    training = {"prevalence": {"M": {"sequence": 0.1, "sampled": 0.2, "calibrated": 0.1}}}
    checkpoint = load_checkpoint(path)
    dataclasses.replace(checkpoint, discoveries=found, training=training).save(path)


def test_calls_at_a_false_discovery_rate(folder: Path) -> None:
    told_of_rates(folder / "m.safetensors")
    ok("score genome.fa -m m.safetensors -o s.bed --calls at.bed --fdr 0.05")
    ok("score genome.fa -m m.safetensors -o t.bed --calls as.bed --threshold 0.62")
    assert (folder / "at.bed").read_bytes() == (folder / "as.bed").read_bytes()
    ok("call s.bed -m m.safetensors -o again.bed --fdr 0.05")
    assert (folder / "again.bed").read_bytes() == (folder / "at.bed").read_bytes()
    # A threshold below 100 keeps more rows.
    ok("score genome.fa -m m.safetensors -o low.bed --calls low.calls.bed --fdr 0.1")
    rows = (folder / "low.bed").read_text().splitlines()
    assert 60 <= min(int(row.split("\t")[4]) for row in rows) < 100
    ok("evaluate genome.fa --labels sites.bed -m m.safetensors -o fdr.json --fdr 0.05")
    ok("evaluate genome.fa --labels sites.bed -m m.safetensors -o p.json --threshold 0.62")
    calls = [json.loads((folder / name).read_text())["calls"] for name in ("fdr.json", "p.json")]
    assert calls[0] == calls[1]


def test_a_class_that_is_not_learned_is_not_called(folder: Path) -> None:
    path = folder / "m.safetensors"
    learned = load_checkpoint(path)
    rule = learned.calls["M"]
    lengths = {"M": CallLengths(rule.min_length_bp, rule.merge_gap_bp)}
    ok("score genome.fa -m m.safetensors -o s.bed --calls usual.bed --threshold 0.5")
    ok("evaluate genome.fa --labels sites.bed -m m.safetensors -o usual.json")
    dataclasses.replace(learned, calls={}, unlearned=lengths).save(path)
    for command in (
        "score genome.fa -m m.safetensors -o t.bed --calls c.bed",
        "call s.bed -m m.safetensors -o c.bed",
        "call s.bed -m m.safetensors -o c.bed --min-length 1",
    ):
        told = succeed(*command.split()).stderr
        assert told.count("warning: ") == told.count("dnabirnn: warning: M: no calls") == 1
        assert (folder / "c.bed").read_bytes() == b""
    assert (folder / "t.bed").read_bytes() == (folder / "s.bed").read_bytes()
    assert (
        "warning"
        not in succeed(*["score", "genome.fa", "-m", "m.safetensors", "-o", "t.bed"]).stderr
    )
    for threshold in ("--threshold 0.5", "--threshold M=0.5", "--threshold 0.9 --threshold M=0.5"):
        told = succeed(*f"call s.bed -m m.safetensors -o c.bed {threshold}".split()).stderr
        assert "warning" not in told
        assert (folder / "c.bed").read_bytes() == (folder / "usual.bed").read_bytes() != b""
    ok("evaluate genome.fa --labels sites.bed -m m.safetensors -o new.json")
    usual, new = (json.loads((folder / f"{name}.json").read_text()) for name in ("usual", "new"))
    at_threshold = {"threshold", "precision", "recall", "mcc", "f1"}
    for key, value in usual["classes"]["M"].items():
        if not at_threshold & {key, key.removesuffix("_ci").removesuffix("_stranded")}:
            assert new["classes"]["M"][key] == value, key
    assert (new["classes"]["M"]["threshold"], new["classes"]["M"]["recall"]) == (None, 0)
    assert new["classes"]["M"]["precision"] is None
    assert (new["calls"]["M"]["calls"], new["calls"]["M"]["recall"]) == (0, 0)
    assert "class M: no threshold and no calls" in ok("info m.safetensors")
    ok(
        "report -m m.safetensors --metrics new.json --fasta genome.fa --labels sites.bed "
        "-o report.html --examples 1"
    )
    assert "M: no calls" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ("--threshold X=0.5", "--threshold X=0.5: the model has no class of this name; it has M"),
        ("--threshold 0.5 --threshold 0.6", "--threshold: there are the values 0.5 and 0.6"),
        ("--threshold M=0.5 --threshold M=0.6", "--threshold: 'M' has the values 0.5 and 0.6"),
        ("--threshold M=high", "'M=high' is not P or CLASS=P"),
        ("--threshold M=1.5", "--threshold 1.5: must be from 0.001 to 1"),
    ],
)
def test_thresholds_that_make_no_sense(folder: Path, threshold: str, message: str) -> None:
    result = run(*f"score genome.fa -m m.safetensors -o s.bed --calls c.bed {threshold}".split())
    assert result.exit_code != 0
    assert message in f"{result.stderr}"
    assert not (folder / "c.bed").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--fdr 0.01", "--fdr 0.01: no threshold of class M keeps"),
        ("--fdr 0.05 --threshold 0.5", "--fdr and --threshold: both set the threshold"),
    ],
)
def test_false_discovery_rates_that_cannot_be(folder: Path, options: str, message: str) -> None:
    told_of_rates(folder / "m.safetensors")
    command = f"score genome.fa -m m.safetensors -o s.bed --calls c.bed {options}"
    result = run(*command.split())
    assert result.exit_code != 0
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (folder / "c.bed").exists()
    assert not (folder / "s.bed").exists()


def test_a_prior_lowers_the_scores(folder: Path) -> None:
    told_of_rates(folder / "m.safetensors")
    score = "-q score genome.fa -m m.safetensors -o - --min-score 0"
    plain, rarer = ok(score), ok(f"{score} --prior M=0.001")
    assert ok(f"{score} --prior M=0.1") == plain
    sums = [sums_of_rows(text) for text in (plain, rarer)]
    assert all(sums[1][key] < 0.5 * sums[0][key] for key in sums[0])
    result = run(*score.split(), "--prior", "M")
    assert result.exit_code == 2
    assert "'M' is not CLASS=SHARE, such as REP=0.002" in result.stderr


def sums_of_rows(track: str) -> dict[str, int]:
    """Sum of the scores of all bases, for each contig, class and strand."""
    sums: dict[str, int] = {}
    for line in track.splitlines():
        chrom, start, end, kind, score, strand = line.split("\t")
        key = f"{chrom} {kind} {strand}"
        sums[key] = sums.get(key, 0) + (int(end) - int(start)) * int(score)
    return sums


def test_min_score_of_0_has_a_row_for_every_base_but_n(folder: Path) -> None:
    rows = ok("-q score genome.fa -m m.safetensors -o - --min-score 0").splitlines()
    bases = sum(int(end) - int(start) for _, start, end, *_ in (r.split("\t") for r in rows))
    letters = "".join(
        line for line in (folder / "genome.fa").read_text().splitlines() if line[0] != ">"
    )
    outputs = {tuple(row.split("\t")[3::2]) for row in rows}
    assert bases == len(outputs) * sum(letters.upper().count(base) for base in "ACGTU")


def test_score_says_where_it_computes(folder: Path) -> None:
    command = ["score", "genome.fa", "-m", "m.safetensors", "-o", "o.bed", "--device", "cpu"]
    lines = succeed(*command, "--threads", 2).stderr.splitlines()
    assert lines[0] == "dnabirnn: scoring on cpu, threads: 2"
    assert succeed("-q", *command).stderr == ""


def test_outputs_of_earlier_runs_are_replaced(folder: Path) -> None:
    for name in ("o.bed", "c.bed"):
        (folder / name).write_text("old")
    ok("score genome.fa -m m.safetensors -o o.bed --calls c.bed")
    assert (folder / "o.bed").read_bytes() == (folder / "scores.bed").read_bytes()
    assert (folder / "c.bed").read_text() != "old"
    assert not list(folder.glob(".*"))


# --------------------------------------------------------------------------------- call


def test_call_reads_streams_and_packed_tracks(folder: Path) -> None:
    expected = ok("call scores.bed -m m.safetensors -o -")
    assert expected
    data = (folder / "scores.bed").read_bytes()
    assert ok("call - -m m.safetensors -o -", data) == expected
    (folder / "s.bed.gz").write_bytes(gzip.compress(b"# scores\ntrack name=x\n" + data))
    assert ok("call s.bed.gz -m m.safetensors -o -") == expected


def test_call_options(folder: Path) -> None:
    def rows(options: str) -> list[list[str]]:
        text = ok(f"-q call scores.bed -m m.safetensors -o - {options}")
        return [line.split("\t") for line in text.splitlines()]

    def lengths(options: str) -> list[int]:
        return [int(row[2]) - int(row[1]) for row in rows(options)]

    assert rows("") == rows("--threshold 0.5 --method threshold --min-length 1 --merge-gap 0")
    assert sum(lengths("--threshold 0.9")) < sum(lengths("")) < sum(lengths("--threshold 0.2"))
    assert min(lengths("--min-length 5")) == 5
    assert len(rows("--merge-gap 3")) < len(rows(""))
    assert rows("--method mss") != rows("")


def test_call_warns_of_scores_that_the_track_lacks(folder: Path) -> None:
    succeed(*["score", "genome.fa", "-m", "m.safetensors", "-o", "high.bed", "--min-score", "700"])
    command = ["call", "high.bed", "-m", "m.safetensors", "-o", "c.bed", "--threshold"]
    assert succeed("-q", *command, 0.9).stderr == ""
    (line,) = succeed("-q", *command, 0.5).stderr.splitlines()
    assert line.startswith("dnabirnn: warning: high.bed: no score below 7")
    assert "calls use scores of 500 and above" in line


def test_call_of_an_empty_track(folder: Path) -> None:
    for data in (b"", b"# nothing above the threshold\n"):
        assert ok("call - -m m.safetensors -o -", data) == ""
        (folder / "none.bed").write_bytes(data)
        assert (
            succeed("-q", *["call", "none.bed", "-m", "m.safetensors", "-o", "c.bed"]).stderr == ""
        )
        assert (folder / "c.bed").read_bytes() == b""
    assert "may be empty" in " ".join(ok("call --help").split())


# ----------------------------------------------------------------------------- evaluate

EVALUATE = "evaluate genome.fa --labels sites.bed -m m.safetensors"
FIGURES = {
    f"o.{name}.{form}" for name in ("precision_recall", "reliability") for form in ("png", "svg")
}


def test_evaluate(folder: Path) -> None:
    before = set(content(folder))
    result = succeed(*EVALUATE.split(), "-o", "o.json")
    assert result.stdout == ""
    assert re.search(r"^class +AP", result.stderr, re.MULTILINE)
    assert re.search(r"^M +0\.\d{4}", result.stderr, re.MULTILINE)
    assert set(content(folder)) - before == {"o.json"} | FIGURES
    assert (folder / "o.reliability.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "o.precision_recall.svg").read_text()
    metrics = json.loads((folder / "o.json").read_text())
    figures, calls = metrics["classes"]["M"], metrics["calls"]["M"]
    assert figures["threshold"] == 0.5
    assert figures["bases"] == sum(GENOME.values())
    for name in ("ap", "ap_stranded", "auroc", "best_f1", "mcc", "precision", "recall"):
        assert -1 <= figures[name] <= 1
    for kind, name in {"fasta": "genome.fa", "labels": "sites.bed"}.items():
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert metrics["inputs"][kind] == [{"name": name, "sha256": digest}]
    low, high = figures["ap_ci"]
    assert low <= figures["ap"] <= high
    assert {"precision", "recall", "f1", "boundary_median_bp"} <= set(calls)


def test_evaluate_options(folder: Path) -> None:
    def metrics(options: str) -> dict[str, dict[str, dict[str, float]]]:
        found = json.loads(ok(f"-q {EVALUATE} -o - {options}"))
        assert isinstance(found, dict)
        return found

    usual = metrics("")
    assert metrics("--threads 2 --device cpu --engine fused --seed 0") == usual
    # Other draws move the intervals alone.
    assert metrics("--seed 1")["classes"]["M"]["ap"] == usual["classes"]["M"]["ap"]
    assert metrics("--threshold 0.9")["classes"]["M"]["threshold"] == 0.9
    assert metrics("--method mss --min-length 20 --merge-gap 5")["calls"] != usual["calls"]
    (folder / "r.bed").write_text("a\t0\t900\n")
    assert metrics("--regions r.bed")["classes"]["M"]["bases"] == 900
    (folder / "more.bed").write_text("c\t0\t50\tgap\n")
    ignoring = metrics("--labels more.bed --ignore-classes gap")
    assert ignoring["classes"]["M"]["bases"] == usual["classes"]["M"]["bases"] - 50
    before = content(folder)
    ok(f"{EVALUATE} -o o.json --no-plots")
    assert set(content(folder)) - set(before) == {"o.json"}
    assert json.loads((folder / "o.json").read_text()) == usual


def test_evaluate_counts_what_encode_counts(folder: Path) -> None:
    (folder / "x.bed").write_text("c 0 300\nc 900 910\n")
    (folder / "r.bed").write_text("c 0 1000\n")
    ok("encode genome.fa --labels sites.bed -o x --val-chroms b --test-chroms c --exclude x.bed")
    summary = EncodedSet.open(folder / "x").manifest["summary"]
    counts = summary["splits"]["test"]
    bases = counts["bases"] - counts["ignored"]
    strands = [numbers["test"]["bases"] for numbers in summary["classes"]["M"].values()]
    command = f"-q {EVALUATE} -o - --regions r.bed --exclude x.bed --baseline x"
    found = json.loads(ok(command))
    assert bases == 690
    assert sum(strands) > 0
    for figures in (found["classes"]["M"], found["baseline"]["M"]):
        assert (figures["bases"], figures["positives"]) == (bases, sum(strands))
    rows = [row.split() for row in (folder / "sites.bed").read_text().splitlines()]
    left = [row for row in rows if row[0] == "c" and int(row[1]) >= 300]
    assert found["calls"]["M"]["truth"] == len(left) > 0


def test_evaluate_labels_of_another_name(folder: Path) -> None:
    text = (folder / "sites.bed").read_text()
    (folder / "sites.bed").write_text(text.replace("\tM\t", "\tsite\t"))
    found = json.loads(ok(f"-q {EVALUATE} -o - --class M"))
    assert found["classes"]["M"]["positives"] > 0


def test_evaluate_a_class_without_truth(folder: Path) -> None:
    write_model(Path("two"), classes=(MotifClass("M", True), MotifClass("N", False)))
    command = "evaluate genome.fa --labels sites.bed -m two -o o.json"
    result = succeed(*command.split())
    assert "N: no true bases" in result.stderr
    metrics = json.loads((folder / "o.json").read_text())
    assert metrics["classes"]["N"] is None
    assert metrics["calls"]["N"] is None


# --------------------------------------------------------------------------------- info


def test_info(folder: Path) -> None:
    text = ok("info m.safetensors")
    assert "gru, 1 layer of 8 hidden units per direction, strand-tied, overlapping classes" in text
    assert "outputs          M +, M -" in text
    assert "class M: threshold 0.500" in text
    plain = json.loads(ok("info m.safetensors --json"))
    assert plain == load_checkpoint("m.safetensors").description()


def test_info_of_a_trained_model(folder: Path) -> None:
    ok(f"-q train set -o new {QUICK}")
    text = ok("info new")
    for words in ("genome.fa (", "sites.bed (", "seed 0", "torch ", "prevalence", "on val: AP "):
        assert words in text
    assert "; 0.016 Mb of windows" in text
    made = load_checkpoint("new")
    training = {**made.training, "trained_bases": [8_000, 16_000]}
    dataclasses.replace(made, training=training).save("early")
    assert "; 0.008, 0.016 of 0.016 Mb of windows" in ok("info early")


# ------------------------------------------------------------------------------ progress


def test_progress_on_no_terminal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter([0.0, 10.0, 31.0, 31.0, 40.0, 40.0])
    monkeypatch.setattr("dnabirnn.cli.progress.time.monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO, logger="dnabirnn"), ProgressBar("scored", 8_000_000) as bar:
        bar.add(1_000_000)
        bar.add(2_100_000, "half")
    assert caplog.messages == [
        "scored 3.1 of 8.0 Mb in 31 s (0.10 Mb/s); half",
        "scored 3.1 of 8.0 Mb in 40 s (0.08 Mb/s)",
    ]


def test_no_progress_of_what_is_short_or_quiet(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="dnabirnn"):
        with ProgressBar("scored") as bar:
            bar.add(1000)
        with ProgressBar("scored", quiet=True) as bar:
            bar.say("nothing")
    assert caplog.messages == []


# ------------------------------------------------------------------- pipes, signals, codes

DNABIRNN = [sys.executable, "-c", "from dnabirnn.cli import main; main(prog_name='dnabirnn')"]


def test_a_pipe_of_commands_and_a_reader_that_leaves(folder: Path) -> None:
    """`score | call`, then `score | head -1`."""
    score = [*DNABIRNN, "-q", "score", "big.fa", "-m", "m.safetensors", "--threads", "1", "-o", "-"]
    letters = np.random.default_rng(1).choice([*"ACGT"], 300_000)
    write_fasta(folder / "big.fa", {"big": "".join(letters)})
    with subprocess.Popen(score, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        assert writer.stdout.readline().startswith(b"big\t0\t")
        writer.stdout.close()
        told = writer.stderr.read()
    assert told == b""
    assert writer.returncode == 1
    with subprocess.Popen(
        [*score[:-7], "genome.fa", *score[-6:]], stdout=subprocess.PIPE
    ) as writer:
        call = [*DNABIRNN, "-q", "call", "-", "-m", "m.safetensors", "-o", "-"]
        called = subprocess.run(call, stdin=writer.stdout, capture_output=True, check=True)
    assert writer.returncode == 0
    assert called.stdout.decode() == ok("call scores.bed -m m.safetensors -o -")
    assert called.stderr == b""


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_run_that_is_stopped_leaves_nothing(folder: Path, name: str) -> None:
    number = getattr(signal, name)
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("ignored here, as under nohup")
    write_fasta(folder / "big.fa", {"big": "ACGTTGCATT" * 1_000_000}, 10_000)
    before = content(folder)
    command = [*DNABIRNN, "-q", "score", "big.fa", "-m", "m.safetensors", "-o", "o.bed"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + 30
        while not list(folder.glob(".o.bed.*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(folder.glob(".o.bed.*"))
        process.send_signal(number)
        told = process.stderr.read()
    assert process.returncode not in (0, -number)
    assert b"Traceback" not in told
    assert content(folder) == before


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_a_hang_up_that_is_ignored_stays_so(folder: Path) -> None:
    """As under nohup."""
    lines = (
        "import signal, sys",
        "from dnabirnn.cli import main",
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)",
        "main(['info', 'm.safetensors'], standalone_mode=False)",
        "sys.exit(signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN)",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, stdout=subprocess.DEVNULL)


def test_exit_codes(folder: Path) -> None:
    assert run("info", "m.safetensors").exit_code == 0
    assert run("info", "none").exit_code == 1
    assert run("info", "--none").exit_code == 2
