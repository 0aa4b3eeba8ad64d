from typing import TypeVar

from dnabirnn.engine.kernels.vectors import Numbers, Vector

ROWS: int
COLUMNS: int

_Sums = TypeVar("_Sums", bound=tuple[Vector, ...])

def product2(
    weights: Numbers, at: int, states: Numbers, first: int, count: int, sums: _Sums
) -> _Sums: ...
def product4(
    weights: Numbers, at: int, states: Numbers, first: int, count: int, sums: _Sums
) -> _Sums: ...
def product6(
    weights: Numbers, at: int, states: Numbers, first: int, count: int, sums: _Sums
) -> _Sums: ...
def product8(
    weights: Numbers, at: int, states: Numbers, first: int, count: int, sums: _Sums
) -> _Sums: ...
def product12(
    weights: Numbers, at: int, states: Numbers, first: int, count: int, sums: _Sums
) -> _Sums: ...
def outer(
    left: Numbers,
    at: int,
    left_step: int,
    right: Numbers,
    first: int,
    right_step: int,
    count: int,
    sums: Numbers,
    place: int,
) -> None: ...
