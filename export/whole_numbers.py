"""A verified float32 file once more in whole numbers, with its own measure of what is usual."""

import copy
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import onnx

from export.engines import Engine, in_batches, runtime_engine
from export.graph import ServedNetwork, build_graph
from export.metadata import numbers
from export.quantisation import (
    QuantisedReport,
    check_label_changes,
    compare_quantised,
    latency_ratio,
    quantised,
)
from export.report import LARGEST_BATCH
from export.sealing import describe_model, sealed
from export.standalone import verify_alone
from models.data.dataset import Dataset
from models.gates.held_out import held_out
from models.gates.record import normal_rows
from models.gates.unusualness import GateAnswers
from service.contract import GATE_MEAN, GATE_UNITS, INPUT, LOGITS, PROBABILITIES, Metadata


@dataclass(frozen=True, kw_only=True)
class Exact:
    """The float32 file, and what it was made of."""

    served: ServedNetwork
    metadata: Metadata
    record: dict[str, Any]
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Smaller:
    """The int8 file beside float32; latencies are shares of float32's, for 1 and 32 rows."""

    content: bytes
    report: QuantisedReport
    latency_ratios: tuple[float, float]


def in_whole_numbers(exact: Exact, dataset: Dataset, *, max_label_changes: float) -> Smaller:
    """Quantise, compare and verify; too many other labels are a `QuantisationError`."""
    model, metadata = _recalibrated(exact, dataset)
    engine = _engine(model)
    float32 = runtime_engine(exact.content, "ALL", 1)
    rows = dataset.test.x
    report = compare_quantised(engine, float32, rows, dataset.test.y)
    check_label_changes(report, max_label_changes)
    golden = exact.record["golden"]
    answers = engine(np.asarray(golden[INPUT], np.float32), None)
    record = {
        **exact.record,
        "quantised": asdict(report),
        "precision": "int8",
        "golden": {
            INPUT: golden[INPUT],
            **{name: numbers(answers[name]) for name in (PROBABILITIES, GATE_MEAN)},
        },
    }
    content = sealed(model, metadata, record)
    verify_alone(content, lambda step: None)
    one, many = (np.resize(rows, (count, rows.shape[1])) for count in (1, 32))
    return Smaller(
        content=content,
        report=report,
        latency_ratios=(latency_ratio(engine, float32, one), latency_ratio(engine, float32, many)),
    )


def _recalibrated(exact: Exact, dataset: Dataset) -> tuple[onnx.ModelProto, Metadata]:
    """Quantise, and measure anew what is usual: whole numbers move every row's gates a little."""
    normal, part = normal_rows(dataset)
    rough = _engine(quantised(build_graph(exact.served), dataset.train.x))
    found = in_batches(rough, normal.x, LARGEST_BATCH)
    served = copy.deepcopy(exact.served)
    served.unusualness.calibrate(
        GateAnswers(found[LOGITS].astype(np.float32), found[GATE_UNITS].astype(np.float32))
    )
    usual = held_out(
        found[GATE_MEAN].astype(np.float32),
        found[LOGITS].argmax(axis=1),
        labels=len(dataset.labels),
        part=part,
    )
    metadata = replace(
        exact.metadata,
        gate_baseline={**exact.metadata.gate_baseline, "held_out": asdict(usual)},
    )
    model = quantised(build_graph(served), dataset.train.x)
    describe_model(model, metadata)
    return model, metadata


def _engine(model: onnx.ModelProto) -> Engine:
    return runtime_engine(model.SerializeToString(), "ALL", 1)
