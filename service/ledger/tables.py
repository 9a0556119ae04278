"""The ledger's tables, as the newest migration leaves them; `docs/ledger.md` explains the columns.

Times are µs since 1970, UTC; durations µs; bytes little-endian float32. All names begin with
`ledger_`, for the database may be shared with others.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Table,
    Text,
)

REVISION = "1"  # of the newest migration
VERSION_TABLE = "ledger_version"

# SQLite calls its row number by no other name.
NUMBER = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()
sequence = Sequence("ledger_sequence", metadata=metadata)  # of PostgreSQL; SQLite needs none

# One row of an answered request; label counts from 0 in the model's order.
requests = Table(
    "ledger_requests",
    metadata,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("row", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("door", Text, nullable=False),
    Column("model", Integer, nullable=False),
    Column("label", Integer, nullable=False),
    Column("probabilities", LargeBinary, nullable=False),
    Column("gate_mean", LargeBinary, nullable=False),
    Column("unusual_gates", Double),
    Column("unusual_confidence", Double),
    Column("unusual_both", Double),
    Column("decode_us", Integer, nullable=False),
    Column("queue_us", Integer, nullable=False),
    Column("model_us", Integer, nullable=False),
    Column("encode_us", Integer, nullable=False),
    Column("total_us", Integer, nullable=False),
    Column("batch_rows", Integer, nullable=False),
    Column("weight", Double, nullable=False),
    Column("gate_scale", LargeBinary),
    # What a search compares is in the index, so that it need not look at the rows passed over.
    Index("ledger_requests_time", "time", "sequence", "unusual_both"),
    Index("ledger_requests_model", "model", "time", "sequence", "unusual_both"),
    Index("ledger_requests_label", "model", "label", "time", "sequence", "unusual_both"),
    Index("ledger_requests_unusual", "unusual_both", "sequence", "time"),
    Index("ledger_requests_label_unusual", "model", "label", "unusual_both", "sequence", "time"),
    Index("ledger_requests_id", "id", "time", "sequence", "unusual_both"),
)

# What was served; labels and the layers' names as JSON.
models = Table(
    "ledger_models",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("layers", Text, nullable=False),
    Index("ledger_models_name", "name", "version", "digest", unique=True),
)

tags = Table(
    "ledger_tags",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("tag", Text, primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("unusual_both", Double),
    Index("ledger_tags_time", "tag", "time", "sequence", "unusual_both"),
    Index("ledger_tags_unusual", "tag", "unusual_both", "sequence", "time"),
)

# A row's values, compressed by zlib.
inputs = Table(
    "ledger_inputs",
    metadata,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

# Rows that were answered while the database took none.
gaps = Table(
    "ledger_gaps",
    metadata,
    Column("number", NUMBER, primary_key=True),
    Column("began", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ledger_gaps_ended", "ended"),
)

# The processes that write: the number of the last shipment, and when each was last heard of.
writers = Table(
    "ledger_writers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("shipment", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
)
