"""Targets of a search for which no calls or regions are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnabirnn.explanation import Sites
from dnabirnn.network import default_min_score
from dnabirnn.scoring import calls_frame, find_calls, find_runs, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dnabirnn.files import PathLike
    from dnabirnn.network import CallSettings
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular, Contig

__all__ = ["default_sites", "own_targets"]


def default_sites(model: Model, *fasta: PathLike, circular: Iterable[str] = ()) -> Sites:
    """Return the calls of a model; if it learned labels of whole sequences, each record.

    Parameters
    ----------
    model : Model
    *fasta : str or PathLike
        Files as for `Model.contigs`.
    circular : iterable of str
        Names of circular contigs.
    """
    if model.checkpoint.sequences is not None:
        return Sites.everything()
    return Sites.of_frame(model.calls(*fasta, circular=circular), model.outputs)


def own_targets(
    model: Model,
    fasta: Sequence[PathLike],
    settings: CallSettings,
    circular: Circular | None = None,
    progress: Callable[[int], object] = lambda bases: None,
) -> Sites:
    """Return the calls of a model, made in a given way.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    settings : CallSettings
        How calls are made.
    circular : Circular, optional
        Circular contigs.
    progress : callable
        Called with the number of bases of each block that is scored.

    Raises
    ------
    FastaError, OptionError
        If the sequences cannot be read, or a circular contig does not exist.
    """
    contigs: Iterable[Contig] = model.contigs(*fasta)
    if circular is not None:
        contigs = circular.checked(contigs)
    blocks = watched(model.blocks(contigs, circular=circular or ()), progress)
    lowest = default_min_score([*model.checkpoint.calls.values(), *settings.rules.values()])
    calls = find_calls(find_runs(blocks, min_score=lowest), model.outputs, settings)
    return Sites.of_frame(calls_frame(calls, model.outputs), model.outputs)
