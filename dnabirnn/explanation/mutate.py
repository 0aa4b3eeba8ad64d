"""Mutagenesis and importance of whole genomes, from file to file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.errors import OptionError, OutputError
from dnabirnn.explanation.importance import importance_blocks
from dnabirnn.explanation.options import ImportanceMethod
from dnabirnn.explanation.stream import Mutagenesis, effects
from dnabirnn.files import OutputFiles, is_stream
from dnabirnn.sequences import contigs_of_shard
from dnabirnn.tracks import TrackFormat, open_values, track_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dnabirnn.explanation.gradients import ContributionBlock
    from dnabirnn.explanation.reach import Reach
    from dnabirnn.explanation.tables import EffectWriter
    from dnabirnn.explanation.targets import Sites
    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import Output
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular, Contig, Shard
    from dnabirnn.tracks import ValueTracks

__all__ = ["EffectFormat", "Mutated", "check_options", "effect_format", "mutate_genome"]


class EffectFormat(StrEnum):
    """Formats of effects: a table, arrays, or the importance of each base."""

    PARQUET = "parquet"
    NPZ = "npz"
    BIGWIG = "bigwig"


_ENDINGS = {
    ".parquet": EffectFormat.PARQUET,
    ".npz": EffectFormat.NPZ,
    ".bw": EffectFormat.BIGWIG,
    ".bigwig": EffectFormat.BIGWIG,
}


def effect_format(path: PathLike) -> EffectFormat:
    """Return the format of effects, from the file name.

    Raises
    ------
    OutputError
        If the ending is not known.

    Examples
    --------
    >>> effect_format("effects.npz").value
    'npz'
    """
    name = os.fspath(path)
    form = _ENDINGS.get(os.path.splitext(name)[1].lower())
    if form is None:
        raise OutputError(f"{name}: unknown format; end the name in .parquet, .npz or .bw")
    return form


@dataclass
class Mutated:
    """What a run has computed and written.

    Attributes
    ----------
    contigs : set of str
        Contigs with a base that was changed.
    bases : int
        Bases that were changed, each in all ways.
    files : list of str
        Files that were written.
    method : ImportanceMethod
        How it was computed.
    residual : float, optional
        For integrated gradients, the largest residual of completeness, as a share.
    """

    contigs: set[str] = field(default_factory=set)
    bases: int = 0
    files: list[str] = field(default_factory=list)
    method: ImportanceMethod = ImportanceMethod.MUTAGENESIS
    residual: float | None = None

    def lines(self) -> list[str]:
        """Return a short report."""
        some = f"{len(self.contigs):,} contig{'' if len(self.contigs) == 1 else 's'}"
        done = [f"{self.bases:,} bases of {some} changed, each in all ways"]
        if self.method is not ImportanceMethod.MUTAGENESIS:
            done = [f"{self.bases:,} bases of {some} computed by {self.method}"]
        if self.residual is not None:
            done += [f"largest residual of completeness: {100 * self.residual:.2g} %"]
        return [*done, f"written: {', '.join(self.files)}"]


def mutate_genome(
    model: Model,
    fasta: Sequence[PathLike],
    out: PathLike,
    *,
    reach: Reach,
    deletions: int = 0,
    profiles: bool = False,
    sites: Sites | None = None,
    shard: Shard | None = None,
    circular: Circular | None = None,
    method: ImportanceMethod = ImportanceMethod.MUTAGENESIS,
    progress: Callable[[int], object] = lambda bases: None,
) -> Mutated:
    """Write the effects of all substitutions of FASTA files, or the importance of their bases.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    out : str or PathLike
        The name's ending gives the format: .parquet and .npz hold effects; .bw holds importance,
        with one file per output.
    reach : Reach
    deletions : int
        Also write deletions of up to this many bases.
    profiles : bool
        Also write the changes of all bases within the reach; only to .npz.
    sites : Sites, optional
        Bases to change: regions, or calls with what is within reach of them; by default all bases.
        For importance, the targets; required.
    shard : Shard, optional
        Part of the contigs; by default all.
    circular : Circular, optional
        Circular contigs.
    method : ImportanceMethod
        How importance is computed.
    progress : callable
        Called with the number of bases of each finished block.

    Returns
    -------
    mutated : Mutated

    Raises
    ------
    OptionError, OutputError, FastaError, LabelError
        If options or inputs are wrong, or an output cannot be written. No file is written then.
    """
    form = effect_format(out)
    check_options(form, out, deletions=deletions, profiles=profiles, has_sites=sites is not None)
    circles = circular or ()
    spans = None
    if sites is not None:
        window_bp = model.checkpoint.scoring_window.length_bp
        spans = sites.needed(reach.bp + deletions, window_bp, circles)
    contigs = contigs_of_shard(model.contigs, fasta, shard, [sites, circular], spans)
    found = Mutated(method=method)
    if form is EffectFormat.BIGWIG:
        assert sites is not None
        sizes: dict[str, int] = {}
        watched = _measured(contigs, sizes)
        with OutputFiles() as files:
            track = open_values(files, out, model.outputs, sizes)
            if method is ImportanceMethod.MUTAGENESIS:
                for one in importance_blocks(watched, model, reach.bp, sites.of, circles):
                    track.add(one.name, one.start, one.importance)
                    _count(found, one.name, one.codes, progress)
            else:
                from dnabirnn.explanation.gradients import contribution_blocks

                some = contribution_blocks(watched, model, method, reach.bp, sites.of, circles)
                _add_contributions(track, found, some, progress)
            track.close()
        found.files = track_paths(out, TrackFormat.BIGWIG, model.outputs)
        return found
    mutagenesis = Mutagenesis(reach.bp, deletions, profiles)
    wanted = None if sites is None else sites.wanted(reach.bp, circles)
    with OutputFiles() as files:
        writer = _open(files, form, out, model.outputs, reach)
        try:
            for block in effects(contigs, model, mutagenesis, wanted, circles):
                writer.add(block)
                _count(found, block.name, block.codes, progress)
            writer.close()
        finally:
            writer.abandon()
    found.files = [] if is_stream(out) else [os.fspath(out)]
    return found


def _add_contributions(
    track: ValueTracks,
    found: Mutated,
    blocks: Iterable[ContributionBlock],
    progress: Callable[[int], object],
) -> None:
    """Add the contributions of bases, from gradients, to a track."""
    integrated = found.method is ImportanceMethod.INTEGRATED_GRADIENTS
    found.residual = 0.0 if integrated else None
    for one in blocks:
        track.add(one.name, one.start, one.contributions)
        _count(found, one.name, one.codes, progress)
        if integrated:
            found.residual = max(found.residual or 0.0, one.residual)


def check_options(
    form: EffectFormat, out: PathLike, *, deletions: int, profiles: bool, has_sites: bool
) -> None:
    """Raise OptionError for options that the format has no place for."""
    if form is EffectFormat.BIGWIG:
        if deletions or profiles:
            name = "--deletions" if deletions else "--profiles"
            raise OptionError(f"{name}: {out} holds importance; end its name in .npz or .parquet")
        if not has_sites:
            raise OptionError(
                f"{out}: importance refers to sites; give them with --calls or --regions"
            )
    if profiles and form is not EffectFormat.NPZ:
        raise OptionError(f"--profiles: {out} has no room for them; end its name in .npz")


def _open(
    files: OutputFiles, form: EffectFormat, out: PathLike, outputs: Sequence[Output], reach: Reach
) -> EffectWriter:
    from dnabirnn.explanation.tables import EffectArrays, EffectTable

    if form is EffectFormat.NPZ:
        return EffectArrays(files, out, outputs, reach)
    return EffectTable(files.reserve(out), outputs, reach)


def _count(found: Mutated, name: str, codes: np.ndarray, progress: Callable[[int], object]) -> None:
    changed = int((codes < AMBIGUOUS).sum())
    found.bases += changed
    if changed:
        found.contigs.add(name)
    progress(len(codes))


def _measured(contigs: Iterable[Contig], sizes: dict[str, int]) -> Iterator[Contig]:
    """Yield contigs unchanged, and add their lengths to `sizes`."""
    for contig in contigs:
        sizes[contig.name] = len(contig.codes)
        yield contig
