"""Quantisation of a verified file to int8: a quarter of the weights' bytes, faster if wide.

onnxruntime's static quantiser takes value ranges from training rows. Each tensor has one scale, so
a row's outputs do not depend on the other rows of its batch. Weights have one scale per output and
7 bits, because products of 8 bits overflow on processors without VNNI. Typicality is computed in
float32 and calibrated for the quantised network.
"""

import copy
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
from onnxruntime import quantization

from export.backends import Engine, in_batches, runtime_engine
from export.errors import QuantisationError
from export.graph import build_graph
from export.metadata import json_rows, serialise, set_description
from export.report import LARGEST_BATCH, ExportReport, QuantisedReport, Report
from export.trained_run import TrainedRun
from export.verification import parse, read_metadata, verify_file
from models.gates.record import held_out_rows
from models.gates.typicality import GateOutputs
from service.arrays import FloatArray
from service.contract import (
    GATE_MEAN,
    GATE_UNITS,
    INPUT,
    LAYER_TYPICALITY,
    LOGITS,
    OUTPUTS,
    PROBABILITIES,
    TYPICALITY,
    Metadata,
)

PRODUCTS = ["Conv", "Gemm"]  # other operators stay in float32
REPEATS = 50


def quantise_file(
    float32_content: bytes, float32_report: Report, run: TrainedRun, max_label_changes: float
) -> tuple[bytes, ExportReport]:
    """Quantise a float32 file, compare the two and verify the new one.

    Raises `QuantisationError` if the labels of more than `max_label_changes` percent of the test
    rows change.
    """
    float32_model, test = parse(float32_content), run.rows.test
    model, metadata = _recalibrate(float32_model, run)
    engine = runtime_engine(model.SerializeToString())
    float32 = runtime_engine(float32_content)
    report = compare_quantised(engine, float32, test.x, test.y)
    check_label_changes(report, max_label_changes)
    golden = metadata.verification["golden"]
    outputs = engine(np.asarray(golden[INPUT], np.float32), None)
    record = {
        **metadata.verification,
        "quantised": asdict(report),
        "precision": "int8",
        "golden": {
            INPUT: golden[INPUT],
            **{name: json_rows(outputs[name]) for name in (PROBABILITIES, GATE_MEAN)},
        },
    }
    del record["digest"]
    content = serialise(model, metadata, record)
    verify_file(content, lambda step: None)
    one, many = (np.resize(test.x, (count, test.x.shape[1])) for count in (1, 32))
    return content, ExportReport(
        report=float32_report,
        quantised=report,
        byte_ratio=len(content) / len(float32_content),
        latency_ratios=(latency_ratio(engine, float32, one), latency_ratio(engine, float32, many)),
    )


def _recalibrate(
    float32_model: onnx.ModelProto, run: TrainedRun
) -> tuple[onnx.ModelProto, Metadata]:
    """Quantise, then measure typicality and held-out rows with the quantised network's gates."""
    rows = run.rows
    uncalibrated = quantise(float32_model, rows.calibration).SerializeToString()
    outputs = in_batches(runtime_engine(uncalibrated), rows.normal, LARGEST_BATCH)
    logits, gate_mean, gate_units = (
        outputs[name].astype(np.float32) for name in (LOGITS, GATE_MEAN, GATE_UNITS)
    )
    served = copy.deepcopy(run.served)
    served.typicality.calibrate(GateOutputs(logits, gate_units))
    held_out_record = held_out_rows(
        gate_mean,
        logits.argmax(axis=1),
        labels=len(run.config.data.labels),
        part=rows.normal_part,
    )
    metadata = read_metadata(float32_model)
    baseline = {**metadata.gate_baseline, "held_out": asdict(held_out_record)}
    model = quantise(build_graph(served), rows.calibration)
    set_description(model, metadata)
    return model, replace(metadata, gate_baseline=baseline)


class _CalibrationRows(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Training rows for the quantiser, one batch at a time."""

    def __init__(self, rows: FloatArray) -> None:
        self.batches: Iterator[FloatArray] = iter(np.array_split(rows, max(1, len(rows) // 64)))

    def get_next(self) -> dict[str, FloatArray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {INPUT: batch}


def quantise(model: onnx.ModelProto, rows: FloatArray) -> onnx.ModelProto:
    """Return the model with int8 products; value ranges are those of `rows` (n, features)."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        quantization.quantize_static(
            source,
            target,
            _CalibrationRows(rows),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=PRODUCTS,
            nodes_to_exclude=[
                node.name
                for node in model.graph.node
                if node.name.startswith((TYPICALITY, LAYER_TYPICALITY))
            ],
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )
        graph = onnx.load(target).graph
    quantised = onnx.ModelProto()
    quantised.CopyFrom(model)  # keeps producer and version, which the quantiser replaces
    quantised.graph.CopyFrom(graph)
    del quantised.graph.value_info[:]
    quantised.graph.name = model.graph.name
    return quantised


def compare_quantised(
    int8: Engine, float32: Engine, rows: FloatArray, labels: np.ndarray
) -> QuantisedReport:
    """Compare the outputs of int8 with float32's on all test rows."""
    outputs, expected = (in_batches(engine, rows, LARGEST_BATCH) for engine in (int8, float32))
    predicted = outputs[LOGITS].argmax(axis=1)
    change = {name: float(np.abs(outputs[name] - expected[name]).max()) for name in OUTPUTS}
    return QuantisedReport(
        label_changes=int((predicted != expected[LOGITS].argmax(axis=1)).sum()),
        test_rows=len(rows),
        accuracy=float((predicted == labels).mean()),
        largest_probability_change=change[PROBABILITIES],
        largest_gate_mean_change=change[GATE_MEAN],
    )


def check_label_changes(report: QuantisedReport, allowed: float) -> None:
    """Reject int8 if it changes the labels of more than `allowed` percent of the rows."""
    percent = 100 * report.label_changes / report.test_rows
    if not percent <= allowed:
        raise QuantisationError(
            f"--precision int8: expected at most {allowed:g} % of {report.test_rows:,} test rows "
            f"to change their label, found {percent:.2f} %; keep float32, or allow "
            "more with --max-label-changes"
        )


def latency_ratio(int8: Engine, float32: Engine, rows: FloatArray) -> float:
    """Return the median time of `int8` for these rows, divided by that of `float32`.

    The engines alternate, so that other load on the machine slows both equally.
    """
    seconds = np.empty((REPEATS, 2))
    for repeat in range(REPEATS):
        for index, engine in enumerate((int8, float32)):
            start = time.perf_counter()
            engine(rows, None)
            seconds[repeat, index] = time.perf_counter() - start
    medians = np.median(seconds, axis=0)
    return round(float(medians[0] / medians[1]), 2)
