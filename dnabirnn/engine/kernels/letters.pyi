from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnabirnn.alphabet import Codes
from dnabirnn.engine.kernels.vectors import Numbers

__all__ = ["COLUMNS", "Letters", "add_letters", "by_letter", "no_letters"]

COLUMNS: int

class Letters(NamedTuple):
    kmer: int
    numbers: NDArray[np.int64]
    table: Numbers
    width: int
    scratch: Numbers
    out: Numbers

def no_letters(dtype: np.dtype[Any]) -> Letters: ...
def add_letters(
    deltas: Numbers,
    steps: int,
    delta_step: int,
    rows: int,
    reverse: bool,
    first: int,
    letters: Letters,
) -> None: ...
def by_letter(
    codes: Codes, flank: int, forward: Numbers, reverse: Numbers, out: Numbers
) -> None: ...
