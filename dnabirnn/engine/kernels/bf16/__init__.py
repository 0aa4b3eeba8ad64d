"""Kernels with products of bfloat16, for scoring only.

bfloat16 is float32 without its last 16 bits. Weights and states are rounded to it before they are
multiplied. Sums, gates, biases, tables of the first layer, and the product with the head are those
of the kernels of float32. A state is kept in float32 too, since the next state of a unit contains
part of it.

Layout. A number of 32 bits holds a pair of bfloat16, the even one in its low half. Such pairs are
in arrays of float32, in the place of a float32::

    states     (H / 2, LANES)                      units 2 k and 2 k + 1 of window w
    features   (L, 2, H / 2, LANES)                the same, by base and direction
    weights    (H / TILE_ROWS, gates,              by tile of units and gate:
                n / UNITS, TILE_ROWS, TILE_PAIRS)  rows of pairs of n weights

A step goes through tiles of `TILE_ROWS` units. It writes the sums of the base to the scratch space
of the tile, from the tables of codes or of k-mers, adds the products (`intrinsics.bf16_tiles`), and
computes the new states. Units are filled up to a multiple of `UNITS`.

Modules, in reading order:

- `pack`: weights in bfloat16
- `gru`: gated recurrent units
- `lstm`: long short-term memory
- `rnn`: plain recurrent units
- `cells`: which kernels compute which cell
"""
