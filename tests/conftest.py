from __future__ import annotations

import os
import signal
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

# A process in the background, or under nohup, ignores these signals, and so do its children.
for _name, _usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if signal.getsignal(getattr(signal, _name, signal.SIGTERM)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _name), _usual)


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
