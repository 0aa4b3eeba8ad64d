from .comparison import check_tomtom as check_tomtom, compare_motifs as compare_motifs
from .default_targets import (
    default_sites as default_sites,
    own_targets as own_targets,
)
from .find import find_motifs as find_motifs
from .found_motif import (
    Discovery as Discovery,
    FoundMotif as FoundMotif,
)
from .grammar import grammar_table as grammar_table
from .logos import (
    LogoPanel as LogoPanel,
    importance_panel as importance_panel,
    information_panel as information_panel,
    logo_figure as logo_figure,
    logo_svg as logo_svg,
)
from .model import Model as Model, load as load
from .options import DiscoveryOptions as DiscoveryOptions
from .output import (
    DISCOVERY_FORMAT as DISCOVERY_FORMAT,
    DISCOVERY_VERSION as DISCOVERY_VERSION,
    Comparison as Comparison,
    DiscoveryFiles as DiscoveryFiles,
    check_outputs as check_outputs,
    write_discovery as write_discovery,
)
from .reach import contigs_around as contigs_around, measure_context as measure_context
from .table import motif_table as motif_table
