"""The states that a training continues from.

Modules, in reading order:

- `resume`: the state of an interrupted run, kept beside the model
- `kept_state`: this state as one file, which carries a training from one job to the next
- `parts`: where a part of a training ends
"""
