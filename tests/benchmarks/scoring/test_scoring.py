from pathlib import Path

from pyarrow import parquet

from benchmarks.scoring import Pair, Time, make_table, page, time_of_command
from tests.scoring.conftest import people
from tests.service.conftest import TABLE, Recipe, take_missing_values


def test_the_page_has_the_median_of_the_ratios_of_pairs() -> None:
    alone = Time(wall=2, processor=4)
    pairs = [
        Pair(alone=alone, command=Time(wall=seconds, processor=2 * seconds + 1), peak_mb=200)
        for seconds in (2, 3, 5)
    ]
    text = page(1000, 2, 0.5, {"csv": pairs})
    assert "| csv | 2.0 s | 3.0 s | 1.50 (1.00, 1.50, 2.50) | 200 MB |" in text
    assert "| csv, processors | 4.0 s | 7.0 s | 1.75 (1.25, 1.75, 2.75) |  |" in text


def test_the_peak_is_that_of_the_command_and_not_of_the_process_that_started_it(
    tmp_path: Path,
) -> None:
    model, data = tmp_path / "people.onnx", tmp_path / "people.parquet"
    model.write_bytes(Recipe(metadata=TABLE, change=take_missing_values).build())
    parquet.write_table(people(), data)
    large = bytearray(b"x") * 600_000_000
    time, peak_mb = time_of_command(data, model)
    assert len(large) > 1e6 * peak_mb
    assert 50 < peak_mb < 400
    assert 0 < time.processor < time.wall * 4


def test_the_table_has_three_labels_to_learn() -> None:
    table = make_table(500)
    assert table.num_rows == 500
    assert set(table["answer"].to_pylist()) == {"maybe", "no", "yes"}
