"""Rows in JSON, as `/predict` takes them."""

from pathlib import Path

import orjson

from service.client.errors import FileError
from service.client.files.rows import FileRows
from service.contract import Input

INSTANCES = "instances"


def read_instances(path: Path, _row: Input) -> FileRows:
    """Read `{"instances": [row, …]}` or the list alone; the server looks at the rows."""
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise FileError(f"{path}: expected JSON, found text that is not: {error}") from error
    except OSError as error:
        raise FileError(f"{path}: expected a file to read, found {error.strerror}") from error
    rows = content.get(INSTANCES) if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows:
        raise FileError(
            f'{path}: expected {{"{INSTANCES}": [row, …]}} or a list of rows, found neither'
        )
    return FileRows(rows=rows)
