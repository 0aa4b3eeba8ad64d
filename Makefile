# `make run` and `make test` set up all they need in .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test slow models check format clean

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
	$(BIN)/snakefmt --check Snakefile workflows
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint --configfile sample_data/config.yaml

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflows

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv .snakemake results build *.egg-info
