"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make everything."""
    if op.get_bind().dialect.supports_sequences:
        op.execute(sa.schema.CreateSequence(sa.Sequence("ledger_sequence")))
    op.create_table(
        "ledger_requests",
        sa.Column("sequence", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("door", sa.Text, nullable=False),
        sa.Column("model", sa.Integer, nullable=False),
        sa.Column("label", sa.Integer, nullable=False),
        sa.Column("probabilities", sa.LargeBinary, nullable=False),
        sa.Column("gate_mean", sa.LargeBinary, nullable=False),
        sa.Column("unusual_gates", sa.Double),
        sa.Column("unusual_confidence", sa.Double),
        sa.Column("unusual_both", sa.Double),
        *(
            sa.Column(f"{phase}_us", sa.Integer, nullable=False)
            for phase in ("decode", "queue", "model", "encode", "total")
        ),
        sa.Column("batch_rows", sa.Integer, nullable=False),
        sa.Column("weight", sa.Double, nullable=False),
        sa.Column("gate_scale", sa.LargeBinary),
    )
    for name, *columns in (
        ("time", "time", "sequence", "unusual_both"),
        ("model", "model", "time", "sequence", "unusual_both"),
        ("label", "model", "label", "time", "sequence", "unusual_both"),
        ("unusual", "unusual_both", "sequence", "time"),
        ("label_unusual", "model", "label", "unusual_both", "sequence", "time"),
        ("id", "id", "time", "sequence", "unusual_both"),
    ):
        op.create_index(f"ledger_requests_{name}", "ledger_requests", columns)
    _make_others()


def _make_others() -> None:
    op.create_table(
        "ledger_models",
        sa.Column("number", sa.Integer, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("name", "version", "digest", "labels", "layers")
        ),
    )
    unique = ["name", "version", "digest"]
    op.create_index("ledger_models_name", "ledger_models", unique, unique=True)
    op.create_table(
        "ledger_tags",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tag", sa.Text, primary_key=True),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("unusual_both", sa.Double),
    )
    by_time = ["tag", "time", "sequence", "unusual_both"]
    op.create_index("ledger_tags_time", "ledger_tags", by_time)
    by_unusual = ["tag", "unusual_both", "sequence", "time"]
    op.create_index("ledger_tags_unusual", "ledger_tags", by_unusual)
    op.create_table(
        "ledger_inputs",
        sa.Column("sequence", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ledger_gaps",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ledger_gaps_ended", "ledger_gaps", ["ended"])
    op.create_table(
        "ledger_writers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("shipment", sa.BigInteger, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
    )
