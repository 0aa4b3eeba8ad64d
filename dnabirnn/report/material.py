"""Inputs of a report, read from files."""

from __future__ import annotations

import hashlib
import io
import os
import re
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.encoded import SPLITS, EncodedSet
from dnabirnn.errors import ModelFileError, ReportError
from dnabirnn.evaluation import Curve, PrecisionRecall, Reliability
from dnabirnn.files import file_name, listed, local_copy, parse_json, read_text
from dnabirnn.network import find_model, load_checkpoint
from dnabirnn.report.ideogram import Assembly
from dnabirnn.report.motifs import FoundMotifs, read_found_motifs
from dnabirnn.report.summary import contig_sizes, sample_names
from dnabirnn.tracks import read_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dnabirnn.files import PathLike
    from dnabirnn.network import CallSettings, Checkpoint
    from dnabirnn.report.examples import Gallery

__all__ = ["Curves", "Material", "NamedModel", "read_curves", "read_log", "read_metrics"]

_ENDINGS = re.compile(r"(\.(metrics|curves|log))?\.(json|csv)$|\.enc$")
_LOG_COLUMNS = ("step", "bases", "learning_rate", "loss", "seconds")


class NamedModel(NamedTuple):
    """A model with the name and the SHA-256 of its file."""

    name: str
    checkpoint: Checkpoint
    sha256: str

    @classmethod
    def read(cls, path: PathLike) -> NamedModel:
        """Read a model file.

        Raises
        ------
        ModelFileError
            The file is not a model.
        """
        checkpoint = load_checkpoint(path)
        with local_copy(find_model(path), ModelFileError) as file:
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return cls(file_name(path), checkpoint, digest)


class Curves(NamedTuple):
    """Curves of the network, and of the position weight matrix if it was evaluated."""

    network: list[Curve]
    baseline: list[Curve]


@dataclass(frozen=True, kw_only=True)
class Material:
    """Inputs of a report, each of which may be missing.

    Attributes
    ----------
    commands : mapping of str to str
        Text of files with command lines, by file name.
    model : NamedModel, optional
    encoded : mapping of str to dict
        Manifests of encoded sets, by name.
    logs : mapping of str to polars.DataFrame
        Training logs, by name; see `read_log`.
    metrics : mapping of str to dict
        Contents of `metrics.json`, by name.
    curves : mapping of str to Curves
        Curves, by the name of the metrics to which they belong.
    gallery : Gallery, optional
    sample : str
        Name of the metrics to which the gallery belongs.
    calling : CallSettings, optional
        Rules for calls; those of the model if None.
    seed : int
        Seed of the random examples of the gallery.
    assemblies : mapping of str to Assembly
        Calls of assemblies, with or without labels, by sample.
    assembly_inputs : list of dict
        Name and SHA-256 of the files of these calls.
    discovered : mapping of str to FoundMotifs
        Motifs that the model has learned, by sample.
    links : sequence of str
        Files to link, as paths relative to the page.
    """

    commands: Mapping[str, str] = field(default_factory=dict)
    model: NamedModel | None = None
    encoded: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    logs: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    metrics: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    curves: Mapping[str, Curves] = field(default_factory=dict)
    gallery: Gallery | None = None
    sample: str = ""
    calling: CallSettings | None = None
    seed: int = 0
    assemblies: Mapping[str, Assembly] = field(default_factory=dict)
    assembly_inputs: Sequence[Mapping[str, str]] = ()
    discovered: Mapping[str, FoundMotifs] = field(default_factory=dict)
    links: Sequence[str] = ()

    @classmethod
    def read(
        cls,
        *,
        model: PathLike | None = None,
        encoded: Sequence[PathLike] = (),
        logs: Sequence[PathLike] = (),
        metrics: Sequence[PathLike] = (),
        curves: Sequence[PathLike] = (),
        commands: Sequence[PathLike] = (),
        gallery: Gallery | None = None,
        seed: int = 0,
        assemblies: Sequence[PathLike] = (),
        sizes: Sequence[PathLike] = (),
        discovered: Sequence[PathLike] = (),
        beside: PathLike = ".",
        links: Sequence[str] = (),
    ) -> Material:
        """Read the files of a report; each gets the name of its file without the extension.

        `sizes` has the contig lengths of the assemblies: one file for all, one per assembly, or
        none. `beside` is the folder of the page, for links to files of `discovered`.

        Raises
        ------
        ReportError, ModelFileError, EncodedSetError, TrackError
            A file is missing, or has another format.
        """
        digests: dict[str, str] = {}
        lengths = list(map(contig_sizes, sizes))
        lengths = lengths * len(assemblies) if len(lengths) == 1 else lengths
        return cls(
            commands=_by_name(commands, _read_text, whole=True),
            model=None if model is None else NamedModel.read(model),
            encoded=_by_name(encoded, lambda path: EncodedSet.open(path).manifest),
            logs=_by_name(logs, read_log),
            metrics=_by_name(metrics, read_metrics),
            curves=_by_name(curves, read_curves),
            gallery=gallery,
            seed=seed,
            assemblies={
                name: Assembly(read_calls(path, digests=digests), own)
                for name, path, own in zip_longest(sample_names(assemblies), assemblies, lengths)
            },
            assembly_inputs=listed(digests),
            discovered=_by_name(discovered, lambda path: read_found_motifs(path, beside)),
            links=links,
        )


def _by_name(
    paths: Iterable[PathLike], read: Callable[[PathLike], Any], whole: bool = False
) -> dict[str, Any]:
    """Return the content of each file by name; repeated names get a number."""
    found: dict[str, Any] = {}
    for path in paths:
        name = os.path.basename(os.path.normpath(path))
        name = name if whole else re.sub(_ENDINGS, "", name) or name
        number, key = 1, name
        while key in found:
            number += 1
            key = f"{name} ({number})"
        found[key] = read(path)
    return found


def _read_text(path: PathLike) -> str:
    return read_text(path, ReportError, "a smaller file", lenient=True).strip()


def _read_json(path: PathLike, what: str) -> dict[str, Any]:
    try:
        value = parse_json(_read_text(path))
    except ValueError as cause:
        raise ReportError(f"{path}: not valid JSON ({cause}); give {what}") from cause
    if not isinstance(value, dict):
        raise ReportError(f"{path}: the JSON is not an object; give {what}")
    return value


def read_log(path: PathLike) -> pl.DataFrame:
    """Read the CSV log of a training run.

    Parameters
    ----------
    path : str or PathLike
        File written by `dnabirnn train --log`.

    Returns
    -------
    log : polars.DataFrame
        Columns step and bases (Int64), learning_rate, loss, seconds and `ap_CLASS` for each
        class (Float64; null in rows without validation).

    Raises
    ------
    ReportError
        The file has another format.
    """
    remedy = "give a file written by `dnabirnn train --log`"
    try:
        frame = pl.read_csv(io.StringIO(_read_text(path)), infer_schema=False)
        names = [name for name in frame.columns if name.startswith("ap_")]
        if missing := [name for name in _LOG_COLUMNS if name not in frame.columns]:
            raise ReportError(
                f"{path}: not a training log: column {missing[0]} is missing; {remedy}"
            )
        kinds = dict.fromkeys((*_LOG_COLUMNS, *names), pl.Float64) | {
            "step": pl.Int64,
            "bases": pl.Int64,
        }
        return frame.select(
            pl.col(name).replace("", None).cast(kind) for name, kind in kinds.items()
        )
    except pl.exceptions.PolarsError as cause:
        reason = str(cause).splitlines()[0]
        raise ReportError(f"{path}: not a training log ({reason}); {remedy}") from cause


def read_metrics(path: PathLike) -> dict[str, Any]:
    """Read the metrics written by `dnabirnn evaluate --out`.

    Raises
    ------
    ReportError
        The file has another format.
    """
    what = "a file written by `dnabirnn evaluate --out`"
    metrics = _read_json(path, what)
    for name in ("classes", "calls", "absent", "baseline"):
        value = metrics.setdefault(name, {})
        entries = value.values() if isinstance(value, dict) else [value]
        if any(not isinstance(entry, dict | None) for entry in entries):
            raise ReportError(f"{path}: {name!r} has no figures by class; give {what}")
        wanted = () if name in ("calls", "absent") else ("ap", "bases", "positives")
        for key in wanted:
            if any(entry is not None and key not in entry for entry in entries):
                raise ReportError(f"{path}: a class in {name!r} has no {key!r}; give {what}")
    inputs = metrics.setdefault("inputs", {})
    kinds = inputs.values() if isinstance(inputs, dict) else [None]
    files = [file for kind in kinds for file in (kind if isinstance(kind, list) else [None])]
    if not all(isinstance(file, dict) and {"name", "sha256"} <= file.keys() for file in files):
        raise ReportError(f"{path}: 'inputs' has no digests of files; give {what}")
    splits = metrics.setdefault("splits", [])
    if not isinstance(splits, list) or not set(map(str, splits)) <= {*SPLITS}:
        raise ReportError(
            f"{path}: 'splits' is not a list of names among {', '.join(SPLITS)}; give {what}"
        )
    whole = metrics.setdefault("sequences", {})
    entries = list(whole.values()) if isinstance(whole, dict) else [None]
    for key in ("auroc", "ap", "mcc", "sequences", "positives"):
        if not all(isinstance(entry, dict) and key in entry for entry in entries):
            raise ReportError(f"{path}: a class in 'sequences' has no {key!r}; give {what}")
    if not (metrics["classes"] or whole):
        raise ReportError(f"{path}: no class has figures; give {what}")
    return metrics


def read_curves(path: PathLike) -> Curves:
    """Read the curves written by `dnabirnn evaluate --curves`.

    Raises
    ------
    ReportError
        The file has another format.
    """
    what = "a file written by `dnabirnn evaluate --curves`"
    plain = _read_json(path, what)
    try:
        return Curves(
            [_curve(entry) for entry in plain["network"]],
            [_curve(entry) for entry in plain.get("baseline") or ()],
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as cause:
        raise ReportError(
            f"{path}: not a file of curves ({type(cause).__name__}: {cause}); give {what}"
        ) from cause


def _curve(plain: Mapping[str, Any]) -> Curve:
    slices = plain["reliability"]
    recall, precision = (np.array(plain[k], dtype=np.float64) for k in ("recall", "precision"))
    if recall.shape != precision.shape or recall.ndim != 1 or not recall.size:
        raise ValueError("recall and precision must be lists of the same length")
    return Curve(
        class_name=str(plain["class"]),
        stranded=bool(plain["stranded"]),
        ap=float(plain["ap"]),
        prevalence=float(plain["prevalence"]),
        expected_over_observed=float(plain["expected_over_observed"]),
        calibration_slope=float(plain["calibration_slope"]),
        precision_recall=PrecisionRecall(recall, precision, np.empty(0)),
        reliability=Reliability(
            np.array(slices["predicted"], dtype=np.float64),
            np.array(slices["observed"], dtype=np.float64),
            np.array(slices["items"], dtype=np.int64),
            np.array(slices["low"], dtype=np.float64),  # NaN for null
            np.array(slices["high"], dtype=np.float64),
        ),
    )
