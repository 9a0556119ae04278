"""Two ways to run a graph that share nothing: onnxruntime, and onnx's own evaluator."""

from collections.abc import Callable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from export.errors import AnswerError
from service.classifier import LOAD_ERRORS, FloatArray
from service.contract import GATE_SCALE, INPUT, OUTPUTS
from service.runtime import onnxruntime

Numbers = FloatArray | NDArray[np.float64]
Answers = dict[str, Numbers]  # by output name, each (rows, …)
Engine = Callable[[FloatArray, FloatArray | None], Answers]  # rows, gate_scale -> answers

LEVELS = ("DISABLE_ALL", "BASIC", "EXTENDED", "ALL")  # onnxruntime's graph optimisations
THREADS = (1, 2)


def runtime_engine(content: bytes, level: str, threads: int) -> Engine:
    """Return onnxruntime at one of the `LEVELS`; the service runs at ALL with one thread."""
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

    def answer(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        try:
            outputs = session.run(OUTPUTS, _feeds(rows, gate_scale))
        except LOAD_ERRORS as error:
            raise AnswerError("expected an answer to every row, found that some stop it") from error
        return dict(zip(OUTPUTS, outputs, strict=True))

    return answer


def reference_engine(model: onnx.ModelProto) -> Engine:
    """Return onnx's own evaluator: slow, written in numpy, and independent of onnxruntime."""
    evaluator = ReferenceEvaluator(model)

    def answer(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        with np.errstate(over="ignore", invalid="ignore"):  # its branches not taken overflow
            outputs = evaluator.run(list(OUTPUTS), _feeds(rows, gate_scale))
        return dict(zip(OUTPUTS, outputs, strict=True))

    return answer


def in_batches(engine: Engine, rows: FloatArray, size: int) -> Answers:
    """Answer all rows, `size` at a time."""
    parts = [engine(rows[start : start + size], None) for start in range(0, len(rows), size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in OUTPUTS}


def _feeds(rows: FloatArray, gate_scale: FloatArray | None) -> dict[str, FloatArray]:
    return {INPUT: rows} if gate_scale is None else {INPUT: rows, GATE_SCALE: gate_scale}
