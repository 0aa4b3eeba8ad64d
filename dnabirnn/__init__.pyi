from .alphabet import (
    decode as decode,
    encode as encode,
    one_hot as one_hot,
    reverse_complement as reverse_complement,
)
from .discovery import Model as Model, load as load
from .errors import DnabirnnError as DnabirnnError
from .intervals import read_bed as read_bed
from .report import summarize_calls as summarize_calls
from .sequences import read_fasta as read_fasta
from .tracks import read_calls as read_calls

__version__: str
