from .background import (
    Background as Background,
    Stretches as Stretches,
    background_of_gc as background_of_gc,
    built_in_background as built_in_background,
    learn_background as learn_background,
)
from .circular import Circular as Circular, with_flanks as with_flanks
from .embl import EmblLines as EmblLines, is_embl as is_embl
from .fastq import FastqLines as FastqLines
from .genbank import (
    GenbankLines as GenbankLines,
    is_genbank as is_genbank,
)
from .indexed import Needed as Needed
from .periods import (
    LONGEST_PERIOD_BP as LONGEST_PERIOD_BP,
    Period as Period,
    period_of as period_of,
)
from .read import (
    contig_lengths as contig_lengths,
    has_parts as has_parts,
    read_fasta as read_fasta,
)
from .records import Contig as Contig, Record as Record, prefixed as prefixed
from .selection import (
    Shard as Shard,
    checked_contigs as checked_contigs,
    contigs_of_shard as contigs_of_shard,
)
from .shuffle import shuffled as shuffled
from .survey import (
    Stretch as Stretch,
    Survey as Survey,
    most_bases as most_bases,
    survey_contigs as survey_contigs,
    write_pieces as write_pieces,
)
