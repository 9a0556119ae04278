"""Benchmarks of drift detection: false alarms, rows until a drift is detected, cost."""
