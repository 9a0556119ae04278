from dataclasses import replace

from service.formats.usual import usual_gates, usual_gates_by_label, usual_inputs, usual_of_layers
from tests.service.conftest import METADATA
from tests.service.drift.conftest import metadata

RANGES = [[[0.1, 0.3], [0.5, 0.9]], [[0.2, 0.4], [0, 1]], [[0.25, 0.25], [0.5, 0.75]]]
WITH_ROWS = metadata(usual=RANGES)


def test_a_label_has_the_usual_gates_of_every_layer() -> None:
    assert usual_gates(WITH_ROWS, 0) == {"low": [0.1, 0.5], "high": [0.3, 0.9]}
    assert usual_gates(WITH_ROWS, 1) == {"low": [0.2, 0], "high": [0.4, 1]}


def test_a_layer_has_one_range() -> None:
    assert usual_of_layers(WITH_ROWS, 2) == [
        {"low": 0.25, "high": 0.25},
        {"low": 0.5, "high": 0.75},
    ]


def test_all_labels_are_listed_by_name() -> None:
    ranges = usual_gates_by_label(WITH_ROWS)
    assert ranges is not None
    assert list(ranges) == ["a", "b", "c"]
    assert ranges["b"] == usual_gates(WITH_ROWS, 1)


def test_nothing_is_usual_without_held_out_rows() -> None:
    assert usual_gates(METADATA, 0) is None
    assert usual_gates_by_label(METADATA) is None
    assert usual_of_layers(METADATA, 0) == [None, None]


def test_the_usual_values_of_the_inputs_are_those_of_the_file() -> None:
    inputs = {"usual": [0.5], "values": [], "missing": []}
    assert usual_inputs(replace(METADATA, gate_baseline={"inputs": inputs})) == inputs
    assert usual_inputs(METADATA) is None
