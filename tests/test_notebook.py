"""The notebooks execute without errors and are committed with the outputs that they produce."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from docs.run_notebook import NOTEBOOKS, execute

MAX_BYTES = 300_000
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
PICTURES = {"strange_request": 5, "train_in_python": 0}
# The weights of a training differ between processors in more than the last digits.
COMPARED = {"strange_request": True, "train_in_python": False}

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def outputs(notebook: Any) -> list[str]:
    """Return the outputs of all cells as plain text."""
    return [
        "".join(output["data"]["text/plain"])  # a file has a list of lines
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "data" in output
    ]


@notebooks
def test_the_committed_outputs_are_those_of_an_execution(path: Path) -> None:
    committed = outputs(json.loads(path.read_text()))
    for executed, expected in zip(outputs(execute(path)), committed, strict=True):
        if COMPARED[path.stem]:
            assert NUMBER.sub("#", executed).split() == NUMBER.sub("#", expected).split()
            # Processors round float32 differently in the last digits.
            numbers, wanted = (
                [float(number) for number in NUMBER.findall(text)] for text in (executed, expected)
            )
            assert numbers == pytest.approx(wanted, rel=0.1, abs=1e-3)


@notebooks
def test_every_cell_is_committed_executed_and_with_its_pictures(path: Path) -> None:
    notebook = json.loads(path.read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(cell["metadata"] for cell in cells)  # no timings
    produced = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in produced} <= {"display_data", "execute_result"}
    data = [output["data"] for output in produced]
    pictures = [each["image/png"] for each in data if "image/png" in each]
    assert len(pictures) == PICTURES[path.stem]
    for picture in pictures:
        assert base64.b64decode("".join(picture)).startswith(b"\x89PNG")


@notebooks
def test_the_file_is_small_and_contains_no_path_address_or_id(path: Path) -> None:
    assert path.stat().st_size < MAX_BYTES
    for text in outputs(json.loads(path.read_text())):
        assert not re.search(r"(^|[\s'\"])/\w+/|127\.0\.0\.1|[0-9a-f]{12}-\d", text)
