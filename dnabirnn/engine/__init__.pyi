from .bf16 import bf16_instructions as bf16_instructions
from .choose import (
    ENGINES as ENGINES,
    Engine as Engine,
    engine_of as engine_of,
    make_engine as make_engine,
    trains_fused as trains_fused,
)
from .devices import (
    FABRIC_PRECISIONS as FABRIC_PRECISIONS,
    PRECISIONS as PRECISIONS,
    bases_that_fit as bases_that_fit,
    check_lstm as check_lstm,
    find_device as find_device,
    free_cache as free_cache,
    set_precision as set_precision,
)
from .differentiable import FusedNetwork as FusedNetwork, Snapshot as Snapshot
from .input_gradients import (
    InputGradients as InputGradients,
    has_gradient_kernels as has_gradient_kernels,
    make_input_gradients as make_input_gradients,
)
from .kernels.matrix_scan import best_scores as best_scores
from .kernels.vectors import LANES as LANES
from .mixture_path import MixturePath as MixturePath
from .mutant_engine import (
    KeptWindow as KeptWindow,
    MutantEngine as MutantEngine,
    Mutants as Mutants,
    make_mutant_engine as make_mutant_engine,
)
from .torch_engine import TorchEngine as TorchEngine, torch_network as torch_network
