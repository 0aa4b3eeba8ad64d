from .failures import failures_of as failures_of
from .journal import (
    check_read as check_read,
    check_state as check_state,
    note_read as note_read,
    note_written as note_written,
    noting as noting,
)
from .provenance import (
    check_apart as check_apart,
    check_free as check_free,
    verify as verify,
    write_provenance as write_provenance,
)
from .read import (
    BLOCK_BYTES as BLOCK_BYTES,
    PathLike as PathLike,
    check_line as check_line,
    check_readable as check_readable,
    input_exists as input_exists,
    is_bgzf as is_bgzf,
    listed as listed,
    local_copy as local_copy,
    open_input as open_input,
    read_blocks as read_blocks,
    read_head as read_head,
    size_of as size_of,
)
from .remote import (
    beside as beside,
    file_name as file_name,
    is_address as is_address,
    without_secrets as without_secrets,
)
from .safe_json import MOST_BYTES as MOST_BYTES, parse_json as parse_json, read_json as read_json
from .tables import write_table as write_table
from .temporary import Scratch as Scratch, temporary_path as temporary_path
from .tensors import Contents as Contents, load_arrays as load_arrays, look as look
from .text import (
    check_encoding as check_encoding,
    decoded as decoded,
    lenient_text as lenient_text,
    read_text as read_text,
    text_lines as text_lines,
    warn_of_latin1 as warn_of_latin1,
)
from .write import (
    OutputFiles as OutputFiles,
    check_local as check_local,
    check_target as check_target,
    is_compressed as is_compressed,
    is_stream as is_stream,
    write_text as write_text,
)
