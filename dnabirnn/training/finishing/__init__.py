"""What is set once a network is fitted, on validation sequence.

Modules, in reading order:

- `false_discovery`: thresholds for false discovery rates
- `calibration`: calibration of log-odds, scoring window and call rules
- `pooling`: how the evidence of calls is pooled from their bases
- `segmentation`: rules for calls by evidence
- `stacking`: weights of network and matrix by class
- `finish_sequences`: a model of whole sequences, and its calibration
- `finish`: a fitted network and all of this: a model
"""
