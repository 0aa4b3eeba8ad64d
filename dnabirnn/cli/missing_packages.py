"""Dependencies that an environment for scoring alone does not have, and how to install them."""

from __future__ import annotations

import importlib.util

__all__ = ["check_packages", "missing_package"]

_REMEDIES = {
    "jinja2": "`pip install jinja2`",
    "lightning_fabric": "`pip install lightning-fabric`",
    "matplotlib": "`pip install matplotlib`",
    "torch": (
        "`pip install torch`; for the build without CUDA, which is much smaller, add "
        "`--index-url https://download.pytorch.org/whl/cpu`"
    ),
}
"""How to install the dependencies that requirements-score.lock leaves out, by module."""


def missing_package(error: BaseException) -> str | None:
    """Return what to install if an import failed for lack of a dependency, or None.

    Parameters
    ----------
    error : BaseException
        Any exception.
    """
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    root = (name or "").partition(".")[0]
    if root not in _REMEDIES:
        return None
    package = root.replace("_", "-")
    return f"needs the package {package}, which is not installed; install it with {_REMEDIES[root]}"


def check_packages(*modules: str) -> None:
    """Raise ModuleNotFoundError if a dependency that is needed later is not installed.

    Parameters
    ----------
    *modules : str
        Names of modules; they are not imported.
    """
    for name in modules:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
