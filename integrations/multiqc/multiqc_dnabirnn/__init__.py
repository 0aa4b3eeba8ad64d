"""MultiQC module for the summaries that `dnabirnn summary -o NAME.dnabirnn.json` writes."""
