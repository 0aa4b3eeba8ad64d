"""The encoded set: codes and labels of a genome on disk, ready for training.

Modules, in reading order:

- `splits`: which bases are for training, validation and test
- `encoded_set`: the folder and its manifest
- `array_file`: arrays on disk that grow
- `backgrounds`: training sites pasted into other sequence
- `sequences`: sequences with labels of the whole, from FASTA, BED and tables
- `encode`: FASTA and labels to an encoded set
- `summary`: bases, positives and intervals by class and split
- `data_quality`: warnings about the data
- `plan`: memory, disk and time of encoding, estimated
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
