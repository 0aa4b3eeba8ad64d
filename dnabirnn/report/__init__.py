"""The report: one HTML page about a run, and the summary of calls.

Modules, in reading order:

- `summary`: figures of calls by sample, contig, class and strand
- `page`: headings, text, tables and figures as one HTML file
- `curves`: precision-recall and reliability curves
- `evaluation_files`: the files that `dnabirnn evaluate` writes
- `figures`: training curves, call lengths and boundary errors
- `region`: pictures of single regions
- `ideogram`: figures of an assembly: bars by contig, and where the calls lie
- `material`: files that a report is made from
- `sites`: labelled sites beside calls
- `effects`: strongest effects in the examples
- `examples`: examples chosen for the report
- `motifs`: motifs that the model has learned
- `tables`: the tables
- `sequence_figures`: sentences and table about whole sequences
- `assemblies`: the section of the calls of assemblies
- `methods`: text to paste: command lines, methods and citation
- `report`: the sections, in order
- `run_summary`: the summary of calls as JSON, with the model and the metrics
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
