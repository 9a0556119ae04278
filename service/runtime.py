"""onnxruntime with telemetry disabled; the whole project imports it from here.

Official builds since 1.29 send session events to Microsoft and keep a device id on disk. The
opt-out must be set before the import. To enable telemetry, set the variable to 0 in the
environment.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

__all__ = ["onnxruntime", "runtime_errors"]
