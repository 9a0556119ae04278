"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create all tables."""
    if op.get_bind().dialect.supports_sequences:
        op.execute(sa.schema.CreateSequence(sa.Sequence("ledger_sequence")))
    op.create_table(
        "ledger_requests",
        _key("sequence", _NUMBER),
        *_columns(sa.Text, "id", "endpoint"),
        *_columns(sa.Integer, "row", "rows", "model", "label", "batch_rows"),
        *_columns(sa.Integer, "decode_us", "queue_us", "compute_us", "encode_us", "total_us"),
        *_columns(sa.BigInteger, "time"),
        *_columns(sa.Double, "weight"),
        *_columns(sa.LargeBinary, "probabilities", "gate_mean"),
        sa.Column("gate_scale", sa.LargeBinary),
        *(
            sa.Column(f"typicality_{name}", sa.Double)
            for name in ("gates", "confidence", "combined")
        ),
    )
    by_time, by_typicality = (
        "time sequence typicality_combined",
        "typicality_combined sequence time",
    )
    for name, columns in (
        ("time", by_time),
        ("model", f"model {by_time}"),
        ("label", f"model label {by_time}"),
        ("typicality", by_typicality),
        ("label_typicality", f"model label {by_typicality}"),
        ("id", f"id {by_time}"),
    ):
        op.create_index(f"ledger_requests_{name}", "ledger_requests", columns.split())
    op.create_table(
        "ledger_models",
        sa.Column("number", sa.Integer, primary_key=True),
        *_columns(sa.Text, "name", "version", "digest", "labels", "layers"),
    )
    unique = ["name", "version", "digest"]
    op.create_index("ledger_models_name", "ledger_models", unique, unique=True)
    op.create_table(
        "ledger_tags",
        _key("sequence", sa.BigInteger()),
        sa.Column("tag", sa.Text, primary_key=True),
        *_columns(sa.BigInteger, "time"),
        sa.Column("typicality_combined", sa.Double),
    )
    op.create_index("ledger_tags_time", "ledger_tags", f"tag {by_time}".split())
    op.create_index("ledger_tags_typicality", "ledger_tags", f"tag {by_typicality}".split())
    op.create_table(
        "ledger_inputs", _key("sequence", _NUMBER), *_columns(sa.LargeBinary, "content")
    )
    op.create_table(
        "ledger_gaps",
        sa.Column("number", _NUMBER, primary_key=True),
        *_columns(sa.BigInteger, "began", "ended", "rows"),
        *_columns(sa.Text, "reason"),
    )
    op.create_index("ledger_gaps_ended", "ledger_gaps", ["ended"])
    op.create_table(
        "ledger_writers",
        sa.Column("id", sa.Text, primary_key=True),
        *_columns(sa.BigInteger, "write_batch", "time"),
    )


def _key(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _columns(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]
