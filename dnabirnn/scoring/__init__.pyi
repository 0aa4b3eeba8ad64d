from .calls import calls_frame as calls_frame, find_calls as find_calls
from .decoys import SMALL_GENOME_BP as SMALL_GENOME_BP, DecoyKind as DecoyKind, Decoys as Decoys
from .dna_brnn_bed import score_labels as score_labels
from .genome import (
    Assessment as Assessment,
    Found as Found,
    call_track as call_track,
    score_genome as score_genome,
)
from .grid import Window as Window, windows_keeping as windows_keeping
from .model import Model as Model, load as load
from .plan import SCORING_REMEDIES as SCORING_REMEDIES, ScoringPlan as ScoringPlan
from .qvalues import (
    Limits as Limits,
    merge_calls as merge_calls,
    significance as significance,
)
from .runs import find_runs as find_runs
from .segments import (
    NO_SEGMENTS as NO_SEGMENTS,
    Decoded as Decoded,
    Join as Join,
    Segments as Segments,
    Stage as Stage,
    Sums as Sums,
    above as above,
    passed as passed,
)
from .self_check import selfcheck as selfcheck
from .sequence_file import check_sequences as check_sequences
from .sequences import (
    ScoredSequence as ScoredSequence,
    best_interval as best_interval,
    log_odds_of as log_odds_of,
    score_sequences as score_sequences,
)
from .stream import (
    bases_needed as bases_needed,
    measured as measured,
    ordered_map as ordered_map,
    score as score,
    watched as watched,
)
