"""onnxruntime with its telemetry off: the one place from which this project imports it.

Official builds since 1.29 send session events to their maker and keep a device id on disk. What a
service computes is its owner's business, so the full opt-out is set, which must come before the
import; whoever wants the telemetry can set the variable to 0 himself.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # only read from here on
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

__all__ = ["onnxruntime", "runtime_errors"]
