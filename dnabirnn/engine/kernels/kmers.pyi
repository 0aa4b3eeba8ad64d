import numpy as np
from numpy.typing import NDArray

from dnabirnn.alphabet import Codes
from dnabirnn.engine.kernels.vectors import Numbers, Vector

FURTHER: int
GROUP: int

def find_places(
    codes: Codes, length: int, kmer: int, width: int, places: NDArray[np.int64]
) -> None: ...
def fold(
    table: Numbers,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    factors: NDArray[np.float64],
    of_bases: Numbers,
    out: Numbers,
) -> None: ...
def take_kmers(
    table: Numbers, at: int, rows: int, places: NDArray[np.int64], first: int
) -> tuple[Vector, ...]: ...
def add_to_rows(
    table: Numbers, at: int, places: NDArray[np.int64], first: int, deltas: Numbers, place: int
) -> None: ...
