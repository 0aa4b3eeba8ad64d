"""Exceptions for problems that the user can fix, one class per kind.

Every message is one line: file, record or line, value, remedy.
"""

from __future__ import annotations

__all__ = [
    "DeviceError",
    "DnabirnnError",
    "EncodedSetError",
    "FastaError",
    "LabelError",
    "ModelFileError",
    "MotifError",
    "OptionError",
    "OutputError",
    "ProvenanceError",
    "RehearsalError",
    "ReportError",
    "ResourceError",
    "ScoreError",
    "TrackError",
    "TrainingError",
    "VariantError",
]


class DnabirnnError(Exception):
    """Base class of all errors caused by the user's files, options or machine."""


class FastaError(DnabirnnError):
    """A sequence file that cannot be read as nucleotides."""


class LabelError(DnabirnnError):
    """Labels or other intervals that cannot be read, or whose classes or strands cannot be used."""


class EncodedSetError(DnabirnnError):
    """A folder that is not an encoded set, or that lacks something training needs."""


class ModelFileError(DnabirnnError):
    """A file that is not a model, or not the state of a training, or damaged or too new."""


class MotifError(DnabirnnError):
    """A motif file that cannot be read, or that lacks the requested motif."""


class OptionError(DnabirnnError):
    """Options that do not fit each other or the data."""


class DeviceError(DnabirnnError):
    """A device that this machine does not have."""


class OutputError(DnabirnnError):
    """An output that cannot be written to the given path."""


class RehearsalError(DnabirnnError):
    """A trial run for an estimate that failed; the run itself may still succeed."""


class ResourceError(DnabirnnError):
    """Not enough memory or disk space for a run."""


class ReportError(DnabirnnError):
    """An input of a report that does not have the expected content."""


class ScoreError(DnabirnnError):
    """A model whose scores are not numbers."""


class TrackError(DnabirnnError):
    """A score track that cannot be read."""


class TrainingError(DnabirnnError):
    """Training that cannot continue, for example because the loss is not finite."""


class ProvenanceError(DnabirnnError):
    """A file that is not a provenance file, or whose recorded files have changed."""


class VariantError(DnabirnnError):
    """A file of variants that cannot be read, or that does not fit the sequences."""
