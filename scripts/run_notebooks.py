"""Run notebooks top to bottom in a folder of their own; fail where a cell does.

`--strip` removes outputs instead, for committing.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def strip(path: Path) -> None:
    """Write the notebook back without outputs and execution counts."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


def check_stripped(path: Path) -> None:
    """Refuse a notebook that was saved with its outputs."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            sys.exit(f"{path} has outputs: python scripts/run_notebooks.py --strip {path}")


def run(path: Path) -> None:
    """Execute every cell; raises what the cell raised."""
    start = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    print(f"{path}: {len(notebook.cells)} cells in {time.monotonic() - start:.0f} s")


def main() -> None:
    """Every notebook that is named."""
    arguments = sys.argv[1:]
    stripping = "--strip" in arguments
    for name in arguments:
        if name == "--strip":
            continue
        if stripping:
            strip(Path(name))
        else:
            check_stripped(Path(name))
            run(Path(name))


if __name__ == "__main__":
    main()
