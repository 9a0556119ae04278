import numpy as np
import pytest

from export.errors import LabelError
from export.labels import compare_labels

LABELS = np.array([1, 0])


def test_equal_labels_have_equal_accuracy() -> None:
    logits = np.array([[0.0, 3.0], [1.0, 4.0]])
    report = compare_labels(logits, logits, LABELS, 1e-3)
    assert (report.torch_accuracy, report.accuracy, report.ties) == (0.5, 0.5, ())


def test_another_label_is_refused() -> None:
    with pytest.raises(LabelError) as error:
        compare_labels(
            np.array([[0.0, 3.0], [4.0, 1.0]]), np.array([[0.0, 3.0], [2.0, 3.0]]), LABELS, 1e-3
        )
    assert str(error.value) == "test row 1: expected label 0 as torch says, found 1"


def test_a_row_too_close_to_call_is_listed_and_may_have_either_label() -> None:
    report = compare_labels(
        np.array([[0.0, 3.0], [1.0, 0.9995]]), np.array([[0.0, 3.0], [0.9995, 1.0]]), LABELS, 1e-3
    )
    assert (report.torch_accuracy, report.accuracy, report.ties) == (1.0, 0.5, (1,))


def test_the_margin_grows_with_the_rows_largest_logit() -> None:
    logits = np.array([[0.0, 3.0], [1000.0, 999.0]])
    assert compare_labels(logits, logits, LABELS, 1e-3).ties == (1,)
