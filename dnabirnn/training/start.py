"""Initial weights: drawn from the seed, or taken from another model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from dnabirnn.errors import OptionError
from dnabirnn.network import Network, head_rows, load_weights, weights_of

if TYPE_CHECKING:
    from dnabirnn.network import Architecture, Checkpoint
    from dnabirnn.training.sampling import Prevalence

__all__ = ["first_network", "set_biases", "start_from"]


def first_network(architecture: Architecture, prevalence: Prevalence, seed: int) -> Network:
    """Make a network with weights drawn from the seed; torch's global generator is unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(architecture)
    set_biases(network, prevalence)
    return network


def start_from(network: Network, initial: Checkpoint) -> None:
    """Copy the recurrent weights of another model, and its head rows of the shared classes.

    To a model without k-mers, a table of zeros is added: both compute the same.
    """
    ours, theirs = network.architecture, initial.architecture
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
