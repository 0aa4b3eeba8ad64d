"""A teacher: a model that a network learns from.

The network learns the teacher's probability of every base of the train split (knowledge
distillation: Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network). A
probability says more than a label: how sure the teacher is of a site, and which other sequence
looks like one. It also says something about bases that have no label, such as those of
`encode --exclude`.

The teacher scores whole contigs as `dnabirnn score` does, once per run. Its log-odds are moved to
the prior of training windows, because the network learns log-odds for that prior
(`dnabirnn.training.sampling`). `Sampler` mixes the probabilities with the labels.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.encoded import MaskMode
from dnabirnn.engine import make_engine
from dnabirnn.errors import OptionError
from dnabirnn.files import Scratch, failures_of, temporary_path
from dnabirnn.names import shortened
from dnabirnn.scoring import score

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.engine import Engine
    from dnabirnn.files import PathLike
    from dnabirnn.network import Architecture, Checkpoint
    from dnabirnn.training.processes import Hardware
    from dnabirnn.training.sampling import Prevalence, Sampler

__all__ = ["answers_of", "check_teacher", "taught_by", "teach"]

logger = logging.getLogger(__name__)

# The probability that is 65,535 on disk. A probability is rounded down, so that those of a base sum
# to 1 at most in an exclusive network. The error is less than 1.6e-5.
_ONE = 65_535
_LEAST_SHARE = 1e-6


class _Contig(NamedTuple):
    name: str
    codes: Codes


def check_teacher(
    teacher: Checkpoint | None, encoded: EncodedSet, architecture: Architecture, networks: int = 1
) -> None:
    """Check that a network can learn from a model; do nothing if there is none.

    Parameters
    ----------
    teacher : Checkpoint or None
    encoded : EncodedSet
    architecture : Architecture
        That of the network.
    networks : int
        Number of networks of the run.

    Raises
    ------
    OptionError
        The teacher has other classes, or others exclude each other, or it reads lower case
        otherwise; it has no prior, or learned labels of whole sequences; or several networks would
        be trained.
    """
    if teacher is None:
        return
    if networks > 1:
        raise OptionError(
            f"--teacher: {networks} networks would be trained, and a teacher teaches one; leave "
            "out --ensemble and --separate"
        )
    theirs = teacher.architecture
    if teacher.sequences is not None:
        raise OptionError(
            "--teacher: it learned labels of whole sequences, so that its scores of bases are not "
            "calibrated; give a model that learned labels of bases"
        )
    if set(theirs.outputs) != set(architecture.outputs):
        ours, its = (
            ", ".join(name + ("" if stranded else " (no strand)") for name, stranded in of.classes)
            for of in (architecture, theirs)
        )
        raise OptionError(
            f"--teacher: its classes are {its}, and those of the encoded set are {ours}; encode "
            "again with the classes of the teacher, or give another teacher"
        )
    if theirs.exclusive != architecture.exclusive:
        with_or_without = "with" if theirs.exclusive else "without"
        raise OptionError(
            f"--teacher: it was trained {with_or_without} --exclusive; train {with_or_without} "
            "--exclusive as well"
        )
    hard = str(MaskMode.HARD.value)
    if (teacher.mask == hard) != (encoded.mask is MaskMode.HARD):
        raise OptionError(
            f"--teacher: it was trained with --mask {teacher.mask}, and {encoded.path} was encoded "
            f"with --mask {encoded.mask.value}; encode again with --mask {teacher.mask}"
        )
    try:
        teacher.with_prior(dict.fromkeys((name for name, _ in theirs.classes), _LEAST_SHARE))
    except OptionError as error:
        raise OptionError(
            "--teacher: the model file does not have the shares of its classes in training; give "
            "a model that dnabirnn train wrote"
        ) from error
    if teacher.unlearned:
        logger.warning(
            "%s: not learned by the teacher, so that little can be learned from it",
            shortened([*teacher.unlearned]),
        )


def taught_by(teacher: Checkpoint) -> str:
    """Return the digest of a teacher, for the plan of a run."""
    return hashlib.sha256(teacher.to_bytes()).hexdigest()


def teach(
    sampler: Sampler,
    teacher: Checkpoint,
    architecture: Architecture,
    prevalence: Prevalence,
    model_path: PathLike,
    hardware: Hardware,
    device: str,
) -> None:
    """Score the training sequence with a teacher, and give its answers to a sampler.

    Parameters
    ----------
    sampler : Sampler
        Changed: its windows have the answers.
    teacher : Checkpoint
    architecture : Architecture
        That of the network.
    prevalence : Prevalence
        Of the sampler.
    model_path : str or PathLike
        As for `answers_of`.
    hardware : Hardware
    device : str
        The one of `hardware` on which this process computes.

    Raises
    ------
    OutputError
        There is no space for the answers.
    """
    asked = teacher.with_prior(window_shares(architecture, prevalence))
    engine = make_engine(asked, hardware.engine, device, hardware.precision)
    logger.info("scoring the training sequence with the teacher")
    sampler.answers = answers_of(
        asked, engine, sampler.encoded, architecture, model_path, hardware.threads
    )


def answers_of(
    teacher: Checkpoint,
    engine: Engine,
    encoded: EncodedSet,
    architecture: Architecture,
    model_path: PathLike,
    threads: int,
) -> NDArray[np.uint16]:
    """Return the probabilities that a teacher gives to the train split.

    Windows that hold no base of the split are not scored. The others read their context from
    neighbouring splits too: sequence, but no labels.

    Parameters
    ----------
    teacher : Checkpoint
        For the prior of training windows.
    engine : Engine
        That of the teacher.
    encoded : EncodedSet
    architecture : Architecture
        Its outputs are the columns.
    model_path : str or PathLike
        The probabilities are in a file in this folder, which has no name and is gone when it is no
        longer used.
    threads : int

    Returns
    -------
    answers : ndarray, (N, O) uint16
        Memory-mapped, of 65,535 for a probability of 1, for every base of `encoded`. 0 for bases
        that were not scored.

    Raises
    ------
    OutputError
        There is no space for the file.
    """
    outputs = teacher.architecture.outputs
    columns = [outputs.index(output) for output in architecture.outputs]
    intervals = _train_intervals(encoded)
    offsets = {contig.name: contig.offset for contig in encoded.contigs}
    name = str(model_path)
    row_bytes = 2 * len(columns)
    path = temporary_path(Path(model_path))
    file = Scratch(path, name)
    try:
        blocks = score(
            _contigs(encoded, intervals),
            engine,
            teacher.scoring_window,
            len(outputs),
            threads=threads,
            wanted=intervals.__getitem__,
        )
        for block in blocks:
            if block.probabilities.any():
                answers = (block.probabilities[:, columns] * np.float32(_ONE)).astype(np.uint16)
                file.seek((offsets[block.name] + block.start) * row_bytes)
                file.write(answers.tobytes())
        file.flush()
        with failures_of(name):
            file.truncate(len(encoded.codes) * row_bytes)
            return np.memmap(file, np.uint16, "r", 0, (len(encoded.codes), len(columns)))
    finally:
        file.abandon()
        with suppress(OSError):
            path.unlink()


def window_shares(architecture: Architecture, prevalence: Prevalence) -> dict[str, float]:
    """Return the share of the bases of each class in training windows, as a prior."""
    shares = np.clip(prevalence.sampled, _LEAST_SHARE, 1 - _LEAST_SHARE)
    if architecture.exclusive:  # some background is left
        strands = [1 + stranded for _, stranded in architecture.classes]
        shares = shares * np.minimum(1.0, (1 - _LEAST_SHARE) / (shares @ strands))
    names = [name for name, _ in architecture.classes]
    return dict(zip(names, shares.tolist(), strict=True))


def _train_intervals(encoded: EncodedSet) -> dict[str, NDArray[np.int64]]:
    """Return the intervals (n, 2) of the train split by contig, sorted."""
    found: dict[str, list[tuple[int, int]]] = {}
    for name, start, end in encoded.contig_splits("train"):
        found.setdefault(name, []).append((start, end))
    return {name: np.array(sorted(pieces), np.int64) for name, pieces in found.items()}


def _contigs(encoded: EncodedSet, intervals: dict[str, NDArray[np.int64]]) -> Iterator[_Contig]:
    """Yield the contigs that have training sequence."""
    for name, offset, length in encoded.contigs:
        if name in intervals:
            yield _Contig(name, encoded.codes[offset : offset + length])
