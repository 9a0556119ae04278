"""Ten million rows that were never answered, made by the database itself.

Thirty days of two versions, the second since three tenths of the rows; ten labels, the last of
which one row in 5,000 has; p-values that are uniform; tags that one row in ten, in a thousand and
in a hundred thousand has.
"""

import json
from collections.abc import Iterable
from time import time_ns

from sqlalchemy import Connection, Table, insert, select, text

from service.ledger.address import Address
from service.ledger.database import writing_engine
from service.ledger.schema import migrate
from service.ledger.tables import models, requests, tags

DAYS = 30
LABELS, LAYERS = 10, 9
TAGS = {"canary": 10, "customer=acme": 1000, "rare": 100_000}
STEPS = 10  # so that no statement is too long

_NUMBERS = {
    "sqlite": """
        WITH RECURSIVE numbers(n) AS (
            SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)
        """,
    "postgresql": """
        WITH numbers AS (
            SELECT generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n)
        """,
}
_CHANCE = {
    "sqlite": "((random() + 9223372036854775808.0) / 18446744073709551616.0)",
    "postgresql": "random()",
}


def fill(address: Address, rows: int) -> None:
    """Make the tables and the rows; indexes come last, for that is quicker."""
    engine = writing_engine(address)
    with engine.connect() as connection:
        migrate(connection)
        with connection.begin():
            _unlimited(connection)
            _drop(connection, (requests, tags))
            connection.execute(insert(models), [_model(1), _model(2)])
        for step in range(STEPS):
            first, last = rows * step // STEPS + 1, rows * (step + 1) // STEPS
            with connection.begin():
                _unlimited(connection)
                _insert(connection, first, last, rows)
        for table in (requests, tags):
            for index in table.indexes:
                with connection.begin():
                    _unlimited(connection)
                    index.create(connection)
    if address.kind == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            _unlimited(connection)
            connection.execute(text(f"SELECT setval('ledger_sequence', {rows})"))
            connection.execute(text("VACUUM ANALYZE ledger_requests, ledger_tags"))


def _unlimited(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET statement_timeout = 0"))


def _drop(connection: Connection, tables: Iterable[Table]) -> None:
    for table in tables:
        for index in table.indexes:
            index.drop(connection)


def _model(number: int) -> dict[str, object]:
    return {
        "number": number,
        "name": "digits",
        "version": str(number),
        "digest": str(number),
        "labels": json.dumps([str(label) for label in range(LABELS)]),
        "layers": json.dumps([f"highway {layer + 1}" for layer in range(LAYERS)]),
    }


def _insert(connection: Connection, first: int, last: int, rows: int) -> None:
    kind = connection.dialect.name
    now = time_ns() // 1000
    begun, step = now - DAYS * 86_400_000_000, DAYS * 86_400_000_000 // rows
    share = _CHANCE[kind]
    statement = f"""
        INSERT INTO ledger_requests (
            sequence, id, row, rows, time, door, model, label, probabilities, gate_mean,
            unusual_gates, unusual_confidence, unusual_both,
            decode_us, queue_us, model_us, encode_us, total_us, batch_rows, weight)
        {_NUMBERS[kind]}
        SELECT n, 'request-' || n, 0, 1, {begun} + n * {step}, 'predict',
            CASE WHEN n < {rows} * 0.7 THEN 1 ELSE 2 END,
            CASE WHEN {share} < 0.0002 THEN {LABELS - 1}
                 ELSE CAST({share} * {LABELS - 1} - 0.5 AS INTEGER) END,
            {_bytes(kind, 4 * LABELS)}, {_bytes(kind, 4 * LAYERS)},
            {share}, {share}, {share}, 100, 100, 300, 50, 600, 1, 1.0
        FROM numbers
        """
    connection.execute(text(statement), {"first": first, "last": last})
    for tag, each in TAGS.items():
        chosen = select(
            requests.c.sequence, text(f"'{tag}'"), requests.c.time, requests.c.unusual_both
        ).where(requests.c.sequence.between(first, last), requests.c.sequence % each == 0)
        connection.execute(
            insert(tags).from_select(["sequence", "tag", "time", "unusual_both"], chosen)
        )


def _bytes(kind: str, length: int) -> str:
    if kind == "sqlite":
        return f"randomblob({length})"
    return f"substr(sha512((n + {length})::text::bytea), 1, {length})"
