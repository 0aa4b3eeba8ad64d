"""Engines: from base codes to probabilities, on CPUs and GPUs.

Modules, in reading order:

- `choose`: the protocol `Engine`, and which engine serves a model
- `devices`: torch devices and precisions
- `bf16`: whether this process can compute in bfloat16 on its CPU
- `torch_engine`: the network in torch, on any device
- `triton_engine`: the same with a kernel in Triton, on GPUs
- `triton_network`: a network as this kernel reads it
- `triton_kernels`: the kernel
- `fused_engine`: the network as compiled kernels, on CPUs
- `mutant_engine`: changed windows, from what is kept of the unchanged ones
- `differentiable`: loss and gradients by compiled kernels, for training
- `mixture_path`: the path from a baseline to a sequence
- `torch_gradients`: gradients by the letters of windows, in torch
- `kmer_paths`: sums of k-mers along a path of mixtures
- `gradient_network`: a network as the kernels of these gradients read it
- `input_gradients`: these gradients by compiled kernels
- `kernels`: the compiled kernels
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
