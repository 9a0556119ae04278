"""Benchmark of the server against a plain FastAPI service and onnxruntime alone: `make bench`."""
