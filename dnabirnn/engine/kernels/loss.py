"""Kernels of the loss of a block of windows, and of its gradient by the rows of the head.

With x for the log-odds, y for the target (0 or 1, or a probability), p = 1 / (1 + exp(-x)) and O
outputs::

    overlapping   loss = mean over outputs of max(x, 0) - x y + log(1 + exp(-|x|))
                  d loss / dx = (p - y) / O
    exclusive     loss = highest - sum of x y + log(sum of exp(x - highest))
                  d loss / dx = softmax(x) - y

In an exclusive network, the background is the first column, and its target is what the others
leave.

Neither form can overflow. A column is the mean of two rows of the head (see
`head`), so each of the two rows gets half of its gradient.

Other losses are computed outside: `log_odds_of` gives the log-odds that they are functions of, and
`spread` takes their gradient by these.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels.vectors import LANES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cross_entropy", "log_odds_of", "spread"]


@kernel
def cross_entropy(
    answers: NDArray[np.float32],
    rows: int,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    bias: NDArray[np.float32],
    exclusive: bool,
    terms: NDArray[np.float32],
    truth: NDArray[np.bool_] | NDArray[np.float32],
    counted: NDArray[np.bool_],
    factor: float,
    row_gradient: NDArray[np.float32],
    gradient_rows: int,
    bias_gradient: NDArray[np.float64],
    term_gradient: NDArray[np.float64],
    scratch: NDArray[np.float32],
) -> float:
    """Compute the loss of a block of windows, and its gradient by the rows of the head.

    Parameters
    ----------
    answers : ndarray, (L * rows * LANES,) float32
    rows, first, second, bias, exclusive
        As in `head.Head`.
    terms : ndarray, (L * C * LANES,) float32
        Numbers to add to the log-odds; empty if there are none.
    truth : ndarray, (W, L, O) bool or float32
        Truth of W windows, at most LANES, or the probability of each output. In an exclusive
        network, those of a base sum to 1 at most.
    counted : ndarray, (W, L) bool
        Bases that count towards the loss.
    factor : float
        Factor of each base's loss.
    row_gradient : ndarray, (L * gradient_rows * LANES,) float32
        Output.
    gradient_rows : int
        Number of rows of `row_gradient` per base.
    bias_gradient : ndarray, (C,) float64
        Gradient of each column's bias. It is added to.
    term_gradient : ndarray, (C,) float64
        Gradient of the logarithm of a factor of each column's terms. It is added to.
    scratch : ndarray, (2, C) float32
        Work space.

    Returns
    -------
    loss : float
        Sum over bases. Per base it is the mean over outputs of the binary cross-entropy, or the
        cross-entropy of a softmax over the background and the outputs.
    """
    windows, length, outputs = truth.shape
    kind: Any = answers.dtype.type
    background = 1 if exclusive else 0
    columns = outputs + background
    share = kind(1) if exclusive else kind(1 / outputs)
    row_gradient[:] = 0
    log_odds, target = scratch[0], scratch[1]
    loss, total, highest = 0.0, kind(1), kind(0)
    # A sum of logarithms is the logarithm of a product. Multiply the arguments, and take the
    # logarithm only when the product gets large: once in hundreds of factors.
    product, most = 1.0, 1e200
    for lane in range(windows):
        for t in range(length):
            if not counted[lane, t]:
                continue
            rest = kind(1)
            for c in range(columns):
                one = answers[(t * rows + first[c]) * LANES + lane]
                other = answers[(t * rows + second[c]) * LANES + lane]
                log_odds[c] = (one + other) * kind(0.5) + bias[c]
                if terms.size:
                    log_odds[c] += terms[(t * columns + c) * LANES + lane]
                if c >= background:
                    target[c] = kind(truth[lane, t, c - background])
                    rest -= target[c]
            if exclusive:
                target[0] = max(rest, kind(0))
                highest, total = log_odds[0], kind(0)
                for c in range(1, columns):
                    highest = max(highest, log_odds[c])
                for c in range(columns):
                    total += math.exp(log_odds[c] - highest)
                    loss -= log_odds[c] * target[c]
                loss += highest
                product *= total
            for c in range(columns):
                x = log_odds[c]
                if exclusive:
                    wrong = math.exp(x - highest) / total - target[c]
                else:
                    y, small = target[c], math.exp(-abs(x))
                    p = (kind(1) if x >= 0 else small) / (kind(1) + small)
                    loss += max(x, kind(0)) - x * y
                    product *= kind(1) + small
                    wrong = (p - y) * share
                wrong *= kind(factor)
                bias_gradient[c] += wrong
                if terms.size:
                    term_gradient[c] += wrong * terms[(t * columns + c) * LANES + lane]
                row_gradient[(t * gradient_rows + first[c]) * LANES + lane] += wrong * kind(0.5)
                row_gradient[(t * gradient_rows + second[c]) * LANES + lane] += wrong * kind(0.5)
            if product > most:
                loss, product = loss + math.log(product), 1.0
    mean = (loss + math.log(product)) * share
    return float(mean * factor)


@kernel
def log_odds_of(
    answers: NDArray[np.float32],
    rows: int,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    bias: NDArray[np.float32],
    terms: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Compute the log-odds of a block of windows from the rows of the head.

    Parameters
    ----------
    answers, rows, first, second, bias, terms
        As for `cross_entropy`.
    out : ndarray, (W, L, C) float32
        Output: log-odds of W windows, at most LANES, by column.
    """
    windows, length, columns = out.shape
    half = answers.dtype.type(0.5)
    for lane in range(windows):
        for t in range(length):
            for c in range(columns):
                one = answers[(t * rows + first[c]) * LANES + lane]
                other = answers[(t * rows + second[c]) * LANES + lane]
                x = (one + other) * half + bias[c]
                if terms.size:
                    x += terms[(t * columns + c) * LANES + lane]
                out[lane, t, c] = x


@kernel
def spread(
    of_log_odds: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    terms: NDArray[np.float32],
    row_gradient: NDArray[np.float32],
    gradient_rows: int,
    bias_gradient: NDArray[np.float64],
    term_gradient: NDArray[np.float64],
) -> None:
    """Turn the gradient by log-odds into those by the rows of the head, biases and factors.

    Parameters
    ----------
    of_log_odds : ndarray, (W, L, C) float32
        Gradient of a loss by the log-odds of W windows, at most LANES.
    first, second, terms
        As for `cross_entropy`.
    row_gradient, gradient_rows, bias_gradient, term_gradient
        As for `cross_entropy`.
    """
    windows, length, columns = of_log_odds.shape
    half = row_gradient.dtype.type(0.5)
    row_gradient[:] = 0
    for lane in range(windows):
        for t in range(length):
            for c in range(columns):
                part = of_log_odds[lane, t, c]
                bias_gradient[c] += part
                if terms.size:
                    term_gradient[c] += part * terms[(t * columns + c) * LANES + lane]
                row_gradient[(t * gradient_rows + first[c]) * LANES + lane] += part * half
                row_gradient[(t * gradient_rows + second[c]) * LANES + lane] += part * half
