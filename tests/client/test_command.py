import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.http.api_keys import new_key
from service.http.callers import Scope
from service.settings import BUNDLED_MODEL
from tests.client.conftest import SEVEN
from tests.conftest import ROOT, command
from tests.service.serving import serving

PEOPLE = "age,job,member,income,bought\n5,teacher,True,,yes\n0,pilot,False,1,no\n"


def predicted(url: str, *arguments: str | Path) -> tuple[str, str]:
    done = command("highway_client", "predict", *arguments, "--url", url)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def refused(url: str, *arguments: str | Path) -> str:
    done = command("highway_client", "predict", *arguments, "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def test_one_image_is_shown_with_its_gates(url: str) -> None:
    shown, notes = predicted(url, SEVEN)
    assert "│ label       │ 7 " in shown
    assert re.search(r"│ highway 2   │ [█·\[\]]{30} +│ +0\.787[a-z ]* │", shown)
    assert re.search(r"│ typicality  │ \d+ of 1,000 held-out rows are less typical ", shown)
    assert notes == ""


def test_an_api_key_is_sent_from_the_option_or_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, key = new_key("ci", [Scope.PREDICT])
    (tmp_path / "keys").write_text(key.line)
    with serving(BUNDLED_MODEL, HIGHWAY_API_KEYS=str(tmp_path / "keys")) as (_, port):
        url = f"http://127.0.0.1:{port}"
        assert "API key: expected one in the header Authorization" in refused(url, SEVEN)
        assert "│ label       │ 7 " in predicted(url, SEVEN, "--api-key", token)[0]
        monkeypatch.setenv("HIGHWAY_CLIENT_KEY", token)
        assert "│ label       │ 7 " in predicted(url, SEVEN)[0]


def test_a_table_is_shown_line_by_line(table_url: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    shown, notes = predicted(table_url, path)
    rows = [line.split() for line in shown.splitlines() if "0." in line]
    assert [row[3] for row in rows] == ["a", "b"]
    assert notes == f"{path}: ignored columns that the model does not read: 'bought'\n"


def test_json_has_the_form_of_the_servers_response(url: str) -> None:
    shown, _ = predicted(url, SEVEN, "--json", "--model", "digits")
    body = json.loads(shown)
    assert (body["model_name"], body["model_version"]) == ("digits", "1")
    (row,) = body["predictions"]
    assert row["label"] == "7"
    assert row["probability"] == row["probabilities"][7]
    assert len(row["gate_mean"]) == 8
    assert list(row["typicality"]) == ["gates", "confidence", "combined"]
    assert all(0 < share <= 1 for share in row["typicality"].values())


def test_a_picture_of_dark_ink_is_read_when_inverted(
    url: str, tmp_path: Path, seven: NDArray[np.uint8]
) -> None:
    path = tmp_path / "seven.png"
    Image.fromarray(255 - seven[0]).resize((56, 56)).save(path)
    shown, notes = predicted(url, path, "--invert", "--json")
    assert json.loads(shown)["predictions"][0]["label"] == "7"
    assert notes == f"{path}: resized from 56×56 to 28×28 pixels\n"


def test_many_rows_are_sent_in_parts(url: str, tmp_path: Path, seven: NDArray[np.uint8]) -> None:
    path = tmp_path / "sevens.npy"
    np.save(path, np.repeat(seven, 300, axis=0))
    shown, _ = predicted(url, path, "--json")
    assert [row["label"] for row in json.loads(shown)["predictions"]] == ["7"] * 300


def test_rows_that_the_server_rejects_are_an_error_that_names_the_file(
    url: str, tmp_path: Path
) -> None:
    path = tmp_path / "short.json"
    path.write_text("[[1, 2]]")
    assert refused(url, path) == (
        f"error: {path}: the server responded 400: instances[0]: expected a list of 784 numbers, "
        "found one of 2"
    )


def test_an_error_in_a_later_part_names_its_first_row(table_url: str, tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_text(json.dumps([[1, None, None, 1]] * 256 + [[1]]))
    line = refused(table_url, path)
    assert line.startswith(f"error: {path}, rows from number 257: the server responded 400: ")


def test_a_file_that_cannot_be_read_is_one_sentence(url: str, tmp_path: Path) -> None:
    line = refused(url, tmp_path / "no.csv")
    assert line == f"error: {tmp_path}/no.csv: expected a file or a folder, found none"


def test_an_unreachable_server_is_one_sentence() -> None:
    assert refused("http://127.0.0.1:1", SEVEN) == (
        "error: http://127.0.0.1:1: no connection: Connection refused; is a server running there?"
    )


def test_a_missing_library_of_the_commands_is_one_sentence() -> None:
    script = (
        "import sys; sys.modules['typer'] = None\nfrom highway_client.__main__ import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT / "client",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "error: the commands: expected the package 'typer', found none; install it with "
        "`pip install typer`\n",
    )
