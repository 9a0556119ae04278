"""Export of a run directory to one verified ONNX file; imports `models` and parts of `service`."""
