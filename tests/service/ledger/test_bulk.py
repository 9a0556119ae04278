import pytest
from sqlalchemy import select

from service.ledger.address import Address
from service.ledger.bulk import insert_lines
from service.ledger.database import writing_engine
from service.ledger.schema import migrate
from service.ledger.tables import inputs, tags


@pytest.mark.parametrize("count", [0, 1, 300])
def test_lines_become_rows(address: Address, count: int) -> None:
    lines = [{"sequence": number, "content": bytes([number % 256, 0])} for number in range(count)]
    with writing_engine(address).connect() as connection:
        migrate(connection)
        insert_lines(connection, inputs, lines)
        rows = connection.execute(select(inputs).order_by(inputs.c.sequence))
        assert [dict(row._mapping) for row in rows] == lines


def test_values_stay_values_and_none_stays_open(address: Address) -> None:
    line = {"sequence": 1, "tag": "x'); DROP TABLE ledger_tags; --{}", "time": 5}
    with writing_engine(address).connect() as connection:
        migrate(connection)
        insert_lines(connection, tags, [{**line, "unusual_both": None}])
        (row,) = connection.execute(select(tags))
        assert dict(row._mapping) == {**line, "unusual_both": None}
