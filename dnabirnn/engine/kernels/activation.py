"""Activation functions on vectors: tanh, logistic function and exp."""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from dnabirnn.compiled import INLINED, inlined
from dnabirnn.engine.kernels.simd import Vector, by_lane, fma, like, maximum, minimum, scale, splat

__all__ = ["exp", "half_logistic", "logistic", "tanh"]

_HALF, _ONE = np.float32(0.5), np.float32(1)

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

# exp(x) = 2^n exp(r), where n is x / log(2) rounded, and r = x - n log(2). The polynomial for
# exp(r) is that of expf in Cephes (Moshier), with a relative error of 1e-7. log(2) is split in two,
# so that the product of n and the high part is exact.
_LOG2_E = np.float32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = np.float32(-0.693359375), np.float32(2.12194440e-4)
_ROUND = np.float32(12582912)  # 1.5 * 2^23: adding it rounds to a whole number, in the last bits
_LOWEST, _HIGHEST = np.float32(-87), np.float32(87)
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


@inlined
def _rational_tanh(x: Vector) -> Vector:
    """Return tanh(x) by the rational function above."""
    x = minimum(splat(_BOUND), maximum(splat(-_BOUND), x))
    s = x * x
    p = fma(fma(fma(splat(_P3), s, splat(_P2)), s, splat(_P1)), s, splat(_P0))
    q = fma(fma(fma(splat(_Q4), s, splat(_Q3)), s, splat(_Q2)), s, splat(_Q1))
    return x * p / fma(q, s, splat(_ONE))


@inlined
def half_logistic(x: Vector) -> Vector:
    """Return 1 / (1 + exp(-2 x)) within 3e-7. Gates have halved weights, which is exact."""
    return fma(tanh(x), like(x, _HALF), like(x, _HALF))


@inlined
def exp(x: Vector) -> Vector:
    """Return exp(x) with x clipped to [-87, 87]; relative error 2e-7."""
    x = minimum(splat(_HIGHEST), maximum(splat(_LOWEST), x))
    power = fma(x, splat(_LOG2_E), splat(_ROUND))
    n = power - splat(_ROUND)
    r = fma(n, splat(_LN2_LOW), fma(n, splat(_LN2_HIGH), x))
    p = fma(fma(fma(splat(_E0), r, splat(_E1)), r, splat(_E2)), r, splat(_E3))
    p = fma(fma(p, r, splat(_E4)), r, splat(_E5))
    return scale(fma(p, r * r, r) + splat(_ONE), power)


@inlined
def logistic(x: Vector) -> Vector:
    """Return 1 / (1 + exp(-x)). The relative error is small even for results near 0."""
    return splat(_ONE) / (splat(_ONE) + exp(splat(np.float32(0)) - x))
