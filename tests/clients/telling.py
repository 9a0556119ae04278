"""How a client's script gets its questions from the test and tells what it was answered.

Runs in the environment of the clients, and in that of the tests.
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
Told = dict[str, Any]

MODEL = "digits"
OUTPUTS = ("logits", "probabilities", "gate_mean", "gate_units", "unusual")
FORMS = {"binary": True, "JSON": False}
AT_ONCE = 50


class Questions:
    """The rows and gate scales to ask about."""

    def __init__(self, folder: Path) -> None:
        self.rows: FloatArray = np.load(folder / "rows.npy")  # (3, 784)
        self.one_scale: FloatArray = np.load(folder / "one_scale.npy")  # (1, 8)
        self.scales: FloatArray = np.load(folder / "scales.npy")  # (3, 8)
        self.many: FloatArray = np.load(folder / "many.npy")  # (50, 784), each asked alone


def tell(told: Told) -> None:
    """Print what was answered."""
    json.dump(told, sys.stdout)


def bits(values: FloatArray) -> Told:
    """Write a tensor to the last bit."""
    assert values.dtype == np.float32
    return {"shape": values.shape, "hex": values.tobytes().hex()}


def tensor(told: Told) -> FloatArray:
    """Read a tensor that `bits` wrote."""
    return np.frombuffer(bytes.fromhex(told["hex"]), np.float32).reshape(told["shape"])


async def settled(answer: Any) -> Any:
    """Return an answer, of a client with asyncio or of one without."""
    return await answer if isawaitable(answer) else answer


async def refusal(asking: Awaitable[Any], error: type[Exception]) -> str:
    """Return the words with which a request is refused."""
    try:
        answer = await asking
    except error as refused:
        return str(refused)
    raise AssertionError(f"expected a refusal, found {answer}")
