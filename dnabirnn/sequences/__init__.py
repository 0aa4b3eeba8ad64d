"""Sequences as arrays of base codes, read from any supported format.

Modules, in reading order:

- `records`: `Record`, the protocol `Contig`, and prefixes of contig names
- `fasta`: the FASTA parser
- `fastq`: the FASTQ parser
- `flat_files`: what GenBank and EMBL have in common
- `genbank`: the GenBank parser; names and topology, also for labels
- `embl`: the EMBL parser; names and topology, also for labels
- `twobit`: the 2bit reader
- `indexed`: parts of FASTA with an index, such as `genome.fa.gz.fai`
- `read`: `read_fasta`: format detection, and records from several files
- `circular`: circular contigs
- `selection`: contigs of a shard, checked against files that name contigs
- `survey`: sizes and a sample of the sequences, for estimates
- `background`: Markov chains with the composition of a genome, and stretches of one
- `shuffle`: shuffles that keep the words of a length, such as pairs of neighboring bases
- `periods`: periods of tandem repeats
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
