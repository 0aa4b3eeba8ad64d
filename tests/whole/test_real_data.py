"""Training on real genomes to figures that must hold; DNABIRNN_DATA names the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dnabirnn.cli import main


def dnabirnn(*arguments: object) -> None:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def metrics_of(path: Path) -> dict[str, dict[str, float]]:
    return json.loads(path.read_text())["classes"]  # type: ignore[no-any-return]


@pytest.mark.slow
def test_rep_elements_of_e_coli(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "ecoli_k12"
    fasta, labels = folder / "NC_000913.3.fa.gz", folder / "rep.bed"
    chrom = "NC_000913.3"
    (tmp_path / "split.bed").write_text(
        f"{chrom}\t0\t3300000\ttrain\n{chrom}\t3300000\t3713322\tval\n"
        f"{chrom}\t3713322\t4641652\ttest\n"
    )
    (tmp_path / "test.bed").write_text(f"{chrom}\t3713322\t4641652\n")
    model, metrics = tmp_path / "rep.safetensors", tmp_path / "rep.json"
    split = ["--split", tmp_path / "split.bed"]
    dnabirnn("encode", fasta, "--labels", labels, *split, "-o", tmp_path / "rep.enc")
    dnabirnn("train", tmp_path / "rep.enc", "-o", model)
    regions = ["--regions", tmp_path / "test.bed"]
    dnabirnn("evaluate", fasta, "--labels", labels, "-m", model, *regions, "-o", metrics)
    figures = metrics_of(metrics)["REP"]
    assert figures["ap"] >= 0.92
    assert figures["ap_stranded"] >= 0.88
    # dna-brnn, trained on the same sequence, has a recall of 0.575 at a precision of 0.926.
    assert figures["best_f1"] > 0.71


@pytest.mark.slow
def test_satellites_of_human_centromeres(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "human_satellites"
    names = ("chm13_chr8_cen", "hg002_chr13mat_parm", "hg002_chr14mat_parm", "chm13_chrY_cen")
    fasta = [folder / f"{name}.fa.gz" for name in names]
    labels = ["--labels", folder / "satellites.strand.bed", "--ignore-classes", "gSat,cenSat"]
    model, metrics = tmp_path / "satellites.safetensors", tmp_path / "satellites.json"
    split = ["--test-chroms", names[3]]
    dnabirnn("encode", *fasta, *labels, *split, "-o", tmp_path / "satellites.enc")
    dnabirnn("train", tmp_path / "satellites.enc", "-o", model)
    dnabirnn("evaluate", fasta[3], *labels, "-m", model, "-o", metrics)
    figures = metrics_of(metrics)
    assert figures["alpha"]["ap"] >= 0.999
    assert figures["HSat3"]["ap"] >= 0.98
    assert figures["bSat"]["ap"] >= 0.85
    assert figures["HSat1A"] is None
