"""Genome browsers: hubs for UCSC, and sessions of IGV and JBrowse 2.

Modules, in reading order:

- `shown`: the tracks that a browser shows, with their labels and colours
- `sessions`: sessions of IGV and JBrowse 2
- `hub`: UCSC track hubs
"""
