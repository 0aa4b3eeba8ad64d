"""Commands run in this process, and small files for them to work on."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from planted import write_genome
from random_models import random_checkpoint
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from variant_files import write_vcf

from dnabirnn.cli import main
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.scoring_window import ScoringWindow

GENOME = {"a": 2_000, "b": 1_000, "c": 1_000}


def run(*arguments: object, input: bytes | str | None = None) -> Result:
    """Run `dnabirnn` with arguments; logger and signals are left as they were."""
    logger = logging.getLogger("dnabirnn")
    handlers, propagate, level = logger.handlers, logger.propagate, logger.level
    numbers = [
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    ]
    handled = {number: signal.getsignal(number) for number in numbers}
    try:
        return CliRunner().invoke(main, [str(argument) for argument in arguments], input=input)
    finally:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
        for number, handler in handled.items():
            signal.signal(number, handler)


def succeed(*arguments: object, input: bytes | str | None = None) -> Result:
    """Run a command that must end well."""
    result = run(*arguments, input=input)
    assert result.exit_code == 0, f"{result.stderr}\n{result.exception!r}"
    return result


def write_model(path: Path, **options: object) -> Path:
    """Write a model with random weights, of one stranded class M unless told otherwise."""
    given = {"classes": (MotifClass("M", True),), "scoring": ScoringWindow(200, 30)} | options
    random_checkpoint(**given).save(path)  # type: ignore[arg-type]
    return path


def write_fasta(path: Path, records: dict[str, str], width: int = 60) -> Path:
    """Write sequences in lines of a width."""
    with path.open("w") as file:
        for name, text in records.items():
            file.write(f">{name}\n")
            file.writelines(f"{text[i : i + width]}\n" for i in range(0, len(text), width))
    return path


def make_material(folder: Path) -> Path:
    """Fill a folder with material.

    genome.fa, sites.bed, motifs.jaspar, variants.vcf, m.safetensors, scores.bed and set/.
    """
    write_genome(folder, GENOME)
    (folder / "motifs.jaspar").write_text(">M1 M\nA [9 0]\nC [0 9]\nG [0 0]\nT [1 1]\n")
    write_vcf(folder / "variants.vcf", [])
    write_model(folder / "m.safetensors")
    genome, sites = folder / "genome.fa", folder / "sites.bed"
    succeed("encode", genome, "--labels", sites, "-o", folder / "set", "--val-chroms", "b")
    succeed("score", genome, "-m", folder / "m.safetensors", "-o", folder / "scores.bed")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Bytes of every file below a folder, by its path; folders too, as nothing."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def changed_model(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Write m.safetensors of a path's folder to that path, with another description."""

    def write(path: Path) -> None:
        source = path.parent / "m.safetensors"
        with safe_open(source, framework="numpy") as file:
            plain = json.loads(file.metadata()["dnabirnn"])
        change(plain)
        save_file(load_file(source), path, {"dnabirnn": json.dumps(plain)})

    return write


def recorded_files(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of inputs and of outputs in a provenance file."""
    plain = json.loads(path.read_text())
    inputs, outputs = ({e["path"]: e["sha256"] for e in plain[k]} for k in ("inputs", "outputs"))
    return inputs, outputs
