"""The straight path from a baseline to a sequence, on which gradients are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from dnabirnn.alphabet import ONE_HOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

    Floats: TypeAlias = "NDArray[np.float32]"

__all__ = ["MixturePath"]


class MixturePath(NamedTuple):
    """A path from a mixture of bases to a window, and the target whose gradients are summed.

    Attributes
    ----------
    codes : ndarray, (L,) uint8
        A window without padding.
    baseline : ndarray, (L, 4) float32
        Shares of the four letters, which add up to 1; 0 at bases of code 4.
    shares : ndarray, (L,) float32
        Factors of the log-odds in the target.
    output : int
        Column of the log-odds.
    places : ndarray, (n,) float64
        Places on the path: 0 is the baseline, 1 the sequence.
    weights : ndarray, (n,) float64
        Factors of the gradients at the places.
    """

    codes: Codes
    baseline: Floats
    shares: Floats
    output: int
    places: NDArray[np.float64]
    weights: NDArray[np.float64]

    def summed(
        self, at_mixtures: Callable[..., tuple[NDArray[np.float64], NDArray[Any]]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return targets at the places, and the weighted sum of the gradients.

        Parameters
        ----------
        at_mixtures : callable
            Returns targets (n,) and gradients (n, L, 4), given codes (n, L), shares of the letters
            (n, L, 4), `shares` (n, L) and outputs (n,).

        Returns
        -------
        values : ndarray, (n,) float64
        gradients : ndarray, (L, 4) float64
        """
        number = len(self.places)
        sequence = ONE_HOT[self.codes]
        mixtures = self.baseline + self.places[:, None, None] * (sequence - self.baseline)
        values, gradients = at_mixtures(
            np.tile(self.codes, (number, 1)),
            mixtures.astype(np.float32),
            np.tile(self.shares, (number, 1)),
            np.full(number, self.output),
        )
        return values, np.tensordot(self.weights, gradients, axes=1)
