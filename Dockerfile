# docker build -t dnabirnn .
# docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" dnabirnn \
#     dnabirnn score genome.fa.gz -m sites.safetensors -o scores.bed.gz
# docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" dnabirnn \
#     snakemake --snakefile /opt/dnabirnn/Snakefile --configfile mine.yaml --cores all
#
# The image runs as any user, and with a root that cannot be written (--read-only --tmpfs /tmp): only
# /data and /tmp are written. It holds Snakemake and its plugins for Slurm, S3, HTTP and scratch folders.
#
# docker build --target score -t dnabirnn-score .
# makes a smaller image, without torch and Snakemake: it scores and calls on CPUs.
#
# The torch package on PyPI includes CUDA. For a smaller image without it, pass the URL of PyTorch's
# index of CPU builds: --build-arg PIP_EXTRA_INDEX_URL=...
#
# Packages are checked against the hashes in requirements.lock. The base image is given by tag, not by
# digest, so that each build gets the latest security updates.
FROM python:3.11-slim AS base

ARG PIP_EXTRA_INDEX_URL=""
# With `--user`, the user ID is not in /etc/passwd. Programs that look up its name use USER instead.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    USER=dnabirnn HOME=/tmp XDG_CACHE_HOME=/tmp/.cache MPLCONFIGDIR=/tmp/.matplotlib

WORKDIR /opt/dnabirnn


FROM base AS wheel
COPY requirements.lock pyproject.toml setup.py README.md LICENSE ./
COPY dnabirnn dnabirnn
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements.lock > setuptools.lock && \
    pip install --no-deps --require-hashes --requirement setuptools.lock && \
    pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .


FROM base AS score
COPY requirements-score.lock ./
COPY --from=wheel /wheels /wheels
RUN pip install --no-deps --require-hashes --requirement requirements-score.lock && \
    pip install --no-deps /wheels/*.whl && \
    rm -r /wheels && \
    dnabirnn --version
WORKDIR /data
CMD ["dnabirnn", "--help"]


FROM base
# Snakemake sends its sources to jobs with git; its storage of scratch folders copies with rsync.
RUN apt-get update -qq && \
    apt-get install -qq -y --no-install-recommends git rsync && \
    rm -rf /var/lib/apt/lists/*
COPY constraints.txt requirements.lock pyproject.toml setup.py README.md LICENSE ./
COPY dnabirnn dnabirnn
RUN pip install --no-deps --require-hashes --requirement requirements.lock && \
    pip install --no-build-isolation --constraint constraints.txt \
        ".[cluster,discover,index,remote,workflow]" && \
    dnabirnn --version
COPY Snakefile ./
COPY profiles profiles
COPY workflows workflows
COPY sample_data sample_data

WORKDIR /data
CMD ["dnabirnn", "--help"]
