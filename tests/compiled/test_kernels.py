"""Calls of kernels: all kinds of arguments and results, from several threads."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from dnabirnn.compiled import inlined, kernel
from dnabirnn.engine.kernels import intrinsics


class Pair(NamedTuple):
    left: NDArray[np.float32]
    right: int


@kernel
def weighted(array: Any, factor: Any) -> Any:
    total = factor * 0
    for row in range(array.shape[0]):
        for column in range(array.shape[1]):
            total += array[row, column] * factor * (row * 10 + column)
    return total


@kernel
def fill(array: Any, value: Any) -> None:
    for i in range(array.size):
        array[i] = value


@kernel
def first_of(pair: Any, other: Any, none: Any) -> Any:
    if none is None:
        return pair.left[0] + pair.right + other[1]
    return pair.left[0] * 0


@kernel
def both(flag: bool) -> bool:
    return not flag


@inlined
def doubled(number: int) -> int:
    return 2 * number


@kernel
def calls_others(array: NDArray[np.int64], number: int) -> int:
    fill(array, doubled(number))
    return doubled(array[0])


@kernel
def fails(number: int) -> int:
    if number > 3:
        raise ValueError
    return number


@kernel
def allocates(number: int) -> Any:
    return np.zeros(number).sum()


ARRAY = np.arange(12.0).reshape(3, 4)
WEIGHTS = np.arange(3)[:, None] * 10 + np.arange(4)


@pytest.mark.parametrize(
    "array",
    [ARRAY, ARRAY.T.copy().T, ARRAY[:, ::-1], np.repeat(ARRAY, 2, axis=0)[::2], ARRAY.copy()],
    ids=["C", "Fortran", "reversed", "strided", "read-only"],
)
def test_arrays_of_all_layouts(array: NDArray[np.float64], request: Any) -> None:
    if request.node.callspec.id == "read-only":
        array.setflags(write=False)
    assert weighted(array, 2.0) == (array * WEIGHTS).sum() * 2


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "?"])
def test_numbers_of_all_types(dtype: str) -> None:
    value: Any = np.ones(1, dtype)[0]
    array = np.zeros(3, dtype)
    fill(array, value)
    assert array.tolist() == [value.item()] * 3


def test_a_result_is_a_python_number() -> None:
    assert type(weighted(ARRAY.astype(np.int64), 2)) is int
    assert type(weighted(ARRAY.astype(np.float32), np.float32(2))) is float
    assert both(False) is True
    assert both(True) is False
    assert fill(np.zeros(1), 1.0) is None


def test_tuples_and_none() -> None:
    pair = Pair(np.array([3], np.float32), 4)
    assert first_of(pair, (1, 2), None) == 9
    assert first_of(pair, (1.0, 0.5), None) == 7.5
    assert first_of(pair, (1, 2), 1) == 0


def test_an_empty_array_and_a_large_number() -> None:
    assert weighted(np.zeros((0, 4), np.int64), -(2**62)) == 0
    assert weighted(np.ones((1, 2), np.int64), -(2**62)) == -(2**62)


def test_a_kernel_calls_other_kernels_and_functions() -> None:
    array = np.zeros(2, np.int64)
    assert calls_others(array, 5) == 20
    assert array.tolist() == [10, 10]


@pytest.mark.parametrize(
    "argument",
    ["text", np.zeros(2, ">f8"), np.zeros(9, np.uint8)[1:].view(np.float64), [1, 2]],
    ids=["text", "byte order", "alignment", "list"],
)
def test_other_arguments_are_errors(argument: object) -> None:
    with pytest.raises(TypeError):
        both(argument)  # type: ignore[arg-type]


def test_a_kernel_that_raises_is_an_error() -> None:
    assert fails(3) == 3
    with pytest.raises(RuntimeError, match="a kernel has returned status"):
        fails(4)


def test_a_kernel_that_allocates_is_not_compiled() -> None:
    with pytest.raises(NumbaError, match="array"):
        allocates(3)


def test_threads_call_a_kernel_for_the_first_time() -> None:
    @kernel
    def number(array: Any) -> Any:
        return array[0]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: number(np.full(4, n)), range(200)))
    assert found == list(range(200))


def test_names_of_intrinsics_are_those_of_their_modules() -> None:
    for module, names in intrinsics._MODULES.items():
        found = importlib.import_module(f"{intrinsics.__name__}.{module}")
        assert set(names) <= set(found.__all__)
    assert not hasattr(intrinsics, "pytest_plugins")
