"""Calls over gRPC beside requests over HTTP."""
