"""The notebook executes without errors and is committed with the outputs that it produces."""

import base64
import re

import nbformat
import pytest

from docs.run_notebook import NOTEBOOK, execute

COMMITTED = nbformat.read(NOTEBOOK, as_version=4)
MAX_BYTES = 300_000
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def outputs(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the outputs of all cells as plain text."""
    return [
        output.data["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]


def test_the_committed_outputs_are_those_of_an_execution() -> None:
    for executed, committed in zip(outputs(execute(NOTEBOOK)), outputs(COMMITTED), strict=True):
        assert NUMBER.sub("#", executed).split() == NUMBER.sub("#", committed).split()
        # Processors round float32 differently in the last digits.
        numbers, expected = (
            [float(number) for number in NUMBER.findall(text)] for text in (executed, committed)
        )
        assert numbers == pytest.approx(expected, rel=0.1, abs=1e-3)


def test_every_cell_is_committed_executed_and_with_its_pictures() -> None:
    cells = [cell for cell in COMMITTED.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(cell.metadata for cell in cells)  # no timings
    produced = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in produced} <= {"display_data", "execute_result"}
    pictures = [output.data["image/png"] for output in produced if "image/png" in output.data]
    assert len(pictures) == 4
    for picture in pictures:
        assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_the_file_is_small_and_contains_no_path_address_or_id() -> None:
    assert NOTEBOOK.stat().st_size < MAX_BYTES
    for text in outputs(COMMITTED):
        assert not re.search(r"(^|[\s'\"])/\w+/|127\.0\.0\.1|[0-9a-f]{12}-\d", text)
