"""`python -m dnabirnn`."""

from dnabirnn.cli import main

main()
