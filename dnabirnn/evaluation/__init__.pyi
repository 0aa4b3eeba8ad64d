from .baseline import (
    Baseline as Baseline,
    FittedMatrix as FittedMatrix,
    fit_jointly as fit_jointly,
    fit_matrices as fit_matrices,
    learn_baseline as learn_baseline,
)
from .baseline_alignment import (
    AlignedSites as AlignedSites,
    Alignment as Alignment,
    alignments as alignments,
)
from .baseline_matrix import Matrix as Matrix, scan as scan
from .bootstrap import Curve as Curve
from .calls import CallEvaluation as CallEvaluation
from .class_prior import ClassPrior as ClassPrior, estimate_priors as estimate_priors
from .evaluate import (
    Report as Report,
    evaluate_blocks as evaluate_blocks,
    metrics_table as metrics_table,
)
from .genome import evaluate_baseline as evaluate_baseline, evaluate_genome as evaluate_genome
from .matching import (
    Intervals as Intervals,
    counted_intervals as counted_intervals,
    match_calls as match_calls,
)
from .metrics import (
    Histogram as Histogram,
    PrecisionRecall as PrecisionRecall,
    ScoreCounts as ScoreCounts,
    average_precision as average_precision,
    bin_means as bin_means,
    ranking_precision as ranking_precision,
)
from .reliability import Reliability as Reliability, logistic_fit as logistic_fit
from .review import (
    REVIEW_SCHEMA as REVIEW_SCHEMA,
    review_genome as review_genome,
    review_text as review_text,
)
from .sequences import (
    best_mcc_threshold as best_mcc_threshold,
    evaluate_sequences as evaluate_sequences,
    sequence_intervals as sequence_intervals,
    sequence_metrics as sequence_metrics,
    sequence_metrics_table as sequence_metrics_table,
)
from .truth import Truth as Truth, painted_labels as painted_labels
