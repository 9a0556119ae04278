import io
import re
from dataclasses import replace

import numpy as np
import pytest
from highway_client.description import Layer, ModelDescription
from highway_client.display import many_rows, one_row
from highway_client.predictions import Predictions
from rich.console import Console
from rich.table import Table

from tests.client.conftest import IMAGE

MODEL = ModelDescription(
    name="tiny",
    versions=("1",),
    labels=("cat", "dog"),
    layers=tuple(Layer(name=f"highway {n}", kind="dense", width=2, number=n) for n in (1, 2)),
    input=IMAGE,
)
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
    text = shown(one_row(PREDICTIONS, MODEL))
    assert text.splitlines()[0].strip() == "tiny version 1, 2 highway layers"
    cells = [re.split(r" *│ *", line) for line in text.splitlines()]
    assert ["", "highway 1", "█" * 15 + "·" * 15, "0.500", ""] in cells
    assert ["", "highway 2", "█" * 30, "1.000", ""] in cells
    assert ["", "probability", "█" * 24 + "·" * 6, "0.800", ""] in cells


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
    assert f"│ typicality  │ {words} " in shown(one_row(row, MODEL))


def test_several_rows_have_a_line_each_and_a_mark_for_each_layer() -> None:
    other = replace(
        PREDICTIONS,
        labels=("cat", "dog"),
        probabilities=np.array([[0.9, 0.1], [0.4, 0.6]], np.float32),
        gates=np.array([[0, 0.25], [0.99, 0.5]], np.float32),
        typicality=np.array([[1, 1, 0.25], [1, 1, 0]], np.float32),
    )
    text = shown(many_rows([PREDICTIONS, other], MODEL))
    assert [" ".join(line.split()) for line in text.splitlines() if "0." in line] == [
        "│ 1 │ dog │ 0.800 │ 3 of 1,000 │ 0.750 │ ▅█ │",
        "│ 2 │ cat │ 0.900 │ 250 of 1,000 │ 0.125 │ ▁▃ │",
        "│ 3 │ dog │ 0.600 │ under 1 of 1,000 │ 0.745 │ █▅ │",
    ]


def test_fifty_layers_fit_eighty_columns() -> None:
    deep = replace(PREDICTIONS, gates=np.full((1, 50), 0.5, np.float32))
    text = shown(many_rows([deep, deep], MODEL))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("▅") == 100


def test_a_label_is_neither_markup_nor_a_command_to_the_terminal() -> None:
    odd = replace(PREDICTIONS, labels=("[red]\x1b[2J",), model_name="[b]")
    for table in (one_row(odd, MODEL), many_rows([odd, odd], MODEL)):
        text = shown(table)
        assert "[red]\\x1b[2J" in text
        assert "[b] version 1" in text
        assert "\x1b" not in text


def test_a_model_without_highway_layers_has_no_bars() -> None:
    plain = replace(PREDICTIONS, gates=np.empty((1, 0), np.float32))
    assert "highway 1" not in shown(one_row(plain, MODEL))
    assert "nan" not in shown(many_rows([plain, plain], MODEL))
