"""`python -m dnabirnn`."""

from dnabirnn.cli import main

if __name__ == "__main__":
    main()
