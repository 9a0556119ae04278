import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from service import graph_rules
from service.classifier import Classifier
from service.contract import ContractError
from service.graph_rules import OperatorError, WeightError, check_graph
from service.model_graph import read_graph
from service.settings import BUNDLED_MODEL
from tests.service import hostile_files as hostile
from tests.service.conftest import Change, Recipe
from tests.service.hostile_files import add_node, constant

AGAIN = "; export the model again with `highway export`"
CONTENT = Recipe().build()
DAMAGED = "; the file is damaged, or of another kind"


def error_of(change: Change) -> ContractError:
    with pytest.raises(ContractError) as error:
        Classifier(Recipe(change=change).build())
    return error.value


def no_nodes(model: onnx.ModelProto) -> None:
    del model.graph.node[:]


def other_domain(model: onnx.ModelProto) -> None:
    model.graph.node[1].domain = "ai.onnx.ml"


def unused_weight(model: onnx.ModelProto) -> None:
    constant(model, "spare", np.ones(3, np.float32))


def nine_axes(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [4, 3, *[1] * 7]


def no_values(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].ClearField("raw_data")


def half_a_value(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data += b"\0\0"


def values_in_two_fields(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].float_data.extend([0.0] * 12)


def values_in_another_field(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].int32_data.extend([0] * 12)


def too_few_typed_values(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].float_data.extend([0.5] * 11)


def infinite_typed_value(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].float_data.extend([float("inf")] * 12)


def tensor_written_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", ["scores"], ["scale"], name="again"))


def output_that_no_node_computes(model: onnx.ModelProto) -> None:
    del model.graph.node[-1]


def attribute_of_another_type(model: onnx.ModelProto) -> None:
    add_node(model, "Softmax", ["logits"], axis=1.0)


def other_attribute(model: onnx.ModelProto) -> None:
    add_node(model, "Relu", ["logits"], axis=1)


def other_text(model: onnx.ModelProto) -> None:
    add_node(model, "Gelu", ["logits"], approximate="other")


def attribute_without_value(model: onnx.ModelProto) -> None:
    add_node(model, "Softmax", ["logits"], axis=1)
    model.graph.node[-1].attribute[0].ClearField("i")


def infinite_attribute(model: onnx.ModelProto) -> None:
    add_node(model, "Elu", ["logits"], alpha=float("nan"))


def long_attribute(model: onnx.ModelProto) -> None:
    add_node(model, "Transpose", ["logits"], perm=list(range(17)))


def attribute_twice(model: onnx.ModelProto) -> None:
    add_node(model, "Softmax", ["logits"], axis=1)
    model.graph.node[-1].attribute.append(model.graph.node[-1].attribute[0])


def square_of_a_shape(model: onnx.ModelProto) -> None:
    """A tensor as large as the square of another."""
    model.graph.node.append(helper.make_node("Shape", ["weight"], ["whole"]))
    model.graph.node.append(helper.make_node("Concat", ["whole", "whole"], ["square"], axis=0))
    add_node(model, "Expand", ["gate_scale", "square"])


def long_shape(model: onnx.ModelProto) -> None:
    constant(model, "long", np.ones(9, np.int64))
    add_node(model, "Expand", ["gate_scale", "long"])


def long_names(model: onnx.ModelProto) -> None:
    add_node(model, "E" * 200, ["logits"])
    model.graph.node[-1].name = "line\nbreak" + "n" * 200


def opset(version: int, ir: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.opset_import[0].version, model.ir_version = version, ir

    return change


def attack(expected: str, found: str) -> str:
    return f"node 'attack': expected {expected}, found {found}{AGAIN}"


TYPES = "weight '{}': expected one of the types float32, uint8, int8, int32, int64, found number {}"
SIZES = "weight 'weight': expected at most 8 axes with sizes of at least 1, found others" + AGAIN
ORDER = "node '': expected inputs that an earlier node computes, found another" + AGAIN
FINITE = f"weight 'weight': expected finite numbers, found NaN or infinity{AGAIN}"
SHAPE = attack("a shape by constants", "a computed one")
EXPANDED = attack("at most 16,777,216 values of a row", "more")
OPERATOR = "an operator of highway networks"


def attribute(operator: str, name: str) -> str:
    return attack(
        f"the attributes that `highway export` writes for {operator}", f"another '{name}'"
    )


def values(found: int) -> str:
    return f"weight 'weight': expected 12 values of float32, found {found}{AGAIN}"


def unknown(message: str, number: int) -> str:
    return (
        f"expected an ONNX file of `highway export`, found {message} with an unknown field, number "
        f"{number}{DAMAGED}"
    )


REFUSED: list[tuple[Change, type[ContractError], str]] = [
    (hostile.function, OperatorError, "expected ONNX's own operators, found functions of the file"),
    (hostile.training, OperatorError, "expected a graph for inference, found one for training"),
    (hostile.sparse_weight, WeightError, "expected dense weights, found sparse ones"),
    (no_nodes, ContractError, "expected an ONNX model with a graph, found none"),
    (opset(19, 10), ContractError, "expected opset 20 and IR 10, found opsets 19 and IR 10"),
    (opset(20, 11), ContractError, "expected opset 20 and IR 10, found opsets 20 and IR 11"),
    (
        hostile.inverse,
        ContractError,
        "expected opset 20 and IR 10, found opsets 20, com.microsoft 1 and IR 10",
    ),
    (
        hostile.classical_operator,
        ContractError,
        "expected opset 20 and IR 10, found opsets 20, ai.onnx.ml 3 and IR 10",
    ),
    (
        other_domain,
        OperatorError,
        "node '': expected ONNX's own operators, found Sigmoid of the domain 'ai.onnx.ml'",
    ),
    (
        hostile.external_data,
        WeightError,
        "weight 'weight': its values are in another file; they must be in this one",
    ),
    (
        hostile.duplicate_weight,
        WeightError,
        "weight 'weight': expected distinct names, found this one twice",
    ),
    (unused_weight, WeightError, "weight 'spare': no node of the graph uses it"),
    (hostile.doubles, WeightError, TYPES.format("weight", 11)),
    (hostile.conditional, WeightError, TYPES.format("true", 9)),
    (hostile.strings, ContractError, unknown("TensorProto", 6)),
    (hostile.inner_shape, ContractError, unknown("GraphProto", 13)),
    (hostile.negative_size, WeightError, SIZES),
    (nine_axes, WeightError, SIZES),
    (
        hostile.overflowing_sizes,
        WeightError,
        "weight 'weight': expected 18,446,744,073,709,551,628 values of float32, found 12",
    ),
    (no_values, WeightError, values(0)),
    (half_a_value, WeightError, values(12)),
    (values_in_two_fields, WeightError, values(0)),
    (values_in_another_field, WeightError, values(0)),
    (too_few_typed_values, WeightError, values(11)),
    (hostile.not_finite, WeightError, FINITE),
    (infinite_typed_value, WeightError, FINITE),
    (hostile.cycle, OperatorError, ORDER),
    (hostile.unsorted_nodes, OperatorError, ORDER),
    (
        tensor_written_twice,
        OperatorError,
        "node 'again': expected outputs with names of their own, found a known one",
    ),
    (
        output_that_no_node_computes,
        ContractError,
        "output 'layer_typicality': no node of the graph computes it",
    ),
    (hostile.constant_of_shape, OperatorError, attack(OPERATOR, "ConstantOfShape")),
    (hostile.tensor_attribute, OperatorError, attack(OPERATOR, "Constant")),
    (
        long_names,
        OperatorError,
        f"node 'line\\nbreak{'n' * 89}…': expected {OPERATOR}, found {'E' * 100}…",
    ),
    (hostile.huge_pads, OperatorError, attribute("Conv", "pads")),
    (attribute_of_another_type, OperatorError, attribute("Softmax", "axis")),
    (other_attribute, OperatorError, attribute("Relu", "axis")),
    (other_text, OperatorError, attribute("Gelu", "approximate")),
    (attribute_without_value, OperatorError, attribute("Softmax", "axis")),
    (infinite_attribute, OperatorError, attribute("Elu", "alpha")),
    (long_attribute, OperatorError, attribute("Transpose", "perm")),
    (attribute_twice, OperatorError, attack("each attribute once", "one twice")),
    (hostile.computed_shape, OperatorError, SHAPE),
    (hostile.computed_lookup, OperatorError, SHAPE),
    (hostile.expanded, OperatorError, EXPANDED),
    (hostile.expanded_by_a_concatenated_shape, OperatorError, EXPANDED),
    (square_of_a_shape, OperatorError, EXPANDED),
    (long_shape, OperatorError, EXPANDED),
]


@pytest.mark.parametrize(
    ("change", "kind", "message"), REFUSED, ids=[change.__name__ for change, _, _ in REFUSED]
)
def test_a_graph_that_export_would_not_write_is_refused(
    change: Change, kind: type[ContractError], message: str
) -> None:
    error = error_of(change)
    assert type(error) is kind
    assert str(error).removesuffix(AGAIN) == message.removesuffix(AGAIN)
    assert str(error).endswith((AGAIN, DAMAGED))


def test_control_flow_is_refused_without_reading_its_graphs() -> None:
    def loop(model: onnx.ModelProto) -> None:
        hostile.endless_loop(model)
        weights = model.graph.initializer
        weights.remove(next(weight for weight in weights if weight.name == "true"))
        model.graph.node[-1].input[1] = ""

    assert str(error_of(loop)) == attack("no control flow", "Loop")
    with pytest.raises(OperatorError) as error:
        Classifier(hostile.nested_subgraphs())
    assert str(error.value) == attack("no control flow", "If")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (hostile.long_value, "a value that is longer than its message"),
        (hostile.second_graph, "ModelProto with the field graph twice"),
        (lambda: bytes(1000), "ModelProto with an unknown field, number 0"),
        (lambda: b"\x08" * 3, "an integer that is cut off or too long"),
    ],
)
def test_bytes_of_another_structure_are_refused(content: Callable[[], bytes], found: str) -> None:
    with pytest.raises(ContractError) as error:
        Classifier(content())
    assert str(error.value) == f"expected an ONNX file of `highway export`, found {found}{DAMAGED}"


@pytest.mark.parametrize(("kind", "most", "found"), [("nodes", 11, 12), ("weights", 4, 5)])
def test_too_many_nodes_or_weights_are_refused(
    kind: str, most: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop_nodes(model: onnx.ModelProto) -> None:
        del model.graph.node[most:]

    monkeypatch.setattr(graph_rules, "MAX_NODES", most)
    change: Change = drop_nodes if kind == "weights" else lambda model: None
    assert str(error_of(change)) == f"expected at most {most} {kind}, found {found}{AGAIN}"


def test_values_may_be_in_the_field_of_their_type() -> None:
    def typed(model: onnx.ModelProto) -> None:
        weight = model.graph.initializer[0]
        weight.ClearField("raw_data")
        weight.float_data.extend(np.eye(4, 3).ravel().tolist())
        zero = helper.make_tensor("zero", TensorProto.UINT8, [2], [0, 200])
        model.graph.initializer.append(zero)
        add_node(model, "DequantizeLinear", ["zero", "one"], axis=0)
        constant(model, "one", np.ones(2, np.float32))

    outputs = Classifier(Recipe(change=typed).build()).run(np.eye(1, 4, dtype=np.float32))
    assert outputs.logits.tolist() == [[2.0, 1.0, 1.0]]


@pytest.mark.parametrize(
    ("numbers", "found"), [(b"\x01\x81", 1), (b"\x01\x81\x01", 2), (b"\x80", 0), (b"\x01" * 4, 4)]
)
def test_typed_integers_that_are_too_few_or_cut_off_are_refused(numbers: bytes, found: int) -> None:
    graph = read_graph(CONTENT)
    name = graph.weights[0].name
    values = {"int32_data": memoryview(numbers)}
    weight = replace(graph.weights[0], data_type=2, sizes=[3], values=values)
    with pytest.raises(WeightError) as error:
        check_graph(replace(graph, weights=[weight, *graph.weights[1:]]))
    assert str(error.value) == (
        f"weight '{name}': expected 3 values of uint8, found {found}{AGAIN}"
    )


def test_a_shape_of_constants_and_the_batch_is_accepted() -> None:
    def expand(model: onnx.ModelProto) -> None:
        constant(model, "width", np.array([4], np.int64))
        shape = helper.make_node("Shape", ["logits"], ["rows"], start=0, end=1)
        concat = helper.make_node("Concat", ["rows", "width"], ["shape"], axis=0)
        model.graph.node.extend([shape, concat])
        constant(model, "one", np.ones((1, 1), np.float32))
        add_node(model, "Expand", ["one", "shape"])

    Classifier(Recipe(change=expand).build())


def test_the_bundled_model_passes() -> None:
    check_graph(read_graph(BUNDLED_MODEL.read_bytes()))


def test_metadata_of_too_many_bytes_are_refused_before_they_are_read() -> None:
    content = Recipe(props=lambda props: props.update({"other": "x" * (1 << 25)})).build()
    with pytest.raises(ContractError) as error:
        read_graph(content)
    assert str(error.value).startswith("metadata: expected at most 33,554,432 bytes, found 33,55")
    assert str(error.value).endswith(AGAIN)


def test_metadata_with_a_key_twice_are_refused() -> None:
    name = hostile.field(1, b"highway.name") + hostile.field(2, json.dumps("other").encode())
    with pytest.raises(ContractError) as error:
        read_graph(Recipe().build() + hostile.field(14, name))
    assert str(error.value) == (
        f"metadata: expected each key of 'highway.…' once, found one twice{AGAIN}"
    )
