"""Drift detection: windows of traffic compared with the artifact's held-out rows.

Imports numpy, `service.contract` and `service.shared_counters`.
"""
