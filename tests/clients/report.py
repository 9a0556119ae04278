"""Input and output of a client's script: samples from the test, and the report to it.

Imported in the environment of the clients, and in that of the tests.
"""

import json
import sys
from collections.abc import Awaitable
from inspect import isawaitable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Report = dict[str, Any]

MODEL = "digits"
OUTPUTS = (
    *("logits", "probabilities", "gate_mean", "gate_units"),
    *("typicality", "layer_typicality"),
)
FORMS = {"binary": True, "JSON": False}
CONCURRENT = 50


class Samples:
    """Rows and gate scales to send."""

    def __init__(self, folder: Path) -> None:
        self.rows: FloatArray = np.load(folder / "rows.npy")  # (3, 784)
        self.one_scale: FloatArray = np.load(folder / "one_scale.npy")  # (1, 8)
        self.scales: FloatArray = np.load(folder / "scales.npy")  # (3, 8)
        self.many: FloatArray = np.load(folder / "many.npy")  # (50, 784), one request each


def write_report(report: Report) -> None:
    """Print the report as JSON."""
    json.dump(report, sys.stdout)


def encode_tensor(values: FloatArray) -> Report:
    """Encode a tensor to the last bit."""
    assert values.dtype == np.float32
    return {"shape": values.shape, "hex": values.tobytes().hex()}


def decode_tensor(report: Report) -> FloatArray:
    """Decode a tensor that `encode_tensor` encoded."""
    return np.frombuffer(bytes.fromhex(report["hex"]), np.float32).reshape(report["shape"])


async def awaited(response: Any) -> Any:
    """Return the result of a client with asyncio or without."""
    return await response if isawaitable(response) else response


async def error_message(call: Awaitable[Any], error: type[Exception]) -> str:
    """Return the message with which a call fails."""
    try:
        response = await call
    except error as failure:
        return str(failure)
    raise AssertionError(f"expected an error, found {response}")
