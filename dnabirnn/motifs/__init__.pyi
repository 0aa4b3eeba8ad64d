from .class_motifs import (
    ClassMotifs as ClassMotifs,
    read_class_motifs as read_class_motifs,
    write_class_motifs as write_class_motifs,
)
from .consensus import (
    MaskedGenome as MaskedGenome,
    RepeatSettings as RepeatSettings,
    read_consensus as read_consensus,
    repeat_labels as repeat_labels,
    simulate_repeats as simulate_repeats,
)
from .motif import (
    Motif as Motif,
    built_in_motifs as built_in_motifs,
    find_motif as find_motif,
    read_motifs as read_motifs,
)
from .output import (
    MotifFormat as MotifFormat,
    motif_format as motif_format,
    motifs_text as motifs_text,
)
from .search import PVALUE as PVALUE, MotifSearch as MotifSearch, read_search as read_search
from .simulation import (
    PartnerStrand as PartnerStrand,
    SimulationSettings as SimulationSettings,
    simulate as simulate,
    write_simulation as write_simulation,
)
from .sites import write_sites as write_sites
from .weak_labels import motif_labels as motif_labels
