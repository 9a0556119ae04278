import shutil
from pathlib import Path

import pytest

from export.errors import MetadataError, NumericsError
from export.verification import check_accuracy, verify_against_run
from models.run import Run
from service.contract import OUTPUTS
from tests.export.forgery import forged, put, values


def test_a_file_is_compared_with_torch_however_it_is_run(
    artifact_path: Path, run_path: Path
) -> None:
    steps: list[str] = []
    report = verify_against_run(artifact_path.read_bytes(), Run(run_path), steps.append)
    assert report.test_rows == 180
    assert steps[3:] == [
        "torch in float32 and float64",
        *(
            f"onnxruntime, optimisation {level}, {threads}"
            for level in ("DISABLE_ALL", "BASIC", "EXTENDED", "ALL")
            for threads in ("1 thread", "2 threads")
        ),
        "onnx's reference evaluator",
        *(f"batches of {size}" for size in (1, 2, 3, 7, 32)),
        "all 180 test rows",
    ]
    assert {line.rows_of for line in report.outputs} == {
        *("test rows", "extreme rows", "a layer closed", "gates scaled")
    }
    assert all(0 < line.largest_error <= line.allowed for line in report.outputs)
    assert {line.output for line in report.outputs} == set(OUTPUTS)
    assert report.largest_difference["logits"] < 1e-4
    assert 0 < report.largest_difference["unusual"] < 1e-2
    assert report.labels.accuracy == report.labels.torch_accuracy


def test_other_weights_than_the_trained_are_told_with_the_way_they_were_computed(
    artifact_path: Path, run_path: Path
) -> None:
    content = forged(
        artifact_path,
        run_path,
        lambda model: put(model, "output/weight", values(model, "output/weight") * 1.01),
    )
    with pytest.raises(NumericsError) as error:
        verify_against_run(content, Run(run_path), lambda step: None)
    assert str(error.value).startswith("logits: expected float64's numbers to within ")
    assert str(error.value).endswith(
        "on test rows by onnxruntime, optimisation DISABLE_ALL, 1 thread"
    )


def test_another_measure_of_the_usual_than_the_runs_is_refused(
    artifact_path: Path, run_path: Path
) -> None:
    name = "unusualness/sum_knots"
    content = forged(
        artifact_path, run_path, lambda model: put(model, name, values(model, name) - 0.1)
    )
    with pytest.raises(NumericsError) as error:
        verify_against_run(content, Run(run_path), lambda step: None)
    assert str(error.value).startswith("unusual: expected float64's numbers to within ")
    assert str(error.value).endswith(
        "on test rows by onnxruntime, optimisation DISABLE_ALL, 1 thread"
    )


def test_weights_that_do_not_reach_the_recorded_accuracy_are_refused(
    artifact_path: Path, run_path: Path, tmp_path: Path
) -> None:
    report = verify_against_run(artifact_path.read_bytes(), Run(run_path), lambda step: None)
    check_accuracy(report, Run(run_path))
    other = Run(Path(shutil.copytree(run_path, tmp_path / "other")))
    recorded = other.metrics()[-1]
    other.append_metrics(**{**recorded, "test_accuracy": recorded["test_accuracy"] - 0.1})
    with pytest.raises(MetadataError) as error:
        check_accuracy(report, other)
    assert str(error.value).startswith(
        f"{other.path}: expected weights of the test accuracy that it recorded, "
    )
    assert str(error.value).endswith("; they are not those of that training, so train again")
