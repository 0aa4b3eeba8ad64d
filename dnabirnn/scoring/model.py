"""The library's face: load a model, score sequences, scan genomes, make calls."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, encode
from dnabirnn.engine import make_engine
from dnabirnn.errors import OptionError
from dnabirnn.network import CallMethod, call_settings, default_min_score, load_checkpoint
from dnabirnn.scoring.calls import calls_frame, find_calls
from dnabirnn.scoring.runs import find_runs
from dnabirnn.scoring.stream import score
from dnabirnn.sequences import Circular, read_fasta

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    import polars as pl
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine import Engine
    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import Output
    from dnabirnn.network import Checkpoint
    from dnabirnn.sequences import Contig
    from dnabirnn.tracks import Block

__all__ = ["Model", "load"]


class _Sequence(NamedTuple):
    name: str
    codes: Codes


class Model:
    """A trained model, ready to score.

    Parameters
    ----------
    checkpoint : Checkpoint
    device : str
        "auto" (CUDA where there is one, else the CPU), "cpu", "cuda" or "cuda:1".
    engine : str
        "auto", "fused" (compiled kernels, on CPUs) or "torch".
    threads : int
        Cores to use on a CPU. They change nothing but the time.
    precision : str
        "f32"; on a GPU also "tf32" or "bf16", which are faster and less exact.
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

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What each column of a score stands for: class by class, + before -, or "."."""
        return self.checkpoint.architecture.outputs

    @cached_property
    def engine(self) -> Engine:
        """What computes; made when first asked for, since that takes a moment."""
        return make_engine(self.checkpoint, self._engine_name, self._device, self._precision)

    def blocks(
        self,
        contigs: Iterable[Contig],
        wanted: Callable[[str], NDArray[np.int64]] | None = None,
        circular: Container[str] = (),
    ) -> Iterator[Block]:
        """Scores of contigs as a stream; see `dnabirnn.scoring.stream.score`."""
        return score(
            contigs,
            self.engine,
            self.checkpoint.scoring_window,
            len(self.outputs),
            threads=self.threads,
            wanted=wanted,
            circular=circular,
        )

    def score(
        self, sequence: str | bytes | Codes, *, circular: bool = False
    ) -> NDArray[np.float32]:
        """Probabilities of every base of a sequence.

        Parameters
        ----------
        sequence : str, bytes or ndarray, (L,) uint8
            Letters, or codes as `dnabirnn.alphabet.encode` gives them.
        circular : bool
            The sequence's end is joined to its beginning.

        Returns
        -------
        probabilities : ndarray, (L, O) float32
            One column an output; 0 where the base is not A, C, G, T or U.

        Raises
        ------
        ValueError
            A letter or code that is no nucleotide.
        """
        if isinstance(sequence, (str, bytes)):
            codes = encode(sequence)
            if self.checkpoint.mask == "hard":
                codes = np.where(_lower_case(sequence), np.uint8(AMBIGUOUS), codes)
        else:
            codes = np.ascontiguousarray(sequence)
            if codes.dtype != np.uint8 or codes.ndim != 1 or (codes > AMBIGUOUS).any():
                raise ValueError(f"codes are (L,) uint8 from 0 to {AMBIGUOUS}")
        blocks = self.blocks([_Sequence("", codes)], circular=[""] if circular else [])
        return np.concatenate([block.probabilities for block in blocks])

    def contigs(self, *fasta: PathLike) -> Iterator[Contig]:
        """Contigs of FASTA files, lower case read as the model's training data were."""
        return read_fasta(*fasta, hard_mask=self.checkpoint.mask == "hard")

    def scan(
        self, *fasta: PathLike, circular: Iterable[str] = ()
    ) -> Iterator[tuple[str, int, NDArray[np.float32]]]:
        """Probabilities of FASTA files, block by block, in bounded memory.

        Parameters
        ----------
        *fasta : str or PathLike
            As `dnabirnn.read_fasta` takes them.
        circular : iterable of str
            Names of contigs that are circles, or "all": windows run across their origin.

        Yields
        ------
        name : str
            Name of the contig.
        start : int
            0-based place of the block's first base; the blocks of a contig are adjacent.
        probabilities : ndarray, (m, O) float32
        """
        for block in self._scanned(fasta, circular):
            yield block.name, block.start, block.probabilities

    def calls(
        self,
        *fasta: PathLike,
        method: str = CallMethod.THRESHOLD,
        threshold: float | None = None,
        min_length_bp: int | None = None,
        merge_gap_bp: int | None = None,
        circular: Iterable[str] = (),
    ) -> pl.DataFrame:
        """Intervals called in FASTA files, as `dnabirnn score --calls` writes them.

        Parameters
        ----------
        *fasta : str or PathLike
        method : str
            "threshold" or "mss".
        threshold : float, optional
            Probability from which a base speaks for its class; by default the model's.
        min_length_bp, merge_gap_bp : int, optional
            Shortest call and longest gap in a call; by default the model's.
        circular : iterable of str
            As `scan` takes it. No call goes across an origin: it ends there.

        Returns
        -------
        calls : polars.DataFrame
            chrom, start, end (0-based, half-open), class, score (0 to 1000), strand.
        """
        settings = call_settings(
            self.checkpoint.calls, method, threshold, min_length_bp, merge_gap_bp
        )
        lowest = default_min_score([*self.checkpoint.calls.values(), *settings.rules.values()])
        runs = find_runs(self._scanned(fasta, circular), min_score=lowest)
        return calls_frame(find_calls(runs, self.outputs, settings), self.outputs)

    def _scanned(self, fasta: Iterable[PathLike], circular: Iterable[str]) -> Iterator[Block]:
        circles = tuple(circular) if not isinstance(circular, str) else (circular,)
        if not circles:
            return self.blocks(self.contigs(*fasta))
        chosen = Circular(circles)
        return self.blocks(chosen.checked(self.contigs(*fasta)), circular=chosen)


def _lower_case(sequence: str | bytes) -> NDArray[np.bool_]:
    raw = sequence.encode("ascii") if isinstance(sequence, str) else sequence
    return np.frombuffer(raw, np.uint8) >= ord("a")


def load(
    path: PathLike,
    *,
    device: str = "auto",
    engine: str = "auto",
    threads: int = 1,
    precision: str = "f32",
    priors: Mapping[str, float] | None = None,
) -> Model:
    """Load a model file.

    Parameters
    ----------
    path : str or PathLike
        What `dnabirnn train` wrote.
    device, engine, threads, precision
        As `Model` takes them.
    priors : mapping of class name to float, optional
        Share of the bases of a strand that a class has in what will be scored.

    Raises
    ------
    ModelFileError
        No such file; no model of this tool; damaged; or of a newer format.
    """
    checkpoint = load_checkpoint(path).with_prior(priors or {})
    return Model(checkpoint, device=device, engine=engine, threads=threads, precision=precision)
