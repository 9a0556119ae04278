"""Time and memory of onnxruntime sessions, by their options."""
