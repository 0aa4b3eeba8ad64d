"""Training on labels of whole sequences.

Modules, in reading order:

- `loss`: from the log-odds of bases to the loss of a sequence
- `sampling`: training windows, of which each is a sequence or a part of one
- `validation`: scores of validation sequences, and metrics on them
- `words`: weights of words, which are added to the log-odds of a sequence
"""
