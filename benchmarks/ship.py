"""Train the models that ship with dnabirnn, each with its card, and write docs/models.md.

Texts of the cards are stored in the model files. Change them only together with the models:
docs/models.md shows the card of each file, and a test compares them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.material import data_folder
from benchmarks.measure import machine, seconds_of
from benchmarks.presets import TIMED_BP, scoring
from benchmarks.scored import Prepared, run
from benchmarks.tasks import TASKS
from dnabirnn.network import load_checkpoint
from dnabirnn.sequences import contig_lengths

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ship", "shipped_for"]

_ROOT = Path(__file__).parent.parent
_FOLDER = _ROOT / "dnabirnn" / "models"


@dataclasses.dataclass(frozen=True)
class _Shipped:
    """A model that ships.

    Attributes
    ----------
    task : str
        One of `TASKS`.
    train : str
        Options of `dnabirnn train`.
    controls : tuple of str
        Tasks whose test sequence has no sites of the model's classes.
    card : mapping of str to str
        Entries of the card that are not measured.
    """

    task: str
    train: str
    controls: tuple[str, ...]
    card: Mapping[str, str]


_MODELS = {
    "satellites": _Shipped(
        "satellites",
        "--exclusive --preset accurate --prior alpha=0.014 --prior HSat3=0.0077 "
        "--prior HSat1A=0.0021 --prior bSat=0.00125",
        ("rep", "fly"),
        {
            "for": "alpha satellite, HSat1A, HSat3 and beta satellite of human centromeres and "
            "acrocentric arms, in assemblies of long reads",
            "data": "CHM13v2.0 chr8, HG002v1.1 chr13 (maternal); chosen and calibrated on "
            "HG002v1.1 chr14 (maternal); tested on CHM13v2.0 chrY. Truth: CenSat's annotation. "
            "And 9 Mb of random Markov chains and tandem repeats, of many compositions, as "
            "background. Probabilities and thresholds are for the classes' shares of a whole "
            "human genome (Altemose 2022)",
            "licence": "assemblies and annotation are public domain, CC0 (T2T consortium: Nurk "
            "2022, Altemose 2022, Rhie 2023); the model has the licence of dnabirnn",
            "limits": "chr13 and chr14 hold near-copies of each other, so that figures of chr14 "
            "are too good. No chromosome with HSat1A was left to test it on. HSat2 and HSat1B were "
            "not seen; gamma and other centromeric satellites are neither for nor against. Tandem "
            "repeats as background, and gaps of 500 bp, were chosen with chrY's errors in sight, "
            "so that its figures are somewhat too good",
        },
    ),
    "ecoli-rep": _Shipped(
        "rep",
        "--preset accurate",
        ("satellites", "fly"),
        {
            "for": "REP elements of Escherichia coli and near relatives",
            "data": "E. coli K-12 MG1655 (NC_000913.3), the first 3.7 Mb; tested on the rest. "
            "Truth: RefSeq's repeat regions",
            "licence": "the data are public, without restriction (NCBI RefSeq); the model has the "
            "licence of dnabirnn",
            "limits": "of one genome; about 2 % of its elements are not in the truth",
        },
    ),
    "fly-splice": _Shipped(
        "fly",
        "--preset accurate",
        ("rep",),
        {
            "for": "splice donors and acceptors and start codons of Drosophila genes",
            "data": "392 gene loci of chr2L, a fifth of the sequence for choice and calibration; "
            "tested on 100 others (AUGUSTUS training sets, FlyBase)",
            "licence": "the loci are of AUGUSTUS (Artistic licence); the model has the licence of "
            "dnabirnn",
            "limits": "truth is of coding sequence: signals in untranslated regions count as "
            "background, and other isoforms are missing. Four fifths of its false donors look "
            "real to AUGUSTUS. Far from precise enough to annotate genes with by itself",
        },
    ),
    "bacterial-promoters": _Shipped(
        "four_species_tss",
        "",
        ("satellites", "fly"),
        {
            "for": "the 40 bases upstream of transcription start sites of bacteria",
            "data": "C. jejuni 11168, H. pylori 26695, E. coli K-12 and C. pneumoniae CWL029, a "
            "fifth of the sequence for choice and calibration; tested on S. pyogenes S119, a "
            "species that it never saw (dRNA-seq, collected by Chevez-Guardado 2021)",
            "licence": "coordinates are of published supplements, genomes are public, without "
            "restriction (INSDC); the model has the licence of dnabirnn",
            "limits": "mostly promoters of the housekeeping sigma factor. Sites that no condition "
            "expressed are missing from the truth. Not trained on genomes with more than 51 % GC",
        },
    ),
    "bacterial-terminators": _Shipped(
        "bacterial_terminators",
        "",
        ("satellites", "fly"),
        {
            "for": "the last 40 bases of transcripts of bacteria: a hairpin and a run of T",
            "data": "S. pneumoniae D39V and E. coli K-12 (Ju 2019); chosen and calibrated on "
            "Synechocystis 6803; tested on V. natriegens (term-seq, collected by Taheri "
            "Ghahfarokhi 2025)",
            "licence": "coordinates are of published supplements, genomes are public, without "
            "restriction (INSDC); the model has the licence of dnabirnn",
            "limits": "intrinsic terminators. Ends that depend on Rho, or that enzymes cut, are "
            "in the truth, but are hardly found",
        },
    ),
    "yeast-factors": _Shipped(
        "yeast_chipexo",
        "",
        ("rep",),
        {
            "for": "sites that Abf1, Cbf1, Cin5, Fkh1, Mcm1, Rap1, Reb1 and Ume6 bind in S. "
            "cerevisiae",
            "data": "chromosomes of S. cerevisiae S288C; chosen and calibrated on chr4 and chr7, "
            "tested on chr12 and chr15 (ChIP-exo, Rossi 2021)",
            "licence": "the coordinates are of a published supplement, the genome is public "
            "(SGD); the model has the licence of dnabirnn",
            "limits": "one condition of growth; unbound means not called by the authors. Binding "
            "events without a copy of the consensus were left out",
        },
    ),
}


def shipped_for(task: str) -> str | None:
    """Return the name of the shipped model that was trained for a task; None if there is none."""
    return next((name for name, model in _MODELS.items() if model.task == task), None)


def ship(folder: Path) -> None:
    """Train, test and write all models, and write docs/models.md."""
    _FOLDER.mkdir(exist_ok=True)
    parts = [(_ROOT / "benchmarks" / "models.md").read_text()]
    data = data_folder()
    for name, model in _MODELS.items():
        prepared = Prepared(model.task, folder)
        path = folder / f"{name}.safetensors"
        prepared.train(path, model.train.split())
        metrics = prepared.evaluate(path, prepared.places("test")[0]).metrics
        controls = {
            other: _called(path, [str(data / file) for file in TASKS[other].test.fasta], folder)
            for other in model.controls
        }
        figures = "; ".join(
            _figures(class_name, entry, metrics["calls"][class_name])
            for class_name, entry in metrics["classes"].items()
            if entry is not None
        )
        absent = "".join(
            f"; {class_name}, of which there is none: {entry['called_bases']} of "
            f"{entry['bases']} bases called"
            for class_name, entry in metrics["absent"].items()
        )
        called_in_controls = ", ".join(
            f"{called} of {bases:,} of {n}" for n, (called, bases) in controls.items()
        )
        trained = load_checkpoint(path)
        card = {
            **model.card,
            "thresholds": ", ".join(
                f"{class_name} {rule.threshold / 1000:g}"
                for class_name, rule in trained.calls.items()
            ),
            "speed": f"{_speed(path):.1f} Mb/s on one core of {machine()['processor']}",
            "test": figures + absent,
            "controls": f"bases called where there are none: {called_in_controls}",
            "command": f"dnabirnn train {model.task}.enc {model.train}".rstrip(),
        }
        checkpoint = dataclasses.replace(trained, card=card)
        checkpoint.save(_FOLDER / f"{name}.safetensors")
        rows = "\n".join(f"| {key} | {text} |" for key, text in card.items())
        parts.append(f"## {name}\n\n| | |\n|---|---|\n{rows}\n")
    (_ROOT / "docs" / "models.md").write_text("\n".join(parts))


def _figures(class_name: str, entry: Mapping[str, Any], calls: Mapping[str, Any]) -> str:
    """Return the metrics of a class as text, with the 95 % interval of its average precision."""
    low, high = entry["ap_ci"]
    return (
        f"{class_name} AP {entry['ap']:.4f} ({low:.4f} to {high:.4f}), bases at the threshold: "
        f"recall {entry['recall']:.4f}, precision {entry['precision']:.4f}; calls' F1 "
        f"{calls['f1']:.3f}"
    )


def _called(model: Path, fasta: list[str], folder: Path) -> tuple[int, int]:
    """Return the number of bases called, and of all bases, in genomes without the model's sites."""
    calls, scores = folder / "control.bed", folder / "control.scores.bed"
    run("score", *fasta, "-m", str(model), "-o", str(scores), "--calls", str(calls))
    rows = [line.split("\t") for line in calls.read_text().splitlines()]
    called = sum(int(row[2]) - int(row[1]) for row in rows)
    return called, sum(contig_lengths(*fasta).values())


def _speed(model: Path) -> float:
    """Return the speed of one thread on random bases, in Mb/s."""
    return TIMED_BP / seconds_of([scoring(model)], repeats=3)[0] / 1e6
