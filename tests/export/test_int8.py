from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from scipy.stats import kstest

from export.artifact import export
from export.backends import Engine, Outputs
from export.comparison import verify_against_run
from export.errors import MetadataError, QuantisationError
from export.int8 import check_label_changes, compare_quantised, latency_ratio
from export.report import QuantisedReport
from export.trained_run import TrainedRun
from export.verification import verify_file
from models.gates.record import held_out_rows
from service.arrays import FloatArray
from service.classifier import Classifier
from service.contract import OUTPUTS, ContractError
from tests.export.graph_edits import values

P_VALUES = ("typicality/", "layer_typicality/")


def no_op(step: str) -> None:
    """Ignore the progress."""


@pytest.fixture(scope="module")
def int8_path(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's file in int8, with any number of changed labels."""
    path = tmp_path_factory.mktemp("int8") / "int8.onnx"
    export(run_path, path, no_op, precision="int8", max_label_changes=100)
    return path


def test_products_are_quantised_and_nothing_else(int8_path: Path) -> None:
    model = onnx.load(int8_path)
    nodes = [node for node in model.graph.node if not node.name.startswith(P_VALUES)]
    operators = [node.op_type for node in nodes]
    products = operators.count("Gemm")
    assert products == 1 + 3 + 1
    assert operators.count("QuantizeLinear") == 2 * products  # of the input and of the output
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    int8 = [name for name, data_type in types.items() if data_type == onnx.TensorProto.INT8]
    assert len([name for name in int8 if name.endswith("_quantized")]) == products


def test_typicality_is_computed_in_float32(int8_path: Path) -> None:
    graph = onnx.load(int8_path).graph
    own = [node for node in graph.node if node.name.startswith(P_VALUES)]
    products = [node for node in own if node.op_type in ("Gemm", "MatMul")]
    assert len(products) == 7 + 3
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for product in products:  # a weight, and some have a bias
        assert {types[name] for name in product.input[1:]} == {onnx.TensorProto.FLOAT}
    assert not {node.op_type for node in own} & {"QuantizeLinear", "DequantizeLinear"}


def test_typicality_is_calibrated_on_int8s_outputs_of_the_held_out_rows(
    int8_path: Path, artifact_path: Path, run: TrainedRun
) -> None:
    rows = run.rows.normal
    typicality = Classifier.load(int8_path).run(rows).typicality
    assert typicality.shape == (180, 3)
    for column in typicality.T:
        # A uniform sample exceeds 0.1 in 5 % of cases; this small network has many ties.
        assert kstest(column, "uniform").statistic < 0.12
        assert 12 <= np.count_nonzero(column <= 0.1) <= 24  # 18 expected
    int8, float32 = onnx.load(int8_path), onnx.load(artifact_path)
    knots, directions = "typicality/sum_knots", "typicality/weight"
    assert not np.array_equal(values(int8, knots), values(float32, knots))
    assert np.array_equal(values(int8, directions), values(float32, directions))


def test_the_baseline_of_held_out_rows_has_int8s_gates(
    int8_path: Path, artifact_path: Path, run: TrainedRun
) -> None:
    rows, part = run.rows.normal, run.rows.normal_part
    classifier = Classifier.load(int8_path)
    outputs = classifier.run(rows)
    own = held_out_rows(outputs.gate_mean, outputs.logits.argmax(axis=1), labels=10, part=part)
    int8 = classifier.metadata.gate_baseline
    float32 = Classifier.load(artifact_path).metadata.gate_baseline
    assert int8["held_out"] == asdict(own)
    assert int8["held_out"]["edges"] != float32["held_out"]["edges"]
    assert {**int8, "held_out": None} == {**float32, "held_out": None}


def test_producer_and_description_are_those_of_the_float32_file(
    int8_path: Path, artifact_path: Path
) -> None:
    int8, float32 = onnx.load(int8_path), onnx.load(artifact_path)
    for field in ("producer_name", "doc_string", "ir_version", "model_version"):
        assert getattr(int8, field) == getattr(float32, field)
    assert Classifier.load(int8_path).metadata.verification["precision"] == "int8"


def test_the_outputs_are_close_to_float32s(
    int8_path: Path, artifact_path: Path, run: TrainedRun
) -> None:
    rows = run.rows.test.x
    int8, float32 = (Classifier.load(path).run(rows) for path in (int8_path, artifact_path))
    assert 0 < np.abs(int8.probabilities - float32.probabilities).max() < 0.3
    assert np.abs(int8.gate_mean - float32.gate_mean).max() < 0.1


def test_gate_scale_closes_layers_in_int8(int8_path: Path, run: TrainedRun) -> None:
    rows = run.rows.test.x[:4]
    classifier = Classifier.load(int8_path)
    plain = classifier.run(rows)
    closed = classifier.run(rows, np.array([[0, 1, 1]] * 4, np.float32))
    assert np.abs(closed.logits - plain.logits).max() > 0
    assert np.array_equal(closed.gate_mean[:, 0], plain.gate_mean[:, 0])


def test_the_same_run_gives_the_same_bytes(int8_path: Path, run_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "again.onnx"
    export(run_path, path, no_op, precision="int8", max_label_changes=100)
    assert path.read_bytes() == int8_path.read_bytes()


def test_an_int8_file_is_verified_alone_and_a_changed_byte_is_rejected(int8_path: Path) -> None:
    content = int8_path.read_bytes()
    assert verify_file(content, no_op).name == "digits-custom"
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    with pytest.raises((ContractError, ValueError)):
        verify_file(bytes(changed), no_op)


def test_an_int8_file_cannot_be_compared_with_torch(int8_path: Path, run: TrainedRun) -> None:
    with pytest.raises(MetadataError) as error:
        verify_against_run(int8_path.read_bytes(), run, no_op)
    assert str(error.value) == (
        "a file of precision int8 cannot be compared with torch; export the run again, which "
        "compares int8 with float32"
    )


def engine(second: float) -> Engine:
    """Return an engine with two logits for every row, 0 and `second`."""

    def compute(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
        logits = np.repeat(np.array([[0.0, second]], np.float32), len(rows), axis=0)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        gates = np.full((len(rows), 1), 0.5 + second / 10, np.float32)
        outputs = (logits, probabilities, gates, gates, probabilities, gates)
        return dict(zip(OUTPUTS, outputs, strict=True))

    return compute


def test_changes_of_labels_probabilities_and_gates_are_reported() -> None:
    rows, labels = np.zeros((4, 2), np.float32), np.array([1, 1, 1, 0])
    report = compare_quantised(engine(1.0), engine(-1.0), rows, labels)
    assert (report.label_changes, report.test_rows, report.accuracy) == (4, 4, 0.75)
    assert report.largest_gate_mean_change == pytest.approx(0.2)
    assert report.largest_probability_change == pytest.approx(np.tanh(0.5), abs=1e-6)


def test_more_changed_labels_than_allowed_are_rejected() -> None:
    report = QuantisedReport(
        label_changes=18,
        test_rows=10_000,
        accuracy=0.97,
        largest_probability_change=0.3,
        largest_gate_mean_change=0.01,
    )
    check_label_changes(report, 0.18)
    with pytest.raises(QuantisationError) as error:
        check_label_changes(report, 0.1)
    assert str(error.value) == (
        "--precision int8: expected at most 0.1 % of 10,000 test rows to change their label, found "
        "0.18 %; keep float32, or allow more with --max-label-changes"
    )


def test_the_latency_ratio_of_an_engine_with_itself_is_about_one() -> None:
    zero = engine(0.0)
    assert 0.2 < latency_ratio(zero, zero, np.zeros((1, 2), np.float32)) < 5
