# `make run` and `make test` set up all they need in .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test slow check format clean

run: .venv/installed
	$(BIN)/python examples/train.py

test: .venv/installed
	$(BIN)/python -m pytest -m "not slow"

# What takes minutes: training on real data, for which DNABIRNN_DATA names the folder.
slow: .venv/installed
	$(BIN)/python -m pytest -m slow

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv results build *.egg-info
