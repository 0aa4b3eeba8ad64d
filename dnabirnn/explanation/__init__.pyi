from .changes import Changes as Changes
from .importance import (
    ImportanceBlock as ImportanceBlock,
    importance_blocks as importance_blocks,
    near_targets as near_targets,
)
from .model import AUTO as AUTO, Effects as Effects, Model as Model, load as load
from .reach import Reach as Reach, measure_reach as measure_reach
from .stream import EffectBlock as EffectBlock, Mutagenesis as Mutagenesis, effects as effects
