import json
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from models.drawing import drawing_settings
from models.reproduction.findings import Findings
from models.reproduction.gates import (
    early_change,
    reproduce_gates,
    reproduce_lesion,
    share_of_first,
)
from tests.models.reproduction.conftest import task, trainings, written_at

DEPTH = 5  # four highway layers


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def gates(out: Path, images: Path) -> Findings:
    return reproduce_gates(task(out / "gates", trainings(out, images)), depth=DEPTH)


@pytest.fixture(scope="module")
def lesion(gates: Findings, out: Path, images: Path) -> Findings:
    """The second experiment, which uses the training of the first."""
    assert gates.comparisons
    before = written_at(out / "runs")
    findings = reproduce_lesion(task(out / "lesion", trainings(out, images)), depth=DEPTH)
    assert written_at(out / "runs") == before
    return findings


def shown(findings: Findings) -> dict[str, str]:
    return {comparison.quantity: comparison.here for comparison in findings.comparisons}


def test_what_section_4_1_says_is_measured(gates: Findings) -> None:
    rows = shown(gates)
    assert list(rows) == [
        "gate biases that fell in training, %",
        "gates above 0.1 for one image, %",
        "change of one image's outputs in layers 2 to 15, of all after the first, %",
        "difference of the gates of 0 and 7 that lies in the first 15 layers, %",
    ]
    values = list(map(int, rows.values()))
    assert all(0 <= value <= 100 for value in values)
    assert values[2:] == [100, 100]  # there are no layers after the first 15
    json.dumps(gates.numbers, allow_nan=False)


def test_the_report_is_over_all_training_rows(gates: Findings, lesion: Findings) -> None:
    intact = gates.numbers["intact"][0]
    assert gates.notes == (f"All 90 training rows; accuracy {intact:.2%}.",)
    assert lesion.notes == gates.notes
    assert [layer["number"] for layer in gates.numbers["layers"]] == [1, 2, 3, 4]


def test_lesions_are_compared_with_the_intact_network(lesion: Findings) -> None:
    intact = lesion.numbers["intact"][0]
    costs = [100 * (intact - layer["accuracy_if_closed"]) for layer in lesion.numbers["layers"]]
    idle = sum(cost < 0.1 for cost in costs)
    assert shown(lesion) == {
        "layers whose lesion costs less than 0.1 points, %": f"{100 * idle / 4:.0f}",
        "layers from 15 to 45 among them": "0 of 0",
        "largest cost of one early layer, points": f"{max(costs):.1f}",
    }


def test_every_picture_can_be_drawn(gates: Findings, lesion: Findings) -> None:
    assert len(gates.pictures) == 5
    with drawing_settings():
        for picture in (*gates.pictures.values(), *lesion.pictures.values()):
            assert isinstance(picture.draw(), Figure)
            assert picture.caption.endswith(".")


def test_data_without_the_digits_that_the_paper_compares_have_no_row_for_them(
    gates: Findings, out: Path, images: Path
) -> None:
    assert gates.comparisons
    of = trainings(out, images)
    letters = tuple("abcdefghij")
    vars(of)["dataset"] = replace(of.dataset, labels=letters)
    vars(of)["data"] = trainings(out, images).data  # the runs were trained on the digits
    assert len(shown(reproduce_gates(task(out / "letters", of), depth=DEPTH))) == 3


def test_the_change_of_layers_2_to_15_is_compared_with_that_of_all_after_the_first() -> None:
    outputs = [[float(layer), -float(layer)] for layer in range(1, 18)]  # each changes by 2
    assert early_change(outputs) == 14 / 16
    outputs[0] = [9.0, 9.0]
    assert early_change(outputs) == (18 + 13 * 2) / (18 + 15 * 2)


def test_the_share_of_the_first_terms_is_that_of_their_sum() -> None:
    assert share_of_first([1.0, 2.0, 5.0], 2) == 3 / 8
    assert share_of_first([1.0, 2.0], 9) == 1
    assert share_of_first([0.0, 0.0], 1) == 0
