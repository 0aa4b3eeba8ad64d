"""A kernel in Triton: one direction of a recurrent layer, from k-mers to rows of the head.

A program serves `block` windows in one direction, and reads them from end to end. The state stays
in registers, so that between two bases nothing goes through the memory of the GPU. Both directions
of all blocks are programs of one launch.

A first layer takes its sums from a table by k-mer, which also has the biases and the weights of the
base; see `kernels.kmers`. A deeper layer gets its sums from a product of matrices. The last layer
writes its half of the rows of the head, see `kernels.head`, and other layers write their states.

Equations, gates and padding are those of the CPU kernels in `kernels.gru`, `kernels.lstm` and
`kernels.rnn`. tanh(x) is 1 - 2 / (1 + exp(2 x)). Triton is imported with this module, and only its
engine imports it.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["run"]


# An integer of 1 would become a constant, which is of another type.
@triton.jit(do_not_specialize=["unpadded", "windows", "length"])
def run(
    places,
    unpadded,
    sums,
    states,
    state_bias,
    head,
    features,
    answers,
    windows,
    length,
    first_layer: tl.constexpr,
    gates: tl.constexpr,
    hidden: tl.constexpr,
    columns: tl.constexpr,
    rows: tl.constexpr,
    block: tl.constexpr,
    precision: tl.constexpr,
):
    """Run one direction of a layer over a block of windows; program (block, direction).

    Parameters
    ----------
    places : (L, B) int32
        Row of each base in the table of k-mers.
    unpadded : int
        Rows from this number on are padding.
    sums : (2, unpadded, gates * hidden) float32, or (2, L, B, gates * hidden) float32
        Sums of each direction before the product of the state: by k-mer, or in a deeper layer by
        base.
    states : (2, gates, hidden, hidden) float32
        Weights of the state, transposed.
    state_bias : (2, hidden) float32
        Bias of the new state's product with the state in a GRU; other biases are in `sums`.
    head : (2, hidden, columns) float32
        Weights of the rows of the head, transposed; `columns` is `rows` or more.
    features : (L, B, 2 * hidden) float32
        Output of a layer below the last: states, forward before reverse.
    answers : (2, L, B, rows) float32
        Output of the last layer: half of the rows of the head, by direction.
    windows, length : int
        B and L.
    first_layer : bool
    gates : int
        1 for a plain RNN, 3 for a GRU, 4 for an LSTM.
    hidden, columns, block : int
        Powers of two, of 16 or more.
    rows : int
        0 below the last layer.
    precision : str
        How products of float32 are computed, as for `tl.dot`.
    """
    direction = tl.program_id(1)
    first = direction * (length - 1)
    onward = 1 - 2 * direction
    window = tl.program_id(0) * block + tl.arange(0, block)
    inside = window < windows
    mask = inside[:, None]
    unit = tl.arange(0, hidden)
    column = tl.arange(0, columns)
    wide: tl.constexpr = gates * hidden
    area: tl.constexpr = hidden * hidden
    # More weights have no room beside the state. They are loaded again at each base.
    keep: tl.constexpr = hidden <= 32
    bases = windows.to(tl.int64) * length
    square = states + direction * gates * area + unit[:, None] * hidden + unit[None, :]
    of_rows = head + direction * hidden * columns + unit[:, None] * columns + column[None, :]
    if first_layer:
        sums += direction * unpadded * wide
    else:
        sums += direction * bases * wide
    if keep:
        u0 = tl.load(square)
        if gates > 1:
            u1 = tl.load(square + area)
            u2 = tl.load(square + 2 * area)
        if gates > 3:
            u3 = tl.load(square + 3 * area)
        if rows:
            of_head = tl.load(of_rows)
    if gates == 3:
        bias = tl.load(state_bias + direction * hidden + unit)[None, :]
    h = tl.zeros((block, hidden), tl.float32)
    c = tl.zeros((block, hidden), tl.float32)
    following = tl.load(places + first * windows + window, mask=inside, other=unpadded)
    for step in range(length):
        t = first + step * onward
        base = t.to(tl.int64) * windows + window
        real = (following < unpadded)[:, None]
        if first_layer:
            at = sums + following[:, None] * wide + unit[None, :]
        else:
            at = sums + base[:, None] * wide + unit[None, :]
        s0 = tl.load(at, mask=real, other=0.0)
        if gates > 1:
            s1 = tl.load(at + hidden, mask=real, other=0.0)
            s2 = tl.load(at + 2 * hidden, mask=real, other=0.0)
        if gates > 3:
            s3 = tl.load(at + 3 * hidden, mask=real, other=0.0)
        # Loaded while the products are computed, so that the next base need not wait.
        more = inside & (step + 1 < length)
        following = tl.load(places + base + onward * windows, mask=more, other=unpadded)
        if not keep:
            u0 = tl.load(square)
            if gates > 1:
                u1 = tl.load(square + area)
                u2 = tl.load(square + 2 * area)
            if gates > 3:
                u3 = tl.load(square + 3 * area)
            if rows:
                of_head = tl.load(of_rows)
        # Sums are added last: they are still being loaded while the products are computed.
        s0 += tl.dot(h, u0, input_precision=precision)
        if gates == 1:
            h = 1 - 2 / (1 + tl.exp(2 * s0))
        elif gates == 3:
            s1 += tl.dot(h, u1, input_precision=precision)
            of_state = tl.dot(h, u2, input_precision=precision) + bias
            n = 1 - 2 / (1 + tl.exp(2 * (s2 + of_state / (1 + tl.exp(-s0)))))
            h = n + (h - n) / (1 + tl.exp(-s1))
        else:
            s1 += tl.dot(h, u1, input_precision=precision)
            s2 += tl.dot(h, u2, input_precision=precision)
            s3 += tl.dot(h, u3, input_precision=precision)
            g = 1 - 2 / (1 + tl.exp(2 * s2))
            c = c / (1 + tl.exp(-s1)) + g / (1 + tl.exp(-s0))
            c = tl.where(real, c, 0.0)
            h = (1 - 2 / (1 + tl.exp(2 * c))) / (1 + tl.exp(-s3))
        h = tl.where(real, h, 0.0)
        if rows:
            half = tl.dot(h, of_head, input_precision=precision)
            out = answers + (direction * bases + base)[:, None] * rows + column[None, :]
            tl.store(out, half, mask=mask & (column < rows)[None, :])
        else:
            out = features + base[:, None] * (2 * hidden) + direction * hidden + unit[None, :]
            tl.store(out, h, mask=mask)
