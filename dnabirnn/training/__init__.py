"""Training: from an encoded set to a model.

Modules, in reading order:

- `sampling`: training windows; batch k of seed s depends on s and k alone
- `defaults`: defaults that follow the task
- `device_batches`: training windows cut on a GPU
- `schedule`: the learning rate of each step, and the early end of a training
- `teacher`: the probabilities of a model that a network learns from
- `fit`: steps of the optimizer
- `start`: a fit before its first step, with its initial weights
- `held_out`: validation sequence for classes that the validation split lacks
- `validation`: validation sequence, and metrics on it
- `matrices`: which classes start from their matrix, and comparison with matrices
- `sequences`: training on labels of whole sequences
- `finishing`: what is set once a network is fitted: calibration, scoring window, thresholds
- `states`: the state of an interrupted run, or of a part of a run
- `log`: the training log
- `processes`: hardware, and several processes of one run
- `run_settings`: settings of a run: checked, and as values for the model file
- `training_run`: a whole run, resumed where it was interrupted
- `members`: a run that trains several networks for one model
- `trials`: short trainings of which only the validation is kept
- `plan`: memory and time of a run, estimated
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
