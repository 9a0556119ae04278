import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import ROOT, command
from tests.service.client.conftest import SEVEN

PEOPLE = "age,job,member,income,bought\n5,teacher,True,,yes\n0,pilot,False,1,no\n"


def predicted(url: str, *arguments: str | Path) -> tuple[str, str]:
    done = command("service", "predict", *arguments, "--url", url)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def refused(url: str, *arguments: str | Path) -> str:
    done = command("service", "predict", *arguments, "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def test_one_image_is_shown_with_its_gates(url: str) -> None:
    shown, notes = predicted(url, SEVEN)
    assert "│ label       │ 7 " in shown
    assert re.search(r"│ highway 2   │ █{24}·{6} +│ 0\.787 │", shown)
    assert re.search(r"│ unusual     │ \d+ of 1,000 normal rows look less usual │", shown)
    assert notes == ""


def test_a_table_is_shown_line_by_line(table_url: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    shown, notes = predicted(table_url, path)
    rows = [line.split() for line in shown.splitlines() if "0." in line]
    assert [row[3] for row in rows] == ["a", "b"]
    assert notes == f"{path}: left out what the model does not read: 'bought'\n"


def test_json_has_the_form_of_the_servers_own_answer(url: str) -> None:
    shown, _ = predicted(url, SEVEN, "--json", "--model", "digits")
    answer = json.loads(shown)
    assert (answer["model_name"], answer["model_version"]) == ("digits", "1")
    (row,) = answer["predictions"]
    assert row["label"] == "7"
    assert row["probability"] == row["probabilities"][7]
    assert len(row["gate_mean"]) == 8
    assert list(row["unusual"]) == ["gates", "confidence", "both"]
    assert all(0 < share <= 1 for share in row["unusual"].values())


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


def test_rows_that_the_server_refuses_are_told_with_the_file(url: str, tmp_path: Path) -> None:
    path = tmp_path / "short.json"
    path.write_text("[[1, 2]]")
    assert refused(url, path) == (
        f"error: {path}: the server answered 400: instances[0]: expected a list of 784 numbers, "
        "found one of 2"
    )


def test_a_later_part_is_told_by_its_first_row(table_url: str, tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_text(json.dumps([[1, None, None, 1]] * 256 + [[1]]))
    line = refused(table_url, path)
    assert line.startswith(f"error: {path}, rows from the 257th: the server answered 400: ")


def test_a_file_that_cannot_be_read_is_one_sentence(url: str, tmp_path: Path) -> None:
    line = refused(url, tmp_path / "no.csv")
    assert line == f"error: {tmp_path}/no.csv: expected a file, found none"


def test_no_server_is_one_sentence() -> None:
    assert refused("http://127.0.0.1:1", SEVEN) == (
        "error: http://127.0.0.1:1: expected a server that answers, found: Connection refused; is "
        "it running there?"
    )


def test_without_its_extra_it_is_told_what_to_install() -> None:
    script = (
        "import sys; sys.modules['httpx2'] = None; sys.argv = ['service', 'predict', 'x.png']; "
        "from service.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        1,
        "error: service.client: expected the extra 'client', found no httpx2; install it with "
        "`pip install '.[client]'`\n",
    )
