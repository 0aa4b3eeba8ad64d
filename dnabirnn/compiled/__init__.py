"""Compile functions once with Numba, and keep their machine code on disk.

Modules, in reading order:

- `kernels`: the decorator `kernel`, and the key of the kept code
- `deferred`: names that kernels need only to be compiled, and the decorator `inlined`
- `arguments`: arguments of kernels, as machine code takes them
- `kept_code`: the folder of the code, and files that are checked before they are read
- `machine_code`: code in memory, without Numba
- `compile`: from functions to code, with Numba
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
