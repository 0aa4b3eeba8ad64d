"""The reach: measured on a sample that is the same on both strands."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import write_fasta
from random_models import random_checkpoint, random_codes

from dnabirnn.alphabet import decode, reverse_complement
from dnabirnn.errors import OptionError
from dnabirnn.explanation.model import Model
from dnabirnn.explanation.reach import TOLERANCE, Reach, measure_reach, reach_of
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.sequences.read import read_fasta
from dnabirnn.sequences.records import Record
from dnabirnn.sequences.survey import Stretch


def model(threads: int = 1, **shape: object) -> Model:
    checkpoint = random_checkpoint(scoring=ScoringWindow(200, 40), spread=0.3, **shape)
    return Model(checkpoint, device="cpu", engine="fused", threads=threads)


def contigs(*lengths: int) -> list[Stretch]:
    rng = np.random.default_rng(0)
    return [Stretch(f"c{n}", random_codes(rng, n)) for n in lengths]


def measured(some: list[Stretch], one: Model | None = None, **settings: object) -> Reach:
    sizes = {contig.name: len(contig.codes) for contig in some}
    return measure_reach(some, sizes, one or model(), **settings)  # type: ignore[arg-type]


def test_few_substitutions_reach_further() -> None:
    some = contigs(700, 0, 1500)
    found = measured(some)
    assert found.sampled > 800
    assert found.beyond <= found.sampled / 1000
    assert 1 <= found.bp < 199
    # Nearly all substitutions keep to it, and some do not keep to half of it.
    changes = model().effects(some[2].codes, reach=199, profiles=True).substitutions.profiles
    size = np.abs(changes).max(axis=3).reshape(-1, 399)
    far = np.abs(np.arange(-199, 200)) > found.bp
    assert (size[:, far] > TOLERANCE).any(axis=1).mean() < 0.005
    far = np.abs(np.arange(-199, 200)) > found.bp // 2
    assert (size[:, far] > TOLERANCE).any(axis=1).mean() > 0.005
    assert f"reach of {found.bp} bases, measured on {found.sampled:,}" in found.line()


def test_the_same_for_threads_and_strands() -> None:
    some = contigs(700, 1500)
    found = measured(some)
    assert measured(some, model(threads=3)) == found
    opposite = [Stretch(c.name, reverse_complement(c.codes)) for c in some]
    mirrored = measured(opposite)
    assert mirrored == found


def test_only_what_is_wanted_is_sampled() -> None:
    some = contigs(700, 900)

    def wanted(name: str, length: int) -> np.ndarray:
        return np.array([[3, 8], [690, 730]] if name == "c700" else [], np.int64).reshape(-1, 2)

    found = measured(some, wanted=wanted)
    assert found.sampled == 3 * (some[0].codes[[*range(3, 8), *range(690, 700)]] < 4).sum()
    nothing = measured(some, wanted=lambda name, length: np.zeros((0, 2), np.int64))
    assert nothing == Reach(1)
    assert measured([Stretch("n", np.full(300, 4, np.uint8))]) == Reach(1)


def test_circular_contigs_and_whole_windows() -> None:
    some = contigs(90, 500)
    assert measured(some, circular=["c90", "c500"]).sampled > 500
    assert measured(some, model(layers=2)) == Reach(199)
    assert "not computed" in Reach(199).line()


def test_only_the_sample_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = {contig.name: decode(contig.codes) for contig in contigs(300_000, 200_000)}
    fasta, one, read = write_fasta(tmp_path / "g.fa", records), model(), []

    def read_contigs(*paths: object, needed: Callable[..., np.ndarray]) -> Iterator[Record]:
        read.extend(needed(name, len(text)) for name, text in records.items())
        return read_fasta(*paths, needed=needed)  # type: ignore[arg-type]

    monkeypatch.setattr(one, "contigs", read_contigs)
    found = reach_of("auto", one, [fasta])
    assert 0 < sum(int(np.diff(part).sum()) for part in read) < 500_000 / 10
    assert found == measured(contigs(300_000, 200_000))


def test_a_reach_that_is_given() -> None:
    codes = contigs(250)[0].codes
    assert model().effects(codes, 0, 3, reach=17).reach_bp == 17
    assert model().effects(codes, 0, 3, reach=5000).reach_bp == 199
    assert (
        model().effects(codes, 0, 3).reach_bp
        == measured([Stretch("", codes)], wanted=lambda *_: np.array([[0, 3]])).bp
    )
    for bad in (0, -4, "far"):
        with pytest.raises(OptionError, match=f"--reach {bad}: must be a number of bases"):
            model().effects(codes, reach=bad)
    with pytest.raises(OptionError, match="--deletions 101: must be 0 to 100"):
        model().effects(codes, reach=5, deletions=101)
    with pytest.raises(ValueError, match="interval 5-5 is not on the sequence"):
        model().effects(codes, 5, 5)
