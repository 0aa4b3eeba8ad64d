"""The state of a training as one file, which carries a training from one job to the next.

The file is a ZIP archive, without compression, of what a `ResumeFolder` holds: `state.json` and its
arrays, and the same in `member-1/` and so on, and `tuning/results.json`. Equal states have equal
bytes.
"""

from __future__ import annotations

import logging
import re
import zipfile
from typing import TYPE_CHECKING, NamedTuple

from dnabirnn.errors import ModelFileError
from dnabirnn.files import OutputFiles, check_readable, local_copy
from dnabirnn.training.states.resume import TUNING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnabirnn.files import PathLike
    from dnabirnn.training.states.resume import ResumeFolder

__all__ = ["KeptState", "load_state", "save_state"]

logger = logging.getLogger(__name__)

_ENTRY = re.compile(
    r"(member-[1-9]\d{0,3}/)?(state\.json|step-\d{1,18}\.safetensors)|tuning/results\.json"
)
_SAME_TIME = (1980, 1, 1, 0, 0, 0)


class KeptState(NamedTuple):
    """The files of a state by name, with `/`, and the file that they were read from."""

    path: PathLike
    files: Mapping[str, bytes]

    def restore(self, folder: ResumeFolder) -> None:
        """Put the states of the networks into a folder, unless it has later ones of its run.

        States of another run than that of the folder are not used, with a warning.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        parts = self._parts()
        parts.pop(TUNING, None)
        self._restore(folder, parts)

    def restore_results(self, folder: ResumeFolder) -> None:
        """Put the results of the tuning into its folder, as `restore` does."""
        found = self._parts().get(TUNING)
        self._restore(folder, {} if found is None else {"": found})

    def _parts(self) -> dict[str, dict[str, bytes]]:
        """Return the files by the name of their folder, and their own."""
        parts: dict[str, dict[str, bytes]] = {}
        for name, data in self.files.items():
            part, _, file = name.rpartition("/")
            parts.setdefault(part, {})[file] = data
        return parts

    def _restore(self, folder: ResumeFolder, parts: Mapping[str, dict[str, bytes]]) -> None:
        of_this_run = [folder.within(part).is_of_this_run(files) for part, files in parts.items()]
        if not of_this_run or not all(of_this_run):
            logger.warning(
                "%s: this state is from other data, options or versions, and is not used", self.path
            )
            return
        for part, files in parts.items():
            folder.within(part).put(files)


def load_state(path: PathLike) -> KeptState:
    """Read a file that `save_state` wrote.

    Raises
    ------
    ModelFileError
        There is no such file, or it is not the state of a training, or is damaged.
    """
    check_readable(path, ModelFileError)
    with local_copy(path, ModelFileError) as file:
        try:
            if not file.is_file():
                raise ValueError("not a regular file")
            with zipfile.ZipFile(file) as archive:
                found = {entry.filename: _read(archive, entry) for entry in archive.infolist()}
            if not found:
                raise ValueError("it is empty")
        except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
            reason = getattr(error, "strerror", None) or error
            raise ModelFileError(
                f"{path}: not the state of a training, or a damaged one ({reason}); give a file "
                "that `dnabirnn train --until` wrote"
            ) from error
    return KeptState(path, found)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    # Without compression, what is read is no larger than the file.
    if not _ENTRY.fullmatch(entry.filename) or entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{entry.filename!r} does not belong to a state")
    return archive.read(entry)


def save_state(folder: ResumeFolder, path: PathLike) -> None:
    """Write the states in a folder as one file.

    Raises
    ------
    OutputError
        The file cannot be written, or a state cannot be read.
    """
    with OutputFiles() as files, zipfile.ZipFile(files.open(path), "w") as archive:
        for name, data in sorted(folder.contents().items()):
            archive.writestr(zipfile.ZipInfo(name, _SAME_TIME), data)
