"""The table of models, written by the store."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy import select

from service.contract import Metadata
from service.database_url import DatabaseUrl
from service.ledger.database import writing_engine
from service.ledger.store import Store
from service.ledger.tables import models, requests
from service.ledger.write_buffer import WriteBatch
from tests.service.conftest import METADATA
from tests.service.ledger.conftest import ledger_row, sample

FIRST = replace(METADATA, verification={"digest": "d1"})
SECOND = replace(METADATA, verification={"digest": "d2"})


def write(database: DatabaseUrl, *batches: list[Metadata]) -> None:
    """Write batches with a row of each model from a new writer."""
    store = Store(database)
    for number, batch in enumerate(batches, 1):
        rows = [ledger_row(model=metadata) for metadata in batch]
        store.send(WriteBatch(number, sample(*rows), ()))
    store.close()


def test_a_model_keeps_its_number(database: DatabaseUrl) -> None:
    write(database, [FIRST, SECOND, FIRST])
    write(database, [SECOND], [FIRST])
    with writing_engine(database).begin() as connection:
        rows = connection.execute(select(models).order_by(models.c.number)).all()
        chosen = select(requests.c.model).order_by(requests.c.sequence)
        first, second = (row.number for row in rows)
        assert connection.scalars(chosen).all() == [first, second, first, second, first]
    assert [(row.name, row.version, row.digest) for row in rows] == [
        *(("tiny", "1", "d1"), ("tiny", "1", "d2"))
    ]
    assert json.loads(rows[0].labels) == ["a", "b", "c"]
    assert json.loads(rows[0].layers) == ["highway 1", "highway 2"]


def test_labels_may_hold_characters_that_databases_refuse(database: DatabaseUrl) -> None:
    write(database, [replace(METADATA, labels=("\0", "é\ud800"))])
    with writing_engine(database).begin() as connection:
        assert json.loads(connection.scalar(select(models.c.labels)) or "") == ["\0", "é\ud800"]


def test_writers_that_add_a_model_at_once_use_the_same_number(database: DatabaseUrl) -> None:
    write(database, [SECOND])  # creates the tables
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: write(database, [FIRST]), range(8)))
    with writing_engine(database).begin() as connection:
        assert len(connection.scalars(select(requests.c.model).distinct()).all()) == 2
        assert len(connection.execute(select(models)).all()) == 2
