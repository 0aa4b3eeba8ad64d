"""Labels: intervals by class, read from any supported format.

Modules, in reading order:

- `bits`: labels as bits of each base
- `labels`: `Labels`: labelled intervals of a genome
- `formats`: one module per family of file formats
- `class_map`: new names of classes
- `class_choice`: which classes are kept, ignored or stranded
- `load`: labels for training, and truth for evaluation
- `corrections`: a review of labels, applied
- `alias_tables`: tables of other names of contigs
- `aliases`: names translated to those of the sequences
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
