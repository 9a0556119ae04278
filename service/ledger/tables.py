"""The ledger's tables, as the newest migration leaves them.

Times are µs since 1970, UTC; arrays are little-endian float32. All names begin with `ledger_`,
because other applications may use the same database.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.types import TypeEngine

from service.ledger.fields import FIELDS, SEQUENCE, Field

REVISION = "2"  # of the newest migration
VERSION_TABLE = "ledger_version"

# SQLite only uses a column of type INTEGER as its row number.
NUMBER = BigInteger().with_variant(Integer, "sqlite")

# Alembic's own table, in its own form.
version = Table(
    VERSION_TABLE,
    sa.MetaData(),
    Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)

metadata = sa.MetaData()
sequence = sa.Sequence("ledger_sequence", metadata=metadata)  # PostgreSQL only


def _column(field: Field) -> Column[Any]:
    if field.kind is SEQUENCE:
        return Column(field.name, NUMBER, primary_key=True, autoincrement=False)
    return Column(field.name, getattr(sa, field.kind.sql), nullable=field.nullable)


def _columns(kind: type[TypeEngine[Any]], *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


requests = Table(
    "ledger_requests",
    metadata,
    *(_column(field) for field in FIELDS if field.stored),
    # Each index covers all columns that a search compares, so that it reads only matching rows.
    Index("ledger_requests_time", "time", "sequence", "typicality_combined"),
    Index("ledger_requests_model", "model", "time", "sequence", "typicality_combined"),
    Index("ledger_requests_model_typicality", "model", "typicality_combined", "sequence", "time"),
    Index("ledger_requests_label", "model", "label", "time", "sequence", "typicality_combined"),
    Index("ledger_requests_typicality", "typicality_combined", "sequence", "time"),
    Index(
        *("ledger_requests_label_typicality", "model", "label"),
        *("typicality_combined", "sequence", "time"),
    ),
    Index("ledger_requests_id", "id", "time", "sequence", "typicality_combined"),
)

# Models that served requests; labels and layer names are JSON.
models = Table(
    "ledger_models",
    metadata,
    Column("number", Integer, primary_key=True),
    *_columns(Text, "name", "version", "digest", "labels", "layers"),
    Index("ledger_models_name", "name", "version", "digest", unique=True),
)

tags = Table(
    "ledger_tags",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("tag", Text, primary_key=True),
    *_columns(BigInteger, "time"),
    Column("typicality_combined", Double),
    Index("ledger_tags_time", "tag", "time", "sequence", "typicality_combined"),
    Index("ledger_tags_typicality", "tag", "typicality_combined", "sequence", "time"),
)

# Input rows, compressed by zlib.
inputs = Table(
    "ledger_inputs",
    metadata,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    *_columns(BigInteger, "time"),
    *_columns(LargeBinary, "content"),
    Index("ledger_inputs_time", "time", "sequence"),
)

# The number of bytes of all stored inputs; every transaction that adds or deletes some changes it.
totals = Table(
    "ledger_totals",
    metadata,
    Column("name", Text, primary_key=True),
    *_columns(BigInteger, "value"),
)

# Answered rows that could not be written.
gaps = Table(
    "ledger_gaps",
    metadata,
    Column("number", NUMBER, primary_key=True),
    *_columns(BigInteger, "began", "ended", "rows"),
    *_columns(Text, "reason"),
    Index("ledger_gaps_ended", "ended"),
)

# Processes that write: the number of the last write batch, and the time of the last heartbeat.
writers = Table(
    "ledger_writers",
    metadata,
    Column("id", Text, primary_key=True),
    *_columns(BigInteger, "write_batch", "time"),
)
