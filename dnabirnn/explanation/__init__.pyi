from .changes import Changes as Changes
from .gradients import (
    ContributionBlock as ContributionBlock,
    contribution_blocks as contribution_blocks,
)
from .importance import (
    ImportanceBlock as ImportanceBlock,
    SiteEffects as SiteEffects,
    importance_blocks as importance_blocks,
    near_targets as near_targets,
    site_effects as site_effects,
)
from .model import Effects as Effects, Model as Model, load as load
from .mutate import (
    EffectFormat as EffectFormat,
    Mutated as Mutated,
    check_options as check_options,
    effect_format as effect_format,
    mutate_genome as mutate_genome,
)
from .options import (
    AUTO as AUTO,
    ImportanceMethod as ImportanceMethod,
    check_deletions as check_deletions,
    check_reach as check_reach,
)
from .plan import MUTATION_REMEDIES as MUTATION_REMEDIES, MutationPlan as MutationPlan
from .reach import Reach as Reach, measure_reach as measure_reach, reach_of as reach_of
from .stream import EffectBlock as EffectBlock, Mutagenesis as Mutagenesis, effects as effects
from .targets import Sites as Sites
from .variants.annotate import (
    AnnotatedVariants as AnnotatedVariants,
    VariantRun as VariantRun,
    annotate_variants as annotate_variants,
    distance_of as distance_of,
    variant_table as variant_table,
)
from .variants.output import variant_format as variant_format
from .variants.plan import VARIANT_REMEDIES as VARIANT_REMEDIES, VariantPlan as VariantPlan
