"""The same network in whole numbers of 8 bits: a quarter of the bytes, and faster where it is wide.

onnxruntime's quantiser with ranges from training rows: each tensor keeps one scale, so a row's
answer never depends on its neighbours, as it would with scales taken from each batch. Weights have
one scale for each output and 7 bits, because processors without VNNI overflow on 8.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from export.engines import Engine, in_batches
from export.errors import QuantisationError
from export.naming import UNUSUALNESS
from export.report import LARGEST_BATCH
from service.classifier import FloatArray
from service.contract import GATE_MEAN, INPUT, LOGITS, PROBABILITIES

CALIBRATION_ROWS = 512
PRODUCTS = ["Conv", "Gemm"]  # all else stays in float32
REPEATS = 50


@dataclass(frozen=True, kw_only=True)
class QuantisedReport:
    """What whole numbers gave up and gained, beside the verified float32 file.

    Changes of probabilities and gates are the largest over all test rows.
    """

    label_changes: int
    test_rows: int
    accuracy: float
    largest_probability_change: float
    largest_gate_mean_change: float

    @property
    def changed_share(self) -> float:
        """The share of the test rows that have another label, in percent."""
        return 100 * self.label_changes / self.test_rows


class _Rows(CalibrationDataReader):  # type: ignore[misc]
    """Hands training rows to the quantiser, a batch at a time."""

    def __init__(self, rows: FloatArray) -> None:
        self.batches: Iterator[FloatArray] = iter(np.array_split(rows, max(1, len(rows) // 64)))

    def get_next(self) -> dict[str, FloatArray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {INPUT: batch}


def quantised(model: onnx.ModelProto, rows: FloatArray) -> onnx.ModelProto:
    """Return the model with products of whole numbers; `rows` (n, features) tell the ranges."""
    some = rows[np.linspace(0, len(rows) - 1, min(CALIBRATION_ROWS, len(rows))).astype(int)]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        quantize_static(
            source,
            target,
            _Rows(some),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=PRODUCTS,
            nodes_to_exclude=[n.name for n in model.graph.node if n.name.startswith(UNUSUALNESS)],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        found = onnx.load(target)
    smaller = onnx.ModelProto()
    smaller.CopyFrom(model)  # what it says of itself stays; the quantiser writes its own name
    smaller.graph.CopyFrom(found.graph)
    del smaller.graph.value_info[:]
    smaller.graph.name = model.graph.name
    return smaller


def compare_quantised(
    whole: Engine, exact: Engine, rows: FloatArray, labels: np.ndarray
) -> QuantisedReport:
    """Compare the answers of whole numbers with float32's on all test rows."""
    found, expected = (in_batches(engine, rows, LARGEST_BATCH) for engine in (whole, exact))
    given = found[LOGITS].argmax(axis=1)
    return QuantisedReport(
        label_changes=int((given != expected[LOGITS].argmax(axis=1)).sum()),
        test_rows=len(rows),
        accuracy=float((given == labels).mean()),
        largest_probability_change=_largest(found[PROBABILITIES] - expected[PROBABILITIES]),
        largest_gate_mean_change=_largest(found[GATE_MEAN] - expected[GATE_MEAN]),
    )


def check_label_changes(report: QuantisedReport, allowed: float) -> None:
    """Refuse whole numbers that change the label of more than `allowed` percent of the rows."""
    if not report.changed_share <= allowed:
        raise QuantisationError(
            f"--precision int8: expected at most {allowed:g} % of {report.test_rows:,} test rows "
            f"to change their label, found {report.changed_share:.2f} %; keep float32, or allow "
            "more with --max-label-changes"
        )


def latency_ratio(whole: Engine, exact: Engine, rows: FloatArray) -> float:
    """Return the median time of `whole` for these rows, as a share of that of `exact`.

    Both are asked in turns, so that a busy machine slows them alike.
    """
    seconds = np.empty((REPEATS, 2))
    for repeat in range(REPEATS):
        for place, engine in enumerate((whole, exact)):
            began = time.perf_counter()
            engine(rows, None)
            seconds[repeat, place] = time.perf_counter() - began
    medians = np.median(seconds, axis=0)
    return round(float(medians[0] / medians[1]), 2)


def _largest(differences: np.ndarray) -> float:
    return float(np.abs(differences).max())
