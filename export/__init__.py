"""Turn a run directory into one verified ONNX file; sees `models` and the service's contract."""
