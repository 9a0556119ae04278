"""Helpers of the commands' tests: run a command in this process, or read its error message."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.__main__ import app
from models.errors import ModelsError


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def refused(*arguments: str | Path) -> str:
    """Return the message of the `ModelsError` that a command ends with."""
    result = invoke(*arguments)
    assert isinstance(result.exception, ModelsError), result.exception
    return str(result.exception)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """30 rows of a number `a` and its parity `b`."""
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "".join(f"{n},{n % 2}\n" for n in range(30)))
    return path
