"""Readers of label files, one module per family of formats.

Modules, in reading order:

- `features`: `Selection`, what a reader is asked for, and `Features`, what it returns
- `foreign`: files of other tools that hold no labels, or count in another way
- `detect`: format detection
- `bed`: BED with a chosen class column, narrowPeak, broadPeak and gappedPeak
- `gff`: GFF3 and GTF
- `genbank`: GenBank and EMBL
- `repeats`: RepeatMasker's `.out` and UCSC's rmsk tables
- `dna_brnn_fastq`: dna-brnn's FASTQ, whose qualities are labels
- `read`: files of labels, each in its format
"""
