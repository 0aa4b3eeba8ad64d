"""A fit before its first step, with weights drawn from the seed or taken from another model."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from dnabirnn.engine import trains_fused
from dnabirnn.errors import OptionError
from dnabirnn.evaluation import fit_jointly, fit_matrices
from dnabirnn.network import (
    Ensemble,
    MatrixShape,
    Network,
    head_rows,
    load_weights,
    prior_shift,
    weights_of,
)
from dnabirnn.training.fit import Fit
from dnabirnn.training.matrices import inside_network
from dnabirnn.training.processes import launch
from dnabirnn.training.sampling import Sampler
from dnabirnn.training.sequences.sampling import SequenceSampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning_fabric import Fabric

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.evaluation import FittedMatrix
    from dnabirnn.motifs import ClassMotifs
    from dnabirnn.network import Architecture, Checkpoint, LogOddsMap
    from dnabirnn.training.fit import FitSettings
    from dnabirnn.training.processes import Hardware
    from dnabirnn.training.sampling import Prevalence, SamplingSettings

__all__ = ["Begun", "begin", "first_network", "set_biases", "start_from"]


class Begun(NamedTuple):
    """A fit before its first step, and its parts.

    Attributes
    ----------
    fabric : lightning_fabric.Fabric
        Launched.
    sampler : Sampler or SequenceSampler
    prevalence : Prevalence
    fit : Fit
    maps : tuple of LogOddsMap
        Maps of the log-odds of each class, from the prior alone.
    fused : bool
        Whether compiled kernels compute it.
    matrices : list of FittedMatrix or None
        Position weight matrix of each class, whether the network has it or not; empty if none were
        fitted.
    """

    fabric: Fabric
    sampler: Sampler | SequenceSampler
    prevalence: Prevalence
    fit: Fit
    maps: tuple[LogOddsMap, ...]
    fused: bool
    matrices: list[FittedMatrix | None]


def begin(
    encoded: EncodedSet,
    architecture: Architecture,
    sampling: SamplingSettings,
    settings: FitSettings,
    hardware: Hardware,
    initial: Checkpoint | None = None,
    *,
    matrix: bool | ClassMotifs = True,
    fitted: list[FittedMatrix | None] | None = None,
    fabric: Fabric | None = None,
) -> Begun:
    """Create the network and its fit; parameters as for `dnabirnn.train`.

    The processes are started, unless `fabric` has them. `fitted` are the matrices of an earlier
    `Begun` with the same data and `matrix`.
    """
    sampler_of = SequenceSampler if encoded.whole_sequences else Sampler
    sampler = sampler_of(encoded, sampling, either_strand=not architecture.tied)
    if encoded.whole_sequences:  # which are no sites to make a matrix from
        matrix = False
    prevalence = sampler.prevalence()
    motifs = None if isinstance(matrix, bool) else matrix
    if motifs is not None and initial is not None:
        raise OptionError(
            f"--matrix {motifs.source}: with --init, the network has the matrices of the first "
            "model; leave out one of the two"
        )
    if fitted is None:
        fitted = fit_matrices(encoded, motifs) if matrix else []
    inside = inside_network(fitted) if motifs is None else fitted
    shapes = tuple(one and MatrixShape(len(one.log_odds), one.flank_bp) for one in inside)
    if initial is not None:  # its matrices go with its other weights
        inside, same = [], initial.architecture.classes == architecture.classes
        shapes = initial.members[0].architecture.matrices if same else ()
    elif architecture.exclusive:
        inside = fit_jointly(encoded, inside)
    architecture = replace(architecture, matrices=shapes if any(shapes) else ())
    sampler.flank_bp = architecture.matrix_reach_bp
    fabric = fabric or launch(hardware)
    fused = trains_fused(hardware.engine, fabric.device.type, hardware.precision, architecture.cell)
    network = first_network(architecture, prevalence, sampling.seed, inside)
    if initial is not None:
        start_from(network, initial)
    fit = Fit(fabric, network, sampler, settings, hardware.threads, fused, hardware.precision)
    maps = prior_shift(architecture, prevalence.sampled, prevalence.sequence)
    return Begun(fabric, sampler, prevalence, fit, maps, fused, fitted)


def first_network(
    architecture: Architecture,
    prevalence: Prevalence,
    seed: int,
    matrices: Sequence[FittedMatrix | None] = (),
) -> Network:
    """Make a network with weights drawn from the seed; torch's global generator is unchanged.

    Before the first step, the scores of a class with a matrix are those of the calibrated matrix:
    its rows of the head are 0.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(architecture)
    set_biases(network, prevalence)
    set_matrices(network, prevalence, matrices)
    return network


def set_matrices(
    network: Network, prevalence: Prevalence, matrices: Sequence[FittedMatrix | None]
) -> None:
    """Set the matrices of a network, and the rows of the head that their classes read to 0.

    A matrix is calibrated for the sequence. The network learns the log-odds of training windows,
    where sites are more frequent.
    """
    architecture = network.architecture
    names = [motif_class.name for motif_class in architecture.classes]
    shifts = prior_shift(architecture, prevalence.sampled, prevalence.sequence)
    rows = head_rows(architecture)
    with torch.no_grad():
        for number, (matrix, back) in enumerate(zip(matrices, shifts, strict=False)):
            if matrix is None:
                continue
            score: Any = network.matrix[str(number)]
            score.log_odds.copy_(torch.from_numpy(matrix.log_odds))
            shift = matrix.shift - back.shift
            score.map.copy_(torch.tensor([matrix.slope, matrix.least, shift]))
            for row, output in enumerate(rows):
                if output is None or output.class_name == names[number]:
                    network.head.weight[row] = 0
                    network.head.bias[row] = 0


def start_from(network: Network, initial: Checkpoint) -> None:
    """Copy the recurrent weights of another model, and its head rows of the shared classes.

    To a model without k-mers, a table of zeros is added: both compute the same.
    """
    ours, theirs = network.architecture, initial.architecture
    if isinstance(theirs, Ensemble):
        raise OptionError(
            f"--init: a model of {len(theirs.members)} networks; give a model of one network"
        )
    for option in ("cell", "hidden", "layers", "tied"):
        if getattr(ours, option) != getattr(theirs, option):
            raise OptionError(
                f"--init: its {option} is {getattr(theirs, option)}, and that of this network is "
                f"{getattr(ours, option)}; give the same options as for the first model"
            )
    if theirs.kmer not in (1, ours.kmer):
        raise OptionError(
            f"--init: its kmer is {theirs.kmer}, and that of this network is {ours.kmer}; "
            f"give --kmer {theirs.kmer}"
        )
    weights = weights_of(network)
    weights.update((n, w) for n, w in initial.weights.items() if n.startswith("recurrent."))
    weights.update((n, w) for n, w in initial.weights.items() if n in weights and "matrix." in n)
    rows = {row: number for number, row in enumerate(head_rows(theirs))}
    for number, row in enumerate(head_rows(ours)):
        if row in rows:
            for name in ("head.weight", "head.bias"):
                weights[name][number] = initial.weights[name][rows[row]]
    load_weights(network, weights)


def set_biases(network: Network, prevalence: Prevalence) -> None:
    """Set the biases of the head to the log-odds of the classes in training windows.

    The first steps of learning would otherwise be spent on reaching them.
    """
    architecture = network.architecture
    names = [motif_class.name for motif_class in architecture.classes]
    share = dict(zip(names, np.clip(prevalence.sampled, 1e-6, 1 - 1e-6).tolist(), strict=True))
    background = max(1 - sum(share[output.class_name] for output in architecture.outputs), 1e-6)
    biases = []
    for row in head_rows(architecture):
        if row is None:
            biases.append(0.0)
        else:
            mine = share[row.class_name]
            rest = background if architecture.exclusive else 1 - mine
            biases.append(math.log(mine) - math.log(rest))
    with torch.no_grad():
        network.head.bias.copy_(torch.tensor(biases))
