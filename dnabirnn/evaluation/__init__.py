"""Scores and calls against truth: metrics, confidence intervals, a baseline.

Modules, in reading order:

- `metrics`: average precision, AUROC, F1 and others from histograms
- `reliability`: calibration: observed against predicted positives
- `multinomial`: calibration of classes that exclude each other
- `sequences`: metrics of whole sequences
- `bootstrap`: counts by block of the genome, and confidence intervals
- `base_counts`: bases counted by score, in one pass
- `matching`: calls matched with true intervals
- `truth`: labels of contigs that are evaluated
- `calls`: calls against truth, contig by contig
- `evaluate`: metrics of a stream of scores
- `baseline_alignment`: sites of a class, aligned
- `baseline_matrix`: scans with a position weight matrix
- `baseline`: position weight matrices learned from the training sites
- `genome`: whole genomes evaluated, from file to file
- `class_prior`: how frequent a class is in a genome without labels
- `review`: calls and labels that disagree most
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
