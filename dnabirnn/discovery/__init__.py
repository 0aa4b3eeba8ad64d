"""Motifs that a model has learned.

Modules, in reading order:

- `found_motif`: motifs and their sites
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
