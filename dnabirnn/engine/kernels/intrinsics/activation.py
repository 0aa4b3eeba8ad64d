"""Activation functions on vectors: tanh, logistic function, exp and exp2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, types
from numba.extending import overload

from dnabirnn.compiled import INLINED
from dnabirnn.engine.kernels.intrinsics.simd import (
    by_lane,
    fma,
    fraction,
    like,
    maximum,
    minimum,
    scale,
    splat,
)
from dnabirnn.engine.kernels.vectors import AVX512

if TYPE_CHECKING:
    from dnabirnn.engine.kernels.intrinsics import Vector

__all__ = ["exp", "exp2", "half_logistic", "logistic", "tanh"]

_HALF, _ONE = np.float32(0.5), np.float32(1)
_LN2 = np.float64(0.69314718055994531)

# tanh(x) = x P(x^2) / Q(x^2) on [-8, 8], with the smallest maximum error (Lawson's method). The
# error is 1.3e-7, and 4.4e-7 as computed in float32. Beyond the bounds, the value at the bound is
# used, which is off by 2.3e-7. With 11 terms instead of 8, the error is that of float32 itself, but
# the whole kernel is 6 % slower.
_BOUND = np.float32(8)
_P0, _P1, _P2, _P3 = map(
    np.float32,
    (0.9999993443489075, 0.12913638353347778, 0.0029388254042714834, 1.13102014438482e-5),
)
_Q1, _Q2, _Q3, _Q4 = map(
    np.float32,
    (0.46246737241744995, 0.02376381680369377, 2.3702815140783787e-4, 2.423834644105227e-7),
)

# 2^x = 2^n 2^f, where n is x rounded to an integer. The polynomial for 2^f is 1 at f = 0 and has
# the smallest maximum relative error on [-0.5, 0.5] (Lawson's method): 9.2e-8, and 1.7e-7 as
# computed in float32.
_C0, _C1, _C2, _C3, _C4 = map(
    np.float32,
    (
        0.0013264727206778978,
        0.009671512652622116,
        0.055507337433481206,
        0.2402224208517641,
        0.6931469775990388,
    ),
)
# Lower limit of `exp2` where `scale` cannot return smaller numbers.
_LEAST = np.float32(-125)

# exp(x) = 2^n exp(r), where n is x / log(2) rounded, and r = x - n log(2). The polynomial for
# exp(r) is that of expf in Cephes (Moshier), with a relative error of 1e-7. log(2) is split in two,
# so that the product of n and the high part is exact.
_LOG2_E = np.float32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = np.float32(-0.693359375), np.float32(2.12194440e-4)
_LOWEST, _HIGHEST = np.float32(-86), np.float32(87)
_E0, _E1, _E2, _E3, _E4, _E5 = map(
    np.float32,
    (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    ),
)


def tanh(x: Vector) -> Vector:
    """Return tanh(x): in float32 within 5e-7, in float64 by the math library."""
    return by_lane(math.tanh, x)


@overload(tanh, jit_options=INLINED)
def _tanh(x):  # type: ignore[no-untyped-def]
    if x.number == types.float32:
        return lambda x: _rational_tanh(x)
    return lambda x: by_lane(math.tanh, x)


@njit(**INLINED)
def _rational_tanh(x: Vector) -> Vector:
    """Return tanh(x) by the rational function above."""
    x = minimum(like(x, _BOUND), maximum(like(x, -_BOUND), x))
    s = x * x
    p = fma(fma(fma(like(s, _P3), s, like(s, _P2)), s, like(s, _P1)), s, like(s, _P0))
    q = fma(fma(fma(like(s, _Q4), s, like(s, _Q3)), s, like(s, _Q2)), s, like(s, _Q1))
    return x * p / fma(q, s, like(s, _ONE))


@njit(**INLINED)
def half_logistic(x: Vector) -> Vector:
    """Return 1 / (1 + exp(-2 x)) within 3e-7. Gates have halved weights, which is exact."""
    return fma(tanh(x), like(x, _HALF), like(x, _HALF))


def exp2(x: Vector) -> Vector:
    """Return 2**x: in float32 with a relative error of 2e-7, in float64 by the math library.

    x is at most 126. Below -125, the result is a number below 2**-124 that depends on the form.
    """
    return by_lane(math.exp, x * like(x, _LN2))


@overload(exp2, jit_options=INLINED)
def _exp2(x):  # type: ignore[no-untyped-def]
    if x.number == types.float32:
        return lambda x: _polynomial_exp2(x)
    return lambda x: by_lane(math.exp, x * like(x, _LN2))


@njit(**INLINED)
def _polynomial_exp2(x: Vector) -> Vector:
    """Return 2**x by the polynomial above."""
    if not AVX512:
        x = maximum(like(x, _LEAST), x)
    f = fraction(x)
    p = fma(fma(like(f, _C0), f, like(f, _C1)), f, like(f, _C2))
    p = fma(fma(fma(p, f, like(f, _C3)), f, like(f, _C4)), f, like(f, _ONE))
    return scale(p, x)


@njit(**INLINED)
def exp(x: Vector) -> Vector:
    """Return exp(x) with x clipped to [-86, 87]; relative error 2e-7."""
    x = minimum(splat(_HIGHEST), maximum(splat(_LOWEST), x))
    power = x * splat(_LOG2_E)
    n = power - fraction(power)
    r = fma(n, splat(_LN2_LOW), fma(n, splat(_LN2_HIGH), x))
    p = fma(fma(fma(splat(_E0), r, splat(_E1)), r, splat(_E2)), r, splat(_E3))
    p = fma(fma(p, r, splat(_E4)), r, splat(_E5))
    return scale(fma(p, r * r, r) + splat(_ONE), n)


@njit(**INLINED)
def logistic(x: Vector) -> Vector:
    """Return 1 / (1 + exp(-x)). The relative error is small even for results near 0."""
    return splat(_ONE) / (splat(_ONE) + exp(splat(np.float32(0)) - x))
