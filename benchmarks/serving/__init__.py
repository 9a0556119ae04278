"""The server under load, beside FastAPI the obvious way and onnxruntime alone: `make bench`."""
