"""Scores of rows as a table, with values worked by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from highway_client.json_values import FloatArray

from scoring.errors import ScoringError
from scoring.jobs import Options
from scoring.scores import Scorer, float_names, free_name
from scoring.sources import RowBatch
from service.classifier import Classifier
from tests.service.conftest import METADATA


@pytest.fixture(scope="module")
def classifier(table_model: Path) -> Classifier:
    """The tiny model: its logits are the first three values, and its gates σ of pairs."""
    return Classifier(table_model.read_bytes(), threads=1)


def batch(*rows: list[float], errors: dict[int, str] | None = None) -> RowBatch:
    values = np.array(rows, np.float32).reshape(-1, 4)
    count = len(rows) + len(errors or {})
    return RowBatch(
        rows=values, count=count, errors=errors or {}, locate=lambda index: f"row {index + 1}"
    )


def test_a_row_has_the_label_of_its_largest_value_and_its_gates(classifier: Classifier) -> None:
    scores = Scorer(classifier, Options()).score(batch([0, 1, 0, 0], [0, 0, 2, 0]))
    assert scores["row"].to_pylist() == [1, 2]
    assert scores["label"].to_pylist() == ["b", "c"]
    e = np.exp([0.0, 1.0, 0.0])
    assert scores["probability"][0].as_py() == pytest.approx(e[1] / e.sum(), abs=1e-6)
    assert scores["highway 1"][0].as_py() == pytest.approx((0.5 + 0.7310586) / 2, abs=1e-6)
    assert scores["highway 2"][1].as_py() == pytest.approx((0.8807970 + 0.5) / 2, abs=1e-6)


def test_a_row_with_an_error_has_no_scores(classifier: Classifier) -> None:
    scorer = Scorer(classifier, Options(on_error="keep"))
    scores = scorer.score(batch([0, 1, 0, 0], [0, 0, 2, 0], errors={1: "unreadable"}))
    assert scores["label"].to_pylist() == ["b", None, "c"]
    assert scores["highway 1"].to_pylist()[1] is None
    assert scores["error"].to_pylist() == [None, "unreadable", None]


def test_a_batch_may_be_of_errors_only(classifier: Classifier) -> None:
    scores = Scorer(classifier, Options(on_error="keep")).score(batch(errors={0: "a", 1: "b"}))
    assert scores["label"].to_pylist() == [None, None]
    assert scores["error"].to_pylist() == ["a", "b"]


def overflowing(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the second row of a batch have a logit beyond float32."""
    compute = classifier.compute

    def infinite(names: Sequence[str], rows: FloatArray) -> list[FloatArray]:
        probabilities, *others = compute(names, rows)
        probabilities = probabilities.copy()
        probabilities[1] = np.nan
        return [probabilities, *others]

    monkeypatch.setattr(classifier, "compute", infinite)


def test_an_output_that_is_not_finite_stops(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflowing(classifier, monkeypatch)
    with pytest.raises(ScoringError) as refused:
        Scorer(classifier, Options()).score(batch([0, 1, 0, 0], [0, 0, 2, 0]))
    assert str(refused.value) == "row 2: inputs overflow float32; the output is not finite"


def test_an_output_that_is_not_finite_is_kept_as_an_error(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflowing(classifier, monkeypatch)
    scorer = Scorer(classifier, Options(on_error="keep"))
    scores = scorer.score(batch([1, 0, 0, 0], [0, 0, 2, 0], [0, 1, 0, 0], errors={0: "first"}))
    assert scores["label"].to_pylist() == [None, "a", None, "b"]
    assert scores["error"].to_pylist() == [
        *("first", None, "row 3: inputs overflow float32; the output is not finite", None)
    ]


def test_copied_columns_of_categories_are_copied_as_their_values(classifier: Classifier) -> None:
    kept = pa.table({"town": pa.array(["Rome", "Oslo"]).dictionary_encode(), "label": ["x", "y"]})
    rows = batch([0, 1, 0, 0], [0, 0, 2, 0])
    rows = RowBatch(rows=rows.rows, count=2, locate=rows.locate, columns=kept)
    scores = Scorer(classifier, Options(id_column="label", keep=("town",))).score(rows)
    assert scores.column_names[0] == "input_label"
    assert scores["input_label"].to_pylist() == ["x", "y"]
    assert scores["town"].type == pa.string()


def test_a_layer_that_is_called_like_another_column_is_followed_by_gate() -> None:
    layers = tuple(
        replace(METADATA.layers[0], name=name) for name in ("label", "probability", "highway")
    )
    names = float_names(replace(METADATA, layers=layers))
    assert names[-3:] == ["label gate", "probability gate", "highway"]


def test_a_column_of_the_input_gives_way_to_the_scores() -> None:
    assert free_name("age", ["label"]) == "age"
    assert free_name("label", ["label", "input_label"]) == "input_input_label"
