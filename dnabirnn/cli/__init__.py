"""The command line: one module per command, and what commands share.

Each command is imported when it is used. Shared modules, in reading order:

- `group`: `dnabirnn` itself: its commands, and errors as one line
- `streams`: standard streams that are closed, full, or cannot represent a letter
- `signals`: signals that end the process
- `address_space`: limits of `ulimit -v`
- `command`: help with groups of options and an example
- `options`: options that several commands share
- `label_options`: options that select labels and set how they are read, or how repeats are planted
- `assessment_options`: options of E-values, q-values and periods of calls
- `output_names`: names that do not fit the format of an output
- `provenance_option`: `--provenance`
- `look_ahead`: estimates of memory, disk and time, and `--dry-run`
- `progress`: the progress bar
"""

from dnabirnn.cli.group import main, run

__all__ = ["main", "run"]
