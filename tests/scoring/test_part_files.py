"""A part has its name when it is complete, and only then."""

from pathlib import Path

import pyarrow as pa
import pytest

from scoring.errors import ScoringError
from scoring.part_files import count_rows, publish, temporary_of, written_part

TABLE = pa.table({"row": [1, 2, 3]})


def test_a_part_gets_its_name_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "part-000000.arrow"
    with written_part(path) as writer:
        writer.write(TABLE)
        writer.write(TABLE.slice(1))
        assert not path.exists()
        assert writer.rows == 5
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert count_rows(path) == 5


def test_a_part_may_have_no_rows(tmp_path: Path) -> None:
    with written_part(tmp_path / "part"):
        pass
    assert count_rows(tmp_path / "part") == 0


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(pa.ArrowInvalid), written_part(tmp_path / "part") as writer:
        writer.write(pa.concat_tables([TABLE, pa.table({"other": [1]})]))
    assert list(tmp_path.iterdir()) == []


def test_two_processes_can_write_the_same_part(tmp_path: Path) -> None:
    """As a worker of a killed command may; the second to complete replaces the first."""
    path = tmp_path / "part"
    with written_part(path) as first:
        first.write(TABLE)
        with written_part(path) as second:
            second.write(TABLE)
        assert count_rows(path) == 3
    assert count_rows(path) == 3
    assert temporary_of(path) != temporary_of(path)


def test_a_published_file_replaces_the_one_before(tmp_path: Path) -> None:
    new, path = tmp_path / "new", tmp_path / "old"
    new.write_text("new")
    path.write_text("old")
    publish(new, path)
    assert (path.read_text(), new.exists()) == ("new", False)


@pytest.mark.parametrize("content", [b"", b"ARROW1 and no more"])
def test_a_damaged_part_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(content)
    with pytest.raises(ScoringError) as refused:
        count_rows(tmp_path / "part")
    assert str(refused.value).startswith(
        f"{tmp_path / 'part'}: expected the scores of a finished part, found a damaged file ("
    )
    assert str(refused.value).endswith("); remove it, and run the same command again")
