from .backgrounds import (
    DEFAULT_SHARE as DEFAULT_SHARE,
    Backgrounds as Backgrounds,
    read_backgrounds as read_backgrounds,
)
from .data_quality import (
    K as K,
    LabelledSites as LabelledSites,
    canonical_kmers as canonical_kmers,
    data_warnings as data_warnings,
)
from .encode import encode_genome as encode_genome
from .encoded_set import EncodedSet as EncodedSet, MaskMode as MaskMode
from .plan import ENCODING_REMEDIES as ENCODING_REMEDIES, EncodingPlan as EncodingPlan
from .sequences.held_out import held_out_sequences as held_out_sequences
from .sequences.labelled import (
    LabelledSequence as LabelledSequence,
    LabelledSequences as LabelledSequences,
    SequenceSplit as SequenceSplit,
    sequence_counts as sequence_counts,
    sequence_table as sequence_table,
)
from .sequences.sources import read_sequences as read_sequences
from .splits import (
    SPLITS as SPLITS,
    ChromSplit as ChromSplit,
    FractionSplit as FractionSplit,
    SplitInterval as SplitInterval,
    SplitPlan as SplitPlan,
    split_plan as split_plan,
    splits_of as splits_of,
)
from .summary import summary_table as summary_table
