"""Sites and calls of a genome, and the examples that a report shows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.errors import OptionError, TrackError
from dnabirnn.evaluation import Truth, painted_labels
from dnabirnn.explanation import site_effects
from dnabirnn.files import is_stream, listed, read_blocks
from dnabirnn.labels import intervals_of, output_masks
from dnabirnn.motif_classes import MAX_SCORE, Output
from dnabirnn.network import Architecture, CallSettings, call_settings, default_min_score
from dnabirnn.report.region import LETTERS_UP_TO_BP, Span, View
from dnabirnn.report.sites import SITES_SCHEMA, Example, choose, compare
from dnabirnn.scoring import bases_needed, calls_frame, find_calls, find_runs, watched
from dnabirnn.sequences import read_fasta
from dnabirnn.tracks import ROW_SCHEMA, read_calls, read_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.explanation import SiteEffects
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Labels
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Needed, Record
    from dnabirnn.tracks import Block, Rows

__all__ = ["Gallery", "Genome", "gather"]


@dataclass(frozen=True)
class Genome:
    """Inputs of a gallery.

    Attributes
    ----------
    fasta : sequence of str or PathLike
        Files are read several times, so standard input is not possible.
    labels : Labels
        Labels of the classes of the model, if there is a model.
    model : Model, optional
        Scores the drawn regions. Without calls and scores, it scores the whole genome or `regions`.
    calls : sequence of str or PathLike
        BED files of `dnabirnn call`. Without a file, calls are made; an empty file has no calls.
    scores : str or PathLike, optional
        BED file of `dnabirnn score`.
    regions : Regions, optional
        Only bases in these regions count.
    exclude : Regions, optional
        Bases in these regions do not count.
    settings : CallSettings, optional
        Rules by which calls are or were made; those of the model if None.
    """

    fasta: Sequence[PathLike]
    labels: Labels
    model: Model | None = None
    calls: Sequence[PathLike] = ()
    scores: PathLike | None = None
    regions: Regions | None = None
    exclude: Regions | None = None
    settings: CallSettings | None = None

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Outputs that scores and calls can have."""
        return Architecture(self.labels.classes).outputs

    @property
    def mask(self) -> str:
        """Meaning of lower-case letters."""
        return "none" if self.model is None else self.model.checkpoint.mask

    @property
    def intervals(self) -> dict[str, Labels | Regions]:
        """Labels and regions that decide how bases count, by kind."""
        own = {"regions": self.regions, "exclude": self.exclude, "negatives": self.labels.negatives}
        return {"labels": self.labels, **{kind: of for kind, of in own.items() if of is not None}}

    @property
    def calling(self) -> CallSettings:
        """Rules for calls; empty without settings and without a model."""
        if self.settings is not None or self.model is None:
            return self.settings or CallSettings({})
        return call_settings(self.model.checkpoint)


class Gallery(NamedTuple):
    """Table of sites, and the examples to draw.

    Attributes
    ----------
    sites : polars.DataFrame
        Schema `dnabirnn.report.sites.SITES_SCHEMA`.
    views : list of (Example, View)
    inputs : dict
        Name and SHA-256 of the files read, by kind: fasta, labels, regions, exclude, negatives,
        calls, scores.
    """

    sites: pl.DataFrame
    views: list[tuple[Example, View]]
    inputs: dict[str, list[dict[str, str]]]


def gather(
    genome: Genome,
    *,
    each: int,
    seed: int = 0,
    progress: Callable[[int], None] = lambda bases: None,
) -> Gallery:
    """Compare calls with labels, choose examples, and collect the data to draw them.

    Parameters
    ----------
    genome : Genome
    each : int
        Number of examples of each kind.
    seed : int
        Seed of the random examples.
    progress : callable
        Called with the size of each scored block, in bases.

    Returns
    -------
    gallery : Gallery

    Raises
    ------
    OptionError, FastaError, LabelError, TrackError
        An input cannot be read, or does not fit the others.
    """
    for path in (*genome.fasta, *genome.calls, genome.scores):
        if path is not None and is_stream(path):
            raise OptionError(f"{path}: a report reads its inputs more than once; give a file")
    read: dict[str, dict[str, str]] = {"fasta": {}, "calls": {}, "scores": {}}
    calls = _calls(genome, read, progress)
    sites, lengths = _sites(genome, calls, read["fasta"])
    views = _views(genome, choose(sites, lengths, each, seed), calls)
    for kind, own in genome.intervals.items():
        read[kind] = own.digests
    return Gallery(sites, views, {kind: listed(digests) for kind, digests in read.items()})


def _calls(
    genome: Genome, read: Mapping[str, dict[str, str]], progress: Callable[[int], None]
) -> pl.DataFrame:
    """Return the calls: as given, or made from the scores, or from the model."""
    if genome.scores is not None:
        deque(read_blocks(genome.scores, TrackError, read["scores"]), maxlen=0)
    if genome.calls:
        frames = [read_calls(path, genome.outputs, read["calls"]) for path in genome.calls]
        return pl.concat(frames).sort("chrom", "start", "end", maintain_order=True)
    if genome.model is None:
        raise OptionError(
            "--fasta and --labels: there are no calls to compare with the labels; give --calls "
            "or --model"
        )
    settings = genome.calling
    if genome.scores is not None:
        rows = read_scores(genome.scores, genome.outputs)
        return calls_frame(find_calls(rows, genome.outputs, settings), genome.outputs)
    wanted = None if genome.regions is None else genome.regions.of
    needed = bases_needed(wanted, genome.model.checkpoint.scoring_window.length_bp)
    contigs = genome.model.contigs(*genome.fasta, needed=needed)
    blocks = watched(genome.model.blocks(contigs, wanted), progress)
    rules = [*genome.model.checkpoint.calls.values(), *settings.rules.values()]
    lowest = default_min_score(rules)
    found = find_runs(blocks, min_score=lowest, regions=wanted)
    return calls_frame(find_calls(found, genome.outputs, settings), genome.outputs)


def _truth(genome: Genome, record: Record, *, cut: bool) -> Truth:
    """Return the truth of a contig. With `cut`, labels are cut at regions, as for the metrics."""
    labels = painted_labels(record, genome.labels, genome.exclude)
    regions = None if genome.regions is None else genome.regions.of(record.name)
    return Truth.of(labels, codes=record.codes, regions=regions, cut=cut)


def _records(
    genome: Genome, digests: dict[str, str] | None = None, needed: Needed | None = None
) -> Iterator[Record]:
    """Read contigs without masking; `lower` is set if lower-case letters have a meaning."""
    return read_fasta(*genome.fasta, case=genome.mask != "none", digests=digests, needed=needed)


def _sites(
    genome: Genome, calls: pl.DataFrame, digests: dict[str, str]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the sites of the whole genome, and the lengths of its contigs."""
    of_contig = {str(key): own for (key,), own in calls.partition_by("chrom", as_dict=True).items()}
    frames = [pl.DataFrame(schema=SITES_SCHEMA)]
    lengths: dict[str, int] = {}
    source = ", ".join(map(str, genome.calls)) or genome.scores
    for record in _records(genome, digests):
        lengths[record.name] = len(record.codes)
        own = of_contig.get(record.name, calls.clear())
        if (own["end"] > len(record.codes)).any():
            raise TrackError(
                f"{source}: a call extends past the end of {record.name} "
                f"({len(record.codes)} bp); give the calls of this FASTA"
            )
        truth = _truth(genome, record, cut=True)
        frames.append(compare(record.name, own, truth, genome.labels.classes))
    for intervals in genome.intervals.values():
        intervals.check_contigs(lengths)
    return pl.concat(frames), lengths


class _Scene:
    """An example with the data collected for it so far."""

    def __init__(self, example: Example, outputs: int) -> None:
        self.example = example
        self.part = slice(example.start, example.end)
        shape = (example.end - example.start, outputs)
        self.scores: NDArray[np.float32] = np.zeros(shape, dtype=np.float32)
        self.codes: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        self.counted: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self.truth: tuple[Span, ...] = ()
        self.effects: SiteEffects | None = None

    def fill(
        self, record: Record, counted: NDArray[np.bool_], truth: Sequence[NDArray[np.int64]]
    ) -> None:
        """Store sequence and truth, given as intervals (n, 2) of each output on the contig."""
        self.codes = record.codes[self.part].copy()
        self.counted = counted[self.part].copy()
        self.truth = tuple(
            Span(output, start, end)
            for output, own in enumerate(truth)
            for start, end in own[
                (own[:, 0] < self.part.stop) & (own[:, 1] > self.part.start)
            ].tolist()
        )

    def explain(self, record: Record, model: Model) -> None:
        """Compute the effects of the bases that are drawn as letters on the site."""
        if self.part.stop - self.part.start > LETTERS_UP_TO_BP:
            return
        site = self.example.site
        output = model.outputs.index(Output(str(site["class"]), str(site["strand"])))
        interval = (int(str(site["start"])), int(str(site["end"])))
        self.effects = site_effects(
            record, model, output, interval, self.part.start, self.part.stop
        )

    def score(self, block: Block) -> None:
        """Store the scores of a block that lie in the region, if any."""
        first = max(self.part.start, block.start)
        last = min(self.part.stop, block.start + len(block.codes))
        if first < last:
            own = block.probabilities[first - block.start : last - block.start]
            self.scores[first - self.part.start : last - self.part.start] = own

    def score_rows(self, rows: Rows) -> None:
        """Store scores from rows of a track."""
        own = rows.take((rows.start < self.part.stop) & (rows.end > self.part.start))
        for output, start, end, score in zip(*own[1:5], strict=True):
            first, last = max(start, self.part.start), min(end, self.part.stop)
            self.scores[first - self.part.start : last - self.part.start, output] = (
                score / MAX_SCORE
            )

    def view(self, genome: Genome, calls: pl.DataFrame) -> View:
        """Return the data to draw."""
        example, outputs = self.example, genome.outputs
        near = calls.filter(
            (pl.col("chrom") == example.chrom)
            & (pl.col("start") < example.end)
            & (pl.col("end") > example.start)
        )
        rules = genome.calling.rules
        return View(
            chrom=example.chrom,
            start=example.start,
            end=example.end,
            class_name=str(example.site["class"]),
            outputs=outputs,
            codes=self.codes,
            probabilities=self.scores if genome.model or genome.scores else None,
            truth=self.truth,
            calls=tuple(
                Span(outputs.index(Output(name, strand)), start, end, score)
                for start, end, name, score, strand in near.select([*ROW_SCHEMA][1:]).iter_rows()
            ),
            counted=self.counted,
            thresholds={name: rule.threshold / MAX_SCORE for name, rule in rules.items()},
            effects=self.effects,
        )


def _views(
    genome: Genome, examples: Sequence[Example], calls: pl.DataFrame
) -> list[tuple[Example, View]]:
    """Return the data to draw for each example, in order; only the regions needed are scored."""
    scenes = [_Scene(example, len(genome.outputs)) for example in examples]
    on: dict[str, list[_Scene]] = {}
    for scene in scenes:
        on.setdefault(scene.example.chrom, []).append(scene)
    wanted = {
        chrom: np.array(sorted((s.part.start, s.part.stop) for s in own), dtype=np.int64)
        for chrom, own in on.items()
    }
    contigs = _filled(genome, on, wanted)
    if genome.model is not None:
        for block in genome.model.blocks(contigs, lambda name: wanted[name]):
            for scene in on[block.name]:
                scene.score(block)
    else:
        deque(contigs, maxlen=0)
        if genome.scores is not None:
            for rows in read_scores(genome.scores, genome.outputs):
                for scene in on.get(rows.chrom, ()):
                    scene.score_rows(rows)
    return [(scene.example, scene.view(genome, calls)) for scene in scenes]


def _filled(
    genome: Genome, on: Mapping[str, Sequence[_Scene]], wanted: Mapping[str, NDArray[np.int64]]
) -> Iterator[Record]:
    """Yield contigs with an example, as the model reads them, after filling their scenes.

    With a model, the scenes get the effects of substitutions too.
    """
    masks = output_masks(genome.labels.classes)
    around_bp = 0
    if genome.model is not None:  # effects reach as far as a window
        around_bp = 2 * genome.model.checkpoint.scoring_window.length_bp
    for record in _records(genome, needed=bases_needed(wanted.get, around_bp)):
        truth = _truth(genome, record, cut=False)
        intervals = [intervals_of(truth.labels, mask) for mask in masks]
        for scene in on[record.name]:
            scene.fill(record, truth.counted, intervals)
        if genome.mask == "hard" and record.lower is not None:
            record.codes[record.lower] = AMBIGUOUS
        if genome.model is not None:
            for scene in on[record.name]:
                scene.explain(record, genome.model)
        yield record
