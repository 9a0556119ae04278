"""Files that attack the reader of a model: each with a valid digest, as an attacker would write."""

import re
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from service.artifact import digest
from tests.service.conftest import Recipe

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def constant(model: onnx.ModelProto, name: str, values: object) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))


def add_node(model: onnx.ModelProto, operator: str, inputs: list[str], **more: Any) -> None:
    """Add a node whose output, `spare`, nothing reads."""
    model.graph.node.append(helper.make_node(operator, inputs, ["spare"], name="attack", **more))


def need_last_node(model: onnx.ModelProto) -> None:
    """Add the last node's largest value to the typicality: what no output needs is not loaded."""
    last = model.graph.node[-1].output[0]
    model.graph.node.append(helper.make_node("ReduceMax", [last], ["peak"], keepdims=0))
    model.graph.node.append(helper.make_node("Add", ["probabilities", "peak"], ["moved"]))
    (typicality,) = (node for node in model.graph.node if "typicality" in node.output)
    model.graph.node.remove(typicality)
    model.graph.node.append(helper.make_node("Relu", ["moved"], ["typicality"]))


def doubled(model: onnx.ModelProto, times: int) -> str:
    """Double the width of the input's rows so many times; return the name of the result."""
    name = "input"
    for step in range(times):
        model.graph.node.append(helper.make_node("Concat", [name] * 2, [f"twice_{step}"], axis=1))
        name = f"twice_{step}"
    return name


def inverse(model: onnx.ModelProto) -> None:
    """An operator of onnxruntime that writes past a matrix that is not square."""
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    add_node(model, "Inverse", [doubled(model, 14)], domain="com.microsoft")
    need_last_node(model)


def endless_loop(model: onnx.ModelProto) -> None:
    """A loop that constant folding would run for centuries."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Exp", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", FLOAT, [1]),
        ],
    )
    constant(model, "times", np.int64(2**62))
    constant(model, "true", np.bool_(True))
    constant(model, "start", np.ones(1, np.float32))
    add_node(model, "Loop", ["times", "true", "start"], body=body)


def conditional(model: onnx.ModelProto) -> None:
    branch = helper.make_graph(
        [helper.make_node("Relu", ["logits"], ["r"])],
        "branch",
        [],
        [helper.make_tensor_value_info("r", FLOAT, None)],
    )
    constant(model, "true", np.bool_(True))
    add_node(model, "If", ["true"], then_branch=branch, else_branch=branch)


def constant_of_shape(model: onnx.ModelProto) -> None:
    """8 GB of zeros, of 60 bytes in the file."""
    constant(model, "shape", np.array([2**31], np.int64))
    add_node(model, "ConstantOfShape", ["shape"])


def expanded(model: onnx.ModelProto) -> None:
    """8 GB by an operator that real files have."""
    constant(model, "one", np.ones(1, np.float32))
    constant(model, "shape", np.array([2**31], np.int64))
    add_node(model, "Expand", ["one", "shape"])


def expanded_by_a_concatenated_shape(model: onnx.ModelProto) -> None:
    constant(model, "one", np.ones(1, np.float32))
    constant(model, "part", np.array([2**16], np.int64))
    model.graph.node.append(helper.make_node("Concat", ["part", "part"], ["shape"], axis=0))
    add_node(model, "Expand", ["one", "shape"])


def computed_shape(model: onnx.ModelProto) -> None:
    constant(model, "one", np.ones(1, np.float32))
    model.graph.node.append(helper.make_node("Cast", ["logits"], ["shape"], to=INT64))
    add_node(model, "Expand", ["one", "shape"])


def computed_lookup(model: onnx.ModelProto) -> None:
    """Rows of a computed tensor, by computed indices: each such step multiplies the sizes."""
    model.graph.node.append(helper.make_node("Cast", ["logits"], ["indices"], to=INT64))
    add_node(model, "Gather", ["logits", "indices"], axis=0)


def external_data(model: onnx.ModelProto) -> None:
    """A weight in a file beside the server's current folder, outside the digest."""
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights.bin")


def function(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("own", 1))
    node = helper.make_node("Relu", ["a"], ["b"])
    opsets = [helper.make_opsetid("", 20)]
    model.functions.append(helper.make_function("own", "f", ["a"], ["b"], [node], opsets))
    add_node(model, "f", ["logits"], domain="own")


def classical_operator(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    add_node(model, "Normalizer", ["logits"], domain="ai.onnx.ml", norm="MAX")


def negative_size(model: onnx.ModelProto) -> None:
    weight = model.graph.initializer[0]
    weight.dims[:] = [-4, -3]


def overflowing_sizes(model: onnx.ModelProto) -> None:
    """Sizes whose product is 12 in 64 bits."""
    model.graph.initializer[0].dims[:] = [2**62 + 3, 4]


def strings(model: onnx.ModelProto) -> None:
    weight = model.graph.initializer[0]
    weight.CopyFrom(numpy_helper.from_array(np.array(["x"] * 12, object), "weight"))


def doubles(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.eye(4, 3), "weight"))


def duplicate_weight(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def sparse_weight(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


def training(model: onnx.ModelProto) -> None:
    model.training_info.add()


def cycle(model: onnx.ModelProto) -> None:
    model.graph.node[1].input[0] = "gate_2"
    model.graph.node[2].input[0] = "gate_1"


def unsorted_nodes(model: onnx.ModelProto) -> None:
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))


def not_finite(model: onnx.ModelProto) -> None:
    weight = model.graph.initializer[0]
    weight.raw_data = np.full((4, 3), np.nan, np.float32).tobytes()


def tensor_attribute(model: onnx.ModelProto) -> None:
    add_node(model, "Constant", [], value=numpy_helper.from_array(np.ones(2, np.float32), "v"))


def huge_pads(model: onnx.ModelProto) -> None:
    constant(model, "kernel", np.ones((1, 1, 1), np.float32))
    constant(model, "rows", np.array([-1, 1, 4], np.int64))
    model.graph.node.append(helper.make_node("Reshape", ["input", "rows"], ["signal"]))
    add_node(model, "Conv", ["signal", "kernel"], pads=[2**31, 2**31], kernel_shape=[1])


def inner_shape(model: onnx.ModelProto) -> None:
    """A wrong shape of an inner tensor, by which onnxruntime would share buffers."""
    model.graph.value_info.append(helper.make_tensor_value_info("scores", FLOAT, ["batch", 1]))


def doubled_often(model: onnx.ModelProto) -> None:
    """Allowed operators that make 2 GB of each row."""
    doubled(model, 26)
    need_last_node(model)


def slow(model: onnx.ModelProto) -> None:
    """Allowed operators that compute for minutes."""
    name = doubled(model, 20)
    for step in range(900):
        model.graph.node.append(helper.make_node("Tanh", [name], [f"slow_{step}"]))
        name = f"slow_{step}"
    need_last_node(model)


def nested_subgraphs() -> bytes:
    """64 conditionals, one in the other: more than onnx itself would write."""
    graph = b""
    for _ in range(64):
        branch = field(1, b"then_branch") + field(6, graph) + b"\xa0\x01\x05"
        graph = field(1, field(4, b"If") + field(5, branch))
    content = Recipe(change=lambda model: add_node(model, "If", ["input"], a=graph)).build()
    return with_digest(content.replace(field(4, graph), field(6, graph)))


def field(number: int, value: bytes) -> bytes:
    """Return a field of protobuf's wire format that holds bytes."""
    length, size = bytearray(), len(value)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + value


def with_digest(content: bytes) -> bytes:
    """Return the content with the digest of its present bytes, if it still records one."""
    match = re.search(rb'"digest": "([0-9a-f]{64})"', content)
    if match is None:
        return content
    recorded = match[1].decode()
    return content.replace(match[1], digest(content, recorded).encode())


def golden_rows(count: int) -> bytes:
    rows = {
        "input": [[1.0, 0.0, 0.0, 0.0]] * count,
        "probabilities": [[0.5761169, 0.2119416, 0.2119416]] * count,
        "gate_mean": [[0.6155293, 0.5]] * count,
        "typicality": [[0.5761169, 0.2119416, 0.2119416]] * count,
    }
    return Recipe(golden=rows).build()


def long_value() -> bytes:
    """A file whose last value claims a gigabyte."""
    return with_digest(Recipe().build() + b"\x32\x80\x80\x80\x80\x04doc")


def second_graph() -> bytes:
    """A file with two graphs, which protobuf's own readers merge."""
    return with_digest(Recipe().build() + field(7, b""))
