"""Compiled kernels: the recurrent cells, forward and backward.

Modules, in reading order:

- `vectors`: size and alignment of vectors
- `intrinsics`: operations on vectors, which are compiled into kernels
- `kmers`: look-up of k-mers in a first layer
- `layers`: weights of a layer, packed for the kernels
- `head`: from hidden states to probabilities
- `letters`: gradients by the letters of k-mers
- `gradients`: what the backward passes of all cells share
- `rnn`: plain recurrent units
- `gru`: gated recurrent units
- `gru_ln`: dna-brnn's gated recurrent units with layer normalization
- `lstm`: long short-term memory
- `cells`: which kernels compute which cell
- `bf16`: kernels of the cells with products of bfloat16
- `matrix_scan`: position weight matrices, in lanes and on one sequence
- `mutants`: changed sequence, from kept states
- `loss`: the loss and its gradient with respect to the head
- `packing`: weights for training, packed and unpacked
- `workspace`: both passes over a block of windows
"""
