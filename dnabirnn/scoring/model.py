"""Python interface of the library: load a model, score sequences, scan genomes, make calls."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, encode
from dnabirnn.engine import make_engine
from dnabirnn.errors import OptionError
from dnabirnn.network import call_settings, default_min_score, load_checkpoint
from dnabirnn.scoring.calls import calls_frame, find_calls
from dnabirnn.scoring.runs import find_runs
from dnabirnn.scoring.stream import measured, score, watched
from dnabirnn.sequences import Circular, Stretch, read_fasta

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping
    from typing import Self

    import polars as pl
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine import Engine
    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import Output
    from dnabirnn.network import Checkpoint
    from dnabirnn.sequences import Contig, Needed, Record
    from dnabirnn.tracks import Block, Rows

__all__ = ["Model", "load"]


class Model:
    """A trained model, ready to score.

    Parameters
    ----------
    checkpoint : Checkpoint
    device : str
        "auto" (CUDA where there is one, else the CPU), "cpu", "cuda" or "cuda:1".
    engine : str
        "auto", "fused" (compiled kernels, on CPUs), "torch" or "triton" (a kernel for GPUs).
    threads : int
        Cores to use on a CPU. Results do not depend on it.
    precision : str
        "f32"; or "bf16", which is faster and less exact, on GPUs and on CPUs with AMX or
        AVX512-BF16; or "tf32" on GPUs. Where a CPU has no bf16, scores are computed in f32.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str = "auto",
        engine: str = "auto",
        threads: int = 1,
        precision: str = "f32",
    ) -> None:
        if threads < 1:
            raise OptionError(f"--threads {threads}: must be 1 or more")
        self.checkpoint = checkpoint
        self.threads = threads
        self._device = device
        self._engine_name = engine
        self._precision = precision

    @classmethod
    def load(
        cls,
        path: PathLike,
        *,
        device: str = "auto",
        engine: str = "auto",
        threads: int = 1,
        precision: str = "f32",
        priors: Mapping[str, float] | None = None,
    ) -> Self:
        """Load a model file.

        Parameters
        ----------
        path : str or PathLike
            Model file that `dnabirnn train` wrote.
        device, engine, threads, precision
            As for `Model`.
        priors : mapping of class name to float, optional
            Expected share of the bases of a strand that belong to a class, in the sequences to
            score.

        Raises
        ------
        ModelFileError
            If the file does not exist, is not a model of this tool, is damaged, or has a newer
            format.
        """
        checkpoint = load_checkpoint(path).with_prior(priors or {})
        return cls(checkpoint, device=device, engine=engine, threads=threads, precision=precision)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Class and strand of each score column: class by class, "+" before "-", or "."."""
        return self.checkpoint.architecture.outputs

    @cached_property
    def engine(self) -> Engine:
        """Engine that computes scores; created on first use, because that takes a moment."""
        return make_engine(self.checkpoint, self._engine_name, self._device, self._precision)

    def blocks(
        self,
        contigs: Iterable[Contig],
        wanted: Callable[[str], NDArray[np.int64]] | None = None,
        circular: Container[str] = (),
    ) -> Iterator[Block]:
        """Yield the scores of contigs in blocks; see `dnabirnn.scoring.stream.score`."""
        return score(
            contigs,
            self.engine,
            self.checkpoint.scoring_window,
            len(self.outputs),
            threads=self.threads,
            wanted=wanted,
            circular=circular,
        )

    def runs(
        self,
        contigs: Iterable[Contig],
        *,
        min_score: int,
        single_base: bool = False,
        wanted: Callable[[str], NDArray[np.int64]] | None = None,
        circular: Container[str] = (),
        sizes: dict[str, int] | None = None,
        progress: Callable[[int], object] = lambda bases: None,
    ) -> Iterator[Rows]:
        """Yield runs of bases with the same integer score; see `dnabirnn.scoring.find_runs`.

        A GPU finds the runs itself, unless only some regions are wanted.

        Parameters
        ----------
        contigs, wanted, circular
            As for `blocks`.
        min_score, single_base
            As for `find_runs`.
        sizes : dict, optional
            The length of each contig is added, before its last rows.
        progress : callable
            Called with numbers of bases whose rows have been used.
        """
        if wanted is None and self._finds_runs_on_device():
            from dnabirnn.engine import TorchEngine
            from dnabirnn.scoring.device_runs import device_runs

            assert isinstance(self.engine, TorchEngine)
            return device_runs(
                contigs,
                self.engine,
                self.checkpoint.scoring_window,
                len(self.outputs),
                min_score=min_score,
                single_base=single_base,
                circular=circular,
                sizes=sizes,
                progress=progress,
            )
        blocks = watched(self.blocks(contigs, wanted, circular), progress)
        if sizes is not None:
            blocks = measured(blocks, sizes)
        return find_runs(blocks, min_score=min_score, single_base=single_base, regions=wanted)

    def _finds_runs_on_device(self) -> bool:
        return self.engine.on_gpu

    def codes(self, sequence: str | bytes | Codes) -> Codes:
        """Return the codes of a sequence as the network reads them.

        Parameters
        ----------
        sequence : str, bytes or ndarray, (L,) uint8
            Letters, or codes as `dnabirnn.alphabet.encode` returns them.

        Raises
        ------
        ValueError
            If a letter or code is not a nucleotide.
        """
        if isinstance(sequence, (str, bytes)):
            codes = encode(sequence)
            if self.checkpoint.mask == "hard":
                codes = np.where(_lower_case(sequence), np.uint8(AMBIGUOUS), codes)
        else:
            codes = np.ascontiguousarray(sequence)
            if codes.dtype != np.uint8 or codes.ndim != 1 or (codes > AMBIGUOUS).any():
                raise ValueError(f"codes must be a (L,) uint8 array of values 0 to {AMBIGUOUS}")
        return codes

    def score(
        self, sequence: str | bytes | Codes, *, circular: bool = False
    ) -> NDArray[np.float32]:
        """Return the probabilities of every base of a sequence.

        Parameters
        ----------
        sequence : str, bytes or ndarray, (L,) uint8
            Letters, or codes as `dnabirnn.alphabet.encode` returns them.
        circular : bool
            The end of the sequence is joined to its start.

        Returns
        -------
        probabilities : ndarray, (L, O) float32
            One column per output; 0 where the base is not A, C, G, T or U.

        Raises
        ------
        ValueError
            If a letter or code is not a nucleotide.
        """
        blocks = self.blocks([Stretch("", self.codes(sequence))], circular=[""] if circular else [])
        return np.concatenate([block.probabilities for block in blocks])

    def contigs(
        self, *fasta: PathLike, case: bool = False, needed: Needed | None = None
    ) -> Iterator[Record]:
        """Read the contigs of FASTA files; lower case is treated as in the model's training.

        With `case`, the records say which bases are lower case. `needed` is as for `read_fasta`.
        """
        hard = self.checkpoint.mask == "hard"
        return read_fasta(*fasta, case=case, hard_mask=hard, needed=needed)

    def scan(
        self, *fasta: PathLike, circular: Iterable[str] = ()
    ) -> Iterator[tuple[str, int, NDArray[np.float32]]]:
        """Yield the probabilities of FASTA files block by block.

        Memory grows with the longest contig only.

        Parameters
        ----------
        *fasta : str or PathLike
            Files as for `dnabirnn.read_fasta`.
        circular : iterable of str
            Names of circular contigs, or "all": windows run across their origin.

        Yields
        ------
        name : str
            Name of the contig.
        start : int
            0-based position of the block's first base; the blocks of a contig are adjacent.
        probabilities : ndarray, (m, O) float32
        """
        contigs, circles = self._with_circles(fasta, circular)
        for block in self.blocks(contigs, circular=circles):
            yield block.name, block.start, block.probabilities

    def calls(
        self,
        *fasta: PathLike,
        method: str | None = None,
        threshold: float | Mapping[str, float] | None = None,
        min_length_bp: int | None = None,
        merge_gap_bp: int | None = None,
        circular: Iterable[str] = (),
    ) -> pl.DataFrame:
        """Return the calls of FASTA files, as `dnabirnn score --calls` writes them.

        Parameters
        ----------
        *fasta : str or PathLike
        method : str, optional
            "threshold", "mss" or "evidence"; by default that of the model, by class.
        threshold : float, or mapping of class name to float, optional
            Probability at or above which a base counts as its class; by default the model's. A
            class that the model has not learned has none: it gets no calls, and a warning is
            logged.
        min_length_bp, merge_gap_bp : int, optional
            Shortest call and longest gap in a call; by default the model's.
        circular : iterable of str
            As for `scan`. Calls do not run across an origin: they end there.

        Returns
        -------
        calls : polars.DataFrame
            Columns chrom, start, end (0-based, half-open), class, score (0 to 1000), strand,
            evidence (in millinats).
        """
        settings = call_settings(
            self.checkpoint,
            method,
            threshold=threshold,
            min_length_bp=min_length_bp,
            merge_gap_bp=merge_gap_bp,
        )
        lowest = default_min_score([*self.checkpoint.calls.values(), *settings.rules.values()])
        contigs, circles = self._with_circles(fasta, circular)
        runs = self.runs(contigs, min_score=lowest, circular=circles)
        return calls_frame(find_calls(runs, self.outputs, settings), self.outputs)

    def _with_circles(
        self, fasta: Iterable[PathLike], circular: Iterable[str]
    ) -> tuple[Iterator[Record], Container[str]]:
        """Return the contigs of files, and those that are circular."""
        circles = tuple(circular) if not isinstance(circular, str) else (circular,)
        if not circles:
            return self.contigs(*fasta), ()
        chosen = Circular(circles)
        return chosen.checked(self.contigs(*fasta)), chosen


def _lower_case(sequence: str | bytes) -> NDArray[np.bool_]:
    raw = sequence.encode("ascii") if isinstance(sequence, str) else sequence
    return np.frombuffer(raw, np.uint8) >= ord("a")


load = Model.load
"""Load a model: see `Model.load`."""
