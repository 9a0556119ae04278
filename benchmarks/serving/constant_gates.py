"""The same network with constants instead of gates and typicality, to measure what they cost."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.utils import Extractor

from export.metadata import json_rows, serialise
from service.classifier import GOLDEN, read_metadata
from service.contract import GATE_SCALE, INPUT, LOGITS, OUTPUTS, PROBABILITIES, tensor_widths
from service.runtime import onnxruntime

CONSTANT = 0.5


def with_constant_gates(file: Path, target: Path) -> Path:
    """Write a valid artifact whose graph computes labels only; each other output is one node."""
    model, metadata = onnx.load(file), read_metadata(file.read_bytes())
    outputs = {tensor.name: tensor for tensor in model.graph.output}
    small = Extractor(model).extract_model([INPUT, GATE_SCALE], [LOGITS, PROBABILITIES])
    widths, labels = tensor_widths(metadata), len(metadata.labels)
    for name in OUTPUTS:
        if name in (LOGITS, PROBABILITIES):
            continue
        weights = {
            f"{name}/zeros": np.zeros((labels, widths[name]), np.float32),
            f"{name}/constant": np.full(widths[name], CONSTANT, np.float32),
        }
        small.graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in weights.items())
        small.graph.node.append(helper.make_node("Gemm", [PROBABILITIES, *weights], [name], name))
        small.graph.output.append(outputs[name])
    record = {**metadata.verification, "golden": _golden(small, metadata.verification["golden"])}
    del record["digest"]
    del small.graph.value_info[:]
    target.write_bytes(serialise(small, metadata, record))
    return target


def _golden(model: onnx.ModelProto, golden: dict[str, list[object]]) -> dict[str, object]:
    names = [*GOLDEN["float32"]]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    computed = session.run(names, {INPUT: np.asarray(golden[INPUT], np.float32)})
    recorded = map(json_rows, computed)
    return {INPUT: golden[INPUT], **dict(zip(names, recorded, strict=True))}
