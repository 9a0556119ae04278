"""The ledger: records answered rows in SQLite or PostgreSQL; loads SQLAlchemy after the start."""
