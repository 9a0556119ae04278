"""Discrete-event simulation of many replicas, calibrated on one: `python -m benchmarks.scale`."""
