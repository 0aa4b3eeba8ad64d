"""Motifs of the classes of a network: from a motif file to training, and from a model to a file.

A network adds the log-odds of a position weight matrix to those of a class (see
`dnabirnn.network.matrix_scores`). The matrix can come from a motif file::

    share     q = 0.99 p + 0.01 b       p: share of a base in a column, b: in the training sequence
    log-odds  log(q / b)

A model keeps the log-odds alone. The background follows from them: the shares q of each column add
up to 1, A is as frequent as T, and C as G, because both strands count. With b(A) = a and
b(C) = 1/2 - a, each column of all matrices gives one equation for a, which least squares solve::

    a (exp(A) + exp(T)) + (1/2 - a) (exp(C) + exp(G)) = 1
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.errors import ModelFileError, MotifError
from dnabirnn.files import write_text
from dnabirnn.motifs.meme import meme_text
from dnabirnn.motifs.motif import BACKGROUND_SHARE, Motif, read_motifs
from dnabirnn.motifs.scanner import background_of
from dnabirnn.names import printable, shortened
from dnabirnn.network import MAX_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.network import Checkpoint

__all__ = ["ClassMotifs", "model_motifs", "read_class_motifs", "write_class_motifs"]

logger = logging.getLogger(__name__)

_LEAST_CONTRAST = 1e-6


class ClassMotifs(NamedTuple):
    """Motifs of the classes of a network.

    Attributes
    ----------
    source : str
        Name of the file, for messages.
    motifs : tuple of Motif or None
        One per class.
    """

    source: str
    motifs: tuple[Motif | None, ...]

    def log_odds(self, number: int, background: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """Return the log-odds (W, 4) of the motif of a class, given by its number.

        Parameters
        ----------
        number : int
        background : ndarray, (4,) float64
            Shares of A, C, G and T, all above 0.
        """
        motif = self.motifs[number]
        if motif is None:
            return None
        found: NDArray[np.float32] = np.log(motif.shares(background) / background).astype(
            np.float32
        )
        return found

    def of(self, numbers: Sequence[int]) -> ClassMotifs:
        """Return the motifs of some of the classes, given by their numbers."""
        return ClassMotifs(self.source, tuple(self.motifs[number] for number in numbers))

    def to_json(self) -> dict[str, Any]:
        """Return the SHA-256 of the matrices and the weight of the background, for the model."""
        digest = hashlib.sha256()
        for motif in self.motifs:
            counts = np.zeros((0, 4)) if motif is None else motif.counts
            digest.update(f"{len(counts)}\n".encode() + counts.astype("<f8").tobytes())
        return {"sha256": digest.hexdigest(), "background_share": BACKGROUND_SHARE}


def read_class_motifs(path: PathLike, classes: Sequence[str]) -> ClassMotifs:
    """Find the motif of each class in a file, by identifier or else by name, ignoring case.

    Parameters
    ----------
    path : str or PathLike
        As for `read_motifs`.
    classes : sequence of str
        Names of the classes.

    Raises
    ------
    MotifError
        If the file cannot be read, has no motif of any class or several of one, or if a motif is
        wider than a network can read.
    """
    source, motifs = str(path), read_motifs(path)
    found = tuple(_only(motifs, name, source) for name in classes)
    if not any(found):
        raise MotifError(
            f"{source}: no motif has the name of a class; the classes are "
            f"{shortened([printable(name) for name in classes])}, and the motifs "
            f"{shortened([printable(motif.name) for motif in motifs])}; rename motifs"
        )
    for motif in found:
        if motif is not None and motif.width_bp > MAX_COLUMNS:
            raise MotifError(
                f"{source}: motif {printable(motif.name)} has {motif.width_bp} columns, and a "
                f"network reads at most {MAX_COLUMNS}; cut it, or remove it from the file"
            )
    without = [printable(name) for name, motif in zip(classes, found, strict=True) if not motif]
    if without:
        logger.info(
            "%s: no motif for %s, which start from random weights", source, shortened(without)
        )
    return ClassMotifs(source, found)


def _only(motifs: Sequence[Motif], name: str, source: str) -> Motif | None:
    """Return the motif of a class; None if there is none."""
    matches = [motif for motif in motifs if _same(motif.identifier, name)]
    matches = matches or [motif for motif in motifs if _same(motif.name, name)]
    if len(matches) > 1:
        raise MotifError(
            f"{source}: {len(matches)} motifs have the name of class {printable(name)}: "
            f"{shortened([printable(motif.identifier) for motif in matches])}; keep one of them, "
            "or give the others another name"
        )
    return matches[0] if matches else None


def _same(one: str, other: str) -> bool:
    """Return whether two names are the same but for case and white space, which motifs lack."""
    return "_".join(one.split()).lower() == "_".join(other.split()).lower()


def write_class_motifs(checkpoint: Checkpoint, source: str, path: PathLike) -> int:
    """Write the matrices of a model as motifs in MEME's format; return their number.

    Parameters
    ----------
    checkpoint : Checkpoint
    source : str
        Name of the model, for the error.
    path : str or PathLike

    Raises
    ------
    ModelFileError
        If no class of the model has a matrix.
    OutputError
        If the path cannot be written.
    """
    if not any(any(member.architecture.matrices) for member in checkpoint.members):
        raise ModelFileError(
            f"{source}: no class of this model has a position weight matrix; export it as .onnx, "
            "or train it with `dnabirnn train --matrix auto` or a motif file"
        )
    motifs, background = model_motifs(checkpoint)
    if not all(np.isfinite(columns).all() for columns in motifs.values()):
        raise ModelFileError(
            f"{source}: a matrix is not finite; the file is damaged: copy it again, or train again"
        )
    # The format has no names with white space.
    named = {"_".join(name.split()): columns for name, columns in motifs.items()}
    write_text(path, meme_text(named, background))
    return len(motifs)


def model_motifs(
    checkpoint: Checkpoint,
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Return the matrices of a model as probabilities, and their background.

    The background is taken out of matrices that come from a motif file, so that they are those of
    the file. Matrices of sites keep the pseudocount that they were made with.

    Returns
    -------
    motifs : dict of str to ndarray, (W, 4) float64
        By class, for classes with a matrix; that of the first network with one. Columns outside
        the site are included.
    background : ndarray, (4,) float64
    """
    odds: dict[str, NDArray[np.float64]] = {}
    for architecture, weights in checkpoint.members:
        for number, (name, _) in enumerate(architecture.classes):
            if architecture.matrix(number) and name not in odds:
                log_odds = weights[f"matrix.{number}.log_odds"].astype(np.float64)
                odds[name] = np.exp(log_odds)
    background = _background(np.concatenate(list(odds.values())))
    mixed = _background_share(checkpoint.training)
    motifs = {}
    for name, of_class in odds.items():
        shares = np.maximum(of_class - mixed, 0) * background
        motifs[name] = shares / shares.sum(axis=1, keepdims=True)
    return motifs, background


def _background(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the background (4,) of columns of odds (W, 4); see the module docstring.

    It is uniform if all columns have as much G and C as the background, which then cannot be known.

    Examples
    --------
    >>> shares = np.array([[0.7, 0.1, 0.1, 0.1], [0.2, 0.2, 0.2, 0.4]])
    >>> _background(shares / background_of(0.4)).round(6).tolist()
    [0.3, 0.2, 0.2, 0.3]
    """
    weak, strong = odds[:, 0] + odds[:, 3], odds[:, 1] + odds[:, 2]
    contrast = weak - strong
    if np.abs(contrast).max() < _LEAST_CONTRAST:
        return background_of(0.5)
    of_a = float(contrast @ (1 - strong / 2) / (contrast @ contrast))
    return background_of(min(max(1 - 2 * of_a, _LEAST_CONTRAST), 1 - _LEAST_CONTRAST))


def _background_share(training: Mapping[str, Any]) -> float:
    """Return the weight of the background in the matrices, 0 if they are not from a motif file."""
    origin = training.get("matrix")
    share = origin.get("background_share") if isinstance(origin, dict) else None
    return share if isinstance(share, float) and 0 <= share < 1 else 0.0
