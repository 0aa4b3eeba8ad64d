"""`Model`, the face of the library, with methods that explain scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn import scoring
from dnabirnn.errors import OptionError
from dnabirnn.explanation.options import (
    AUTO,
    ImportanceMethod,
    check_deletions,
    check_reach,
)
from dnabirnn.network import call_settings
from dnabirnn.sequences import Circular, Stretch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.explanation.changes import Changes
    from dnabirnn.files import PathLike

__all__ = ["Effects", "Model", "load"]


class Effects(NamedTuple):
    """Effects of the changes of a sequence.

    Attributes
    ----------
    start : int
        0-based position of the first base whose changes were computed.
    reach_bp : int
        Bases on either side of a change for which its effect was computed.
    substitutions : Changes
        Arrays of (n, 4, O) for n bases, the new bases A, C, G and T, and O outputs. That of the
        base itself has no effect: it has zeros. Bases of code 4 have no substitutions: their
        changes are NaN.
    deletions : Changes
        Arrays of (n, D, O), for deletions of 1 to D bases that begin at each base. Those of bases
        of code 4, or past the end of the sequence, are NaN.
    """

    start: int
    reach_bp: int
    substitutions: Changes
    deletions: Changes


class Model(scoring.Model):
    """A trained model, ready to score and to explain; see `dnabirnn.scoring.Model`."""

    def effects(
        self,
        sequence: str | bytes | Codes,
        start: int = 0,
        end: int | None = None,
        *,
        reach: int | str = AUTO,
        deletions: int = 0,
        profiles: bool = False,
        circular: bool = False,
    ) -> Effects:
        """Return the effects of all substitutions of an interval of a sequence.

        The effect of a substitution is the change that it causes in the probabilities and log-odds
        of the bases around it. Within the reach, it is what scoring the changed sequence from
        scratch gives.

        Parameters
        ----------
        sequence : str, bytes or ndarray, (L,) uint8
            As for `score`.
        start, end : int, optional
            Interval of the bases to change; by default the whole sequence.
        reach : int or "auto"
            Bases on either side of a change for which effects are computed. "auto" measures it: see
            `dnabirnn.explanation.measure_reach`.
        deletions : int
            Also compute the effects of deletions of up to this many bases.
        profiles : bool
            Also return the changes of all bases within the reach, not only the largest.
        circular : bool
            The end of the sequence is joined to its start.

        Returns
        -------
        effects : Effects

        Raises
        ------
        ValueError
            If a letter or code is not a nucleotide, or the interval is not on the sequence.
        OptionError
            If the reach or the longest deletion is not a possible number.
        """
        from dnabirnn.explanation.changes import mapped
        from dnabirnn.explanation.stream import Mutagenesis, effects

        codes = self.codes(sequence)
        first, last = _interval(start, end, len(codes))
        contig = Stretch("", codes)

        def wanted(name: str, length: int) -> NDArray[np.int64]:
            return np.array([[first, last]], np.int64)

        circles = [""] if circular else []
        reach_bp = self._reach(contig, reach, first, last, circular)
        check_deletions(deletions)
        mutagenesis = Mutagenesis(reach_bp, deletions, profiles)
        blocks = list(effects([contig], self, mutagenesis, wanted, circles))
        of_bases, of_sizes = zip(*(block[-2:] for block in blocks), strict=True)
        joined = (
            mapped(lambda *arrays: np.concatenate(arrays), *one) for one in (of_bases, of_sizes)
        )
        return Effects(first, reach_bp, *joined)

    def importance(
        self,
        sequence: str | bytes | Codes,
        start: int,
        end: int,
        *,
        reach: int | str = AUTO,
        circular: bool = False,
    ) -> NDArray[np.float32]:
        """Return the importance of the bases of a sequence for an interval, such as a site.

        The importance of a base is minus the mean, over its three substitutions, of the change of
        the log-odds summed over the interval.

        Parameters
        ----------
        sequence, reach, circular
            As for `effects`.
        start, end : int
            The interval.

        Returns
        -------
        importance : ndarray, (L, O) float32
            NaN at bases that are further from the interval than the reach, and at bases of code 4.

        Raises
        ------
        ValueError, OptionError
            As for `effects`.
        """
        from dnabirnn.explanation.importance import importance_blocks

        codes = self.codes(sequence)
        first, last = _interval(start, end, len(codes))
        contig = Stretch("", codes)
        reach_bp = self._reach(contig, reach, first, last, circular)
        target = np.array([[first, last]], np.int64)
        found = np.full((len(codes), len(self.outputs)), np.nan, np.float32)
        blocks = importance_blocks(
            [contig], self, reach_bp, lambda name, output: target, [""] if circular else []
        )
        for block in blocks:
            found[block.start : block.start + len(block.importance)] = block.importance
        return found

    def contributions(
        self,
        sequence: str | bytes | Codes,
        start: int,
        end: int,
        *,
        method: str = ImportanceMethod.INTEGRATED_GRADIENTS,
        circular: bool = False,
    ) -> NDArray[np.float32]:
        """Return what each letter contributes, or would contribute, to the score of an interval.

        The target is the sum of the log-odds over the interval. The contribution of the letter that
        a base has is the importance that `dnabirnn explain` writes with the same method.

        Parameters
        ----------
        sequence, circular
            As for `effects`.
        start, end : int
            The interval.
        method : str
            "gradient", or "integrated-gradients" with the mean of 20 shuffles as the baseline.

        Returns
        -------
        contributions : ndarray, (L, 4, O) float32
            Of A, C, G and T. NaN at bases of code 4, and at those that cannot act on the interval
            because they are further away than a scoring window is long.

        Raises
        ------
        ValueError
            As for `effects`.
        OptionError
            If the method is another one.
        """
        from dnabirnn.explanation.gradients import contribution_blocks

        codes = self.codes(sequence)
        first, last = _interval(start, end, len(codes))
        if method not in [*ImportanceMethod][1:]:
            raise OptionError(
                f"method {method!r}: has no contributions of letters; use gradient or "
                "integrated-gradients"
            )
        target = np.array([[first, last]], np.int64)
        found = np.full((len(codes), 4, len(self.outputs)), np.nan, np.float32)
        blocks = contribution_blocks(
            [Stretch("", codes)],
            self,
            ImportanceMethod(method),
            max(self.checkpoint.scoring_window.length_bp - 1, 1),
            lambda name, output: target,
            [""] if circular else [],
        )
        for block in blocks:
            found[block.start : block.start + len(block.letters)] = block.letters
        return found

    def variant_effects(
        self,
        variants: PathLike,
        *fasta: PathLike,
        max_distance: int | str = AUTO,
        threshold: float | Mapping[str, float] | None = None,
        skip_mismatch: bool = False,
        haplotypes: bool = False,
        sample: str | None = None,
        circular: Iterable[str] = (),
    ) -> pl.DataFrame:
        """Return what the variants of a VCF or BCF change, as `dnabirnn variants` writes it.

        Parameters
        ----------
        variants : str or PathLike
            VCF, plain, gzip or bgzip, or BCF.
        *fasta : str or PathLike
            Sequences that the variants refer to; files as for `dnabirnn.read_fasta`.
        max_distance : int or "auto"
            Bases on either side of an allele in which changes count. "auto" measures it, as the
            reach of `effects`.
        threshold : float, or mapping of class name to float, optional
            As for `calls`.
        skip_mismatch : bool
            Leave out rows whose REF differs from the FASTA, instead of raising an error.
        haplotypes : bool
            Compare each haplotype of a sample with the FASTA, instead of each allele.
        sample : str, optional
            The sample; by default the only one.
        circular : iterable of str
            As for `scan`.

        Returns
        -------
        table : polars.DataFrame
            One row per allele, haplotype and output, in the order of the variants: chrom, start and
            end of REF (0-based, half-open), id, ref, alt, haplotype (null without `haplotypes`),
            class, strand; gain and loss (probability), their distances from `start` in bases, and
            their changes of the log-odds; calls_gained, calls_lost, max_distance.

        Raises
        ------
        VariantError, FastaError, OptionError
            If the variants do not fit the sequences, or a file cannot be read.
        """
        from dnabirnn.explanation.variants.annotate import VariantRun, distance_of, variant_table

        names = (circular,) if isinstance(circular, str) else tuple(circular)
        circles = Circular(names) if names else None
        reach_bp = distance_of(max_distance, self, fasta, circles).bp
        calls = call_settings(self.checkpoint, threshold=threshold)
        return variant_table(
            VariantRun(
                self,
                variants,
                fasta,
                reach_bp,
                calls,
                skip_mismatch,
                haplotypes,
                sample,
                circles,
            )
        )

    def _reach(
        self, contig: Stretch, reach: int | str, start: int, end: int, circular: bool
    ) -> int:
        """Return the reach in bases; measure it for an interval if it is "auto"."""
        from dnabirnn.explanation.reach import measure_reach

        if reach == AUTO:
            return measure_reach(
                [contig],
                {"": len(contig.codes)},
                self,
                lambda name, length: np.array([[start, end]], np.int64),
                [""] if circular else [],
            ).bp
        return check_reach(reach, self.checkpoint.scoring_window.length_bp)


def _interval(start: int, end: int | None, length: int) -> tuple[int, int]:
    last = length if end is None else end
    if not 0 <= start < last <= length:
        raise ValueError(f"interval {start}-{last} is not on the sequence of {length} bases")
    return start, last


load = Model.load
"""Load a model: see `Model.load`."""
