"""Settings of a training run: checked, and as values for the model file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.errors import EncodedSetError, ModelFileError, OptionError, OutputError
from dnabirnn.files import check_target, is_compressed, is_stream, note_written
from dnabirnn.labels import overlaps
from dnabirnn.network import check_priors, load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lightning_fabric import Fabric

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.files import PathLike
    from dnabirnn.motifs import ClassMotifs
    from dnabirnn.network import Architecture, Checkpoint
    from dnabirnn.training.fit import FitSettings
    from dnabirnn.training.processes import Hardware
    from dnabirnn.training.sampling import SamplingSettings

__all__ = [
    "check_plan",
    "check_whole_sequences",
    "digest_of",
    "made_by_other",
    "plan_of",
    "trial_plan",
]

logger = logging.getLogger(__name__)

_CHUNK_BP = 1 << 22


def check_plan(
    encoded: EncodedSet,
    model_path: PathLike,
    architecture: Architecture,
    validations: int,
    priors: Mapping[str, float],
) -> None:
    """Raise for data and settings that do not fit together; parameters as for `train`."""
    if is_stream(model_path) or is_compressed(model_path):
        raise OutputError(
            f"{model_path}: a model or a state of training cannot be compressed or written to a "
            "stream; give a file name that ends in .safetensors, or in .state with --until"
        )
    check_target(model_path)
    check_priors(architecture, priors)
    if architecture.classes != encoded.classes:
        raise OptionError("the architecture's classes are not those of the encoded set")
    if validations < 1:
        raise OptionError(f"--validations {validations}: must be 1 or more")
    if not len(encoded.split("val")):
        logger.warning(
            "%s: no validation sequence; training sequence is used instead, so the metrics and "
            "thresholds of the model are too optimistic",
            encoded.path,
        )
    if not architecture.exclusive:
        return
    for split in ("train", "val"):
        for name, start, end in encoded.contig_splits(split):
            offset = next(c.offset for c in encoded.contigs if c.name == name)
            for chunk in range(start, end, _CHUNK_BP):
                piece = encoded.labels[offset + chunk : offset + min(end, chunk + _CHUNK_BP)]
                twice = overlaps(np.asarray(piece), encoded.classes)
                if twice.any():
                    raise EncodedSetError(
                        f"{encoded.path}: {name}:{chunk + int(twice.argmax())} (0-based) has two "
                        "labels, but --exclusive allows one label per base; train without "
                        "--exclusive, or fix the labels"
                    )


def check_whole_sequences(
    encoded: EncodedSet,
    architecture: Architecture,
    teacher: Checkpoint | None,
    priors: Mapping[str, float],
    matrix: bool | ClassMotifs,
) -> None:
    """Raise for settings that do not fit labels of whole sequences; parameters as for `train`."""
    if not encoded.whole_sequences:
        return
    for option, given in (
        ("--exclusive", architecture.exclusive),
        ("--teacher", teacher is not None),
        ("--prior", bool(priors)),
        ("--matrix FILE", not isinstance(matrix, bool)),
    ):
        if given:
            raise OptionError(
                f"{option}: {encoded.path} has labels of whole sequences, and this is about labels "
                "of bases; leave it out"
            )


def plan_of(
    encoded: EncodedSet,
    architecture: Architecture,
    sampling: SamplingSettings,
    settings: FitSettings,
    hardware: Hardware,
    initial: Checkpoint | None,
    priors: Mapping[str, float],
    matrix: bool | ClassMotifs,
    validations: int,
    fabric: Fabric,
    fused: bool,
    tuning: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return all that determines the model, for the model file; parameters as for `train`."""
    plan = trial_plan(encoded, architecture, sampling, settings, hardware, initial, matrix)
    plan |= {
        "validations": validations,
        "priors": priors,
        "device": fabric.device.type,
        "processes": fabric.world_size,
        "engine": "fused" if fused else "torch",
    }
    return plan if tuning is None else plan | {"tuning": dict(tuning)}


def trial_plan(
    encoded: EncodedSet,
    architecture: Architecture,
    sampling: SamplingSettings,
    settings: FitSettings,
    hardware: Hardware,
    initial: Checkpoint | None,
    matrix: bool | ClassMotifs,
) -> dict[str, Any]:
    """Return what determines the results of trials, on a device and with an engine as given."""
    return {
        "architecture": architecture.to_json(),
        "sampling": asdict(sampling),
        "fit": settings.to_json(len(architecture.classes)),
        "matrix": matrix if isinstance(matrix, bool) else matrix.to_json(),
        "initial": None if initial is None else hashlib.sha256(initial.to_bytes()).hexdigest(),
        "data": encoded.digest,
        "device": hardware.device,
        "engine": hardware.engine,
        "precision": hardware.precision,
        "versions": {name: version(name) for name in ("dnabirnn", "numba", "numpy", "torch")},
    }


def digest_of(plan: Mapping[str, Any]) -> str:
    """Return the digest of a plan, which its states to resume from are kept under."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def made_by_other(
    model_path: PathLike, plan: Mapping[str, Any], log_path: PathLike | None
) -> Checkpoint | None:
    """Return the model of the same plan that another process has written, if there is one."""
    files = [Path(os.path.realpath(path)) for path in (model_path, log_path) if path is not None]
    if not all(file.is_file() for file in files):
        return None
    try:
        found = load_checkpoint(model_path)
    except ModelFileError:
        return None
    ours = json.loads(json.dumps(plan))
    if any(found.training.get(name) != value for name, value in ours.items()):
        return None
    logger.info("%s: the other training has written this model", model_path)
    for file in files:
        note_written(file)
    return found
