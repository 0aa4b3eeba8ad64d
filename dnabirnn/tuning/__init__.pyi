from .candidates import TUNED_OPTIONS as TUNED_OPTIONS
from .tuning import Tuned as Tuned, Tuning as Tuning
