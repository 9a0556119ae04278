import csv
import io
import json
from typing import Any

import pytest
from highway_client.json_values import JsonObject
from highway_client.shell.drift import show_drift, write_drift

from tests.conftest import command

WINDOW: dict[str, Any] = {
    "window": "1h",
    "slides_seconds": 300,
    "rows": 200,
    "drifting": True,
    "layers": [{"name": "highway 1", "psi": 5.277, "p_value": 1.4e-118, "drifting": True}],
    "labels": {"psi": 0.1, "p_value": 0.5, "drifting": False},
    "atypical": [
        {"expected_share": 0.01, "rows": 100, "share": 0.5, "p_value": 1e-9, "drifting": True}
    ],
    "classes": [
        {"label": "cat", "rows": 50, "share": 0.25, "expected_share": 0.3, "psi": [1.0]},
        {"label": "dog", "rows": 150, "share": 0.75, "expected_share": 0.25, "psi": [2.0]},
    ],
}
EMPTY = WINDOW | {"window": "5m", "slides_seconds": 30, "rows": 0}
MODEL: dict[str, Any] = {
    "summary": "tiny version 1 drifts.",
    "name": "tiny",
    "version": "1",
    "windows": [EMPTY, WINDOW],
}
BODY: dict[str, Any] = {"summary": "tiny version 1 drifts.", "models": [MODEL]}


def shown(capsys: pytest.CaptureFixture[str], body: dict[str, Any]) -> str:
    show_drift(JsonObject(body))
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    return text


def test_a_sentence_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, BODY).splitlines()[0] == "tiny version 1 drifts."
    of_all = {"summary": "both drift", "models": [MODEL | {"summary": None}]}
    assert shown(capsys, of_all).splitlines()[0] == "both drift"
    older = {"models": [MODEL | {"summary": None}]}
    assert shown(capsys, older).startswith("tiny version 1, the last 5 minutes: no rows")


def test_a_window_without_rows_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    windows = [EMPTY, WINDOW | {"rows": 0}]
    text = shown(capsys, BODY | {"models": [MODEL | {"windows": windows}]})
    assert text.splitlines()[1:] == [
        "tiny version 1, the last 5 minutes: no rows yet; evaluated every 30 seconds",
        "tiny version 1, the last hour: no rows yet; evaluated every 5 minutes",
    ]


def test_a_window_has_a_line_for_each_test_and_label(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(shown(capsys, BODY).split())
    assert "tiny version 1, the last hour: 200 rows, drifting" in text
    assert "│ highway 1, PSI │ ██████████████████ │ 5.277 │ 1.4e-118 ! │" in text
    assert "│ labels, PSI │ ██················ │ 0.100 │ 0.5 │" in text
    assert "│ typicality of at most 0.01 │ █████████········· │ 0.500 │ 1e-09 ! │" in text
    assert "│ label dog │ ██████████████···· │ 0.750 │ 0.250 expected │" in text
    assert text.index("label dog") < text.index("label cat")


def test_a_window_that_is_not_tested_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    not_tested: dict[str, Any] = {"p_value": None, "drifting": False}
    window = WINDOW | {
        "rows": 1,
        "drifting": False,
        "layers": [WINDOW["layers"][0] | not_tested],
        "labels": WINDOW["labels"] | not_tested,
        "atypical": [],
    }
    text = shown(capsys, {"models": [MODEL | {"windows": [window]}]})
    assert "the last hour: 1 row, too few rows to test" in text
    assert "5.277 │     not tested │" in text


def test_csv_has_a_line_for_each_test_and_label(capsys: pytest.CaptureFixture[str]) -> None:
    write_drift(JsonObject(BODY))
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 10
    layer, labels, atypical, cat, _ = rows[5:]
    assert (layer["test"], layer["name"], layer["psi"]) == ("layer", "highway 1", "5.277")
    assert (labels["test"], labels["name"], labels["rows"]) == ("labels", "", "")
    assert (atypical["share"], atypical["expected_share"]) == ("0.5", "0.01")
    assert (cat["test"], cat["name"], cat["psi"], cat["rows"]) == ("label", "cat", "", "50")


def test_the_drift_of_a_real_server_is_shown(url: str) -> None:
    done = command("highway_client", "drift", "--url", url)
    assert done.returncode == 0, done.stderr
    assert "digits version 1, the last day" in done.stdout
    body = json.loads(command("highway_client", "drift", "--json", "--url", url).stdout)
    assert body["models"][0]["name"] == "digits"
    table = command("highway_client", "drift", "--csv", "--url", url).stdout
    assert table.startswith("model,version,window,test,name,rows,")
