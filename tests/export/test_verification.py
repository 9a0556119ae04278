from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export.artifact import sealed
from export.errors import AnswerError, LabelError, NumericsError, StructureError
from export.graph import build_graph
from export.metadata import describe, golden_rows
from export.verification import (
    check_answers,
    check_structure,
    compare_labels,
    compare_with_torch,
    extreme_rows,
)
from models.data.dataset import FloatRows
from models.networks.layers import HighwayDense
from models.run import Run
from service.classifier import Classifier


@pytest.fixture
def model(artifact_path: Path) -> ModelProto:
    return onnx.load(artifact_path)


@pytest.fixture
def rows(run_path: Path) -> FloatRows:
    return Run(run_path).dataset().test.x


def weights(model: ModelProto, ending: str) -> onnx.TensorProto:
    tensors: list[onnx.TensorProto] = list(model.graph.initializer)
    return next(tensor for tensor in tensors if tensor.name.endswith(ending))


def change(tensor: onnx.TensorProto, values: np.ndarray) -> None:
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))


def sealed_with_its_own_answers(model: ModelProto, run_path: Path) -> Classifier:
    """Load a changed graph past digest and golden rows, as if it had been exported like this."""
    run = Run(run_path)
    record = {"golden": golden_rows(run.network(), run.dataset())}
    evaluator = ReferenceEvaluator(model)
    answers = dict(
        zip(
            ("logits", "probabilities", "gate_mean", "gate_units"),
            evaluator.run(None, {"input": np.array(record["golden"]["input"], np.float32)}),
            strict=True,
        )
    )
    for name in ("probabilities", "gate_mean"):
        record["golden"][name] = answers[name].tolist()
    return Classifier(sealed(model, describe(run, name=None, version="1"), record))


def test_a_sound_file_agrees_with_torch(
    artifact_path: Path, run_path: Path, rows: FloatRows
) -> None:
    report = compare_with_torch(Run(run_path).network(), Classifier.load(artifact_path), rows)
    assert (report.rows, report.batch_sizes) == (180, (1, 2, 7, 64))
    assert 0 < report.largest_difference["logits"] < 1e-5
    assert max(report.largest_scaled_difference.values()) < 1e-4


def test_extreme_rows_are_zeros_largest_large_both_ways_and_random() -> None:
    found = extreme_rows(np.array([[0.0, 3.0], [1.0, 2.0]], np.float32))
    assert found[:4].tolist() == [[0, 0], [3, 3], [3000, 3000], [-3000, -3000]]
    assert ((found[4] >= 0) & (found[4] <= 3)).all()


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(StructureError) as error:
        check_structure(b"\x00\x01 no model")
    assert str(error.value).startswith("expected a sound ONNX model, found: ")


def test_a_graph_with_an_unknown_operator_is_refused(model: ModelProto) -> None:
    model.graph.node[0].op_type = "Subtract"
    with pytest.raises(StructureError) as error:
        check_structure(model.SerializeToString())
    assert str(error.value).startswith("expected a sound ONNX model, found: No Op registered")


def test_weights_outside_the_file_are_refused(model: ModelProto) -> None:
    tensor = weights(model, "output.bias")
    tensor.external_data.add(key="location", value="elsewhere")
    with pytest.raises(StructureError) as error:
        check_structure(model.SerializeToString())
    assert str(error.value) == "expected all weights inside the file, found external data"


def test_a_trace_of_our_source_is_refused(model: ModelProto) -> None:
    helper.set_model_props(model, {})
    model.graph.node[0].metadata_props.add(key="stack_trace", value="File layers.py")
    with pytest.raises(StructureError) as error:
        check_structure(model.SerializeToString())
    name = model.graph.node[0].name
    assert str(error.value) == f"expected nodes without source traces, found some on node '{name}'"


def test_answers_that_are_no_numbers_are_refused(artifact_path: Path, rows: FloatRows) -> None:
    with np.errstate(over="ignore"), pytest.raises(AnswerError) as error:
        check_answers(Classifier.load(artifact_path), rows * np.float32(1e36))
    assert str(error.value) == "logits: expected finite numbers, found NaN or infinity"


def test_probabilities_that_do_not_add_up_are_refused(
    run_path: Path, rows: FloatRows, model: ModelProto
) -> None:
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    del softmax.attribute[:]
    softmax.op_type = "Sigmoid"
    with pytest.raises(AnswerError) as error:
        check_answers(sealed_with_its_own_answers(model, run_path), rows)
    assert str(error.value).startswith("probabilities: expected rows that add up to 1, found ")


def test_gates_beyond_one_are_refused(run_path: Path, rows: FloatRows, model: ModelProto) -> None:
    gate = next(node for node in model.graph.node if node.op_type == "Sigmoid")
    gate.op_type = "Softplus"
    with pytest.raises(AnswerError) as error:
        check_answers(sealed_with_its_own_answers(model, run_path), rows)
    assert str(error.value).startswith("gate_mean: expected gates from 0 to 1, found ")


def test_other_weights_than_the_trained_are_refused(
    run_path: Path, rows: FloatRows, model: ModelProto
) -> None:
    tensor = weights(model, "output.weight")
    change(tensor, numpy_helper.to_array(tensor) * 1.01)
    classifier = sealed_with_its_own_answers(model, run_path)
    with pytest.raises(NumericsError) as error:
        compare_with_torch(Run(run_path).network(), classifier, rows)
    assert str(error.value).startswith("logits: expected torch's numbers to within 0.0001, found ")


def test_an_open_gate_where_torch_has_a_closed_one_is_refused(
    run_path: Path, rows: FloatRows, model: ModelProto
) -> None:
    network = Run(run_path).network()
    layer = network.blocks[1]
    assert isinstance(layer, HighwayDense)
    layer.branches.bias.data[8:] *= -1
    changed = build_graph(network)
    classifier = sealed_with_its_own_answers(changed, run_path)
    with pytest.raises(NumericsError):
        compare_with_torch(Run(run_path).network(), classifier, rows)


def test_another_label_is_refused() -> None:
    with pytest.raises(LabelError) as error:
        compare_labels(np.array([[0.0, 3.0], [4.0, 1.0]]), np.array([[0.0, 3.0], [2.0, 3.0]]))
    assert str(error.value) == "row 1: expected label 0 as torch says, found 1"


def test_rows_too_close_to_call_are_counted_and_may_have_either_label() -> None:
    assert (
        compare_labels(np.array([[1.0, 0.9], [1.0, 0.0]]), np.array([[0.9, 1.0], [1.0, 0.0]])) == 1
    )
