"""What variants change, against scoring the changed sequence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from random_models import random_checkpoint, random_codes
from variant_files import changed, random_variant

from dnabirnn.alphabet import decode, encode, reverse_complement
from dnabirnn.engine.mutant_engine import make_mutant_engine
from dnabirnn.explanation.layout import Layout
from dnabirnn.explanation.model import Model
from dnabirnn.explanation.variants.alleles import Allele, Skipped, edits_of
from dnabirnn.explanation.variants.changes import AlleleChanges
from dnabirnn.explanation.variants.stream import (
    Annotated,
    Contigs,
    VariantSettings,
    _Method,
    _Task,
    variant_changes,
)
from dnabirnn.explanation.variants.vcf import Row
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Cell
from dnabirnn.network.call_rules import CallMethod, CallRule, CallSettings
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.calls import find_calls
from dnabirnn.scoring.runs import find_runs
from dnabirnn.sequences.survey import Stretch

WINDOW = ScoringWindow(60, 10)
REACH = 25


def row_of(chrom: str, start: int, ref: str, *alts: str) -> Row:
    text = "\t".join([chrom, str(start + 1), ".", ref, ",".join(alts), ".", ".", "."])
    return Row(
        "x.vcf, line 1", text.encode(), chrom, start, ".", ref.encode(), [*map(str.encode, alts)]
    )


def model_of(checkpoint: Checkpoint, engine: str = "fused", threads: int = 1) -> Model:
    return Model(checkpoint, device="cpu", engine=engine, threads=threads)


def computed(
    model: Model,
    contigs: Sequence[Stretch],
    rows: Sequence[Row],
    *,
    reach: int = REACH,
    circular: Sequence[str] = (),
    column: int | None = None,
) -> list[Annotated]:
    settings = VariantSettings(reach, CallSettings(model.checkpoint.calls), sample_column=column)
    lengths = {contig.name: len(contig.codes) for contig in contigs}
    held = Contigs(lambda: iter(contigs), lengths)
    skipped: Counter[Skipped] = Counter()
    found = list(variant_changes(rows, held, model, settings, skipped, circular))
    assert not skipped
    return found


def joined(found: Sequence[Annotated]) -> AlleleChanges:
    return AlleleChanges(
        *(np.concatenate(arrays) for arrays in zip(*(one.changes for one in found), strict=True))
    )


def check_extremes(
    changes: AlleleChanges, number: int, change: np.ndarray, places: np.ndarray, tolerance: float
) -> None:
    """Compare with changes of probabilities (n, O) at positions relative to POS, (n,)."""
    for output in range(change.shape[1]):
        for sign, size, distance in (
            (1, changes.gain, changes.gain_distance),
            (-1, changes.loss, changes.loss_distance),
        ):
            own = sign * change[:, output]
            found = size[number, output]
            assert found == pytest.approx(max(own.max(initial=0), 0), abs=tolerance)
            if found > 2 * tolerance:
                at = np.flatnonzero(places == distance[number, output])
                assert own[at].max() == pytest.approx(found, abs=2 * tolerance)


SHAPES = {
    "gru": {"kmer": 3},
    "two layers": {"layers": 2},
    "exclusive": {"exclusive": True, "cell": Cell.LSTM},
}


def checkpoint_of(shape: str, window: ScoringWindow = WINDOW, spread: float = 0.3) -> Checkpoint:
    checkpoint = random_checkpoint(scoring=window, spread=spread, **SHAPES[shape])
    if not checkpoint.architecture.exclusive:
        return checkpoint
    return replace(checkpoint, maps=(LogOddsMap(0.3, 0.0), LogOddsMap(0.2, 0.1)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("circular", [False, True])
def test_substitutions_have_the_numbers_of_score(shape: str, circular: bool) -> None:
    rng = np.random.default_rng(1)
    model = model_of(checkpoint_of(shape))
    for length in (50, 61, 90, 333):
        codes = random_codes(rng, length, ambiguous=0.02)
        rows, alleles = [], []
        for start in [0, 1, length - 2, length - 1, *rng.integers(2, length - 2, 12).tolist()]:
            size = int(rng.integers(1, 4)) if start < length - 3 else 1
            if (codes[start : start + size] > 3).any():
                continue
            ref = decode(codes[start : start + size])
            alt = decode((codes[start : start + size] + rng.integers(1, 4, size)) % 4)
            rows.append(row_of("c", start, ref, alt))
            alleles.append((start, ref, alt))
        changes = joined(
            computed(model, [Stretch("c", codes)], rows, circular=["c"] if circular else [])
        )
        before = model.score(codes, circular=circular)
        assert len(alleles) > 8
        for number, (start, ref, alt) in enumerate(alleles):
            after = model.score(changed(codes, start, ref, alt), circular=circular)
            reach = min(REACH, (length - 1) // 2) if circular else REACH
            offsets = np.arange(-reach, len(ref) + reach)
            if circular:
                offsets = offsets[: max(length, 1)]
                places = (start + offsets) % length
            else:
                offsets = offsets[(start + offsets >= 0) & (start + offsets < length)]
                places = start + offsets
            check_extremes(changes, number, (after - before)[places], offsets, 1e-4)


def naive_change(
    before: np.ndarray, after: np.ndarray, start: int, ref: str, alt: str
) -> tuple[np.ndarray, np.ndarray]:
    """Changes of an anchored insertion or deletion, and their positions relative to POS."""
    at, old, new = start + 1, len(ref) - 1, len(alt) - 1
    kept = np.array([p for p in range(len(before)) if not at <= p < at + old])
    moved = np.where(kept < at, kept, kept + new - old)
    rows, places = [after[moved] - before[kept]], [kept - start]
    flank_before = [p for p in (at - 1, at + old) if 0 <= p < len(before)]
    flank_after = [p for p in (at - 1, at + new) if 0 <= p < len(after)]
    if new:
        gain = after[at : at + new].max(axis=0) - before[flank_before].max(axis=0)
        rows.append(gain.clip(0)[None])
        places.append(np.array([0]))
    if old:
        kept_best = after[flank_after].max(axis=0)
        loss = np.zeros((old, before.shape[1]))
        best = before[at : at + old].argmax(axis=0)
        for output, place in enumerate(best):
            loss[place, output] = min(kept_best[output] - before[at + place, output], 0)
        rows.append(loss)
        places.append(np.arange(at, at + old) - start)
    return np.concatenate(rows), np.concatenate(places)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["insertion", "deletion"])
def test_indels_in_one_window_have_the_numbers_of_score(shape: str, kind: str) -> None:
    rng = np.random.default_rng(2)
    # The contig fits a scoring window, so that `score` has the same layout.
    model = model_of(checkpoint_of(shape, ScoringWindow(300, 20)))
    codes = random_codes(rng, 100, ambiguous=0)
    alleles = [random_variant(rng, codes, kind) for _ in range(12)]
    alleles += [(0, decode(codes[:1]), decode(codes[:1]) + "GGATC")]
    alleles += [(99, decode(codes[99:]), decode(codes[99:]) + "GGATC")]
    alleles += [(96, decode(codes[96:]), decode(codes[96:97]))]
    rows = [row_of("c", *one) for one in alleles]
    changes = joined(computed(model, [Stretch("c", codes)], rows, reach=100))
    before = model.score(codes)
    for number, (start, ref, alt) in enumerate(alleles):
        after = model.score(changed(codes, start, ref, alt))
        trimmed = normalized(start, ref, alt)
        change, places = naive_change(before, after, *trimmed)
        check_extremes(changes, number, change, places + trimmed[0] - start, 1e-5)


def normalized(start: int, ref: str, alt: str) -> tuple[int, str, str]:
    """An anchored allele without bases that both share at the end."""
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return start, ref, alt


def test_what_an_insertion_gains_its_deletion_loses() -> None:
    rng = np.random.default_rng(3)
    model = model_of(checkpoint_of("gru", ScoringWindow(300, 20)))
    codes = random_codes(rng, 120, ambiguous=0)
    for start in range(10, 110, 9):
        ref = decode(codes[start : start + 1])
        alt = ref + "GATTACA"
        longer = changed(codes, start, ref, alt)
        there = joined(
            computed(model, [Stretch("c", codes)], [row_of("c", start, ref, alt)], reach=200)
        )
        back = joined(
            computed(model, [Stretch("c", longer)], [row_of("c", start, alt, ref)], reach=200)
        )
        np.testing.assert_allclose(there.gain, back.loss, atol=1e-6)
        np.testing.assert_allclose(there.loss, back.gain, atol=1e-6)
        np.testing.assert_array_equal(there.calls_gained, back.calls_lost)
        np.testing.assert_array_equal(there.calls_lost, back.calls_gained)


@pytest.mark.parametrize("circular", [False, True])
def test_the_opposite_strand_is_the_exact_mirror(circular: bool) -> None:
    rng, swap = np.random.default_rng(11), [1, 0, 2]
    model = model_of(checkpoint_of("gru"))
    settings = VariantSettings(REACH, CallSettings(model.checkpoint.calls))
    mutants = make_mutant_engine(model.engine)
    for length in (90, 143, 400):
        codes = random_codes(rng, length)
        layouts = [
            Layout(Stretch("c", one), circular, WINDOW)
            for one in (codes, reverse_complement(codes))
        ]
        found: list[AlleleChanges] = []
        edits = []
        for _ in range(20):
            removed = int(rng.integers(0, 4))
            at = int(rng.integers(0, length - removed))
            new = random_codes(rng, 1 if removed == 1 else int(rng.integers(removed == 0, 5)), 0)
            edits.append((at, removed, new))
        for layout, turned in zip(layouts, (False, True), strict=True):
            alleles = []
            for at, removed, new in edits:
                place = length - at - removed if turned else at
                own = reverse_complement(new) if turned else new
                parts = edits_of(place, layout.codes[place : place + removed], own)
                alleles.append((0, Allele(0, place, place, place + removed, parts)))
            row = row_of("c", 0, "A", "C")
            found.append(
                _Method(model, mutants, settings).run(_Task(layout, [row], alleles)).changes
            )
        one, other = found
        for name in (
            "gain",
            "gain_log_odds",
            "loss",
            "loss_log_odds",
            "calls_gained",
            "calls_lost",
        ):
            a, b = getattr(one, name), getattr(other, name)[:, swap]
            np.testing.assert_array_equal(a, b, err_msg=name)
        single = [
            number for number, (_, removed, new) in enumerate(edits) if removed == 1 == len(new)
        ]
        np.testing.assert_array_equal(
            one.gain_distance[single], -other.gain_distance[single][:, swap]
        )
        assert one.gain.max() > 0.01


def test_an_insertion_before_the_first_base_and_a_deletion_of_everything() -> None:
    model = model_of(checkpoint_of("gru", ScoringWindow(300, 20)))
    codes = encode("ACGTTGCATT")
    first = row_of("c", 0, "A", "GGA")
    everything = row_of("c", 0, "ACGTTGCATT", "TTG")
    changes = joined(computed(model, [Stretch("c", codes)], [first, everything]))
    before, after = model.score(codes), model.score(encode("GGACGTTGCATT"))
    own = np.concatenate([after[2:] - before, (after[:2].max(axis=0) - before[0]).clip(0)[None]])
    check_extremes(changes, 0, own, np.array([*range(10), 0]), 1e-5)
    assert np.isfinite(changes.gain).all()


def test_results_do_not_depend_on_other_rows_threads_or_the_order_of_contigs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(4)
    contigs = [
        Stretch(name, random_codes(rng, n, ambiguous=0))
        for name, n in zip("abc", (400, 90, 700), strict=True)
    ]
    rows = []
    for contig in contigs[::-1]:
        kinds = rng.choice(["substitution", "insertion", "deletion"], 40)
        own = sorted(random_variant(rng, contig.codes, kind) for kind in kinds)
        rows += [row_of(contig.name, *one) for one in own]
    checkpoint = checkpoint_of("gru")
    whole = joined(computed(model_of(checkpoint), contigs, rows))
    monkeypatch.setattr("dnabirnn.explanation.variants.stream._ROWS", 3)
    monkeypatch.setattr("dnabirnn.explanation.variants.stream._TOGETHER", 1)
    monkeypatch.setattr("dnabirnn.explanation.variants.stream._LINE_BYTES", 50)
    cut = computed(model_of(checkpoint, threads=3), contigs[::-1], rows)
    assert [row for one in cut for row in one.rows] == rows
    for name, a, b in zip(AlleleChanges._fields, whole, joined(cut), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
    of_torch = joined(computed(model_of(checkpoint, "torch"), contigs, rows))
    np.testing.assert_allclose(whole.gain, of_torch.gain, atol=1e-5)
    np.testing.assert_allclose(whole.loss, of_torch.loss, atol=1e-5)


def test_indels_differ_from_score_by_the_layout_of_windows_only() -> None:
    """Windows so long that what is beyond them has no effect: then the layouts do not matter."""
    rng = np.random.default_rng(5)
    model = model_of(checkpoint_of("gru", ScoringWindow(200, 60), spread=0.2))
    codes = random_codes(rng, 1500, ambiguous=0)
    alleles = [
        random_variant(rng, codes, kind) for kind in ("insertion", "deletion") for _ in range(15)
    ]
    rows = [row_of("c", *one) for one in alleles]
    changes = joined(computed(model, [Stretch("c", codes)], rows, reach=50))
    before = model.score(codes)
    for number, (start, ref, alt) in enumerate(alleles):
        after = model.score(changed(codes, start, ref, alt))
        trimmed = normalized(start, ref, alt)
        change, places = naive_change(before, after, *trimmed)
        near = (places >= -49) & (places < 49 + len(ref))
        check_extremes(changes, number, change[near], places[near], 0.01)


def haplotype_rows(alleles: Sequence[tuple[int, str, str]], genotypes: Sequence[str]) -> list[Row]:
    rows = []
    for one, genotype in zip(alleles, genotypes, strict=True):
        row = row_of("c", *one)
        rows.append(row._replace(line=row.line + b"\tGT:PS\t" + genotype.encode()))
    return rows


def of_haplotypes(found: Sequence[Annotated]) -> Iterator[tuple[int, int, int]]:
    """Row, haplotype and number of each change."""
    number = row = 0
    for one in found:
        for own, allele in one.alleles:
            yield row + own, allele.haplotype, number
            number += 1
        row += len(one.rows)


def test_haplotypes_of_substitutions_are_scored_as_a_whole() -> None:
    rng = np.random.default_rng(6)
    model = model_of(checkpoint_of("gru"))
    codes = random_codes(rng, 400, ambiguous=0)
    alleles = []
    for start in sorted(rng.choice(400, 30, replace=False).tolist()):
        base = int(codes[start])
        alleles.append((start, "ACGT"[base], "ACGT"[(base + 1 + int(rng.integers(3))) % 4]))
    genotypes = [str(text) for text in rng.choice(["0|1", "1|0", "1|1", "0|0", "1/1"], 30)]
    found = computed(model, [Stretch("c", codes)], haplotype_rows(alleles, genotypes), column=9)
    changes, before, seen = joined(found), model.score(codes), 0
    after = []
    for haplotype in (0, 1):
        own = codes.copy()
        for (start, _, alt), genotype in zip(alleles, genotypes, strict=True):
            if genotype[2 * haplotype] == "1":
                own[start] = encode(alt)[0]
        after.append(model.score(own))
    for row, haplotype, number in of_haplotypes(found):
        assert genotypes[row][2 * (haplotype - 1)] == "1"
        start = alleles[row][0]
        offsets = np.arange(-REACH, REACH + 1)
        offsets = offsets[(start + offsets >= 0) & (start + offsets < 400)]
        change = (after[haplotype - 1] - before)[start + offsets]
        check_extremes(changes, number, change, offsets, 1e-4)
        seen += 1
    assert seen == sum(genotype.count("1") for genotype in genotypes)


def test_variants_of_a_haplotype_can_compensate() -> None:
    rng = np.random.default_rng(7)
    model = model_of(checkpoint_of("gru", ScoringWindow(300, 20)))
    codes = random_codes(rng, 200, ambiguous=0)
    base = decode(codes[90:91])
    other = "A" if base != "A" else "C"
    # A base is deleted, and inserted again right behind.
    deleted = decode(codes[99:101])
    alleles = [(90, base, other), (99, deleted, deleted[0]), (100, deleted[1], deleted[1] * 2)]
    together = computed(
        model, [Stretch("c", codes)], haplotype_rows(alleles, ["0|1:7", "1|0:7", "1|0:7"]), column=9
    )
    changes = joined(together)
    assert changes.gain[1:].max() < 1e-5
    assert changes.loss[1:].max() < 1e-5
    apart = computed(
        model, [Stretch("c", codes)], haplotype_rows(alleles, ["0|1:7", "1|0:7", "1|0:8"]), column=9
    )
    assert joined(apart).gain[1:].max() > 1e-3  # another phase set


def test_calls_gained_and_lost_are_those_of_the_changed_sequence() -> None:
    rng = np.random.default_rng(8)
    checkpoint = replace(
        checkpoint_of("gru", ScoringWindow(2000, 50)),
        calls={"A": CallRule(600, 3, 2), "B": CallRule(500, 2, 0)},
    )
    model = model_of(checkpoint)
    codes = random_codes(rng, 600, ambiguous=0)
    alleles = sorted(
        random_variant(rng, codes, kind)
        for kind in ("substitution", "insertion", "deletion")
        for _ in range(25)
    )
    rows = [row_of("c", *one) for one in alleles]
    changes = joined(computed(model, [Stretch("c", codes)], rows, reach=600))

    def calls(sequence: np.ndarray) -> list[set[frozenset[int]]]:
        scores = np.floor(model.score(sequence).astype(np.float64) * 1000 + 0.5)
        found = []
        for output, (name, _) in enumerate(model.outputs):
            rule = checkpoint.calls[name]
            runs: list[list[int]] = []
            for base in np.flatnonzero(scores[:, output] >= rule.threshold).tolist():
                if runs and base - runs[-1][1] <= rule.merge_gap_bp:
                    runs[-1][1] = base + 1
                else:
                    runs.append([base, base + 1])
            found.append({frozenset(range(*r)) for r in runs if r[1] - r[0] >= rule.min_length_bp})
        return found

    before, total = calls(codes), 0
    for number, (start, ref, alt) in enumerate(alleles):
        start, ref, alt = normalized(start, ref, alt)
        after = calls(changed(codes, start, ref, alt))
        shift = len(alt) - len(ref)
        at, old = start + (shift != 0), len(ref) - (shift != 0)
        new = len(alt) - (shift != 0)

        for output in range(len(before)):
            old_calls = before[output]
            new_calls = [
                {b if b < at else b - shift for b in c if shift == 0 or not at <= b < at + new}
                for c in after[output]
            ]
            kept = [
                frozenset(b for b in c if shift == 0 or not at <= b < at + old) for c in old_calls
            ]
            gained = sum(not any(call & other for other in kept) for call in new_calls)
            lost = sum(not any(call & other for other in new_calls) for call in kept)
            assert changes.calls_gained[number, output] == gained
            assert changes.calls_lost[number, output] == lost
            total += gained + lost
    assert total > 20


@pytest.mark.parametrize("method", ["evidence", "mss"])
@pytest.mark.parametrize("kind", ["substitution", "insertion", "deletion"])
def test_calls_by_other_methods(method: str, kind: str) -> None:
    rng = np.random.default_rng(10)
    checkpoint = replace(
        checkpoint_of("gru", ScoringWindow(2000, 50)),
        calls={"A": CallRule(600, 3, 2, 900), "B": CallRule(500, 2, 0, 900)},
    )
    model = model_of(checkpoint)
    codes = random_codes(rng, 600, ambiguous=0)
    settings = CallSettings(checkpoint.calls, CallMethod(method), checkpoint.evidence_scales())

    def calls(sequence: np.ndarray) -> list[tuple[int, int, int]]:
        runs = find_runs(model.blocks([Stretch("c", sequence)]), min_score=100)
        (rows,) = find_calls(runs, model.outputs, settings)
        return list(zip(rows.output.tolist(), rows.start.tolist(), rows.end.tolist(), strict=True))

    alleles = [random_variant(rng, codes, kind) for _ in range(25)]
    rows = [row_of("c", *one) for one in alleles]
    held = Contigs(lambda: iter([Stretch("c", codes)]), {"c": 600})
    found = variant_changes(rows, held, model, VariantSettings(600, settings), Counter())
    changes, before, total = joined(list(found)), calls(codes), 0
    for number, (start, ref, alt) in enumerate(alleles):
        start, ref, alt = normalized(start, ref, alt)
        shift = len(alt) - len(ref)
        after = calls(changed(codes, start, ref, alt))

        def same(one: tuple[int, int, int], other: tuple[int, int, int], at: int, by: int) -> bool:
            """Whether a call of the contig and one of the changed contig have a base in common."""
            there = {b if b <= at else b + by for b in range(*one[1:]) if not at < b <= at - by}
            here = {b for b in range(*other[1:]) if not at < b <= at + by}
            return one[0] == other[0] and bool(there & here)

        for output in range(3):
            lost = sum(
                one[0] == output and not any(same(one, two, start, shift) for two in after)
                for one in before
            )
            gained = sum(
                two[0] == output and not any(same(one, two, start, shift) for one in before)
                for two in after
            )
            assert changes.calls_lost[number, output] == lost
            assert changes.calls_gained[number, output] == gained
            total += lost + gained
    assert total > 5


def test_classes_without_calls_have_no_counts() -> None:
    checkpoint = replace(
        random_checkpoint((MotifClass("A", True), MotifClass("B", False)), scoring=WINDOW),
        calls={"A": CallRule(500, 1, 0)},
    )
    codes = random_codes(np.random.default_rng(9), 100, ambiguous=0)
    settings = VariantSettings(9, CallSettings(checkpoint.calls))
    held = Contigs(lambda: iter([Stretch("c", codes)]), {"c": 100})
    ref = decode(codes[50:51])
    rows = [row_of("c", 50, ref, "A" if ref != "A" else "C", ref + "AC")]
    found = list(variant_changes(rows, held, model_of(checkpoint), settings, Counter()))
    assert (found[0].changes.calls_gained[:, 2] == -1).all()
    assert (found[0].changes.calls_gained[:, :2] >= 0).all()
