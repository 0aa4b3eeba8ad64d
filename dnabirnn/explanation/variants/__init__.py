"""What the variants of a VCF change: probabilities of bases, and calls.

Modules, in reading order:

- `vcf`: rows of VCF and BCF
- `alleles`: alleles as edits of a contig
- `haplotypes`: alleles with the others of their haplotype
- `pairs`: both alleles side by side
- `changes`: the largest gain and loss
- `calls`: calls that are gained and lost
- `stream`: rows to changes, in threads
- `output`: VCF, BCF, TSV and Parquet
- `annotate`: whole files
- `plan`: memory, disk and time of a run, estimated
"""
