from .big import ValueTracks as ValueTracks
from .block import (
    Block as Block,
    integer_scores as integer_scores,
    lowest_probability as lowest_probability,
)
from .browsers.hub import check_hub as check_hub, write_hub as write_hub
from .browsers.sessions import can_show as can_show, write_sessions as write_sessions
from .call_files import calls_by_line as calls_by_line, read_calls as read_calls
from .colours import COLOURS as COLOURS
from .formats import (
    FORMAT_NAMES as FORMAT_NAMES,
    TrackFormat as TrackFormat,
    endings as endings,
    track_format as track_format,
)
from .lines import Lines as Lines
from .merge import (
    EVIDENCE_ENDING as EVIDENCE_ENDING,
    SEQUENCE_COLUMNS as SEQUENCE_COLUMNS,
    format_of_shards as format_of_shards,
    is_with_evidence as is_with_evidence,
    merge_shards as merge_shards,
)
from .read import read_scores as read_scores, read_sizes as read_sizes
from .rows import Rows as Rows, joined as joined, output_ranks as output_ranks
from .schema import (
    EFFECT_SCHEMA as EFFECT_SCHEMA,
    ROW_SCHEMA as ROW_SCHEMA,
    VARIANT_SCHEMA as VARIANT_SCHEMA,
)
from .tabix import add_vcf_index as add_vcf_index, is_vcf as is_vcf
from .text import BedGraphTracks as BedGraphTracks, BedTrack as BedTrack
from .write import (
    Target as Target,
    open_track as open_track,
    open_values as open_values,
    targets as targets,
    track_paths as track_paths,
)
