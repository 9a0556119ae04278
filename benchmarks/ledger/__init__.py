"""Benchmarks of the ledger: cost for predictions, speed of pages, and outages of the database."""
