# `make run` and `make test` set up all they need in .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip

.PHONY: run test slow models check audit licences lock format clean

# The sample, from FASTA and labels to results/report.html.
run: .venv/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --configfile sample_data/config.yaml \
		--workflow-profile workflows/profiles/laptop

test: .venv/installed
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile

# What takes minutes: training on real data, for which DNABIRNN_DATA names the folder.
slow: .venv/installed
	$(BIN)/python -m pytest -m slow

# The models that ship, from data of which DNABIRNN_DATA names the folder, and docs/models.md.
models: .venv/installed
	$(BIN)/python -m benchmarks ship

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/snakefmt --check Snakefile workflows
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint --configfile sample_data/config.yaml
	$(BIN)/python .ci/audit.py

# Known vulnerabilities of the locked packages, pins that disagree, licences that may not be.
audit: .venv/installed
	$(BIN)/python .ci/audit.py

licences: .venv/installed
	$(BIN)/python .ci/licences.py

# Pins and hashes. The oldest Python makes them: newer ones take releases that it cannot have.
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	build/lock/bin/python .ci/lock.py
	rm -r build/lock

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflows

# torch comes as the build that pip prefers here: from a lock alone, pip would take PyPI's before one
# of a folder of wheels. Then all else that the locks hold; each file is checked against its hashes.
# Last dnabirnn itself, and what only this platform needs: CUDA's libraries with PyPI's torch on Linux.
.venv/installed: pyproject.toml constraints.txt requirements.lock requirements-dev.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv --clear .venv
	$(PIP) download --quiet --no-deps --constraint constraints.txt --dest build/torch torch
	sed -n '/^torch==/,/[^\\]$$/p' requirements.lock > build/torch/requirements.lock
	$(PIP) install --quiet --no-deps --require-hashes --no-index --find-links build/torch \
		--requirement build/torch/requirements.lock
	$(PIP) install --quiet --no-deps --require-hashes --requirement requirements-dev.lock
	$(PIP) install --quiet --no-build-isolation --constraint constraints.txt --editable ".[dev]"
	rm -r build/torch
	touch $@

clean:
	rm -rf .venv .snakemake results build *.egg-info
