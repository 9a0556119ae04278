from pathlib import Path

import pytest
from sqlalchemy import func, select

from benchmarks.ledger.filling import fill
from service.database_url import read_database_url
from service.ledger.filters import PageFilters
from service.ledger.reader import Reader
from service.ledger.tables import requests


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_filled_ledger_has_rows_of_all_kinds(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    sqlite = kind == "sqlite"
    url = f"sqlite:///{tmp_path}/x.db" if sqlite else request.getfixturevalue("postgresql_url")
    database = read_database_url(url)
    assert database is not None
    fill(database, 5000)
    reader = Reader(database)
    count = reader._transactions.run(lambda c: c.scalar(select(func.count()).select_from(requests)))
    assert count == 5000
    for filters in (
        *(PageFilters(label="3"), PageFilters(tag="canary"), PageFilters(version="1")),
        *(
            PageFilters(typicality_below=0.1),
            PageFilters(sort="typicality"),
            PageFilters(id="request-9"),
        ),
    ):
        assert reader.page(filters).rows, filters
    reader.close()
