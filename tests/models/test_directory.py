from pathlib import Path

import pytest

from models.directory import create_directory, write_atomically
from models.errors import RunError


def test_a_directory_is_created_with_its_parents(tmp_path: Path) -> None:
    create_directory(tmp_path / "a" / "b")
    create_directory(tmp_path / "a" / "b")  # an existing empty one
    assert (tmp_path / "a" / "b").is_dir()


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(RunError) as error:
            create_directory(path, alternative=", or that of a search")
        assert str(error.value) == (
            f"{path}: expected a new or empty directory, or that of a search, found existing "
            "files; choose another --out"
        )


def test_a_directory_below_a_file_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError) as error:
        create_directory(tmp_path / "file" / "below")
    assert str(error.value) == f"{tmp_path / 'file' / 'below'}: cannot be created: Not a directory"


def test_a_file_is_replaced_without_leaving_a_partial_file(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        write_atomically(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
