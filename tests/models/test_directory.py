from pathlib import Path

import pytest

from models.directory import make_new, write_whole
from models.errors import RunError


def test_a_new_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    make_new(tmp_path / "a" / "b")
    make_new(tmp_path / "a" / "b")  # an empty one is as good as new
    assert (tmp_path / "a" / "b").is_dir()


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(RunError) as error:
            make_new(path, instead=", or that of a search")
        assert str(error.value) == (
            f"{path}: expected a new or empty directory, or that of a search, found existing "
            "files; choose another --out"
        )


def test_a_directory_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError) as error:
        make_new(tmp_path / "file" / "below")
    assert str(error.value) == f"{tmp_path / 'file' / 'below'}: cannot be created: Not a directory"


def test_a_file_is_written_whole_over_the_one_before(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        write_whole(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
