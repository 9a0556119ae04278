"""The ledger: what was answered, kept in SQLite or PostgreSQL; sqlalchemy is loaded late, in it."""
