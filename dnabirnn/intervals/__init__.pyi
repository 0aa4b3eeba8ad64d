from .bed import (
    BED_SCHEMA as BED_SCHEMA,
    parse_bed as parse_bed,
    read_bed as read_bed,
    write_bed as write_bed,
)
from .masking import mask_fasta as mask_fasta, read_mask as read_mask
from .regions import (
    Regions as Regions,
    check_contigs as check_contigs,
    check_names as check_names,
    merge as merge,
)
from .text import (
    fields as fields,
    first_error as first_error,
    text_frames as text_frames,
    whole_number as whole_number,
)
from .tolerance import (
    check_empty as check_empty,
    check_past as check_past,
    few as few,
    lies_past as lies_past,
)
