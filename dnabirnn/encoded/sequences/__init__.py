"""Labels of whole sequences: which sequences have a class, but not where in them.

Modules, in reading order:

- `labelled`: sequences with their classes, and their splits
- `table`: sequences and labels from a CSV or TSV file
- `files`: positive and negative sequences from FASTA and BED files
- `genomic`: negatives from the genome, with the lengths and GC contents of the positives
- `sources`: all of this, from the options of a command
- `held_out`: sequences of an encoded set that no network was trained on
"""
