"""Notebooks: scripts in docs/notebooks, and the same with outputs as .ipynb.

`make notebooks` runs them all; `python .ci/notebooks.py NAME...` runs some.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / "docs" / "notebooks"
_MOST_SECONDS = 1800


def sources() -> list[Path]:
    """Return the scripts, in the order of the site."""
    return sorted(FOLDER.glob("*.py"))


def cells(notebook: Any) -> list[tuple[str, str]]:
    """Return kind and text of each cell."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def run(source: Path, folder: Path) -> Any:
    """Run a script as a notebook.

    Parameters
    ----------
    source : Path
    folder : Path
        Folder to run in.

    Returns
    -------
    notebook : nbformat.NotebookNode
        With outputs, and without what differs between runs, such as times.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(source)
    NotebookClient(
        notebook,
        timeout=_MOST_SECONDS,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
    return notebook


def kept(source: Path) -> Any:
    """Return the notebook of a script with the outputs that the site shows."""
    import nbformat

    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def site_files(source: Path) -> Iterator[tuple[str, str | bytes]]:
    """Yield the page of a notebook, with links to its files, and its pictures.

    Raises
    ------
    ValueError
        If the notebook has other cells than the script.
    """
    import jupytext
    from nbconvert import MarkdownExporter

    path, notebook = source.with_suffix(".ipynb"), kept(source)
    if cells(notebook) != cells(jupytext.read(source)):
        raise ValueError(f"{path}: differs from {source.name}; run make notebooks")
    text, resources = MarkdownExporter().from_notebook_node(
        notebook, {"unique_key": source.stem, "output_files_dir": source.stem}
    )
    head, _, rest = text.lstrip().partition("\n")
    links = f"[Download this notebook]({path.name}), or [as a script]({source.name})."
    yield f"notebooks/{source.stem}.md", f"{head}\n\n{links}\n{rest}"
    for name, content in resources["outputs"].items():
        yield f"notebooks/{name}", content


def main(names: list[str]) -> None:
    """Run notebooks, and write them with their outputs."""
    import nbformat

    for source in sources():
        if not names or source.stem in names:
            with tempfile.TemporaryDirectory() as folder:
                nbformat.write(run(source, Path(folder)), source.with_suffix(".ipynb"))


if __name__ == "__main__":
    main(sys.argv[1:])
