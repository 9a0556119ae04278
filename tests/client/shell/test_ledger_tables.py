import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from highway_client.description import read_description
from highway_client.json_values import JsonObject
from highway_client.records import read_recorded
from highway_client.shell.ledger_tables import list_table, recorded_table
from rich.console import Console
from rich.table import Table

from tests.client.conftest import MODEL, USUAL_GATES, response
from tests.client.test_records import ROW

(RECORDED,) = read_recorded(response({"rows": [ROW]}))
LISTED: dict[str, Any] = {
    "id": "order-17",
    "row": 3,
    "time": "2026-01-31T13:00:00+01:00",
    "model_name": "tiny",
    "model_version": "2",
    "label": "cat",
    "typicality": {"gates": 0.5, "confidence": 0.5, "combined": 1e-9},
    "tags": ["canary", "customer=acme"],
}


def shown(table: Table) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    return text


def test_a_list_has_a_line_for_each_row_in_utc() -> None:
    text = " ".join(shown(list_table([JsonObject(LISTED)], with_model=False)).split())
    assert "│ 01-31 12:00:00 │ order-17 │ 3 │ cat │ 1e-09 ! │ canary, customer=acme │" in text


def test_a_list_of_several_models_names_them() -> None:
    row = JsonObject(LISTED | {"typicality": None, "tags": []})
    text = " ".join(shown(list_table([row], with_model=True)).split())
    assert "│ 3 │ tiny 2 │ cat │ unknown │ │" in text


def test_an_id_of_the_server_is_on_one_line_and_a_long_one_is_complete() -> None:
    row = JsonObject(LISTED | {"id": "97efcdbc2776-3fa", "model_name": "a-rather-long-name" * 3})
    assert "│ 97efcdbc2776-3fa │" in shown(list_table([row], with_model=True))
    long = shown(list_table([JsonObject(LISTED | {"id": "Z" * 128})], with_model=True))
    assert long.count("Z") == 128


def test_a_recorded_row_is_shown_with_its_gates_and_details() -> None:
    row = replace(
        RECORDED,
        label="cat",
        labels=("cat", "dog"),
        probabilities=np.array([0.75, 0.25], np.float32),
        layers=("highway 1", "highway 2"),
        gates=np.array([0.5, 1], np.float32),
        gate_scale=np.array([0, 1], np.float32),
        time=datetime(2026, 1, 31, 12, tzinfo=UTC),
        tags=("canary",),
        weight=2.5,
        input_stored=False,
    )
    properties = MODEL["properties"] | {"usual_gates": USUAL_GATES}
    model = read_description(response(MODEL | {"properties": properties}))
    text = shown(recorded_table(row, model))
    assert "│ highway 1   │ ███████[███████·······]·······" in text
    assert "│ 1.000 above │" in text
    for name, value in (
        ("next label ", "dog 0.250"),
        ("time       ", "2026-01-31T12:00:00.000000Z"),
        ("tags       ", "canary"),
        ("gate scale ", "highway 1 0"),
        ("represents ", "2.5 rows"),
        ("input      ", "not stored"),
    ):
        assert f"│ {name} │ {value} " in text


def test_a_row_of_a_model_that_is_no_longer_served_has_no_usual_ranges() -> None:
    plain = replace(RECORDED, typicality=None, gate_scale=None, tags=(), weight=1.0)
    text = shown(recorded_table(plain, None))
    assert "[ ]" not in text
    assert "│ typicality " in text
    assert "unknown" in text
    assert "represents" in text
