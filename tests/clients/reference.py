"""Reference outputs: onnxruntime called directly, without the service."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from service.runtime import onnxruntime
from service.settings import BUNDLED_MODEL
from tests.clients.report import OUTPUTS, Report, decode_tensor

FloatArray = NDArray[np.float32]

DEFAULT_OUTPUTS = ("logits", "probabilities", "gate_mean", "typicality")
LABELS = "0123456789"


def compute(rows: FloatArray, gate_scale: FloatArray | None = None) -> dict[str, FloatArray]:
    """Compute the bundled model once for all rows, on one thread."""
    feeds = {"input": rows} if gate_scale is None else {"input": rows, "gate_scale": gate_scale}
    return dict(zip(OUTPUTS, _session().run(OUTPUTS, feeds), strict=True))


def assert_outputs(report: Report, expected: dict[str, FloatArray], names: Sequence[str]) -> None:
    """Assert that a client received these outputs, in order and to the last bit."""
    assert list(report["outputs"]) == list(names)
    for name in names:
        found = decode_tensor(report["outputs"][name])
        assert found.shape == expected[name].shape
        assert found.tobytes() == expected[name].tobytes(), name


def assert_classes(classes: Sequence[str], probabilities: FloatArray) -> None:
    """Assert that strings `value:index:label`, best first, fit one row's probabilities."""
    best = np.argsort(-probabilities)[: len(classes)]
    for text, index in zip(classes, best, strict=True):
        value, number, label = text.split(":")
        assert np.float32(value) == probabilities[index]
        assert (int(number), label) == (index, LABELS[index])


@cache
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # without the advice on gate_scale's default
    return onnxruntime.InferenceSession(
        BUNDLED_MODEL.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
