"""The notebook runs from top to bottom, says what it shows, and shows what it committed."""

import base64
import re

import nbformat
import pytest

from docs.run_notebook import NOTEBOOK, executed

COMMITTED = nbformat.read(NOTEBOOK, as_version=4)
LARGEST_BYTES = 300_000
MEASURED = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def shown(notebook: nbformat.NotebookNode) -> list[str]:
    """Return every text that the cells show."""
    return [
        output.data["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]


def test_every_claim_holds_when_it_is_executed_and_shows_the_same() -> None:
    found, committed = shown(executed(NOTEBOOK)), shown(COMMITTED)
    assert len(found) == len(committed)
    for now, then in zip(found, committed, strict=True):
        assert MEASURED.sub("#", now).split() == MEASURED.sub("#", then).split()
        # Processors round float32 differently in the last digits.
        numbers = [[float(number) for number in MEASURED.findall(text)] for text in (now, then)]
        assert numbers[0] == pytest.approx(numbers[1], rel=0.1, abs=1e-3)


def test_it_is_committed_executed_with_its_pictures() -> None:
    cells = [cell for cell in COMMITTED.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(cell.metadata for cell in cells)  # no times of execution
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"display_data", "execute_result"}
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.data]
    assert len(pictures) == 4
    for picture in pictures:
        assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_it_is_small_and_names_no_place_of_a_machine() -> None:
    content = NOTEBOOK.read_text()
    assert len(content.encode()) < LARGEST_BYTES
    for text in shown(COMMITTED):
        assert not re.search(r"(^|[\s'\"])/\w+/|127\.0\.0\.1|[0-9a-f]{12}-\d", text)
