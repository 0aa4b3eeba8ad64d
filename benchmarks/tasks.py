"""Tasks on real data: which files train, choose and test a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.copies import Copies
from benchmarks.decoys import VALIDATION
from benchmarks.ends import Ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.scored import ScoredContig
    from dnabirnn.motif_classes import Output

__all__ = ["TASKS", "Extra", "Sequences", "Task"]


class Extra(Protocol):
    """Further figures of a task, from the scores of several models and of the matrix."""

    def rows(
        self,
        data: Path,
        labels: Sequence[Path],
        outputs: Sequence[Output],
        contigs: Iterable[ScoredContig],
    ) -> list[dict[str, Any]]:
        """Return rows with a key "class"; it is a class, or "mean" for all of them.

        Parameters
        ----------
        data : Path
            The folder `DNABIRNN_DATA`.
        labels : sequence of Path
            Label files of the sequences.
        outputs : sequence of Output
            Meaning of the columns of scores.
        contigs : iterable of ScoredContig
        """


@dataclass(frozen=True)
class Sequences:
    """Sequences with their truth: files in the folder `DNABIRNN_DATA`.

    Attributes
    ----------
    fasta, labels : tuple of str
    regions : str
        Rows of a BED, outside which bases do not count; empty for whole contigs.
    """

    fasta: tuple[str, ...]
    labels: tuple[str, ...]
    regions: str = ""


@dataclass(frozen=True)
class Task:
    """A real task.

    Attributes
    ----------
    about : str
        What it is, for docs/accuracy.md.
    train : Sequences
        Training and validation sequence.
    tests : mapping of str to Sequences
        Test sets by name.
    split : str
        Rows of the BED for `encode --split`; empty if `options` say how to split.
    options : tuple of str
        Options of `encode`.
    ignore_classes : tuple of str
        Classes whose bases do not count.
    flank_bp : int
        Bases to ignore on each side of both ends of a label.
    exclude : tuple of str
        BED files of bases that do not count.
    decoys : bool
        Whether to add sequence without sites to the training data. Calls are arbitrary on sequence
        of a composition that the training genome does not have.
    alone : bool
        Whether to train each class alone as well.
    extras : tuple of Extra
    """

    about: str
    train: Sequences
    tests: Mapping[str, Sequences]
    split: str = ""
    options: tuple[str, ...] = ()
    ignore_classes: tuple[str, ...] = ()
    flank_bp: int = 0
    exclude: tuple[str, ...] = ()
    decoys: bool = False
    alone: bool = False
    extras: tuple[Extra, ...] = ()

    @property
    def test(self) -> Sequences:
        """The first test set."""
        return next(iter(self.tests.values()))


def _in(folder: str, *files: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{file}" for file in files)


def _pairs(folder: str, ending: str, *names: str) -> Sequences:
    """Return genomes with label files of the same name."""
    genomes = (f"{name}.fa.gz" for name in names)
    return Sequences(_in(folder, *genomes), _in(folder, *(name + ending for name in names)))


def _ecoli(about: str, labels: tuple[str, ...], **more: Any) -> Task:
    """Return a task on E. coli K-12, whose last fifth is the test."""
    genome = _in("ecoli_k12", "NC_000913.3.fa.gz")
    name = "NC_000913.3"
    return Task(
        about,
        Sequences(genome, labels),
        {"last fifth": Sequences(genome, labels, f"{name}\t3713322\t4641652\n")},
        split=f"{name}\t0\t3300000\ttrain\n{name}\t3300000\t3713322\tval\n"
        f"{name}\t3713322\t4641652\ttest\n",
        **more,
    )


def _satellites() -> Task:
    folder, labels = "human_satellites", _in("human_satellites", "satellites.strand.bed")
    train = ("chm13_chr8_cen.fa.gz", "hg002_chr13mat_parm.fa.gz", "hg002_chr14mat_parm.fa.gz")
    return Task(
        "Trained on centromeres of human chr8 and chr13, chosen on chr14, tested on chrY. "
        "Random Markov chains and tandem repeats of many compositions are added as background. "
        "Without the chains, a fifth of *E. coli* is called. Without the repeats, "
        "minisatellites are called HSat3 and AT-rich repeats HSat1A. chr13 and chr14 contain "
        "near-copies of each other, so validation is optimistic. HSat1A is only on chr13 and "
        "chr14, so chrY has none to find.",
        Sequences(_in(folder, *train), labels),
        {"chrY": Sequences(_in(folder, "chm13_chrY_cen.fa.gz"), labels)},
        options=("--val-chroms", ",".join(["hg002_chr14mat_parm", *VALIDATION])),
        ignore_classes=("gSat", "cenSat"),
        decoys=True,
    )


def _yeast() -> Task:
    folder = "yeast_chipexo"
    genome, labels = _in(folder, "S288C_R64.fa.gz"), _in(folder, "sites.bed")
    whole = "".join(f"{name}\t0\t{length}\n" for name, length in _YEAST_TEST.items())
    return Task(
        "Sites that eight transcription factors of *S. cerevisiae* bind (ChIP-exo, Rossi "
        "2021), among copies of their consensus that look alike. Chosen on chr4 and chr7, "
        "tested on chr12 and chr15. Binding events without a copy of the consensus, and "
        "regions where the authors called no peaks, do not count. The truth is one condition "
        "of growth, and unbound means not called.",
        Sequences(genome, labels),
        {"chr12, chr15": Sequences(genome, labels, whole)},
        options=(
            *("--unstranded", "Mcm1"),
            *("--val-chroms", "chr4,chr7", "--test-chroms", ",".join(_YEAST_TEST)),
        ),
        exclude=_in(folder, "ambiguous.bed", "blacklist.bed"),
        extras=(Copies(f"{folder}/unbound_matches.bed"),),
    )


_YEAST_TEST = {"chr12": 1_078_177, "chr15": 1_091_291}
"""Test chromosomes of yeast with their lengths, in bases."""
_CEN1_BP = 3_325_452


def _terminators() -> Task:
    folder, ending = "bacterial_terminators", ".terminator40.bed"
    own = _pairs(folder, ending, "spneumoniae_D39V", "synechocystis_6803")
    ecoli = ("ecoli_k12/NC_000913.3.fa.gz", f"{folder}/ecoli_ju2019{ending}")
    return Task(
        "The last 40 bases of transcripts of bacteria (term-seq, Taheri Ghahfarokhi 2025). "
        "Trained on *S. pneumoniae* D39V and *E. coli*, chosen on *Synechocystis*, tested on "
        "*V. natriegens*. Some ends depend on Rho or are cut by enzymes. BacTermFinder has a "
        "best F1 per region of 0.375 on a genome that it never saw, as its authors report.",
        Sequences((*own.fasta, ecoli[0]), (*own.labels, ecoli[1])),
        {"V. natriegens": _pairs(folder, ending, "vnatriegens_chr1", "vnatriegens_chr2")},
        options=("--val-chroms", "NC_000911.1"),
        extras=(Ends(),),
    )


def _promoters() -> Task:
    folder, ending = "bacterial_tss", ".promoter40.bed"
    strains = ("11168", "81116", "81176", "RM1221")
    ecoli = Sequences(_in("ecoli_k12", "NC_000913.3.fa.gz"), _in(folder, f"ecoli_k12{ending}"))
    return Task(
        "The 40 bases upstream of transcription start sites of bacteria (dRNA-seq, Chevez- "
        "Guardado 2021). Trained on four strains of *C. jejuni*, chosen on *C. pneumoniae*, "
        "and tested on three species that were not seen. Sites that no condition expressed are "
        "missing from the truth. Promotech has an average precision of 0.14 on whole genomes "
        "of four other species, as its authors report.",
        _pairs(folder, ending, *(f"cjejuni_{name}" for name in strains), "cpneumoniae_CWL029"),
        {
            "S. pyogenes": _pairs(folder, ending, "spyogenes_S119"),
            "H. pylori": _pairs(folder, ending, "hpylori_26695"),
            "E. coli": ecoli,
        },
        options=("--val-chroms", "NC_000922.1"),
    )


def _four_species() -> Task:
    folder, ending = "bacterial_tss", ".promoter40.bed"
    own = _pairs(folder, ending, "cjejuni_11168", "hpylori_26695", "cpneumoniae_CWL029")
    ecoli = "ecoli_k12/NC_000913.3.fa.gz"
    return Task(
        "The same sites, trained on four species, with a fifth of their sequence for "
        "validation, and tested on a species that was not seen. This is the task of the model "
        "bacterial-promoters.",
        Sequences((*own.fasta, ecoli), (*own.labels, f"{folder}/ecoli_k12{ending}")),
        {"S. pyogenes": _pairs(folder, ending, "spyogenes_S119")},
        options=("--split-fractions", "0.8,0.2,0"),
    )


def _integrons() -> Task:
    folder, ending = "integron_attC", ".attC.bed"
    validation = ",".join(f"VICH001.0523.00090.00{number}C" for number in (1, 2))
    return Task(
        "attC recombination sites of integrons. Trained on two genomes of *Vibrio*, chosen on "
        "another *V. cholerae*, tested on *V. anguillarum* (lian), and on a *Pseudomonas* "
        "(pssu), whose sites are half as long. The truth comes from the covariance model of "
        "Integron Finder and not from an experiment. Most training sites are near-copies of "
        "each other, and so are those of validation.",
        _pairs(folder, ending, "VICH92", "VIBR", "VICH90"),
        {name: _pairs(folder, ending, name) for name in ("lian", "pssu")},
        options=("--val-chroms", validation),
    )


def _cen1() -> Task:
    folder, half = "arabidopsis_cen1", 1_665_000
    genome, labels = _in(folder, "Ath_CEN1.fa.gz"), _in(folder, "arrays.bed")
    # The validation part is the stretch of the left half that has both families and background.
    parts = (
        ("train", 0, 300_000),
        ("val", 300_000, 440_000),
        ("train", 440_000, half),
        ("test", half, _CEN1_BP),
    )
    return Task(
        "The satellites CEN178 and CEN159 of centromere 1 of *A. thaliana*. Trained on the "
        "left half, tested on the right half, where only CEN178 is. Both halves share near- "
        "copies, so this does not measure generalization. Ends of arrays are known to about "
        "600 bases, which do not count.",
        Sequences(genome, labels),
        {"right half": Sequences(genome, labels, f"Ath_CEN1\t{half}\t{_CEN1_BP}\n")},
        split="".join(f"Ath_CEN1\t{start}\t{end}\t{split}\n" for split, start, end in parts),
        flank_bp=600,
    )


TASKS = {
    "rep": _ecoli(
        "REP elements of *E. coli* K-12. The last fifth of the genome is test sequence, the "
        "rest is training and validation sequence. The truth is about 98 % complete.",
        _in("ecoli_k12", "rep.bed"),
    ),
    "satellites": _satellites(),
    "fly": Task(
        "Splice donors, acceptors and start codons of *Drosophila* gene loci, with the "
        "published split into training and test loci. The truth covers coding sequence only: "
        "introns in untranslated regions are unlabelled.",
        _pairs("splice_fly_genes_traintest", ".bed", "train"),
        {"test loci": _pairs("splice_fly_genes_traintest", ".bed", "test")},
        options=("--split-fractions", "0.8,0.2,0"),
    ),
    "yeast_chipexo": _yeast(),
    "bacterial_tss": _promoters(),
    "four_species_tss": _four_species(),
    "bacterial_terminators": _terminators(),
    "integron_attC": _integrons(),
    "ecoli_chipexo": _ecoli(
        "Sites of twelve regulators of *E. coli* K-12 (ChIP-exo, Decker 2022), with the split "
        "of rep. Sites have no strand, and have the width of the footprint and not that of the "
        "motif. HNS, Fis and Dps bind broadly.",
        _in("ecoli_chipexo", "chipexo_sites.bed"),
    ),
    "arabidopsis_cen1": _cen1(),
    "ecoli_k12": _ecoli(
        "REP elements, tRNA and rRNA genes and IS elements of *E. coli* K-12 in one model, "
        "with the split of rep. The rRNA operons, and the IS elements of a family, are near- "
        "copies of each other.",
        _in("ecoli_k12", "rep.bed", "trna.bed", "rrna.bed", "is_elements.bed"),
        alone=True,
    ),
}
"""Tasks by name."""
