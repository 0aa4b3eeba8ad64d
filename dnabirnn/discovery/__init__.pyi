from .find import find_motifs as find_motifs
from .found_motif import Discovery as Discovery, FoundMotif as FoundMotif
from .options import DiscoveryOptions as DiscoveryOptions
