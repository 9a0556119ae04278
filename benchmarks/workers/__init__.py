"""Benchmark of several worker processes: `python -m benchmarks.workers`."""
