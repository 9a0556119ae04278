"""The time and the total size of stored inputs, and an index of each model's typicality."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add the columns, the table and the indexes; inputs without their row are deleted."""
    op.create_index(
        "ledger_requests_model_typicality",
        "ledger_requests",
        ["model", "typicality_combined", "sequence", "time"],
    )
    op.add_column("ledger_inputs", sa.Column("time", sa.BigInteger))
    op.execute(
        "UPDATE ledger_inputs SET time = (SELECT requests.time FROM ledger_requests AS requests "
        "WHERE requests.sequence = ledger_inputs.sequence)"
    )
    op.execute("DELETE FROM ledger_inputs WHERE time IS NULL")
    with op.batch_alter_table("ledger_inputs") as inputs:  # SQLite copies the table
        inputs.alter_column("time", existing_type=sa.BigInteger, nullable=False)
    op.create_index("ledger_inputs_time", "ledger_inputs", ["time", "sequence"])
    op.create_table(
        "ledger_totals",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.execute(
        "INSERT INTO ledger_totals (name, value) "
        "SELECT 'input_bytes', coalesce(sum(length(content)), 0) FROM ledger_inputs"
    )
