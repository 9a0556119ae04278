from pathlib import Path

import numpy as np
import onnx
import pytest

from export.errors import NumericsError, OperatorError, VerificationError
from export.standalone import _check_engines_agree, verify_alone
from service.contract import OUTPUTS, ContractError
from tests.export.forgery import forged, put, values


def test_a_file_is_verified_alone_step_by_step(artifact_path: Path) -> None:
    steps: list[str] = []
    assert verify_alone(artifact_path.read_bytes(), steps.append).name == "digits-custom"
    assert steps == ["structure", "answers", "onnx's reference evaluator"]


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_one_changed_byte_is_refused(artifact_path: Path, place: float) -> None:
    content = bytearray(artifact_path.read_bytes())
    content[int(place * len(content))] ^= 1
    with pytest.raises((ContractError, VerificationError)):
        verify_alone(bytes(content), lambda step: None)


def test_one_changed_weight_is_told_as_a_change_of_the_file(artifact_path: Path) -> None:
    model = onnx.load(artifact_path)
    put(model, "output/bias", values(model, "output/bias") + 1e-3)
    with pytest.raises(ContractError) as error:
        verify_alone(model.SerializeToString(), lambda step: None)
    assert "the file was changed after it was verified" in str(error.value)


def test_what_cannot_be_run_is_refused_before_it_is(artifact_path: Path, run_path: Path) -> None:
    def foreign(model: object) -> None:
        model.graph.node[4].domain = "com.example"  # type: ignore[attr-defined]

    with pytest.raises(OperatorError):
        verify_alone(forged(artifact_path, run_path, foreign), lambda step: None)


@pytest.mark.parametrize(("difference", "refused"), [(0.09, False), (0.11, True)])
def test_engines_may_disagree_a_thousand_times_more_of_what_is_unusual(
    difference: float, refused: bool
) -> None:
    def usual(rows: np.ndarray, scale: object) -> dict[str, np.ndarray]:
        return {name: np.full((len(rows), 2), 0.5, np.float32) for name in OUTPUTS}

    def less_usual(rows: np.ndarray, scale: object) -> dict[str, np.ndarray]:
        found = usual(rows, scale)
        return {**found, "unusual": found["unusual"] - np.float32(difference)}

    rows = np.zeros((1, 2), np.float32)
    if not refused:
        _check_engines_agree(usual, less_usual, rows, 1e-4)
        return
    with pytest.raises(NumericsError) as error:
        _check_engines_agree(usual, less_usual, rows, 1e-4)
    assert str(error.value) == (
        "unusual: expected onnxruntime and onnx's own evaluator to agree to within 0.1, found a "
        "difference of 0.11"
    )


def test_engines_that_disagree_are_refused() -> None:
    def zeros(rows: np.ndarray, scale: object) -> dict[str, np.ndarray]:
        return {name: np.zeros((len(rows), 2), np.float32) for name in OUTPUTS}

    def ones(rows: np.ndarray, scale: object) -> dict[str, np.ndarray]:
        return {name: values + 1 for name, values in zeros(rows, scale).items()}

    with pytest.raises(NumericsError) as error:
        _check_engines_agree(zeros, ones, np.zeros((1, 2), np.float32), 1e-4)
    assert str(error.value) == (
        "logits: expected onnxruntime and onnx's own evaluator to agree to within 0.0001, found a "
        "difference of 1"
    )
