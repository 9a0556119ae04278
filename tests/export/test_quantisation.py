from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from scipy.stats import kstest

from export.artifact import Wanted, export
from export.engines import Answers, Engine
from export.errors import OutputError, QuantisationError
from export.quantisation import (
    QuantisedReport,
    check_label_changes,
    compare_quantised,
    latency_ratio,
)
from export.standalone import verify_alone
from export.verification import verify_against_run
from models.gates.held_out import held_out
from models.gates.record import normal_rows
from models.run import Run
from service.classifier import Classifier, FloatArray
from service.contract import OUTPUTS, ContractError
from tests.export.forgery import values


def quiet(step: str) -> None:
    """Hear of the steps, and say nothing."""


@pytest.fixture(scope="module")
def small(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's file in whole numbers, whatever it costs."""
    path = tmp_path_factory.mktemp("int8") / "small.onnx"
    export(Run(run_path), path, Wanted(precision="int8", max_label_changes=100), quiet)
    return path


def test_products_are_of_whole_numbers_and_nothing_else_is(small: Path) -> None:
    model = onnx.load(small)
    nodes = [node for node in model.graph.node if not node.name.startswith("unusualness/")]
    kinds = [node.op_type for node in nodes]
    products = kinds.count("Gemm")
    assert products == 1 + 3 + 1
    assert kinds.count("QuantizeLinear") == 2 * products  # what goes in, and what comes out
    weights = {t.name: t.data_type for t in model.graph.initializer}
    int8 = [name for name, kind in weights.items() if kind == onnx.TensorProto.INT8]
    assert len([name for name in int8 if name.endswith("_quantized")]) == products


def test_what_is_unusual_is_computed_in_float32(small: Path) -> None:
    graph = onnx.load(small).graph
    own = [node for node in graph.node if node.name.startswith("unusualness/")]
    products = [node for node in own if node.op_type == "Gemm"]
    assert len(products) == 7
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for product in products:  # a weight, and some have a bias
        assert {types[name] for name in product.input[1:]} == {onnx.TensorProto.FLOAT}
    assert not {node.op_type for node in own} & {"QuantizeLinear", "DequantizeLinear"}


def test_its_shares_are_of_its_own_answers_to_the_held_out_rows(
    small: Path, artifact_path: Path, run_path: Path
) -> None:
    rows = normal_rows(Run(run_path).dataset())[0].x
    shares = Classifier.load(small).run(rows).unusual
    assert shares.shape == (180, 3)
    for column in shares.T:
        # By chance alone 0.1 at 5 %; of this small network many rows tie.
        assert kstest(column, "uniform").statistic < 0.12
        assert 12 <= np.count_nonzero(column <= 0.1) <= 24  # 18 expected
    ours, theirs = onnx.load(small), onnx.load(artifact_path)
    knots = "unusualness/sum_knots"
    assert not np.array_equal(values(ours, knots), values(theirs, knots))
    directions = "unusualness/weight"
    assert np.array_equal(values(ours, directions), values(theirs, directions))


def test_its_baseline_of_held_out_rows_is_of_its_own_gates(
    small: Path, artifact_path: Path, run_path: Path
) -> None:
    rows, part = normal_rows(Run(run_path).dataset())
    classifier = Classifier.load(small)
    answer = classifier.run(rows.x)
    own = held_out(answer.gate_mean, answer.logits.argmax(axis=1), labels=10, part=part)
    baseline = classifier.metadata.gate_baseline
    assert baseline["held_out"] == asdict(own)
    exact = Classifier.load(artifact_path).metadata.gate_baseline
    assert baseline["held_out"]["edges"] != exact["held_out"]["edges"]
    assert {**baseline, "held_out": None} == {**exact, "held_out": None}


def test_it_says_who_made_it_as_the_float32_file_does(small: Path, artifact_path: Path) -> None:
    ours, theirs = onnx.load(small), onnx.load(artifact_path)
    for field in ("producer_name", "doc_string", "ir_version", "model_version"):
        assert getattr(ours, field) == getattr(theirs, field)
    assert Classifier.load(small).metadata.verification["precision"] == "int8"


def test_it_answers_nearly_as_float32_does(
    small: Path, artifact_path: Path, run_path: Path
) -> None:
    rows = Run(run_path).dataset().test.x
    ours, theirs = Classifier.load(small).run(rows), Classifier.load(artifact_path).run(rows)
    assert 0 < np.abs(ours.probabilities - theirs.probabilities).max() < 0.3
    assert np.abs(ours.gate_mean - theirs.gate_mean).max() < 0.1


def test_it_closes_layers_when_asked(small: Path, run_path: Path) -> None:
    rows = Run(run_path).dataset().test.x[:4]
    classifier = Classifier.load(small)
    closed = classifier.run(rows, np.array([[0, 1, 1]] * 4, np.float32))
    assert np.abs(closed.logits - classifier.run(rows).logits).max() > 0
    assert np.array_equal(closed.gate_mean[:, 0], classifier.run(rows).gate_mean[:, 0])


def test_the_same_run_gives_the_same_bytes(small: Path, run_path: Path, tmp_path: Path) -> None:
    wanted = Wanted(precision="int8", max_label_changes=100)
    export(Run(run_path), tmp_path / "again.onnx", wanted, quiet)
    assert (tmp_path / "again.onnx").read_bytes() == small.read_bytes()


def test_it_is_verified_alone_and_refuses_a_changed_byte(small: Path) -> None:
    content = small.read_bytes()
    assert verify_alone(content, quiet).name == "digits-custom"
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    with pytest.raises((ContractError, ValueError)):
        verify_alone(bytes(changed), quiet)


def test_torch_cannot_be_its_yardstick(small: Path, run_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a file in float32") as error:
        verify_against_run(small.read_bytes(), Run(run_path), quiet)
    assert str(error.value) == (
        "expected a file in float32 to compare with torch number by number, found int8; export the "
        "run again, which compares the two"
    )


def engine(second: float) -> Engine:
    def answer(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        logits = np.repeat(np.array([[0.0, second]], np.float32), len(rows), axis=0)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        gates = np.full((len(rows), 1), 0.5 + second / 10, np.float32)
        outputs = (logits, shares, gates, gates, shares)
        return dict(zip(OUTPUTS, outputs, strict=True))

    return answer


def test_changes_of_labels_probabilities_and_gates_are_counted() -> None:
    report = compare_quantised(
        engine(1.0),
        engine(-1.0),
        np.zeros((4, 2), np.float32),
        np.array([1, 1, 1, 0]),
    )
    assert (report.label_changes, report.test_rows, report.accuracy) == (4, 4, 0.75)
    assert report.changed_share == 100
    assert report.largest_gate_mean_change == pytest.approx(0.2)
    assert report.largest_probability_change == pytest.approx(np.tanh(0.5), abs=1e-6)


def test_more_changes_than_allowed_are_refused() -> None:
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


def test_a_ratio_of_latencies_is_that_of_the_medians() -> None:
    one = engine(0.0)
    assert 0.2 < latency_ratio(one, one, np.zeros((1, 2), np.float32)) < 5


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(precision="fp16"), "--precision: expected float32 or int8, found 'fp16'"),
        (
            Wanted(precision="int8", max_label_changes=101),
            "--max-label-changes: expected percent of the test rows, from 0 to 100, found 101",
        ),
    ],
)
def test_what_cannot_be_wanted_is_one_sentence(
    wanted: Wanted, message: str, run_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputError) as error:
        export(Run(run_path), tmp_path / "model.onnx", wanted, quiet)
    assert str(error.value) == message
    assert list(tmp_path.iterdir()) == []
