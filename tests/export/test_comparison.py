from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from export.comparison import check_accuracy, compare_labels, verify_against_run
from export.errors import LabelError, MetadataError, NumericsError
from export.trained_run import TrainedRun
from service.contract import OUTPUTS
from tests.export.graph_edits import edited, set_values, values

LABELS = np.array([1, 0])


def test_all_backends_and_rows_are_compared_with_torch(
    artifact_path: Path, run: TrainedRun
) -> None:
    steps: list[str] = []
    report = verify_against_run(artifact_path.read_bytes(), run, steps.append)
    assert report.test_rows == 180
    assert steps[3:] == [
        "torch in float32 and float64",
        *(
            f"onnxruntime, optimisation {level}, threads {threads}"
            for level in ("DISABLE_ALL", "BASIC", "EXTENDED", "ALL")
            for threads in (1, 2)
        ),
        "onnx's reference evaluator",
        *(f"batches of {size}" for size in (1, 2, 3, 7, 32)),
        "all 180 test rows",
    ]
    assert {output.reference for output in report.outputs} == {
        *("test rows", "extreme rows", "one layer closed", "gates scaled")
    }
    assert all(0 < output.largest_error <= output.allowed for output in report.outputs)
    assert {output.output for output in report.outputs} == set(OUTPUTS)
    assert report.largest_difference["logits"] < 1e-4
    assert 0 < report.largest_difference["typicality"] < 1e-2
    assert report.labels.accuracy == report.labels.torch_accuracy
    check_accuracy(report, run)
    metrics = {**run.metrics, "test_accuracy": run.metrics["test_accuracy"] - 0.1}
    with pytest.raises(MetadataError) as error:
        check_accuracy(report, replace(run, metrics=metrics))
    assert str(error.value) == (
        f"{run.path}: expected the recorded test accuracy {metrics['test_accuracy']}, found "
        f"{report.labels.torch_accuracy:.4f}; the weights are of another training, so train again"
    )


@pytest.mark.parametrize(
    ("weight", "factor", "output"),
    [("output/weight", 1.01, "logits"), ("typicality/sum_knots", 0.9, "typicality")],
)
def test_other_weights_are_rejected_with_the_output_the_rows_and_the_backend(
    weight: str, factor: float, output: str, artifact_path: Path, run: TrainedRun
) -> None:
    def scale_weight(model: ModelProto) -> None:
        set_values(model, weight, values(model, weight) * factor)

    content = edited(artifact_path, run, scale_weight)
    with pytest.raises(NumericsError) as error:
        verify_against_run(content, run, lambda step: None)
    assert str(error.value).startswith(f"{output}: expected float64's values to within ")
    assert str(error.value).endswith(
        "on test rows with onnxruntime, optimisation DISABLE_ALL, threads 1"
    )


def test_equal_labels_have_equal_accuracy() -> None:
    logits = np.array([[0.0, 3.0], [1.0, 4.0]])
    report = compare_labels(logits, logits, LABELS, 1e-3)
    assert (report.torch_accuracy, report.accuracy, report.ties) == (0.5, 0.5, ())


def test_another_label_is_rejected() -> None:
    expected, actual = np.array([[0.0, 3.0], [4.0, 1.0]]), np.array([[0.0, 3.0], [2.0, 3.0]])
    with pytest.raises(LabelError) as error:
        compare_labels(expected, actual, LABELS, 1e-3)
    assert str(error.value) == "test row 1: expected torch's label 0, found 1"


def test_a_tie_is_listed_and_may_have_either_label() -> None:
    expected, actual = np.array([[0.0, 3.0], [1.0, 0.9995]]), np.array([[0.0, 3.0], [0.9995, 1.0]])
    report = compare_labels(expected, actual, LABELS, 1e-3)
    assert (report.torch_accuracy, report.accuracy, report.ties) == (1.0, 0.5, (1,))


def test_the_margin_grows_with_the_rows_largest_logit() -> None:
    logits = np.array([[0.0, 3.0], [1000.0, 999.0]])
    assert compare_labels(logits, logits, LABELS, 1e-3).ties == (1,)
