"""Known motifs: matrices, scans, labels from motifs, and simulated genomes.

Modules, in reading order:

- `matrix`: matrix of a motif as a file has it
- `plain`, `meme`, `transfac`: readers of families of formats
- `motif`: `Motif`: matrices from files of all formats
- `output`: motifs as files of three formats
- `class_motifs`: motifs of the classes of a network, from a file and from a model
- `scanner`: matches of a matrix on both strands, with exact p-values
- `search`: which motifs to look for, and how strict to be
- `sites`: matches in files, inside and outside peaks
- `weak_labels`: labels from motif sites
- `simulation`: genomes with planted motifs
- `consensus`: genomes with repeats, planted from consensus sequences
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
