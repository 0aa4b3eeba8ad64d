from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from random_models import random_checkpoint
from services import Service, serving

from dnabirnn.network.checkpoint import Checkpoint

# How long an example takes says more of the machine's other work than of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real sequences, where there is one."""
    folder = os.environ.get("DNABIRNN_DATA")
    if not folder:
        pytest.skip("DNABIRNN_DATA names no folder of real data")
    return Path(folder)


@pytest.fixture
def service() -> Iterator[Service]:
    """A web service on this machine."""
    with serving() as made:
        yield made


@pytest.fixture
def make_checkpoint() -> Callable[..., Checkpoint]:
    return random_checkpoint


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12345)
