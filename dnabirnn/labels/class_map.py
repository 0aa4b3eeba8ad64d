"""New names of classes, by name or by pattern.

Annotation of centromeres names each array apart, such as `hor_1_1(S1C1/5/19H1L)`, so patterns with
`*` give many classes one name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dnabirnn.errors import OptionError
from dnabirnn.names import is_printable, shortened

__all__ = ["check_map", "new_names", "unmatched"]

_ANY = "*"


def check_map(mapping: Mapping[str, str], class_name: str | None) -> None:
    """Raise OptionError for new names that cannot be used, or that --class makes useless."""
    if mapping and class_name is not None:
        raise OptionError(
            "--class and --classes-map: --class sets the class of all rows; give only one of them"
        )
    for new in mapping.values():
        if new.strip() in ("", ".") or not is_printable(new):
            raise OptionError(
                f"--classes-map {new!r}: not a class name; give one of printable characters"
            )


def new_names(names: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Return the new names of classes, by the old ones; classes that keep their name are absent.

    Parameters
    ----------
    names : sequence of str
        Classes of the labels.
    mapping : mapping
        New names by old names. In an old name, `*` stands for any text. A class with exactly the
        old name is renamed by that entry; otherwise the first pattern that fits counts.

    Examples
    --------
    >>> names = ["hor_1_1(S1C1/5/19H1L)", "hor_2", "dhor_1", "ct"]
    >>> new_names(names, {"hor_*": "alpha", "hor_2": "beta", "*hor*": "other"})
    {'hor_1_1(S1C1/5/19H1L)': 'alpha', 'hor_2': 'beta', 'dhor_1': 'other'}
    """
    patterns = [(_pattern(old), new) for old, new in mapping.items() if _ANY in old]
    renamed = {}
    for name in names:
        fitting = (new for pattern, new in patterns if pattern.fullmatch(name))
        new = mapping[name] if name in mapping else next(fitting, None)
        if new is not None:
            renamed[name] = new
    return renamed


def unmatched(names: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    """Return a message for each old name that fits no class.

    Examples
    --------
    >>> unmatched(["ct"], {"hor_*": "alpha", "c*": "ct"})
    ["--classes-map: no row has class 'hor_*'; the labels have ct"]
    """
    return [
        f"--classes-map: no row has class {old!r}; the labels have {shortened(sorted(names))}"
        for old in mapping
        if old not in names and not (_ANY in old and any(map(_pattern(old).fullmatch, names)))
    ]


def _pattern(old: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, old.split(_ANY))), re.DOTALL)
