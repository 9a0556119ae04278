import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy import select

from service.ledger.address import Address
from service.ledger.database import writing_engine
from service.ledger.known_models import KnownModels
from service.ledger.schema import migrate
from service.ledger.tables import models
from tests.service.conftest import METADATA

SEALED = replace(METADATA, verification={"digest": "d1"})
OTHER = replace(METADATA, verification={"digest": "d2"})


def test_a_model_keeps_its_number(address: Address) -> None:
    with writing_engine(address).connect() as connection:
        migrate(connection)
        first, second = KnownModels(), KnownModels()
        first.learn(connection, [SEALED, OTHER, SEALED])
        second.learn(connection, [OTHER])
        assert first.number(SEALED) != first.number(OTHER) == second.number(OTHER)
        first.forget()
        first.learn(connection, [SEALED])
    with writing_engine(address).begin() as connection:
        rows = connection.execute(select(models).order_by(models.c.number)).all()
    assert [(row.name, row.version, row.digest) for row in rows] == [
        *(("tiny", "1", "d1"), ("tiny", "1", "d2"))
    ]
    assert json.loads(rows[0].labels) == ["a", "b", "c"]
    assert json.loads(rows[0].layers) == ["highway 1", "highway 2"]


def test_labels_may_hold_what_no_database_takes(address: Address) -> None:
    strange = replace(METADATA, labels=("\0", "é\ud800"))
    with writing_engine(address).connect() as connection:
        migrate(connection)
        KnownModels().learn(connection, [strange])
    with writing_engine(address).begin() as connection:
        assert json.loads(connection.scalar(select(models.c.labels)) or "") == ["\0", "é\ud800"]


def test_who_learns_at_the_same_time_agrees(address: Address) -> None:
    with writing_engine(address).connect() as connection:
        migrate(connection)

    def learn(_: int) -> int:
        known = KnownModels()
        with writing_engine(address).connect() as connection:
            known.learn(connection, [SEALED])
        return known.number(SEALED)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(learn, range(8)))) == 1
