"""Activations on vectors."""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from dnabirnn.compiled import INLINED, inlined
from dnabirnn.engine.kernels.simd import Vector, by_lane, fma, like, maximum, minimum, scale, splat

__all__ = ["exp", "half_logistic", "logistic", "tanh"]

_HALF, _ONE = np.float32(0.5), np.float32(1)

# tanh(x) = x P(x^2) / Q(x^2) on [-8, 8], the least largest error (Lawson's method): 1.3e-7, and
# 4.4e-7 as computed; beyond, the bound's value, which is off by 2.3e-7. Of 11 terms in place of 8
# the error is that of float32, and the whole kernel 6 % slower.
_BOUND = np.float32(8)
_P0, _P1, _P2, _P3 = map(
    np.float32,
    (0.9999993443489075, 0.12913638353347778, 0.0029388254042714834, 1.13102014438482e-5),
)
_Q1, _Q2, _Q3, _Q4 = map(
    np.float32,
    (0.46246737241744995, 0.02376381680369377, 2.3702815140783787e-4, 2.423834644105227e-7),
)

# exp(x) = 2^n exp(r): Cephes' expf (Moshier), relative error 1e-7.
_LOG2_E = np.float32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = np.float32(-0.693359375), np.float32(2.12194440e-4)
_ROUND = np.float32(12582912)  # 1.5 * 2^23: added, it leaves a whole number in the last bits
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
    """Hyperbolic tangent: of float64 as the system's; of float32, see below, within 5e-7."""
    return by_lane(math.tanh, x)


@overload(tanh, jit_options=INLINED)
def _tanh(x):  # type: ignore[no-untyped-def]
    if x.number == types.float32:
        return lambda x: _rational_tanh(x)
    return lambda x: by_lane(math.tanh, x)


@inlined
def _rational_tanh(x: Vector) -> Vector:
    x = minimum(splat(_BOUND), maximum(splat(-_BOUND), x))
    s = x * x
    p = fma(fma(fma(splat(_P3), s, splat(_P2)), s, splat(_P1)), s, splat(_P0))
    q = fma(fma(fma(splat(_Q4), s, splat(_Q3)), s, splat(_Q2)), s, splat(_Q1))
    return x * p / fma(q, s, splat(_ONE))


@inlined
def half_logistic(x: Vector) -> Vector:
    """1 / (1 + exp(-2 x)), within 3e-7: gates halve their weights, which loses no bit."""
    return fma(tanh(x), like(x, _HALF), like(x, _HALF))


@inlined
def exp(x: Vector) -> Vector:
    """Exponential of numbers from -87 to 87, which others count as; relative error 2e-7."""
    x = minimum(splat(_HIGHEST), maximum(splat(_LOWEST), x))
    power = fma(x, splat(_LOG2_E), splat(_ROUND))
    n = power - splat(_ROUND)
    r = fma(n, splat(_LN2_LOW), fma(n, splat(_LN2_HIGH), x))
    p = fma(fma(fma(splat(_E0), r, splat(_E1)), r, splat(_E2)), r, splat(_E3))
    p = fma(fma(p, r, splat(_E4)), r, splat(_E5))
    return scale(fma(p, r * r, r) + splat(_ONE), power)


@inlined
def logistic(x: Vector) -> Vector:
    """1 / (1 + exp(-x)), of a relative error that stays small where it is next to 0."""
    return splat(_ONE) / (splat(_ONE) + exp(splat(np.float32(0)) - x))
