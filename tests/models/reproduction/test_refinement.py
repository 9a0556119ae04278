import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from models.drawing import drawing_settings
from models.reproduction.findings import Findings
from models.reproduction.refinement import fall, reproduce_refinement
from tests.models.reproduction.conftest import task, trainings


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Findings:
    out = tmp_path_factory.mktemp("refinement")
    return reproduce_refinement(task(out, trainings(out, images)), deep=4, shallow=3)


def test_errors_are_of_highway_networks_and_orders_of_a_plain_one_too(findings: Findings) -> None:
    assert set(findings.numbers["estimation"]) == {"dense, 4 layers", "convolutional"}
    assert set(findings.numbers["reordering"]) == {
        "dense, 4 layers",
        "dense, 3 layers",
        "plain, 3 layers",
        "convolutional",
    }
    json.dumps(findings.numbers, allow_nan=False)


def test_the_last_layer_of_a_stage_has_no_error(findings: Findings) -> None:
    dense = findings.numbers["estimation"]["dense, 4 layers"]
    convolutional = findings.numbers["estimation"]["convolutional"]
    assert [layer["spread"] == 0 for layer in dense] == [False, False, True]
    assert [layer["stage"] for layer in convolutional] == [1, 1, 2, 2, 2, 3, 3, 3]
    assert [layer["spread"] == 0 for layer in convolutional] == [
        *(False, True),
        *(False, False, True) * 2,
    ]


def test_each_network_with_gates_has_a_row_for_mean_and_spread_of_its_errors(
    findings: Findings,
) -> None:
    rows = {row.quantity: row.here for row in findings.comparisons}
    spread = "spread of the error ÷ spread of the last output, first layer → last but one, by stage"
    assert rows[f"convolutional: {spread}"].count(";") == 2
    assert rows[f"dense, 4 layers: {spread}"].count("→") == 1
    assert sum("swapping two neighbours" in quantity for quantity in rows) == 4


def test_layers_are_counted_from_1_in_every_network(findings: Findings) -> None:
    orders = findings.numbers["reordering"]
    assert len(orders) == 4
    assert [found["swapped"][0]["layers"] for found in orders.values()] == [(1, 2)] * 4
    shuffled = orders["plain, 3 layers"]["shuffled"][0]["layers"]
    assert sorted(shuffled) == [1, 2]  # the first layer changes the shape and stays


@pytest.mark.parametrize(
    ("spreads", "words"), [([1.0, 0.0], "1.00"), ([1.0, 0.5, 0.25, 0.0], "1.00 → 0.25")]
)
def test_the_last_layer_of_a_stage_is_not_shown(spreads: list[float], words: str) -> None:
    assert fall(spreads) == words


def test_every_picture_can_be_drawn(findings: Findings) -> None:
    assert len(findings.pictures) == 4
    with drawing_settings():
        for picture in findings.pictures.values():
            assert isinstance(picture.draw(), Figure)
