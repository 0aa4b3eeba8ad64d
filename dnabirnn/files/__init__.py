"""Read and write files safely: compression, temporary names, JSON, provenance.

Modules, in reading order:

- `remote`: inputs at addresses, such as https:// and s3://
- `journal`: a record of the files that a run has read and written
- `read`: blocks of bytes from plain, gzip and bgzip files, pipes, addresses and standard input
- `text`: text of files, UTF-8 or Latin-1
- `failures`: errors of the system when a file is written, with their remedy
- `temporary`: temporary names beside an output, and what killed runs left behind
- `write`: outputs that are complete or absent; bgzip; pipes
- `tables`: tables as TSV, CSV or Parquet
- `safe_json`: JSON from files that may be damaged or hostile
- `tensors`: safetensors files, checked before they are loaded
- `provenance`: command, versions and digests of a run, and their verification
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
