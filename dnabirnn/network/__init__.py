"""The network: its architecture, its model file, and conversions to and from other tools.

Modules, in reading order:

- `kmers`: numbers of k-mers
- `architecture`: `Cell`, `Architecture` and `Ensemble`: the shape of networks, free of torch
- `scoring_window`: the window in which a network scores
- `log_odds`: calibration of log-odds, and the effect of another prior
- `evidence`: evidence of a base, in millinats
- `sequence_scores`: from scores of bases to those of whole sequences
- `call_rules`: threshold, length and gap of calls, by class
- `call_choice`: these rules, changed by options
- `shipped`: models that come with the package
- `checkpoint`: a model: its networks with their weights, and all that its file says
- `read_checkpoint`: the model file, read and checked
- `layer_norm_gru`: dna-brnn's recurrent cell in torch
- `matrix_scores`: scores of position weight matrices in torch
- `torch_network`: the network in torch
- `torch_ensemble`: several networks in torch, whose log-odds are averaged
- `onnx_export`: export to ONNX
- `kann`: the file format of KANN, the library that dna-brnn uses
- `dna_brnn`: conversion of dna-brnn's models
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
