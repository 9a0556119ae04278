"""What other servers ask of an artifact, checked on the bundled file without those servers.

The rules of Triton are those of its onnxruntime back end's source (`AutoCompleteMaxBatch`,
`ValidateInputs`); KServe's are the Open Inference Protocol's.
"""

import re
from typing import Any
from urllib.parse import quote

import numpy as np
import onnx
import pytest
from onnx import TensorProto, ValueInfoProto, numpy_helper
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.contract import GATE_SCALE, INPUT, OUTPUTS
from service.runtime import onnxruntime
from service.settings import BUNDLED_MODEL
from tests.service.conftest import application

MODEL = onnx.load(BUNDLED_MODEL)
GRAPH = MODEL.graph
TENSORS = [*GRAPH.input, *GRAPH.output]
PROTOCOL_DATATYPES: dict[int, str] = {TensorProto.FLOAT: "FP32"}

each_tensor = pytest.mark.parametrize("tensor", TENSORS, ids=lambda tensor: tensor.name)


def axes(tensor: ValueInfoProto) -> list[int | str]:
    """Return each axis as its size, or as its name where it varies; "" varies without a name."""
    return [
        axis.dim_value if axis.HasField("dim_value") else axis.dim_param
        for axis in tensor.type.tensor_type.shape.dim
    ]


def in_the_protocol(tensor: ValueInfoProto) -> dict[str, Any]:
    """Describe a tensor as the protocol does: an axis that varies is -1."""
    return {
        "name": tensor.name,
        "datatype": PROTOCOL_DATATYPES[tensor.type.tensor_type.elem_type],
        "shape": [axis if isinstance(axis, int) else -1 for axis in axes(tensor)],
    }


@pytest.fixture(scope="module")
def session() -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(BUNDLED_MODEL, options, providers=["CPUExecutionProvider"])


@each_tensor
def test_triton_may_batch_since_the_first_axis_and_no_other_varies(tensor: ValueInfoProto) -> None:
    first, *others = axes(tensor)
    assert isinstance(first, str)
    assert others
    assert all(isinstance(size, int) and size > 0 for size in others)


def test_triton_gives_each_request_its_own_rows_of_every_output() -> None:
    (rows,) = (axes(tensor)[0] for tensor in GRAPH.input if tensor.name == INPUT)
    assert [axes(tensor)[0] for tensor in GRAPH.output] == [rows] * len(OUTPUTS)
    features = np.random.default_rng(0).uniform(0, 255, (5, 784)).astype(np.float32)
    classifier = Classifier.load(BUNDLED_MODEL)
    together = classifier.run(features)
    for request in (slice(0, 2), slice(2, 5)):
        apart = classifier.run(features[request])
        for name in OUTPUTS:
            expected = getattr(apart, name)
            np.testing.assert_allclose(getattr(together, name)[request], expected, atol=1e-4)


def test_triton_asks_for_the_rows_alone(session: Any) -> None:
    assert [tensor.name for tensor in session.get_inputs()] == [INPUT]
    assert tuple(tensor.name for tensor in session.get_outputs()) == OUTPUTS


def test_triton_may_offer_gate_scale_as_optional(session: Any) -> None:
    # It takes it only from a configuration that says `optional: true` and `max_batch_size: 0`.
    assert [tensor.name for tensor in session.get_overridable_initializers()] == [GATE_SCALE]
    (default,) = (tensor for tensor in GRAPH.initializer if tensor.name == GATE_SCALE)
    (declared,) = (tensor for tensor in GRAPH.input if tensor.name == GATE_SCALE)
    values = numpy_helper.to_array(default)
    assert values.shape == (1, axes(declared)[1])
    assert (values == 1).all()


def test_triton_needs_no_file_beside_the_artifact_and_no_operator_from_elsewhere() -> None:
    assert not any(tensor.external_data for tensor in GRAPH.initializer)
    assert [opset.domain for opset in MODEL.opset_import] == [""]
    assert not MODEL.functions
    # What onnxruntime 1.18 and later read; a server brings its own release.
    assert MODEL.ir_version <= 10
    assert MODEL.opset_import[0].version <= 20


def test_triton_can_keep_the_version_as_the_name_of_a_folder() -> None:
    assert re.fullmatch(r"[1-9]\d*", Classifier.load(BUNDLED_MODEL).metadata.version)


def test_tensor_names_are_distinct() -> None:
    assert len({tensor.name for tensor in TENSORS}) == len(TENSORS)


@each_tensor
def test_tensor_names_need_no_escape_in_json_nor_in_urls(tensor: ValueInfoProto) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", tensor.name)


def test_the_models_name_and_version_need_no_escape_in_urls() -> None:
    metadata = Classifier.load(BUNDLED_MODEL).metadata
    for part in (metadata.name, metadata.version):
        assert part
        assert quote(part, safe="") == part


@each_tensor
def test_every_tensor_is_of_the_protocols_fp32(tensor: ValueInfoProto) -> None:
    assert PROTOCOL_DATATYPES.get(tensor.type.tensor_type.elem_type) == "FP32"


def test_kserve_reads_in_the_model_metadata_what_the_graph_declares() -> None:
    classifier = Classifier.load(BUNDLED_MODEL)
    with TestClient(application(classifier)) as client:
        found = client.get(f"/v2/models/{classifier.metadata.name}").json()
    assert found["inputs"] == [in_the_protocol(tensor) for tensor in GRAPH.input]
    assert found["outputs"] == [in_the_protocol(tensor) for tensor in GRAPH.output]
    assert found["inputs"][0] == {"name": "input", "datatype": "FP32", "shape": [-1, 784]}
