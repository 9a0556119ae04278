"""Request and response bodies, JSON and binary tensors; needs neither HTTP nor onnxruntime."""
