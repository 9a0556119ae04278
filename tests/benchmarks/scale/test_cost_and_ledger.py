"""Costs and ledger sizes, worked out by hand."""

from pathlib import Path

import pytest

from benchmarks.scale.cost import Prices, Size, hourly, per_billion
from benchmarks.scale.ledger_growth import Retention, read, rows_kept, write


def test_a_billion_requests_cost_the_hours_that_a_replica_needs() -> None:
    # 0.5 processors and 1 GB: 0.03 per hour; at 1,000 per second 277.8 hours: 8.33
    size, prices = (
        Size(processors=0.5, gigabytes=1),
        Prices(processor_hour=0.04, gigabyte_hour=0.01),
    )
    assert hourly(size, prices) == pytest.approx(0.03)
    assert per_billion(1000, size, prices) == pytest.approx(8.333, abs=0.001)


@pytest.mark.parametrize(
    ("predicted", "servers", "days", "rows"),
    [
        (1, 1, 1, 86_400),
        (1, 1, 30, 2_592_000),
        (10_000, 1, 1, 8_640_000),  # 100 rows per second are recorded
        (10_000, 1, 30, 10_000_000),  # the limit of rows
        (1, 1, 300, 2_592_000),  # the limit of days
        (150, 2, 0.5, 6_480_000),
    ],
)
def test_the_ledger_keeps_what_its_rate_and_its_limits_allow(
    predicted: float, servers: int, days: float, rows: int
) -> None:
    assert rows_kept(predicted, servers, Retention(), days) == rows


def test_the_bytes_of_a_row_are_read_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path / "ledger.json", {"SQLite": 250.0}, {"cores": 2})
    assert read(tmp_path / "ledger.json") == {"SQLite": 250.0}


def test_a_missing_ledger_measurement_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ledger.json: expected the bytes of a row"):
        read(tmp_path / "ledger.json")
