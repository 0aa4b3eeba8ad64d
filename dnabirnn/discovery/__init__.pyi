from .default_sites import default_sites as default_sites, sites_of_calls as sites_of_calls
from .find import find_motifs as find_motifs
from .found_motif import Discovery as Discovery, FoundMotif as FoundMotif
from .model import Model as Model, load as load
from .options import DiscoveryOptions as DiscoveryOptions
from .reach import measure_context as measure_context
