import io
import re
from dataclasses import replace

import numpy as np
import pytest
from highway_client.predictions import Predictions
from highway_client.shell.prediction_tables import many_rows, one_row
from rich.console import Console
from rich.table import Table

PREDICTIONS = Predictions(
    model_name="tiny",
    model_version="1",
    labels=("dog",),
    probabilities=np.array([[0.2, 0.8]], np.float32),
    gates=np.array([[0.5, 1]], np.float32),
    layers=("highway 1", "highway 2"),
    typicality=np.array([[0.125, 0.5, 0.003]], np.float32),
    timing_ms={},
)


def shown(table: Table) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_one_row_has_a_bar_for_each_layer() -> None:
    text = shown(one_row(PREDICTIONS))
    assert text.splitlines()[0].strip() == "tiny version 1, 2 highway layers"
    cells = [re.split(r" *│ *", line) for line in text.splitlines()]
    assert ["", "highway 1", "█" * 15 + "·" * 15, "0.500", ""] in cells
    assert ["", "highway 2", "█" * 30, "1.000", ""] in cells
    assert ["", "probability", "█" * 24 + "·" * 6, "0.800", ""] in cells


def test_one_row_shows_the_usual_ranges_and_which_gates_are_outside() -> None:
    usual = replace(
        PREDICTIONS,
        usual_low=np.array([[0.6, 0.5]], np.float32),
        usual_high=np.array([[0.9, 0.9]], np.float32),
    )
    text = shown(one_row(usual))
    assert "│ highway 1   │ ███████████████···[·······]···" in text
    assert "│ 0.500 below │" in text
    assert "│ 1.000 above │" in text
    assert (
        "[ ]: usual range of the gate, of 80 % of held-out rows (of this label, if they are many)"
        in " ".join(text.split())
    )
    assert max(map(len, text.splitlines())) <= 80


def test_typicality_is_shown_by_gates_and_by_confidence_and_marked_if_small() -> None:
    row = replace(PREDICTIONS, typicality=np.array([[5.7e-7, 0.6, 0.0001]], np.float32))
    cells = [re.split(r" *│ *", line) for line in shown(one_row(row)).splitlines()]
    assert ["", "", "by the gates alone", "5.7e-07 !", ""] in cells
    assert ["", "", "by the confidence alone", "0.6", ""] in cells


def test_a_mark_has_a_legend() -> None:
    legend = "!: a typicality below 0.01"
    ordinary = replace(PREDICTIONS, typicality=np.array([[0.5, 0.01, 0.5]], np.float32))
    assert shown(one_row(PREDICTIONS)).splitlines()[-1].strip() == legend
    assert "!" not in shown(one_row(replace(ordinary, typicality=ordinary.typicality + 0.01)))


def test_a_row_of_unknown_typicality_says_so() -> None:
    row = replace(PREDICTIONS, typicality=np.full((1, 3), np.nan, np.float32))
    assert "│ typicality  │ unknown " in shown(one_row(row))


def test_several_rows_may_be_named_by_their_files() -> None:
    text = shown(many_rows([PREDICTIONS], ["cat/[1].png"]))
    assert "│ cat/[1].png │ dog   │" in text
    assert "row: from 1" not in text


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1, "1,000 of 1,000 held-out rows are less typical"),
        (0.003, "3 of 1,000 held-out rows are less typical"),
        (0.0006, "1 of 1,000 held-out rows are less typical"),
        (1e-9, "under 1 of 1,000 held-out rows are less typical"),
    ],
)
def test_one_row_shows_its_typicality_in_words(share: float, words: str) -> None:
    row = replace(PREDICTIONS, typicality=np.array([[1, 1, share]], np.float32))
    assert f"│ typicality  │ {words} " in shown(one_row(row))


def test_several_rows_have_a_line_each_and_a_mark_for_each_layer() -> None:
    other = replace(
        PREDICTIONS,
        labels=("cat", "dog"),
        probabilities=np.array([[0.9, 0.1], [0.4, 0.6]], np.float32),
        gates=np.array([[0, 0.25], [0.99, 0.5]], np.float32),
        typicality=np.array([[1, 1, 0.25], [1, 1, 0]], np.float32),
    )
    text = shown(many_rows([PREDICTIONS, other]))
    assert [" ".join(line.split()) for line in text.splitlines() if "0." in line] == [
        "│ 1 │ dog │ 0.800 │ 3 of 1,000 │ 0.750 │ ▅█ │",
        "│ 2 │ cat │ 0.900 │ 250 of 1,000 │ 0.125 │ ▁▃ │",
        "│ 3 │ dog │ 0.600 │ under 1 of 1,000 │ 0.745 │ █▅ │",
    ]


def test_fifty_layers_fit_eighty_columns() -> None:
    names = tuple(f"highway {number}" for number in range(50))
    deep = replace(PREDICTIONS, layers=names, gates=np.full((1, 50), 0.5, np.float32))
    text = shown(many_rows([deep, deep]))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("▅") == 100


def test_a_label_is_neither_markup_nor_a_command_to_the_terminal() -> None:
    odd = replace(PREDICTIONS, labels=("[red]\x1b[2J",), model_name="[b]")
    for table in (one_row(odd), many_rows([odd, odd])):
        text = shown(table)
        assert "[red]\\x1b[2J" in text
        assert "[b] version 1" in text
        assert "\x1b" not in text


def test_a_model_without_highway_layers_has_no_bars() -> None:
    plain = replace(PREDICTIONS, layers=(), gates=np.empty((1, 0), np.float32))
    assert "highway 1" not in shown(one_row(plain))
    assert "nan" not in shown(many_rows([plain, plain]))
