"""Serve verified highway networks over HTTP; never imports torch, onnx, `models` or `export`."""

__version__ = "0.1.0"
