"""Functions that are compiled into kernels: operations on SIMD vectors.

Modules, in reading order:

- `vector_types`: vectors as types of Numba
- `generate`: generation of code
- `simd`: operations on vectors
- `tiles`: tiles of matrix products
- `kmers`: look-up of k-mers
- `letters`: gradients by the letters of k-mers
- `activation`: activation functions

All of these import Numba. They are imported when a kernel is compiled.
"""

from dnabirnn.compiled import deferred_names

__getattr__ = deferred_names(__name__, "simd", "tiles", "kmers", "letters", "activation")
