"""Compile functions with Numba once, and keep the code on disk.

Modules, in reading order:

- `compiled`: the decorators `kernel` and `inlined`, and the key of the kept code
- `compiled_files`: the cache folder, and files that are checked before they are read
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
