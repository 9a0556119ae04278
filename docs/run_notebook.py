"""Execute the notebooks of this folder and store their outputs: `python -m docs.run_notebook`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

NOTEBOOKS = sorted(Path(__file__).parent.glob("*.ipynb"))
CELL_SECONDS = 600  # an export on a busy machine takes minutes


def execute(path: Path) -> "NotebookNode":
    """Return the notebook with the outputs of this environment's Python, without timings.

    A failing cell raises nbclient's `CellExecutionError`, a cell over the time limit its
    `CellTimeoutError`.
    """
    import nbformat  # its import takes seconds, which every worker of the tests would spend
    from nbclient import NotebookClient

    notebook: NotebookNode = nbformat.read(path, as_version=4)
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
    import nbformat

    for path in NOTEBOOKS:
        nbformat.write(execute(path), path)
