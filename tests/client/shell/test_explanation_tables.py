import io
from typing import Any

import pytest
from highway_client.explanations import read_explanation
from highway_client.shell.explanation_tables import explanation_tables
from rich.console import Console

from tests.client.conftest import COLUMN_EFFECTS, EXPLAIN_BODY, PATCH_EFFECTS, response

USUAL = ({"low": 0.6, "high": 0.9}, {"low": 0.5, "high": 1.0})


def shown(**change: Any) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(explanation_tables(read_explanation(response(EXPLAIN_BODY | change))))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    return text


def with_usual() -> list[dict[str, Any]]:
    layers = zip(EXPLAIN_BODY["layers"], USUAL, strict=True)
    return [layer | {"usual": usual, "typicality": 0.004} for layer, usual in layers]


def test_each_layer_has_its_gate_and_the_effect_of_closing_it() -> None:
    text = shown()
    assert "tiny version 1, 2 highway layers" in text
    assert "250 of 1,000 held-out rows are less typical" in text
    assert "│ highway 1 │ █████████········· │ 0.500 │ -0.500 → cat │" in text
    assert "│ highway 2 │ ██████████████████ │ 1.000 │       +0.125 │" in text
    assert "if closed: the change of the probability" in text
    assert "decisive: closing highway 1 alone changes the label" in text
    assert "counterfactual: with highway 1 closed the label is 'cat' (found greedily)" in text


def test_a_gate_outside_its_usual_range_is_marked() -> None:
    text = shown(layers=with_usual())
    assert "│ highway 1 │ █████████·[·····]· │ 0.500 below │    0.004 ! │ -0.500 → cat │" in text
    assert "│ highway 2 │ █████████[███████] │       1.000 │    0.004 ! │       +0.125 │" in text
    assert "[ ]: usual range of the gate" in text
    assert "!: a typicality below 0.01" in text


def test_a_label_that_no_layer_decides_says_so() -> None:
    text = shown(decisive_layers=[], counterfactual=None)
    assert "decisive: no layer; closing any one alone leaves the label" in text
    assert "counterfactual: none; closing all layers leaves the label" in text


def test_several_layers_are_listed() -> None:
    layers = ["highway 1", "highway 2"]
    text = shown(
        decisive_layers=layers,
        counterfactual={"closed_layers": layers, "label": "cat", "search": "greedy"},
    )
    assert "decisive: closing highway 1 or highway 2 alone changes the label" in text
    assert "with highway 1 and highway 2 closed the label is 'cat'" in text


def test_a_model_without_highway_layers_has_no_table_of_layers() -> None:
    text = shown(layers=[], decisive_layers=[], counterfactual=None)
    assert "decisive" not in text


def test_the_columns_are_sorted_by_their_effects() -> None:
    first, second = COLUMN_EFFECTS["columns"]
    text = shown(inputs=COLUMN_EFFECTS | {"columns": [second, first]})
    assert "│ age    │ 41    │ 37          │ ███████······· │ -0.500 → cat │" in text
    assert "│ job    │ nurse │ missing     │ ████·········· │       -0.250 │" in text
    assert text.index("│ age ") < text.index("│ job ")
    assert "decisive columns: replacing age alone changes the label" in text
    assert "counterfactual: age 41 → 30 changes the label to 'cat' (found greedily)" in text


def test_a_label_that_no_column_decides_says_so() -> None:
    change: dict[str, Any] = {"decisive_columns": [], "counterfactual": None, "complete": False}
    text = shown(inputs=COLUMN_EFFECTS | change)
    assert "decisive columns: none; replacing any one alone leaves the label" in text
    assert "counterfactual: no few changes of columns were found that change the label" in text
    assert "not every column was replaced alone, because the model has many" in text


def test_patches_are_drawn_as_marks() -> None:
    text = shown(inputs=PATCH_EFFECTS)
    assert "│ ▁▁██ │" in text
    assert "│ ▅▅▁▁ │" in text
    assert "falls without each patch of 4x4 pixels: ▁ none to █ 0.500" in " ".join(text.split())


def test_patches_without_any_effect_are_drawn() -> None:
    text = shown(inputs=PATCH_EFFECTS | {"probability_change": [[0, 0], [0.5, 0]]})
    assert text.count("▁▁▁▁") == 2


@pytest.mark.parametrize("label", ["[red]\x1b[2J", ""])
def test_strings_of_the_server_control_no_terminal(label: str) -> None:
    prediction = EXPLAIN_BODY["prediction"] | {"label": label}
    counterfactual = EXPLAIN_BODY["counterfactual"] | {"label": label}
    text = shown(prediction=prediction, counterfactual=counterfactual, decisive_layers=[label])
    assert "\x1b" not in text
