import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from highway_client.shell.explain import show_explanation
from numpy.typing import NDArray

from tests.client.conftest import COLUMN_EFFECTS, EXPLAIN_BODY, PATCH_EFFECTS, SEVEN, response
from tests.conftest import command

PEOPLE = "age,job,member,income\n5,teacher,True,\n0,pilot,False,1\n"


def explained(url: str, *arguments: str | Path) -> str:
    done = command("highway_client", "explain", *arguments, "--url", url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(url: str, *arguments: str | Path) -> str:
    done = command("highway_client", "explain", *arguments, "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def test_the_first_row_is_explained_with_its_layers(url: str) -> None:
    shown = explained(url, SEVEN)
    assert "│ label       │ 7 " in shown
    assert "│ highway 1 │ ███████████" in shown
    assert "counterfactual: with highway 1 closed the label is '1'" in shown


def test_json_is_the_servers_response(url: str) -> None:
    body = json.loads(explained(url, SEVEN, "--json"))
    assert body["prediction"]["label"] == "7"
    assert len(body["layers"]) == 8


def test_csv_has_a_line_for_each_layer(url: str) -> None:
    header, first, *others = explained(url, SEVEN, "--csv").splitlines()
    assert header.startswith("layer,gate,")
    assert first.startswith("highway 1,0.6368905")
    assert len(others) == 7


@pytest.mark.parametrize(
    ("effects", "lines"),
    [
        (
            COLUMN_EFFECTS,
            [
                "column,value,replaced_by,label,probability,probability_change",
                "age,41.0,37.0,cat,0.25,-0.5",
                "job,nurse,,dog,0.5,-0.25",
            ],
        ),
        (
            PATCH_EFFECTS,
            ["top,left,label,probability_change", "0,0,dog,0.0", "0,3,cat,-0.5"],
        ),
    ],
)
def test_csv_has_a_line_for_each_input_if_they_were_requested(
    effects: dict[str, Any], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    body = response(EXPLAIN_BODY | {"inputs": effects})
    show_explanation(body, json_output=False, csv_output=True)
    assert capsys.readouterr().out.splitlines()[:3] == lines


def test_any_row_of_a_table_is_explained_by_its_number(table_url: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    labels = [
        json.loads(explained(table_url, path, "--row", str(row), "--json"))["prediction"]["label"]
        for row in (1, 2)
    ]
    assert labels == ["a", "b"]


def test_any_row_of_an_array_is_explained_by_its_number(
    url: str, tmp_path: Path, seven: NDArray[np.uint8]
) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.concatenate([np.zeros((1030, 28, 28), np.uint8), seven]))
    body = json.loads(explained(url, path, "--row", "1031", "--json"))
    assert body["prediction"]["label"] == "7"


def test_a_note_says_what_is_ignored(table_url: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,age,job,member,income\n1,5,pilot,1,2\n")
    done = command("highway_client", "explain", path, "--csv", "--url", table_url)
    assert done.returncode == 0
    assert done.stderr == f"{path}: ignored columns that the model does not read: 'id'\n"


def test_a_row_that_the_file_lacks_is_an_error(url: str) -> None:
    assert refused(url, SEVEN, "--row", "2") == (
        f"error: {SEVEN}: expected --row from 1 to 1, found 2"
    )


def test_a_row_that_the_server_rejects_is_an_error_that_names_it(url: str, tmp_path: Path) -> None:
    path = tmp_path / "short.json"
    path.write_text("[[1, 2]]")
    assert refused(url, path) == (
        f"error: {path}, row 1: the server responded 400: instance: expected a list of 784 "
        "numbers, found one of 2"
    )


def test_json_and_csv_exclude_each_other(url: str) -> None:
    line = refused(url, SEVEN, "--json", "--csv")
    assert line == "error: --csv: expected it without --json; leave out one of both"
