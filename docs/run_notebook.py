"""Execute the notebooks of this folder and store their outputs: `python -m docs.run_notebook`."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = sorted(Path(__file__).parent.glob("*.ipynb"))
CELL_SECONDS = 600  # an export on a busy machine takes minutes


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
    for path in NOTEBOOKS:
        nbformat.write(execute(path), path)
