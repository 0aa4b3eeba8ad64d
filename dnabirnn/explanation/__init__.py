"""Why a base has its score: what every change of the sequence changes.

Modules, in reading order:

- `edits`: substitutions and deletions
- `layout`: which scoring windows keep which bases
- `changes`: the largest gains and losses, and profiles
- `kept_states`: changes from the states of the unchanged windows
- `whole_windows`: changes by scoring whole windows again
- `stream`: contigs to blocks of effects, in threads
- `reach`: how far from a change effects are computed
- `importance`: importance of bases for sites
- `model`: `Model`, the face of the library
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
