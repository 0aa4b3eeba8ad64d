"""Tracks of scores and calls: every output format, and reading them back.

Modules, in reading order:

- `block`: `Block`: probabilities of neighbouring bases, and integer scores
- `rows`: `Rows`: rows of a track or of calls
- `schema`: the columns of a row
- `formats`: names, endings and properties of the formats
- `colours`: one colour per class, in figures and tracks
- `layouts`: the columns of each text format
- `lines`: a compiled writer of text lines
- `text`: BED, bedGraph, GFF3 and other text
- `big_rows`: rows of bigWig and bigBed
- `big_file`: the file that bigWig and bigBed share
- `big`: bigWig and bigBed
- `big_read`: bigWig and bigBed read back, for `merge`
- `parquet`: Parquet
- `tabix`: tabix indexes
- `write`: `Target`: where an output goes, and in which format
- `read`: scores read back from BED, and lengths of contigs
- `call_files`: calls read back from every format
- `merge`: shards merged into one file
- `browsers`: UCSC track hubs, and sessions of IGV and JBrowse 2
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
