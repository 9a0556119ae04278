from pathlib import Path

import pytest
from sqlalchemy import func, select

from benchmarks.ledger.filling import fill
from service.ledger.address import read_address
from service.ledger.filters import Filters
from service.ledger.reader import Reader
from service.ledger.tables import requests
from tests.service.ledger.conftest import postgresql


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_filled_ledger_has_rows_of_all_kinds(tmp_path: Path, kind: str) -> None:
    with postgresql() as url:
        address = read_address(url if kind == "postgresql" else f"sqlite:///{tmp_path}/x.db")
        assert address is not None
        fill(address, 5000)
        reader = Reader(address)
        count = reader._read(lambda c: c.scalar(select(func.count()).select_from(requests)))
        assert count == 5000
        for filters in (
            *(Filters(label="3"), Filters(tag="canary"), Filters(version="1")),
            *(Filters(unusual_below=0.1), Filters(sort="unusual"), Filters(id="request-9")),
        ):
            assert reader.page(filters).rows, filters
        reader.close()
