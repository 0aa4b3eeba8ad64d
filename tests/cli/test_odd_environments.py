"""Odd environments end in one line or work: closed or full streams, locales, memory, names."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from commands import make_material, recorded_files, run, succeed

from dnabirnn.encoded import EncodedSet
from dnabirnn.tracks import TrackFormat

pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors, locales and limits")

SCORE = ("score", "genome.fa", "-m", "m.safetensors", "--threads", "1")
ENCODE = ("encode", "genome.fa", "--labels", "sites.bed", "--val-chroms", "b", "-o", "new")
TRAIN = ("train", "set", "-o", "new", "--bases", "10k", "--hidden", "4", "--threads", "1")
SCAN = ("scan", "genome.fa", "--motifs", "motifs.jaspar", "--pvalue", "0.1")
REPORT = ("report", "--fasta", "genome.fa", "--labels", "sites.bed")
ODD = os.fsdecode(b"g\xe9nome")
"""Latin-1: not UTF-8."""
OUT_MERGED = ("out", "merged")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("odd"))


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def process(
    *words: str,
    closed: int | None = None,
    stdout: Path | None = None,
    stderr: int | None = None,
    limit_bytes: int | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[bytes]:
    """Run `dnabirnn` in a process of its own."""

    def prepare() -> None:
        if closed is not None:
            os.close(closed)
        if limit_bytes is not None:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
            resource.setrlimit(resource.RLIMIT_AS, (limit_bytes,) * 2)

    with (stdout or Path(os.devnull)).open("wb") as target:
        return subprocess.run(
            [sys.executable, "-m", "dnabirnn", *words],
            stdin=subprocess.DEVNULL,
            stdout=target if stdout else subprocess.PIPE,
            stderr=subprocess.PIPE if stderr is None else stderr,
            env=os.environ | environment,
            preexec_fn=prepare,
            check=False,
        )


def one_line(done: subprocess.CompletedProcess[bytes], *parts: str, exit_code: int = 1) -> None:
    """Check that a process ended with one line of error."""
    assert done.returncode == exit_code
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("dnabirnn")
    for part in parts:
        assert part in lines[0]


# ------------------------------------------------------------------------------ streams


@pytest.mark.parametrize(
    ("words", "closed", "message"),
    [
        ((*SCORE[:1], "-", *SCORE[2:], "-o", "o.bed"), 0, "-: cannot be read"),
        ((*ENCODE[:1], "-", *ENCODE[2:]), 0, "-: cannot be read"),
        ((*SCORE, "-o", "-"), 1, "standard output: Bad file descriptor"),
        (("info", "m.safetensors"), 1, "standard output: Bad file descriptor"),
        (("--help",), 1, "standard output: Bad file descriptor"),
    ],
)
def test_a_closed_stream_that_is_needed_is_an_error(
    folder: Path, words: tuple[str, ...], closed: int, message: str
) -> None:
    before = {path.name for path in folder.iterdir()}
    one_line(process("-q", *words, closed=closed), message)
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.parametrize(("ending", "closed"), [("bed", 0), ("bw", 1), ("bed", 2), ("bw", 2)])
def test_a_closed_stream_that_is_not_needed_does_not_matter(
    folder: Path, ending: str, closed: int
) -> None:
    done = process(*SCORE, "-o", f"closed.{ending}", closed=closed)
    assert done.returncode == 0, done.stderr
    succeed(*SCORE, "-o", f"open.{ending}")
    names = ("bed",) if ending == "bed" else ("M.plus.bw", "M.minus.bw")
    for name in names:  # no message has got into a file
        assert (folder / f"closed.{name}").read_bytes() == (folder / f"open.{name}").read_bytes()


def test_encode_and_train_with_a_closed_standard_error(folder: Path) -> None:
    assert process(*ENCODE, closed=2).returncode == 0
    assert EncodedSet.open("new").digest == EncodedSet.open("set").digest
    assert process(*TRAIN[:3], "new.safetensors", *TRAIN[4:], closed=2).returncode == 0
    succeed(*SCORE[:2], "-m", "new.safetensors", "-o", "o.bed")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("words", "unbuffered"),
    [
        (("--help",), ""),
        (("--help",), "1"),
        (("score", "--help"), "1"),
        (("models",), ""),
        (("info", "m.safetensors"), "1"),
        ((*SCORE, "-o", "-"), ""),
        ((*SCORE, "-o", "-"), "1"),
        ((*SCORE, "-o", "o.bed", "--dry-run"), ""),
    ],
)
def test_a_full_standard_output(folder: Path, words: tuple[str, ...], unbuffered: str) -> None:
    done = process("-q", *words, stdout=Path("/dev/full"), PYTHONUNBUFFERED=unbuffered)
    one_line(done, "standard output: No space left on device")


EVALUATE = ("evaluate", "genome.fa", "--labels", "sites.bed", "-m", "m.safetensors", "--no-plots")


@pytest.mark.parametrize("kind", ["full", "closed by its reader"])
@pytest.mark.parametrize(
    ("words", "exit_code", "output"),
    [
        ((*ENCODE, "--provenance", "p.json"), 0, "p.json"),
        ((*EVALUATE, "-o", "o.json", "--provenance", "p.json"), 0, "p.json"),
        ((*SCORE, "-o", "o.bed"), 0, "o.bed"),
        ((*SCORE, "-o", "o.txt"), 1, None),
        (("scroe",), 2, None),
    ],
)
def test_a_standard_error_that_takes_nothing_does_not_matter(
    folder: Path, kind: str, words: tuple[str, ...], exit_code: int, output: str | None
) -> None:
    if kind == "full":
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        descriptor = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, descriptor = os.pipe()
        os.close(reader)
    try:
        assert process(*words, stderr=descriptor).returncode == exit_code
    finally:
        os.close(descriptor)
    assert output is None or (folder / output).stat().st_size


# ------------------------------------------------------------------------------ locales

ASCII = [
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("environment", ASCII, ids=str)
def test_locales_without_other_letters(folder: Path, environment: dict[str, str]) -> None:
    (folder / "sites.bed").rename(folder / "größe.bed")
    title = "Genome of Bär, 日本"
    done = process(
        *("-q", "report", "-m", "m.safetensors", "--encoded", "set", "-o", "r.html"),
        *("--title", title),
        **environment,
    )
    assert done.returncode == 0, done.stderr
    assert f"<title>{title}" in (folder / "r.html").read_text("utf-8")
    words = [word.replace("sites", "größe") for word in ENCODE]
    done = process(*words, "--class", "Bär", "--provenance", "p.json", **environment)
    text = done.stderr.decode()
    if done.returncode:  # the name of a class must be one that can be printed
        assert "PYTHONUTF8" in environment
        one_line(done, "--class")
        return
    assert "B" in text
    assert [motif_class.name for motif_class in EncodedSet.open("new").classes] == ["Bär"]
    assert process("verify", "p.json", **environment).returncode == 0
    done = process("info", "größe.bed", **environment)
    one_line(done, ".bed: not a model file")


# -------------------------------------------------------------------------------- names


def test_names_that_are_not_utf8(folder: Path) -> None:
    """Every kind of input and output, and all files in which their names are written."""
    for old, new in (
        ("genome.fa", f"{ODD}.fa"),
        ("sites.bed", f"{ODD}.bed"),
        ("m.safetensors", f"{ODD}.safetensors"),
    ):
        (folder / old).rename(folder / new)
    fasta, labels, model = f"{ODD}.fa", f"{ODD}.bed", f"{ODD}.safetensors"
    encode = ("encode", fasta, "--labels", labels, "-o", f"{ODD}.set", "--val-chroms", "b")
    succeed(*encode, "--provenance", f"{ODD}.json")
    manifest = json.loads((folder / f"{ODD}.set" / "manifest.json").read_text("utf-8"))
    assert [file["name"] for file in manifest["inputs"]["fasta"]] == ["g\\udce9nome.fa"]
    assert run("verify", f"{ODD}.json").exit_code == 0
    inputs, _ = recorded_files(folder / f"{ODD}.json")
    assert set(inputs) == {fasta, labels}

    new = f"{ODD}.new.safetensors"
    train = ("train", f"{ODD}.set", "-o", new, *TRAIN[4:], "--log", f"{ODD}.csv")
    succeed(*train, "--provenance", f"{ODD}.json")
    succeed("info", new)
    score = ("score", fasta, "-m", model, "--threads", "1", "-o")
    succeed(*score, "plain.bed")
    for ending in ("bed", "bed.gz", "bw", "parquet"):
        succeed(*score, f"{ODD}.scores.{ending}", "--provenance", f"{ODD}.json")
        assert run("verify", f"{ODD}.json").exit_code == 0
    scores = folder / f"{ODD}.scores.bed"
    assert scores.read_bytes() == (folder / "plain.bed").read_bytes()
    succeed("call", scores.name, "-m", model, "-o", f"{ODD}.calls.gff3")
    evaluate = ("evaluate", fasta, "--labels", labels, "-m", model, "-o", f"{ODD}.metrics.json")
    succeed(*evaluate, "--no-plots")
    succeed(
        *("report", "-m", new, "--encoded", f"{ODD}.set", "--log", f"{ODD}.csv"),
        *("--metrics", f"{ODD}.metrics.json", "--title", f"{ODD}, é", "-o", f"{ODD}.html"),
    )
    assert "<title>g�nome, é" in (folder / f"{ODD}.html").read_text("utf-8")
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize("prefix", ["", f"{ODD}."])
def test_a_folder_whose_name_is_not_utf8(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    """Every format of scores and calls is written there, and what can be read back is."""
    place = tmp_path / ODD
    place.mkdir()
    for name in ("genome.fa", "m.safetensors", "sites.bed"):
        (place / (prefix + name)).write_bytes((folder / name).read_bytes())
    monkeypatch.chdir(place)
    score = ("score", f"{prefix}genome.fa", "-m", f"{prefix}m.safetensors", "--threads", "1", "-o")
    forms = [form for form in TrackFormat if form.traits.scores]
    for form in forms:
        ending = form.traits.endings[0]
        out = f"{prefix}out{ending}"
        succeed(*score, out, "--provenance", f"{prefix}p.json")
        whole = f"{prefix}out.M.plus{ending}" if form.traits.split else out
        succeed("merge", whole, "-o", f"{prefix}merged{ending}")
        assert (place / f"{prefix}merged{ending}").stat().st_size
        assert run("verify", f"{prefix}p.json").exit_code == 0
    tables = [pl.read_parquet((place / f"{prefix}{n}.parquet").read_bytes()) for n in OUT_MERGED]
    assert tables[0].height
    assert tables[0].equals(tables[1])
    for form in TrackFormat:
        if form.traits.calls:
            called = f"{prefix}calls{form.traits.endings[0]}"
            succeed(*score, f"{prefix}out.bed", "--calls", called)
            assert (place / called).is_file()
    succeed(*score, f"{prefix}out.bed.gz", "--index")
    assert not [path for path in place.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize(
    "words",
    [
        (*SCORE, "-o", "loop"),
        (*SCORE, "-o", "loop.bw"),
        (*ENCODE[:-1], "loop"),
        (*SCORE, "-o", "o.bed", "--provenance", "loop"),
        ("score", "loop", "-m", "m.safetensors", "-o", "o.bed"),
        ("score", "genome.fa", "-m", "loop", "-o", "o.bed"),
        ("info", "loop"),
        ("verify", "loop"),
        (*ENCODE[:3], "loop", *ENCODE[4:]),
        ("train", "loop", "-o", "o.safetensors"),
        ("train", "set", "-o", "loop"),
        ("report", "-m", "m.safetensors", "-o", "loop"),
        ("simulate", "--motifs", "motifs.jaspar", "-o", "loop"),
    ],
    ids=" ".join,
)
def test_a_symbolic_link_that_leads_to_itself(folder: Path, words: tuple[str, ...]) -> None:
    for name in ("loop", "loop.M.plus.bw", "loop.M.minus.bw"):
        (folder / name).symlink_to(name)
    before = {path.name for path in folder.iterdir()}
    result = run("-q", *words)
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if "warning" not in line]
    assert len(lines) == 1, lines
    assert {path.name for path in folder.iterdir()} == before


# ------------------------------------------------------------------------------- memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
@pytest.mark.parametrize(
    ("words", "needed_kib"),
    [
        ((*SCORE, "-o", "o.bed", "--calls", "c.bed"), 680_000),
        ((*SCORE, "-o", "o.parquet"), 680_000),
        ((*SCORE, "-o", "o.bed", "--regions", "sites.bed"), 680_000),
        ((*SCORE, "-o", "o.bed", "--engine", "torch"), 1_400_000),
        (("call", "scores.bed", "-m", "m.safetensors", "-o", "c.parquet"), 680_000),
        (ENCODE, 450_000),
        ((*ENCODE, "--background", "markov", "--background-share", "0.9"), 680_000),
        (("mask", "genome.fa", "--calls", "sites.bed", "-o", "o.fa"), 450_000),
        ((*SCAN, "-o", "o.bed"), 450_000),
        ((*EVALUATE[:-1], "-o", "o.json"), 780_000),
        (TRAIN, 1_400_000),
        (("report", "--encoded", "set", "-o", "o.html"), 780_000),
        ((*REPORT, "-m", "m.safetensors", "-o", "o.html"), 780_000),
        (("merge", "scores.bed", "-o", "o.bed.gz"), 200_000),
        (("merge", "o.M.plus.bw", "-o", "o.bw"), 370_000),
        (("merge", "o.parquet", "-o", "p.parquet"), 680_000),
        (("info", "m.safetensors"), 200_000),
        (("export", "m.safetensors", "-o", "m.onnx"), 200_000),
        (("selfcheck", "m.safetensors"), 1_400_000),
    ],
    ids=lambda value: " ".join(value[::3]) if isinstance(value, tuple) else "",
)
def test_little_address_space(folder: Path, words: tuple[str, ...], needed_kib: int) -> None:
    """A command works from its limit on, and says what it needs below."""
    if words[:2] == ("merge", "o.parquet"):
        succeed(*SCORE, "-o", "o.parquet")
    if words[:2] == ("merge", "o.M.plus.bw"):
        succeed(*SCORE, "-o", "o.bw")
    before = {path.name for path in folder.iterdir()}
    for limit_kib in (60_000, needed_kib - 1):
        done = process("-q", *words, limit_bytes=limit_kib << 10)
        one_line(
            done,
            f"dnabirnn {words[0]}: error: out of memory: the limit of `ulimit -v` is "
            f"{limit_kib:,} KiB, and this command needs {needed_kib:,} KiB of address space",
        )
        assert {path.name for path in folder.iterdir()} == before
        assert process(words[0], "--help", limit_bytes=limit_kib << 10).returncode == 0
    done = process("-q", *words, limit_bytes=needed_kib << 10)
    assert (done.returncode, done.stderr) == (0, b"")


def test_scripts_that_have_loaded_the_libraries_are_not_refused(folder: Path) -> None:
    """Their limit is what is left; the commands check it for a process of their own."""
    script = (
        "import resource, sys, numpy\n"
        "from dnabirnn.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_AS, (600_000 << 10,) * 2)\n"
        "sys.argv[1:] = ['info', 'm.safetensors']\n"
        "main()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        ImportError("libx.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=repr,
)
def test_a_lack_of_memory_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("dnabirnn.scoring.load", fail)
    result = run("-q", *SCORE, "-o", "o.bed")
    assert result.exit_code == 1
    assert result.stderr.startswith("dnabirnn score: error: out of memory; ")
    assert len(result.stderr.splitlines()) == 1


def test_other_failures_keep_their_traceback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("dnabirnn.scoring.load", fail)
    assert isinstance(run("-q", *SCORE, "-o", "o.bed").exception, RuntimeError)


# ------------------------------------------------------------------------- mistyped words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["scroe"], "dnabirnn: error: no such command 'scroe'; did you mean score?"),
        (["evalute", "x"], "dnabirnn: error: no such command 'evalute'; did you mean evaluate?"),
        (["Train"], "dnabirnn: error: no such command 'Train'; did you mean train?"),
        (["zzz"], "dnabirnn: error: no such command 'zzz'; see dnabirnn --help"),
        (
            ["score", "-q", "g.fa"],
            "dnabirnn score: error: -q: goes before the command: dnabirnn -q score",
        ),
        (
            ["encode", "g.fa", "--quiet"],
            "dnabirnn encode: error: --quiet: goes before the command: dnabirnn --quiet encode",
        ),
        (["--versoin"], "dnabirnn: error: no such option '--versoin'; did you mean --version?"),
        (
            ["score", "g.fa", "--modle", "m"],
            "dnabirnn score: error: no such option '--modle'; did you mean --model?",
        ),
        (
            ["encode", "g.fa", "--lables", "x"],
            "dnabirnn encode: error: no such option '--lables'; did you mean --labels?",
        ),
        (
            ["score", "g.fa", "--provenence", "x"],
            "dnabirnn score: error: no such option '--provenence'; did you mean --provenance?",
        ),
        (
            ["score", "--qqqqqq"],
            "dnabirnn score: error: no such option '--qqqqqq'; see dnabirnn score --help",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_mistyped_word_is_met_with_the_nearest(words: list[str], message: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stderr) == (2, f"{message}\n")
