"""`Model`, the face of the library, with a method that finds motifs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnabirnn import explanation
from dnabirnn.errors import OptionError
from dnabirnn.explanation import AUTO, check_reach
from dnabirnn.sequences import Circular

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from dnabirnn.discovery.found_motif import Discovery
    from dnabirnn.files import PathLike

__all__ = ["Model", "load"]


class Model(explanation.Model):
    """A trained model, ready to score, to explain and to find motifs.

    See `dnabirnn.scoring.Model`.
    """

    def motifs(
        self,
        *fasta: PathLike,
        calls: PathLike | pl.DataFrame | None = None,
        regions: PathLike | None = None,
        reach: int | str = AUTO,
        max_sites: int = 2_000,
        min_sites: int = 20,
        max_motifs: int = 10,
        circular: Iterable[str] = (),
    ) -> Discovery:
        """Find the motifs that the model reads in and around its calls.

        Parameters
        ----------
        *fasta : str or PathLike
            Files as for `dnabirnn.read_fasta`.
        calls : str, PathLike or DataFrame, optional
            Calls of the model: a file, or the result of `calls`. By default, they are made. If the
            model learned labels of whole sequences, each record is a region by default.
        regions : str or PathLike, optional
            BED of regions instead of calls. The best interval of each counts.
        reach : int or "auto"
            Bases on either side of a call that are searched too. "auto" measures how far away bases
            matter, up to 200.
        max_sites : int
            Most calls of a class that are explained; a sample of them if there are more.
        min_sites : int
            Fewest sites of a motif.
        max_motifs : int
            Most motifs of a class.
        circular : iterable of str
            As for `scan`.

        Returns
        -------
        discovery : Discovery

        Raises
        ------
        MotifError
            If there is no call, or no motif.
        OptionError
            If an option is not a possible value, or calls and regions are given.
        TrackError, LabelError, FastaError
            If a file cannot be read, or does not fit the sequences.
        """
        import polars as pl

        from dnabirnn.discovery.default_targets import default_sites
        from dnabirnn.discovery.find import find_motifs
        from dnabirnn.discovery.options import DiscoveryOptions
        from dnabirnn.discovery.reach import contigs_around
        from dnabirnn.explanation import Sites
        from dnabirnn.intervals import Regions

        options = DiscoveryOptions(max_sites, min_sites, max_motifs)
        if calls is not None and regions is not None:
            raise OptionError("calls and regions: give one of them")
        reach_bp = None
        if reach != AUTO:
            reach_bp = check_reach(reach, self.checkpoint.scoring_window.length_bp)
        names = (circular,) if isinstance(circular, str) else tuple(circular)
        circles = Circular(names) if names else None
        if regions is not None:
            sites = Sites.of_regions(Regions.read(regions), self.outputs)
        elif isinstance(calls, pl.DataFrame):
            sites = Sites.of_frame(calls, self.outputs)
        elif calls is not None:
            sites = Sites.of_calls(calls, self.outputs)
        else:
            sites = default_sites(self, *fasta, circular=names)
        return find_motifs(
            contigs_around(sites, self, fasta, reach_bp, circles),
            self,
            sites,
            reach_bp,
            options,
            circles or (),
        )


load = Model.load
"""Load a model: see `Model.load`."""
