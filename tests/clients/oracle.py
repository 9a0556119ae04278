"""What onnxruntime says when it is called directly, without any of the service."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from service.runtime import onnxruntime
from service.settings import BUNDLED_MODEL
from tests.clients.telling import OUTPUTS, Told, tensor

FloatArray = NDArray[np.float32]

DEFAULT_OUTPUTS = ("logits", "probabilities", "gate_mean", "unusual")
LABELS = "0123456789"


def computed(rows: FloatArray, gate_scale: FloatArray | None = None) -> dict[str, FloatArray]:
    """Run the bundled model once for all rows, on one thread."""
    feeds = {"input": rows} if gate_scale is None else {"input": rows, "gate_scale": gate_scale}
    return dict(zip(OUTPUTS, _session().run(OUTPUTS, feeds), strict=True))


def check(told: Told, expected: dict[str, FloatArray], names: Sequence[str]) -> None:
    """Compare what a client was told with these outputs, in their order and to the last bit."""
    assert list(told["outputs"]) == list(names)
    for name in names:
        found = tensor(told["outputs"][name])
        assert found.shape == expected[name].shape
        assert found.tobytes() == expected[name].tobytes(), name


def check_classes(texts: Sequence[str], probabilities: FloatArray) -> None:
    """Compare `value:index:label`, best first, with one row's probabilities."""
    best = np.argsort(-probabilities)[: len(texts)]
    for text, index in zip(texts, best, strict=True):
        value, number, label = text.split(":")
        assert np.float32(value) == probabilities[index]
        assert (int(number), label) == (index, LABELS[index])


@cache
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # not the advice that gate_scale's default provokes
    return onnxruntime.InferenceSession(
        BUNDLED_MODEL.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
