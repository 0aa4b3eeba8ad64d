"""Motifs that a model has learned.

Modules, in reading order:

- `found_motif`: motifs and their sites
- `options`: what is searched, and which motifs count
- `best_intervals`: targets in regions and whole sequences
- `targets`: intervals whose scores are explained, or a sample of them
- `contributions`: what the bases around targets contribute to their scores
- `pooled`: how much each base of a whole sequence counts
- `reach`: how far from a target bases matter
- `matching`: matches of a motif in contributions
- `search`: motifs in the contributions of the targets of a class
- `find`: the whole search
- `default_sites`: targets for which no calls or regions are given
- `model`: `Model`, the face of the library
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
