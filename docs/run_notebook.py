"""Execute `strange_request.ipynb` and store its outputs: `python -m docs.run_notebook`."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("strange_request.ipynb")
CELL_SECONDS = 120


def execute(path: Path) -> nbformat.NotebookNode:
    """Return the notebook with the outputs of this environment's Python, without timings.

    A failing cell raises nbclient's `CellExecutionError`, a cell over the time limit its
    `CellTimeoutError`.
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
    nbformat.write(execute(NOTEBOOK), NOTEBOOK)
