"""Wrong files that a wrong exporter could write: each refused, each by the check that should."""

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper, numpy_helper

from export.errors import (
    AnswerError,
    BatchError,
    GateScaleError,
    MetadataError,
    NumericsError,
    OperatorError,
    StructureError,
    TensorError,
    TraceError,
    VerificationError,
    WeightError,
)
from export.verification import verify_against_run
from models.run import Run
from tests.export.forgery import (
    Change,
    forged,
    node,
    put,
    read_instead,
    remove,
    values,
    weight,
    with_metadata,
)


def swapped_branches(model: ModelProto) -> None:
    """H's weights for the gates and the gates' for H."""
    for part in ("weight", "bias"):
        name = f"highway_2/branches.{part}"
        put(model, name, np.roll(values(model, name), 8, axis=0))


def swapped_gates_of_two_layers(model: ModelProto) -> None:
    """The gates of layers 1 and 2 reported in each other's place."""
    gates = node(model, "answer/Concat").input
    gates[0], gates[1] = gates[1], gates[0]


def carry_for_transform(model: ModelProto) -> None:
    """H + T·(x − H) instead of x + T·(H − x)."""
    difference, mixed = node(model, "highway_2/Sub"), node(model, "highway_2/Add")
    h, x = difference.input
    difference.input[:] = [x, h]
    mixed.input[0] = h


def a_dropped_layer(model: ModelProto) -> None:
    mixed = node(model, "highway_2/Add")
    x, output = mixed.input[0], mixed.output[0]
    scales = node(model, "highway_2/Mul").input[1]
    remove(model, *(f"highway_2/{name}" for name in ("Add", "Mul_2", "Sub", "Relu", "Mul")))
    read_instead(model, output, x)
    assert scales.startswith("gate_scale/")


def a_flipped_gate_bias(model: ModelProto) -> None:
    bias = values(model, "highway_1/branches.bias")
    bias[8:] *= -1
    put(model, "highway_1/branches.bias", bias)


def softmax_over_the_batch(model: ModelProto) -> None:
    softmax = node(model, "answer/Softmax")
    del softmax.attribute[:]
    softmax.attribute.append(helper.make_attribute("axis", 0))


def stale_weights(model: ModelProto) -> None:
    """What the output layer was a little before the end of the training."""
    put(model, "output/weight", values(model, "output/weight") * 0.9999)


def a_transposed_square_weight(model: ModelProto) -> None:
    branches = values(model, "highway_3/branches.weight")
    branches[:8] = branches[:8].T
    put(model, "highway_3/branches.weight", branches)


def a_weight_that_is_no_number(model: ModelProto) -> None:
    numbers = values(model, "highway_1/branches.weight")
    numbers[0, 0] = np.nan
    put(model, "highway_1/branches.weight", numbers)


def gates_scaled_before_they_are_reported(model: ModelProto) -> None:
    scaled = node(model, "highway_1/Mul")
    reported = node(model, "answer/Concat").input
    reported[0] = scaled.output[0]


def gate_scale_of_another_layer(model: ModelProto) -> None:
    first, second = node(model, "highway_1/Mul").input, node(model, "highway_2/Mul").input
    first[1], second[1] = second[1], first[1]


def gate_scale_without_effect(model: ModelProto) -> None:
    """The scale of the first layer is there, and multiplied by nothing that counts."""
    scaled = node(model, "highway_1/Mul")
    gate = scaled.input[0]
    remove(model, "highway_1/Mul")
    read_instead(model, scaled.output[0], gate)


def one_rows_scale_for_all(model: ModelProto) -> None:
    """Every row is scaled as the largest scale of the batch says."""
    axes = numpy_helper.from_array(np.array([0], np.int64), "axes")
    model.graph.initializer.append(axes)
    highest = helper.make_node(
        "ReduceMean", ["gate_scale", "axes"], ["together"], name="gate_scale/ReduceMean", keepdims=1
    )
    model.graph.node.insert(0, highest)
    node(model, "gate_scale/Split").input[0] = "together"


def a_default_scale_of_two(model: ModelProto) -> None:
    put(model, "gate_scale", values(model, "gate_scale") * 2)


def rows_that_share(model: ModelProto) -> None:
    """Each batch is centred on its own mean."""
    axes = numpy_helper.from_array(np.array([0], np.int64), "axes")
    model.graph.initializer.append(axes)
    first = node(model, "preparation/Div").output[0]
    read_instead(model, first, "centred")
    mean = helper.make_node("ReduceMean", [first, "axes"], ["mean"], name="mean", keepdims=1)
    centred = helper.make_node("Sub", [first, "mean"], ["centred"], name="centred")
    place = next(i for i, n in enumerate(model.graph.node) if n.name == "preparation/Div") + 1
    model.graph.node.insert(place, mean)
    model.graph.node.insert(place + 1, centred)


def no_normalisation(model: ModelProto) -> None:
    put(model, "preparation/mean", values(model, "preparation/mean") * 0)


def probabilities_that_do_not_add_up(model: ModelProto) -> None:
    softmax = node(model, "answer/Softmax")
    del softmax.attribute[:]
    softmax.op_type = "Sigmoid"


def gates_beyond_one(model: ModelProto) -> None:
    node(model, "highway_1/Sigmoid").op_type = "Softplus"


def knots_of_another_calibration(model: ModelProto) -> None:
    put(model, "unusualness/sum_knots", values(model, "unusualness/sum_knots") - 0.1)


def swapped_signs_of_the_unusual(model: ModelProto) -> None:
    """What the gates say in the place of what the confidence says."""
    slopes = values(model, "unusualness/sum_slopes")
    put(model, "unusualness/sum_slopes", slopes[[1, 0, 2]])


def the_unusual_by_other_layers_gates(model: ModelProto) -> None:
    """The eight units of layers 1 and 2 taken for each other's."""
    directions = values(model, "unusualness/weight")
    put(model, "unusualness/weight", np.roll(directions, 8, axis=1))


def the_unusual_by_another_labels_gates(model: ModelProto) -> None:
    for part in ("to_means", "means_square"):
        put(model, f"unusualness/{part}", np.roll(values(model, f"unusualness/{part}"), 1, axis=0))


def shares_above_one(model: ModelProto) -> None:
    put(model, "unusualness/sum_slopes", -values(model, "unusualness/sum_slopes"))


def shares_of_nothing(model: ModelProto) -> None:
    """An exponential that has no end: e^−200 is 0 in float32."""
    put(model, "unusualness/Clip_2/constant_1", np.array(-200.0))
    put(model, "unusualness/sum_slopes", values(model, "unusualness/sum_slopes") * 100)


def an_unused_weight(model: ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "spare"))


def a_weight_outside_the_file(model: ModelProto) -> None:
    tensor = weight(model, "output/bias")
    tensor.external_data.add(key="location", value="elsewhere")


def control_flow(model: ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [])
    choice = helper.make_node("If", ["logits"], ["either"], name="choice")
    choice.attribute.append(helper.make_attribute("then_branch", branch))
    model.graph.node.append(choice)


def another_domain(model: ModelProto) -> None:
    node(model, "highway_1/Relu").domain = "com.example"


def an_operator_of_no_highway_network(model: ModelProto) -> None:
    node(model, "highway_1/Relu").op_type = "Erf"


def a_renamed_output(model: ModelProto) -> None:
    node(model, "answer/Softmax").output[0] = "scores"
    read_instead(model, "probabilities", "scores")
    next(o for o in model.graph.output if o.name == "probabilities").name = "scores"


def another_opset(model: ModelProto) -> None:
    model.opset_import[0].version = 19


def a_trace_of_the_source(model: ModelProto) -> None:
    model.graph.node[0].metadata_props.add(key="stack_trace", value="File layers.py")


MUTATIONS: list[tuple[Change, type[VerificationError]]] = [
    (swapped_branches, NumericsError),
    (swapped_gates_of_two_layers, GateScaleError),
    (carry_for_transform, NumericsError),
    (a_dropped_layer, NumericsError),
    (a_flipped_gate_bias, NumericsError),
    (softmax_over_the_batch, AnswerError),
    (stale_weights, NumericsError),
    (a_transposed_square_weight, NumericsError),
    (a_weight_that_is_no_number, WeightError),
    (gates_scaled_before_they_are_reported, GateScaleError),
    (gate_scale_of_another_layer, GateScaleError),
    (gate_scale_without_effect, GateScaleError),
    (one_rows_scale_for_all, GateScaleError),
    (a_default_scale_of_two, TensorError),
    (rows_that_share, BatchError),
    (no_normalisation, NumericsError),
    (probabilities_that_do_not_add_up, AnswerError),
    (gates_beyond_one, AnswerError),
    (knots_of_another_calibration, NumericsError),
    (swapped_signs_of_the_unusual, NumericsError),
    (the_unusual_by_other_layers_gates, NumericsError),
    (the_unusual_by_another_labels_gates, NumericsError),
    (shares_above_one, AnswerError),
    (shares_of_nothing, AnswerError),
    (an_unused_weight, WeightError),
    (a_weight_outside_the_file, WeightError),
    (control_flow, OperatorError),
    (another_domain, OperatorError),
    (an_operator_of_no_highway_network, OperatorError),
    (a_renamed_output, TensorError),
    (another_opset, StructureError),
    (a_trace_of_the_source, TraceError),
]


@pytest.mark.parametrize(
    ("change", "refusal"), MUTATIONS, ids=[change.__name__ for change, _ in MUTATIONS]
)
def test_a_wrong_file_is_refused_by_the_check_that_should(
    change: Change, refusal: type[VerificationError], artifact_path: Path, run_path: Path
) -> None:
    content = forged(artifact_path, run_path, change)
    with pytest.raises(VerificationError) as error:
        verify_against_run(content, Run(run_path), lambda step: None)
    assert type(error.value) is refusal, error.value


def test_a_wrong_list_of_labels_is_refused(artifact_path: Path, run_path: Path) -> None:
    labels = Run(run_path).config().data.labels
    content = with_metadata(artifact_path, run_path, labels=labels[::-1])
    with pytest.raises(MetadataError) as error:
        verify_against_run(content, Run(run_path), lambda step: None)
    assert str(error.value) == (
        f"metadata 'highway.labels': expected what {run_path} says, found something else; "
        "export the run again"
    )


def test_a_file_that_nobody_changed_is_not_refused(artifact_path: Path, run_path: Path) -> None:
    content = forged(artifact_path, run_path, lambda model: None)
    assert verify_against_run(content, Run(run_path), lambda step: None).test_rows == 180
