from .architecture import (
    DEFAULT_KMER as DEFAULT_KMER,
    MAX_COLUMNS as MAX_COLUMNS,
    PROBABILITY_BOUNDS as PROBABILITY_BOUNDS,
    Architecture as Architecture,
    Cell as Cell,
    Ensemble as Ensemble,
    MatrixShape as MatrixShape,
)
from .call_choice import call_settings as call_settings
from .call_rules import (
    CallLengths as CallLengths,
    CallMethod as CallMethod,
    CallRule as CallRule,
    CallSettings as CallSettings,
    default_min_score as default_min_score,
)
from .checkpoint import (
    Checkpoint as Checkpoint,
    Member as Member,
    joined_weights as joined_weights,
    mapped_weights as mapped_weights,
    members_of as members_of,
    weight_shapes as weight_shapes,
)
from .dna_brnn import convert as convert
from .evidence import (
    HIGHEST_FLOOR as HIGHEST_FLOOR,
    EvidenceScale as EvidenceScale,
    Pooling as Pooling,
    PoolingKind as PoolingKind,
    base_log_odds as base_log_odds,
    millinats as millinats,
)
from .kmers import opposite_rows as opposite_rows
from .log_odds import (
    LogOddsMap as LogOddsMap,
    check_priors as check_priors,
    prior_shift as prior_shift,
)
from .matrix_scores import matrix_terms as matrix_terms
from .onnx_export import write_onnx as write_onnx
from .read_checkpoint import load_checkpoint as load_checkpoint
from .scoring_window import MAX_WINDOW_BP as MAX_WINDOW_BP, ScoringWindow as ScoringWindow
from .sequence_scores import (
    WORD_BASES as WORD_BASES,
    WORDS as WORDS,
    SequenceRule as SequenceRule,
    SequenceScores as SequenceScores,
    Words as Words,
    log_odds_of_any as log_odds_of_any,
    word_numbers as word_numbers,
)
from .shipped import find_model as find_model, shipped_models as shipped_models
from .torch_ensemble import EnsembleNetwork as EnsembleNetwork
from .torch_network import (
    Dropout as Dropout,
    Network as Network,
    head_rows as head_rows,
    kmer_shares as kmer_shares,
    load_weights as load_weights,
    to_probabilities as to_probabilities,
    weights_of as weights_of,
)
