"""Backends that compute a graph's outputs: onnxruntime, and onnx's reference evaluator.

The two share no code.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from export.errors import OutputValueError
from service.arrays import FloatArray
from service.classifier import LOAD_ERRORS
from service.contract import GATE_SCALE, INPUT, OUTPUTS
from service.runtime import onnxruntime

FloatValues = FloatArray | NDArray[np.float64]
Outputs = dict[str, FloatValues]  # by output name, each (rows, …)
Engine = Callable[[FloatArray, FloatArray | None], Outputs]  # rows, gate_scale

LEVELS = ("DISABLE_ALL", "BASIC", "EXTENDED", "ALL")  # onnxruntime's graph optimisations
THREADS = (1, 2)


@dataclass(frozen=True, kw_only=True)
class Backend:
    """An engine in one configuration; a slow one computes a few rows only."""

    name: str
    engine: Engine
    slow: bool = False


def all_backends(model: onnx.ModelProto, content: bytes) -> Iterator[Backend]:
    """Yield onnxruntime at every level and number of threads, then the reference evaluator."""
    for level in LEVELS:
        for threads in THREADS:
            name = f"onnxruntime, optimisation {level}, threads {threads}"
            yield Backend(name=name, engine=runtime_engine(content, level, threads))
    engine = reference_evaluator(model)
    yield Backend(name="onnx's reference evaluator", engine=engine, slow=True)


def runtime_engine(content: bytes, level: str = "ALL", threads: int = 1) -> Engine:
    """Return onnxruntime at one of the `LEVELS`; the defaults are those of the service."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel,
        f"ORT_{'ENABLE_' if level != 'DISABLE_ALL' else ''}{level}",
    )
    session = onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )

    def compute(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
        try:
            outputs = session.run(OUTPUTS, _feeds(rows, gate_scale))
        except LOAD_ERRORS as error:
            raise OutputValueError("onnxruntime cannot compute the outputs of some rows") from error
        return dict(zip(OUTPUTS, outputs, strict=True))

    return compute


def reference_evaluator(model: onnx.ModelProto) -> Engine:
    """Return onnx's own evaluator, which is slow and written in numpy."""
    evaluator = ReferenceEvaluator(model)

    def compute(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
        with np.errstate(over="ignore", invalid="ignore"):  # it evaluates unused branches too
            outputs = evaluator.run(list(OUTPUTS), _feeds(rows, gate_scale))
        return dict(zip(OUTPUTS, outputs, strict=True))

    return compute


def in_batches(engine: Engine, rows: FloatArray, size: int) -> Outputs:
    """Compute all rows, `size` at a time."""
    parts = [engine(rows[start : start + size], None) for start in range(0, len(rows), size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in OUTPUTS}


def _feeds(rows: FloatArray, gate_scale: FloatArray | None) -> dict[str, FloatArray]:
    return {INPUT: rows} if gate_scale is None else {INPUT: rows, GATE_SCALE: gate_scale}
