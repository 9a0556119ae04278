from pathlib import Path

import pytest

from service.client.errors import FileError
from service.client.files.instances import read_instances
from tests.service.client.conftest import PEOPLE


@pytest.mark.parametrize("text", ['{"instances": [[1, null]], "more": 1}', "[[1, null]]"])
def test_a_body_and_a_bare_list_are_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    assert read_instances(path, PEOPLE).rows == [[1, None]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[1, ", "expected JSON, found text that is not: unexpected end of data"),
        ("[NaN]", "expected JSON, found text that is not: "),
        ("{}", 'expected {"instances": [row, …]} or a list of rows, found neither'),
        ("[]", 'expected {"instances": [row, …]} or a list of rows, found neither'),
        ("7", 'expected {"instances": [row, …]} or a list of rows, found neither'),
    ],
)
def test_anything_else_is_told(text: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        read_instances(path, PEOPLE)
    assert str(caught.value).startswith(f"{path}: {found}")


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_instances(tmp_path, PEOPLE)
    assert str(caught.value) == f"{tmp_path}: expected a file to read, found Is a directory"
