from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models import TrainingResult, evaluate, load_data, train
from models.errors import ConfigError, DataError, RunError

VALUES = np.random.default_rng(0).normal(size=200)
FRAME = pd.DataFrame(
    {
        "size": VALUES,
        "colour": np.where(VALUES > 0.5, "red", np.where(VALUES < -0.5, "blue", "green")),
        "kind": np.where(VALUES > 0, "yes", "no"),
    }
)

pytestmark = pytest.mark.filterwarnings("ignore::models.errors.ModelsWarning")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    data = load_data(FRAME, target="kind")
    return train(data, out=tmp_path_factory.mktemp("runs") / "run", epochs=3, show_progress=False)


def test_a_result_and_its_directory_have_the_same_test_scores(result: TrainingResult) -> None:
    assert evaluate(result) == result.scores
    assert evaluate(result.path) == result.scores


def test_scores_have_a_frame_by_label(result: TrainingResult) -> None:
    frame = evaluate(result, part="train").frame()
    assert frame.index.tolist() == ["no", "yes"]
    assert frame.columns.tolist() == ["rows", "precision", "recall", "f1"]
    assert frame["rows"].sum() == 160


def test_other_rows_get_the_categories_of_the_training(result: TrainingResult) -> None:
    reds = FRAME[FRAME.colour == "red"]  # read alone, red would be category 0
    assert evaluate(result, reds).overall.rows == len(reds)
    every = evaluate(result, FRAME)
    parts = [evaluate(result, part=part) for part in ("train", "validation", "test")]
    correct = sum(part.overall.accuracy * part.overall.rows for part in parts)
    assert every.overall.accuracy * 200 == pytest.approx(correct)


def test_other_rows_can_be_a_file(result: TrainingResult, tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "other.csv", index=False)
    assert evaluate(result, tmp_path / "other.csv") == evaluate(result, FRAME)


def test_messages_name_the_arguments(result: TrainingResult) -> None:
    with pytest.raises(ConfigError, match=r"^part: has an effect only without data; leave it out$"):
        evaluate(result, FRAME, part="test")
    with pytest.raises(ConfigError, match=r"^data: expected what load_data takes, found"):
        evaluate(result, load_data(FRAME, target="kind"))
    with pytest.raises(DataError, match=r"^target: expected a column of data frame "):
        evaluate(result, FRAME[["size", "colour"]])
    with pytest.raises(ConfigError, match=r"^part: expected train, validation or test, found"):
        evaluate(result, part="all")  # type: ignore[arg-type]


def test_a_directory_has_no_training_rows_of_data_in_memory(result: TrainingResult) -> None:
    with pytest.raises(RunError) as error:
        evaluate(result.path, part="train")
    assert str(error.value) == (
        f"{result.path}: the run's data 'data frame' were in memory, and only its test rows are "
        "kept; use the result of `train`, or train on a file; the run itself keeps 20 of its 20 "
        "test rows"
    )
