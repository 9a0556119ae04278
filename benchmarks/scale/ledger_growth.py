"""Size of the ledger over time: bytes of a row measured on real databases, and its limits."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from benchmarks.ledger.filling import fill
from benchmarks.ledger.postgres import postgres
from service.database_url import read_database_url
from service.ledger.database import writing_engine

MEASURED_ROWS = 100_000
DAY_SECONDS = 86_400
INPUT_BYTES = 256 * 2**20  # HIGHWAY_LEDGER_INPUT_BYTES


@dataclass(frozen=True, kw_only=True)
class Retention:
    """The ledger's settings with their defaults; `rate` in rows per second and server."""

    rate: float = 100.0
    days: float = 30.0
    rows: int = 10_000_000


def rows_kept(predicted: float, servers: int, retention: Retention, days: float) -> int:
    """Return the rows in the ledger after `days`, with so many rows predicted per second.

    Each server records at most its rate; the oldest rows are deleted by age and by number.
    """
    recorded = min(predicted, servers * retention.rate)
    return min(int(recorded * DAY_SECONDS * min(days, retention.days)), retention.rows)


def measure() -> dict[str, float]:
    """Return the bytes of a row, with its indexes, for each kind of database."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        _filled(f"sqlite:///{file}", "PRAGMA wal_checkpoint(TRUNCATE)")
        sqlite = file.stat().st_size
    with postgres() as server:
        postgresql = _filled(
            server.url,
            "SELECT pg_total_relation_size('ledger_requests')"
            " + pg_total_relation_size('ledger_tags')",
        )
    sizes = {"SQLite": sqlite, "PostgreSQL": postgresql}
    return {name: round(size / MEASURED_ROWS, 1) for name, size in sizes.items()}


def _filled(url: str, query: str) -> int:
    """Fill a ledger, and return the first value of a query."""
    database = read_database_url(url)
    assert database is not None
    fill(database, MEASURED_ROWS)
    engine = writing_engine(database)
    with engine.connect() as connection:
        value = connection.execute(text(query)).scalar()
    engine.dispose()
    return int(value or 0)


def write(file: Path, row_bytes: dict[str, float], machine: Mapping[str, object]) -> None:
    """Write the bytes of a row by database."""
    file.write_text(json.dumps({"machine": machine, "row_bytes": row_bytes}, indent=1) + "\n")


def read(file: Path) -> dict[str, float]:
    """Return the bytes of a row by database, or raise a `ValueError`."""
    try:
        row_bytes: dict[str, float] = json.loads(file.read_text())["row_bytes"]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{file.name}: expected the bytes of a row by database, found {error}; run "
            "`python -m benchmarks.scale --calibrate`"
        ) from error
    return row_bytes
