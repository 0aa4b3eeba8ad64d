from .defaults import (
    DEFAULT_DROPOUT as DEFAULT_DROPOUT,
    default_dropout as default_dropout,
    default_kmer as default_kmer,
    default_layers as default_layers,
    default_mutation_rate as default_mutation_rate,
    default_window_bp as default_window_bp,
)
from .fit import Fit as Fit, FitSettings as FitSettings
from .members import train_members as train_members
from .plan import TRAINING_REMEDIES as TRAINING_REMEDIES, TrainingPlan as TrainingPlan
from .processes import LEFT_ALONE as LEFT_ALONE, Hardware as Hardware, launch as launch
from .run_settings import digest_of as digest_of, trial_plan as trial_plan
from .sampling import Sampler as Sampler, SamplingSettings as SamplingSettings
from .states.kept_state import KeptState as KeptState, load_state as load_state
from .states.parts import TrainingPaused as TrainingPaused, check_parts as check_parts
from .states.resume import ResumeFolder as ResumeFolder
from .training_run import TrainingProgress as TrainingProgress, train as train
from .trials import Trials as Trials
from .validation import Validation as Validation, mean_of as mean_of
