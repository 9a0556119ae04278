"""Batch scoring: a file of rows in, their predictions and gates out, without a server."""
