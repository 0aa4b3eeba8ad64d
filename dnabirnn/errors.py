"""One class for each thing that a user can mend.

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
]


class DnabirnnError(Exception):
    """Base of all errors whose cause lies in the user's files, options or machine."""


class FastaError(DnabirnnError):
    """A file of sequences that cannot be read as nucleotides."""


class LabelError(DnabirnnError):
    """A BED file, or what it says of classes and strands, that cannot be used."""


class EncodedSetError(DnabirnnError):
    """A folder that is no encoded set, or one that lacks what training needs."""


class ModelFileError(DnabirnnError):
    """A file that is no model, is damaged, or is of a newer format."""


class MotifError(DnabirnnError):
    """A file of motifs that cannot be read, or lacks the one that is asked for."""


class OptionError(DnabirnnError):
    """Options that do not fit one another or the data."""


class DeviceError(DnabirnnError):
    """A device that this machine does not have."""


class OutputError(DnabirnnError):
    """An output that cannot be written where the user wants it."""


class RehearsalError(DnabirnnError):
    """A rehearsal of a run that could not be made, which says nothing of the run."""


class ResourceError(DnabirnnError):
    """Less memory or disk than a run takes."""


class ReportError(DnabirnnError):
    """A file that a report is made of, and that is not what it should be."""


class ScoreError(DnabirnnError):
    """A model that gives no numbers."""


class TrackError(DnabirnnError):
    """A track of scores that cannot be read."""


class TrainingError(DnabirnnError):
    """A fit that cannot go on, such as a loss that is not finite."""


class ProvenanceError(DnabirnnError):
    """Provenance that is none, or that does not hold."""
