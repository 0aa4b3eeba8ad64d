"""Motifs that a model has learned.

Modules, in reading order:

- `found_motif`: motifs and their sites
- `table`: figures of motifs
- `grammar`: spacings of pairs of motifs that are more frequent than by chance
- `comparison`: motifs of a database that resemble those found
- `logos`: letters as high as their information, or their importance
- `output`: files of motifs, sites, tables and logos
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
