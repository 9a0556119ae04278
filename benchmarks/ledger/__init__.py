"""The ledger measured: what it costs an answer, how fast it is read, what an outage leaves."""
