"""Tuning: settings of a training, chosen by short trainings.

Modules, in reading order:

- `candidates`: combinations of settings to try
- `budget`: how many are tried, and on how many bases, in a given time
- `race`: rounds of short trainings; the best of each go on to the next
- `tuning`: from the settings of a training to those it is run with
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
