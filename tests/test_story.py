"""The main job, end to end: train, export, serve in a process of its own, ask over HTTP."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_wine

from models.networks.network import mean_gates
from models.run import Run
from tests.conftest import ROOT, command
from tests.service.test_server import serving


def ask(port: int, body: bytes) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def test_a_trained_network_answers_over_http_as_it_does_in_torch(
    run_path: Path, artifact_path: Path
) -> None:
    run = Run(run_path)
    rows = run.dataset().test.x[:50]
    with serving(artifact_path) as (_, port):
        body = json.dumps({"instances": rows.tolist()}).encode()
        predictions = ask(port, body)["predictions"]
    with torch.no_grad():
        logits, gates = run.network()(torch.from_numpy(rows))
    probabilities = torch.softmax(logits, dim=1).numpy()
    found = np.array([prediction["probabilities"] for prediction in predictions])
    opened = np.array([prediction["gate_mean"] for prediction in predictions])
    assert np.abs(found - probabilities).max() < 1e-5
    assert np.abs(opened - mean_gates(gates).numpy()).max() < 1e-5
    labels = [prediction["label"] for prediction in predictions]
    assert labels == [str(label) for label in probabilities.argmax(axis=1)]


def test_the_bundled_model_reads_the_example_as_a_seven() -> None:
    body = (ROOT / "examples" / "seven.json").read_bytes()
    with serving(ROOT / "service" / "bundled" / "digits.onnx") as (_, port):
        (prediction,) = ask(port, body)["predictions"]
    assert prediction["label"] == "7"
    assert prediction["probability"] == pytest.approx(1, abs=0.1)
    assert len(prediction["gate_mean"]) == 8


def write_table(path: Path) -> None:
    """Write a table of wines with words for some numbers and a gap in every twentieth cell."""
    frame = load_wine(as_frame=True).frame.rename(columns={"target": "grape"})
    names = ["barolo", "grignolino", "barbera"]
    frame["grape"] = [names[label] for label in frame["grape"]]
    for column in ("hue", "ash"):
        frame[column] = pd.qcut(frame[column], 3, labels=["low", "middle", "high"]).astype(str)
    frame["strong"] = frame["alcohol"] > 13
    gaps = np.random.default_rng(0).random(frame.shape) < 0.05
    gaps[:, list(frame.columns).index("grape")] = False
    frame.mask(gaps).to_csv(path, index=False)


def test_a_table_with_words_and_gaps_goes_from_file_to_served_answer(tmp_path: Path) -> None:
    table, run, artifact = tmp_path / "wine.csv", tmp_path / "run", tmp_path / "wine.onnx"
    write_table(table)
    for step in (
        ("models", "train", table, "--target", "grape", "--out", run),
        ("export", "onnx", run, artifact),
    ):
        done = command(*step)
        assert done.returncode == 0, done.stderr
    cells = pd.read_csv(table)
    right = 0
    with serving(artifact) as (_, port):
        for _, row in cells.iloc[::6].iterrows():
            instance = {
                name: None if pd.isna(value) else value for name, value in row.drop("grape").items()
            }
            body = json.dumps({"instances": [instance]}).encode()
            (prediction,) = ask(port, body)["predictions"]
            right += prediction["label"] == row["grape"]
            assert len(prediction["gate_mean"]) == 9
    assert right >= 27  # of 30, of which most were trained on; by chance 10
