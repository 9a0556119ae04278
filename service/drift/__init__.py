"""Whether a model is used as it was tried out: windows of traffic against held-out rows.

Imports numpy and of the service the contract and the counters' board.
"""
