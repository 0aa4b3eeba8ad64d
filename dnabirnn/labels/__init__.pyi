from .aliases import Aliases as Aliases, read_aliases as read_aliases
from .bits import (
    IGNORE_BIT as IGNORE_BIT,
    IGNORED as IGNORED,
    ClassTable as ClassTable,
    class_bits as class_bits,
    intervals_of as intervals_of,
    label_dtype as label_dtype,
    opposite_outputs as opposite_outputs,
    output_masks as output_masks,
    overlaps as overlaps,
    reverse_labels as reverse_labels,
    runs as runs,
    targets as targets,
)
from .corrections import Corrections as Corrections, read_corrections as read_corrections
from .formats.detect import LabelFormat as LabelFormat
from .labels import Labels as Labels
from .load import load_labels as load_labels, load_truth as load_truth
