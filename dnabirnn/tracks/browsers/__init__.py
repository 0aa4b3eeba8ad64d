"""Genome browsers.

Modules, in reading order:

- `hub`: UCSC track hubs, and sessions of IGV
"""
