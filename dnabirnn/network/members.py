"""The networks of a model with their weights: one, or the members of an ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnabirnn.network.architecture import Architecture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.network.architecture import Ensemble

__all__ = ["Member", "joined_weights", "member_prefix", "members_of"]


class Member(NamedTuple):
    """One network of a model, with its weights by the names in `weight_shapes`."""

    architecture: Architecture
    weights: Mapping[str, NDArray[np.float32]]


def members_of(
    architecture: Architecture | Ensemble, weights: Mapping[str, NDArray[np.float32]]
) -> list[Member]:
    """Return the networks of an ensemble, or the only one, with their weights."""
    if isinstance(architecture, Architecture):
        return [Member(architecture, weights)]
    members = []
    for number, member in enumerate(architecture.members):
        prefix = member_prefix(number)
        own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        members.append(Member(member, own))
    return members


def joined_weights(members: Sequence[Member]) -> dict[str, NDArray[np.float32]]:
    """Return the weights of an ensemble, from those of its networks."""
    return {
        member_prefix(number) + name: array
        for number, (_, weights) in enumerate(members)
        for name, array in weights.items()
    }


def member_prefix(member: int) -> str:
    """Return what the names of a member's weights start with."""
    return f"member.{member}."
