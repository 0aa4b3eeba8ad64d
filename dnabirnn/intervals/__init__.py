"""Genomic intervals: BED, regions, masking. 0-based and half-open throughout.

Modules, in reading order:

- `text`: lines and fields of text files, with line numbers for errors
- `tolerance`: rows that do not fit their contig: a few are cut, many are an error
- `bed`: the BED reader and writer
- `regions`: sort, merge and look up intervals; `Regions`
- `masking`: a FASTA with the bases of intervals masked
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
