# `make run` and `make test` install all packages that they need in .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip

.PHONY: run test slow models check audit licences lock format docs man notebooks package clean

# Run the workflow on the sample data, from FASTA and labels to results/report.html.
run: .venv/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --configfile sample_data/config.yaml \
		--workflow-profile workflows/profiles/laptop

test: .venv/installed
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile

# Tests that take minutes. Some train on real data: set DNABIRNN_DATA to the folder of the data.
slow: .venv/installed
	$(BIN)/python -m pytest -m slow

# Train the models that ship, from the data in the folder DNABIRNN_DATA, and write docs/models.md.
models: .venv/installed
	$(BIN)/python -m benchmarks ship

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/snakefmt --check Snakefile workflow workflows
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint --configfile sample_data/config.yaml
	$(BIN)/python .ci/audit.py

# Check the locked packages: known vulnerabilities, pins that disagree, refused licences.
audit: .venv/installed
	$(BIN)/python .ci/audit.py

licences: .venv/docs
	$(BIN)/python .ci/licences.py

# Build the site in build/site: open build/site/index.html.
docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --clean

# Write the man pages into build/man.
man: .venv/installed
	$(BIN)/python .ci/command_pages.py

# Run the notebooks of the site again, on the data in the folder DNABIRNN_DATA.
notebooks: .venv/docs
	PATH="$(CURDIR)/$(BIN):$$PATH" python .ci/notebooks.py

# Write pins and hashes. Use the oldest supported Python: newer ones may pin releases that do not
# support it. appnope is needed by the extra `docs` on macOS only, so it is named here.
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,docs]" appnope
	build/lock/bin/python .ci/lock.py
	rm -r build/lock

# Build the sdist, and the wheel from it, in dist/. Check what PyPI would show.
package: .venv/installed
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/python -m twine check --strict dist/*

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow workflows

# 1. Download and install the build of torch that pip prefers on this machine. With a lock alone,
#    pip would prefer the build from PyPI to one in a folder of wheels.
# 2. Install all other packages in the locks. Each file is checked against its hashes.
# 3. Install dnabirnn, and packages that only this platform needs, such as the CUDA libraries of
#    PyPI's torch on Linux.
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

# What the site and its notebooks need, beside the other packages.
.venv/docs: .venv/installed requirements-docs.lock
	$(PIP) install --quiet --no-deps --require-hashes --requirement requirements-docs.lock
	touch $@

clean:
	rm -rf .venv .snakemake results build dist *.egg-info
