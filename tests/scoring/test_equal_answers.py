"""The scores are those of `/predict` and of `highway predict`, row for row."""

import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from tests.conftest import command_process
from tests.scoring.conftest import ROWS, Score, people
from tests.service.serving import serving


@pytest.mark.parametrize("format_", ["text", "typed"])
def test_the_scores_are_those_of_a_server(
    format_: str,
    tmp_path: Path,
    table_model: Path,
    score: Score,
    request: pytest.FixtureRequest,
) -> None:
    data: Path = request.getfixturevalue(format_)
    assert score(data, "--part-rows", "130").returncode == 0
    scores = parquet.read_table(tmp_path / "scores.parquet")
    out = tmp_path / "predicted.parquet"
    with serving(table_model) as (_, port):
        url = f"http://127.0.0.1:{port}"
        words = ("predict", data, "--url", url, "--out", out)
        done = command_process("highway_client", *words)
        assert done.returncode == 0, done.stderr
        rows = people().drop_columns(["name"]).to_pylist()
        body = json.dumps({"instances": rows}).encode()
        headers = {"Content-Type": "application/json"}
        post = urllib.request.Request(f"{url}/predict", body, headers)
        with urllib.request.urlopen(post, timeout=30) as response:
            answers = json.load(response)["predictions"]
    predicted = parquet.read_table(out)
    assert scores.column_names == predicted.column_names
    for name in scores.column_names:
        assert scores[name].to_pylist() == predicted[name].to_pylist(), name
    assert len(answers) == ROWS
    assert [answer["label"] for answer in answers] == scores["label"].to_pylist()
    for index, label in enumerate("abc"):
        numbers = np.array([answer["probabilities"][index] for answer in answers], np.float32)
        assert np.array_equal(numbers, scores[f"probability_{label}"].to_numpy())
    gates = np.array([answer["gate_mean"] for answer in answers], np.float32)
    assert np.array_equal(gates[:, 1], scores["highway 2"].to_numpy())
    combined = [answer["typicality"]["combined"] for answer in answers]
    assert np.allclose(combined, scores["typicality_combined"].to_numpy(), atol=1e-6)
