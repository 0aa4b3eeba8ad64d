"""From FASTA to scores and calls.

Modules, in reading order:

- `grid`: the mirror-exact grid of scoring windows: cut and stitch
- `stream`: contigs to windows to batches to blocks of probabilities
- `runs`: blocks to runs of equal integer score
- `device_runs`: the same on a GPU, from contigs to runs
- `summits`: where in a call the score is highest
- `segments`: segments of high scores, found and joined
- `calls`: runs to calls
- `sequences`: scores of whole sequences
- `sequence_file`: the table of them
- `model`: `Model`, the face of the library
- `arrays`: periods of tandem arrays among calls
- `decoys`: decoys of a genome, and their calls
- `qvalues`: E-values and q-values of calls, also of shards
- `genome`: whole genomes: score and call, from file to file
- `dna_brnn_bed`: calls in dna-brnn's format
- `plan`: memory, disk and time of a run, estimated
- `self_check`: the invariants of scores, checked for one model on one machine
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
