"""Rows of arrays and pictures, part by part, in any order."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from highway_client.errors import FileError

from scoring.jobs import Job, Options
from scoring.planning import plan_job
from scoring.sources import Part, Source

VALUES = np.arange(40, dtype=np.float32).reshape(10, 4)


def first_values(source: Source, part: Part) -> list[float]:
    return [
        value
        for batch in source.read(part, keep_errors=False)
        for value in batch.rows[:, 0].tolist()
    ]


@pytest.fixture
def array(tmp_path: Path, table_model: Path) -> Job:
    """A job of ten rows in parts of four."""
    np.save(tmp_path / "rows.npy", VALUES)
    out = tmp_path / "out.parquet"
    return plan_job(tmp_path / "rows.npy", table_model, out, Options(), part_rows=4)


def test_the_parts_of_an_array_have_all_rows_in_order(array: Job) -> None:
    assert [first_values(array.source, part) for part in array.parts] == [
        *([0, 4, 8, 12], [16, 20, 24, 28], [32, 36])
    ]


def test_a_part_of_an_array_is_the_same_in_any_order_and_in_another_process(array: Job) -> None:
    assert first_values(array.source, array.parts[2]) == [32, 36]
    assert first_values(array.source, array.parts[0]) == [0, 4, 8, 12]
    sent = pickle.loads(pickle.dumps(array.source))
    assert first_values(sent, array.parts[1]) == [16, 20, 24, 28]


def test_a_value_that_a_server_refuses_is_named_by_its_row(array: Job, tmp_path: Path) -> None:
    values = VALUES.copy()
    values[6, 2] = np.inf
    np.save(tmp_path / "rows.npy", values)
    with pytest.raises(FileError) as refused:
        first_values(array.source, array.parts[1])
    assert str(refused.value) == (
        f"{tmp_path / 'rows.npy'}, row 7, value 3: expected a number within float32's range or "
        "NaN, found inf"
    )


def test_pictures_are_read_in_the_order_of_their_names(
    tmp_path: Path, pictures: Path, image_model: Path
) -> None:
    out = tmp_path / "out.parquet"
    job = plan_job(pictures, image_model, out, Options(), part_rows=50)
    batches = [batch for part in job.parts for batch in job.source.read(part, keep_errors=False)]
    assert [batch.count for batch in batches] == [50, 20]
    assert batches[0].names is not None
    assert batches[0].names[:2] == ("00.png", "02.png")
    assert batches[1].locate(19) == str(pictures / "more" / "69.png")


def test_an_unreadable_picture_is_an_error_among_others(
    tmp_path: Path, pictures: Path, image_model: Path
) -> None:
    (pictures / "02.png").write_bytes(b"no picture")
    job = plan_job(pictures, image_model, tmp_path / "out.parquet", Options(), part_rows=10)
    (batch,) = job.source.read(job.parts[0], keep_errors=True)
    assert (batch.count, len(batch.rows), list(batch.errors)) == (10, 9, [1])
    assert batch.errors[1].startswith(f"{pictures / '02.png'}: ")
