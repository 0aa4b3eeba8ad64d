from .found_motif import Discovery as Discovery, FoundMotif as FoundMotif
