import csv
import xml.etree.ElementTree as ET
from io import StringIO
from pathlib import Path

import pytest
from matplotlib.image import imread
from rich.console import Console

from models.errors import ConfigError
from models.run import Run
from models.scores import Baseline
from models.search.config import search_space
from models.search.report import (
    Ranking,
    best_line,
    best_table,
    importance_line,
    write_csv,
    write_pictures,
)
from models.search.study import Outcome, TrialRecord, open_study
from tests.models.search.conftest import search_config

NAN = "epoch 1: expected a finite loss, found nan"


def record(
    number: int, loss: float | None, *, rate: float = 0.1, activation: str = "relu"
) -> TrialRecord:
    return TrialRecord(
        number=number,
        settings={
            "learning_rate": rate,
            "momentum": 0.9,
            "drop_factor": 0.98,
            "activation": activation,
            "gate_bias": -2.0,
        },
        outcome=Outcome(reason=NAN) if loss is None else Outcome(loss=loss, accuracy=0.5),
    )


BASELINE = Baseline(label="a", accuracy=0.4)


def ranking_of(records: list[TrialRecord], *, rows: int = 1000) -> Ranking:
    """Rank trials with an accuracy of 50 %, which many rows tell apart from 40 %."""
    return Ranking.of(records, BASELINE, rows)


RECORDS = [
    record(0, 0.4),
    record(1, None, rate=0.8),
    record(2, 0.2, activation="tanh"),
    record(3, 4e29),
]


def test_the_lowest_validation_loss_ranks_first_and_failed_trials_are_left_out() -> None:
    ranking = ranking_of(RECORDS)
    assert [record.number for record in ranking.best] == [2, 0, 3]


def test_the_earlier_of_two_trials_with_equal_losses_ranks_first() -> None:
    assert [r.number for r in ranking_of([record(0, 0.5), record(1, 0.5)]).best] == [0, 1]


def test_a_search_of_failed_trials_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        ranking_of([record(0, None), record(1, None)])
    assert str(caught.value) == (
        "search: all 2 trials failed, the first at epoch 1: expected a finite loss, found nan; "
        "increase --trials"
    )


def test_the_table_fits_a_terminal_and_shows_the_best_ten() -> None:
    console = Console(width=80, file=StringIO(), record=True)
    console.print(best_table(ranking_of([record(n, n + 1.0) for n in range(12)] + RECORDS[1:2])))
    title, header, _, *rows = [line for line in console.export_text().splitlines() if line.strip()]
    assert title.strip() == "best of 13 trials by validation loss, 1 of which failed"
    assert " ".join(header.split()) == (
        "rank trial rate momentum decay activation bias loss accuracy"
    )
    assert len(rows) == 10
    assert " ".join(rows[0].split()) == "1 0000 0.1 0.9 0.98 relu -2 1.0000 50.00%"


def test_no_trial_is_the_best_that_does_not_beat_a_constant_prediction(tmp_path: Path) -> None:
    ranking = ranking_of(RECORDS, rows=20)  # 50 % of 20 rows may be 40 %
    line = best_line(Run(tmp_path), ranking)
    assert line == (
        "no trial is certainly better than always predicting 'a'; the lowest loss is that of "
        f"{tmp_path}: validation loss 0.2000, validation accuracy 50.00% (95 % interval 29.93% to "
        "70.07%; always predicting 'a' 40.00%)"
    )
    assert best_table(ranking).title == "4 trials by validation loss, 1 of which failed"
    write_pictures(tmp_path, ranking, search_space(plain=False))


def test_the_csv_file_has_every_trial_by_number(tmp_path: Path) -> None:
    write_csv(tmp_path, ranking_of(RECORDS))
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["state"] for row in rows] == ["finished", "failed", "finished", "finished"]
    assert (rows[1]["validation_loss"], rows[1]["reason"]) == ("", NAN)
    assert (rows[2]["activation"], rows[2]["validation_loss"]) == ("tanh", "0.2")


@pytest.mark.parametrize("plain", [False, True])
def test_the_picture_is_reproducible_and_transparent(tmp_path: Path, plain: bool) -> None:
    written = []
    for _ in range(2):
        write_pictures(tmp_path, ranking_of(RECORDS), search_space(plain=plain))
        written.append((tmp_path / "search.svg").read_bytes())
    assert written[0] == written[1]
    assert ET.fromstring(written[0]).tag == "{http://www.w3.org/2000/svg}svg"
    corner = imread(tmp_path / "search.png")[0, 0]
    assert corner[3] == 0


def test_a_search_of_one_trial_has_a_picture(tmp_path: Path) -> None:
    write_pictures(tmp_path, ranking_of([record(0, 0.0)]), search_space(plain=False))
    assert (tmp_path / "search.png").stat().st_size > 0


def test_importances_need_twenty_finished_trials(tmp_path: Path) -> None:
    with open_study(tmp_path, search_config()) as study:
        for trials in (19, 20):
            while (started := study.start_trial(trials)) is not None:
                trial, _, settings = started
                study.finish_trial(
                    trial, Outcome(loss=float(settings["learning_rate"]), accuracy=0.5)
                )
            if trials == 19:
                assert importance_line(study) is None
        line = importance_line(study)
    assert line is not None
    assert line.startswith("importance of the settings: learning rate ")
