"""Executes `strange_request.ipynb` and keeps what it shows: `python -m docs.run_notebook`."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("strange_request.ipynb")
CELL_SECONDS = 120


def executed(path: Path) -> nbformat.NotebookNode:
    """Return the notebook as this environment's Python executes it, without times of execution.

    A cell that fails is nbclient's `CellExecutionError`, one that hangs its `CellTimeoutError`.
    """
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_SECONDS,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(NOTEBOOK), NOTEBOOK)
