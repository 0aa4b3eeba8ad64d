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
- `default_targets`: targets for which no calls or regions are given
- `model`: `Model`, the face of the library
- `table`: figures of motifs
- `significance`: p-values of counts, and q-values
- `grammar`: spacings of pairs of motifs that are more frequent than by chance
- `comparison`: motifs of a database that resemble those found
- `logos`: letters as high as their information, or their importance
- `output`: files of motifs, sites, tables and logos
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
