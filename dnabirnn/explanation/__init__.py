"""Why a base has its score: what every change of the sequence changes.

Modules, in reading order:

- `options`: checks of options
- `edits`: substitutions and deletions
- `layout`: which scoring windows keep which bases
- `changes`: the largest gains and losses, and profiles
- `kept_states`: changes from the states of the unchanged windows
- `whole_windows`: changes by scoring whole windows again
- `stream`: contigs to blocks of effects, in threads
- `reach`: how far from a change effects are computed
- `importance`: importance of bases for sites
- `gradients`: contributions of bases to sites, from gradients
- `targets`: regions and calls that effects are computed for
- `tables`: effects as a Parquet table or an npz file
- `variants`: what the variants of a VCF change
- `model`: `Model`, the face of the library
- `mutate`: whole genomes, from file to file
- `plan`: memory, disk and time of a run, estimated
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
