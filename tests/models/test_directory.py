from pathlib import Path

import pytest

from models.directory import create_directory, lock, locked, write_atomically
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


def test_a_directory_is_locked_until_the_block_ends(tmp_path: Path) -> None:
    with (
        locked(tmp_path, "training this run"),
        pytest.raises(RunError) as error,
        locked(tmp_path, "training this run"),
    ):
        pass
    assert str(error.value) == (
        f"{tmp_path}: another process is training this run; wait for it, or choose another --out"
    )
    with locked(tmp_path, "training this run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_open_file_is_locked_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("wb") as first, path.open("rb") as second:
        lock(first.fileno(), path, "writing it")
        with pytest.raises(RunError, match="another process is writing it"):
            lock(second.fileno(), path, "writing it")
    with path.open("rb") as file:
        lock(file.fileno(), path, "writing it")
