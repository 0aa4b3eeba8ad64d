"""`Model.motifs`, the face of the library."""

from pathlib import Path

import numpy as np
import pytest
from matrix_models import log_odds_of, matrix_checkpoint, with_sites

import dnabirnn
from dnabirnn.alphabet import decode, encode
from dnabirnn.discovery.find import find_motifs
from dnabirnn.errors import LabelError, MotifError, OptionError
from dnabirnn.explanation import Sites

WORD = encode("ACGTTGCAACCAGGT")
MATRIX = log_odds_of(WORD, 0.97)


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path, Path]:
    codes, sites = with_sites(MATRIX, 40)
    (tmp_path / "genome.fa").write_text(f">x\n{decode(codes)}\n")
    rows = [f"x\t{start}\t{end}\tA\t900\t{strand}\n" for start, end, strand in sites]
    (tmp_path / "calls.bed").write_text("".join(rows))
    matrix_checkpoint(MATRIX).save(tmp_path / "model.safetensors")
    return tmp_path / "genome.fa", tmp_path / "calls.bed", tmp_path / "model.safetensors"


def test_calls_as_a_file_as_a_table_and_of_the_model_itself(
    paths: tuple[Path, Path, Path],
) -> None:
    fasta, bed, path = paths
    model = dnabirnn.load(path, device="cpu")
    given = [model.motifs(fasta, calls=bed), model.motifs(fasta, calls=model.calls(fasta))]
    given += [model.motifs(fasta, reach=10), model.motifs(fasta, regions=bed, reach=10)]
    for discovery in given:
        (motif,) = discovery.motifs
        best = motif.motif.counts.argmax(axis=1).astype(np.uint8)
        assert decode(best) == decode(WORD)
        assert motif.sites.height == 40
    assert [one.reach_bp for one in given[2:]] == [10, 10]
    sites = Sites.of_calls(bed, model.outputs)
    direct = find_motifs(lambda: model.contigs(fasta), model, sites)
    assert direct.motifs[0].sites.equals(given[0].motifs[0].sites)


def test_bad_input(paths: tuple[Path, Path, Path], tmp_path: Path) -> None:
    fasta, bed, path = paths
    model = dnabirnn.load(path, device="cpu")
    empty = tmp_path / "empty.bed"
    empty.write_text("")
    with pytest.raises(MotifError, match=r"^no call to find motifs in"):
        model.motifs(fasta, calls=empty)
    with pytest.raises(OptionError, match=r"^calls and regions: give one of them$"):
        model.motifs(fasta, calls=bed, regions=bed)
    with pytest.raises(OptionError, match=r"--reach 0: must be a number of bases"):
        model.motifs(fasta, calls=bed, reach=0)
    other = tmp_path / "other.bed"
    other.write_text("y\t10\t20\tA\t900\t+\n")
    with pytest.raises(LabelError, match="no contig in common with the FASTA"):
        model.motifs(fasta, calls=other)
