"""Files that a wrong exporter could write: each must fail in the check made for it."""

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper, numpy_helper

from export.comparison import verify_against_run
from export.errors import (
    BatchError,
    GateScaleError,
    MetadataError,
    NumericsError,
    OperatorError,
    OutputValueError,
    StructureError,
    TensorError,
    TraceError,
    VerificationError,
    WeightError,
)
from export.trained_run import TrainedRun
from tests.export.graph_edits import (
    Edit,
    control_flow,
    edited,
    external_weight,
    infinite_weight,
    node,
    node_index,
    node_trace,
    other_domain,
    other_operator,
    other_opset,
    remove_nodes,
    replace_reads,
    set_values,
    unused_weight,
    values,
    zero_default_scale,
)


def swapped_branches(model: ModelProto) -> None:
    """H's weights for the gates and the gates' for H."""
    for part in ("weight", "bias"):
        name = f"highway_2/branches.{part}"
        set_values(model, name, np.roll(values(model, name), 8, axis=0))


def swapped_gates_of_two_layers(model: ModelProto) -> None:
    gates = node(model, "results/Concat").input
    gates[0], gates[1] = gates[1], gates[0]


def carry_gate_for_transform_gate(model: ModelProto) -> None:
    """H + T·(x − H) instead of x + T·(H − x)."""
    difference, mixed = node(model, "highway_2/Sub"), node(model, "highway_2/Add")
    h, x = difference.input
    difference.input[:] = [x, h]
    mixed.input[0] = h


def missing_layer(model: ModelProto) -> None:
    mixed = node(model, "highway_2/Add")
    x, output = mixed.input[0], mixed.output[0]
    scales = node(model, "highway_2/Mul").input[1]
    remove_nodes(model, *(f"highway_2/{name}" for name in ("Add", "Mul_2", "Sub", "Relu", "Mul")))
    replace_reads(model, output, x)
    assert scales.startswith("gate_scale/")


def negated_gate_bias(model: ModelProto) -> None:
    bias = values(model, "highway_1/branches.bias")
    bias[8:] *= -1
    set_values(model, "highway_1/branches.bias", bias)


def softmax_over_the_batch(model: ModelProto) -> None:
    softmax = node(model, "results/Softmax")
    del softmax.attribute[:]
    softmax.attribute.append(helper.make_attribute("axis", 0))


def stale_weights(model: ModelProto) -> None:
    """Weights of the output layer shortly before the end of the training."""
    set_values(model, "output/weight", values(model, "output/weight") * 0.9999)


def transposed_square_weight(model: ModelProto) -> None:
    branches = values(model, "highway_3/branches.weight")
    branches[:8] = branches[:8].T
    set_values(model, "highway_3/branches.weight", branches)


def gates_scaled_before_they_are_outputs(model: ModelProto) -> None:
    node(model, "results/Concat").input[0] = node(model, "highway_1/Mul").output[0]


def gate_scale_of_another_layer(model: ModelProto) -> None:
    first, second = node(model, "highway_1/Mul").input, node(model, "highway_2/Mul").input
    first[1], second[1] = second[1], first[1]


def gate_scale_without_effect_on_the_first_layer(model: ModelProto) -> None:
    scaled = node(model, "highway_1/Mul")
    gate = scaled.input[0]
    remove_nodes(model, "highway_1/Mul")
    replace_reads(model, scaled.output[0], gate)


def mean_scale_for_all_rows(model: ModelProto) -> None:
    """Every row is scaled by the mean scale of the batch."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "axes"))
    mean = helper.make_node(
        "ReduceMean", ["gate_scale", "axes"], ["mean"], name="gate_scale/ReduceMean", keepdims=1
    )
    model.graph.node.insert(0, mean)
    node(model, "gate_scale/Split").input[0] = "mean"


def rows_centred_on_the_batch(model: ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "axes"))
    first = node(model, "preparation/Div").output[0]
    replace_reads(model, first, "centred")
    mean = helper.make_node("ReduceMean", [first, "axes"], ["mean"], name="mean", keepdims=1)
    centred = helper.make_node("Sub", [first, "mean"], ["centred"], name="centred")
    index = node_index(model, "preparation/Div") + 1
    model.graph.node.insert(index, mean)
    model.graph.node.insert(index + 1, centred)


def missing_normalisation(model: ModelProto) -> None:
    set_values(model, "preparation/mean", values(model, "preparation/mean") * 0)


def sigmoid_for_softmax(model: ModelProto) -> None:
    softmax = node(model, "results/Softmax")
    del softmax.attribute[:]
    softmax.op_type = "Sigmoid"


def gates_above_one(model: ModelProto) -> None:
    node(model, "highway_1/Sigmoid").op_type = "Softplus"


def typicality_of_another_calibration(model: ModelProto) -> None:
    name = "typicality/sum_knots"
    set_values(model, name, values(model, name) - 0.1)


def swapped_typicality_columns(model: ModelProto) -> None:
    """The column of the gates for that of the confidence."""
    slopes = values(model, "typicality/sum_slopes")
    set_values(model, "typicality/sum_slopes", slopes[[1, 0, 2]])


def typicality_by_gates_of_other_layers(model: ModelProto) -> None:
    """The eight units of layers 1 and 2 swapped."""
    directions = values(model, "typicality/weight")
    set_values(model, "typicality/weight", np.roll(directions, 8, axis=1))


def typicality_by_means_of_other_labels(model: ModelProto) -> None:
    for part in ("to_means", "means_square"):
        name = f"typicality/{part}"
        set_values(model, name, np.roll(values(model, name), 1, axis=0))


def typicality_above_one(model: ModelProto) -> None:
    name = "typicality/sum_slopes"
    set_values(model, name, -values(model, name))


def typicality_of_zero(model: ModelProto) -> None:
    """Without the lower bound of the exponent: e^−200 is 0 in float32."""
    name = "typicality/sum_slopes"
    set_values(model, "typicality/Clip_3/constant_1", np.array(-200.0))
    set_values(model, name, values(model, name) * 100)


def layer_typicality_of_another_calibration(model: ModelProto) -> None:
    name = "layer_typicality/knots"
    set_values(model, name, values(model, name) - 0.1)


def layer_typicality_of_other_layers(model: ModelProto) -> None:
    name = "layer_typicality/weight"
    set_values(model, name, np.roll(values(model, name), 1, axis=0))


def layer_typicality_above_one(model: ModelProto) -> None:
    name = "layer_typicality/slopes"
    set_values(model, name, -values(model, name))


def renamed_output(model: ModelProto) -> None:
    node(model, "results/Softmax").output[0] = "scores"
    replace_reads(model, "probabilities", "scores")
    next(o for o in model.graph.output if o.name == "probabilities").name = "scores"


MUTATIONS: list[tuple[Edit, type[VerificationError]]] = [
    (swapped_branches, NumericsError),
    (swapped_gates_of_two_layers, GateScaleError),
    (carry_gate_for_transform_gate, NumericsError),
    (missing_layer, NumericsError),
    (negated_gate_bias, NumericsError),
    (softmax_over_the_batch, OutputValueError),
    (stale_weights, NumericsError),
    (transposed_square_weight, NumericsError),
    (infinite_weight, WeightError),
    (gates_scaled_before_they_are_outputs, GateScaleError),
    (gate_scale_of_another_layer, GateScaleError),
    (gate_scale_without_effect_on_the_first_layer, GateScaleError),
    (mean_scale_for_all_rows, GateScaleError),
    (zero_default_scale, TensorError),
    (rows_centred_on_the_batch, BatchError),
    (missing_normalisation, NumericsError),
    (sigmoid_for_softmax, OutputValueError),
    (gates_above_one, OutputValueError),
    (typicality_of_another_calibration, NumericsError),
    (swapped_typicality_columns, NumericsError),
    (typicality_by_gates_of_other_layers, NumericsError),
    (typicality_by_means_of_other_labels, NumericsError),
    (typicality_above_one, OutputValueError),
    (typicality_of_zero, OutputValueError),
    (layer_typicality_of_another_calibration, NumericsError),
    (layer_typicality_of_other_layers, NumericsError),
    (layer_typicality_above_one, OutputValueError),
    (unused_weight, WeightError),
    (external_weight, WeightError),
    (control_flow, OperatorError),
    (other_domain, OperatorError),
    (other_operator, OperatorError),
    (renamed_output, TensorError),
    (other_opset, StructureError),
    (node_trace, TraceError),
]


@pytest.mark.parametrize(
    ("edit", "error_class"), MUTATIONS, ids=[edit.__name__ for edit, _ in MUTATIONS]
)
def test_a_wrong_file_fails_in_the_check_made_for_it(
    edit: Edit, error_class: type[VerificationError], artifact_path: Path, run: TrainedRun
) -> None:
    content = edited(artifact_path, run, edit)
    with pytest.raises(VerificationError) as error:
        verify_against_run(content, run, lambda step: None)
    assert type(error.value) is error_class, error.value


def test_labels_in_another_order_are_rejected(artifact_path: Path, run: TrainedRun) -> None:
    content = edited(artifact_path, run, labels=run.config.data.labels[::-1])
    with pytest.raises(MetadataError) as error:
        verify_against_run(content, run, lambda step: None)
    assert str(error.value) == (
        f"metadata 'highway.labels': not those of {run.path}; export the run again"
    )


def test_a_file_without_an_edit_passes(artifact_path: Path, run: TrainedRun) -> None:
    content = edited(artifact_path, run)
    assert verify_against_run(content, run, lambda step: None).test_rows == 180
