"""Requirements of other servers on an artifact, checked on the bundled file.

The rules of Triton are from the source of its onnxruntime backend (`AutoCompleteMaxBatch`,
`ValidateInputs`); KServe's are those of the Open Inference Protocol.
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
    """Return the size of each fixed axis and the name of each free one, "" if it has none."""
    return [
        axis.dim_value if axis.HasField("dim_value") else axis.dim_param
        for axis in tensor.type.tensor_type.shape.dim
    ]


def protocol_tensor(tensor: ValueInfoProto) -> dict[str, Any]:
    """Describe a tensor as the protocol does: a free axis is -1."""
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
def test_triton_may_batch_because_only_the_first_axis_is_free(tensor: ValueInfoProto) -> None:
    first, *others = axes(tensor)
    assert isinstance(first, str)
    assert others
    assert all(isinstance(size, int) and size > 0 for size in others)


def test_triton_can_split_the_outputs_of_a_batch_by_request() -> None:
    (rows,) = (axes(tensor)[0] for tensor in GRAPH.input if tensor.name == INPUT)
    assert [axes(tensor)[0] for tensor in GRAPH.output] == [rows] * len(OUTPUTS)
    features = np.random.default_rng(0).uniform(0, 255, (5, 784)).astype(np.float32)
    classifier = Classifier.load(BUNDLED_MODEL)
    batch = classifier.run(features)
    for request in (slice(0, 2), slice(2, 5)):
        alone = classifier.run(features[request])
        for name in OUTPUTS:
            expected = getattr(alone, name)
            np.testing.assert_allclose(getattr(batch, name)[request], expected, atol=1e-4)


def test_triton_requires_the_rows_only(session: Any) -> None:
    assert [tensor.name for tensor in session.get_inputs()] == [INPUT]
    assert tuple(tensor.name for tensor in session.get_outputs()) == OUTPUTS


def test_triton_may_have_gate_scale_as_an_optional_input(session: Any) -> None:
    # Only with `optional: true` and `max_batch_size: 0` in a configuration written by hand.
    assert [tensor.name for tensor in session.get_overridable_initializers()] == [GATE_SCALE]
    (default,) = (tensor for tensor in GRAPH.initializer if tensor.name == GATE_SCALE)
    (declared,) = (tensor for tensor in GRAPH.input if tensor.name == GATE_SCALE)
    values = numpy_helper.to_array(default)
    assert values.shape == (1, axes(declared)[1])
    assert (values == 1).all()


def test_triton_needs_no_other_file_and_no_custom_operator() -> None:
    assert not any(tensor.external_data for tensor in GRAPH.initializer)
    assert [opset.domain for opset in MODEL.opset_import] == [""]
    assert not MODEL.functions
    # onnxruntime 1.18 and later read them; a server has a release of its own.
    assert MODEL.ir_version <= 10
    assert MODEL.opset_import[0].version <= 20


def test_triton_can_name_the_versions_folder_after_the_version() -> None:
    assert re.fullmatch(r"[1-9]\d*", Classifier.load(BUNDLED_MODEL).metadata.version)


def test_tensor_names_are_distinct() -> None:
    assert len({tensor.name for tensor in TENSORS}) == len(TENSORS)


@each_tensor
def test_tensor_names_need_no_escaping_in_json_and_urls(tensor: ValueInfoProto) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", tensor.name)


def test_the_models_name_and_version_need_no_escaping_in_urls() -> None:
    metadata = Classifier.load(BUNDLED_MODEL).metadata
    for part in (metadata.name, metadata.version):
        assert part
        assert quote(part, safe="") == part


@each_tensor
def test_every_tensor_has_the_protocols_datatype_fp32(tensor: ValueInfoProto) -> None:
    assert PROTOCOL_DATATYPES.get(tensor.type.tensor_type.elem_type) == "FP32"


def test_the_model_metadata_for_kserve_are_those_of_the_graph() -> None:
    classifier = Classifier.load(BUNDLED_MODEL)
    with TestClient(application(classifier)) as client:
        actual = client.get(f"/v2/models/{classifier.metadata.name}").json()
    assert actual["inputs"] == [protocol_tensor(tensor) for tensor in GRAPH.input]
    assert actual["outputs"] == [protocol_tensor(tensor) for tensor in GRAPH.output]
    assert actual["inputs"][0] == {"name": "input", "datatype": "FP32", "shape": [-1, 784]}
