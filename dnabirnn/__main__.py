"""Entry point of `python -m dnabirnn`."""

from dnabirnn.cli import run

if __name__ == "__main__":
    run()
