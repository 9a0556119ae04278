"""End to end: train, export, serve in another process, and predict over HTTP."""

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
from tests.conftest import ROOT, prepared_process
from tests.service.serving import serving


def predict(port: int, body: bytes) -> list[dict[str, Any]]:
    """Send the body to `/predict` and return the predictions of its rows."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        predictions: list[dict[str, Any]] = json.load(response)["predictions"]
        return predictions


def test_predictions_over_http_equal_those_of_torch(run_path: Path, artifact_path: Path) -> None:
    run = Run(run_path)
    rows = run.dataset().test.x[:50]
    with serving(artifact_path) as (_, port):
        body = json.dumps({"instances": rows.tolist()}).encode()
        predictions = predict(port, body)
    with torch.no_grad():
        logits, gates = run.network()(torch.from_numpy(rows))
    probabilities = torch.softmax(logits, dim=1).numpy()
    served = np.array([prediction["probabilities"] for prediction in predictions])
    served_gates = np.array([prediction["gate_mean"] for prediction in predictions])
    assert np.abs(served - probabilities).max() < 1e-5
    assert np.abs(served_gates - mean_gates(gates).numpy()).max() < 1e-5
    labels = [prediction["label"] for prediction in predictions]
    assert labels == [str(label) for label in probabilities.argmax(axis=1)]


def test_the_bundled_model_predicts_a_seven_for_the_example() -> None:
    body = (ROOT / "examples" / "seven.json").read_bytes()
    with serving(ROOT / "service" / "bundled" / "digits.onnx") as (_, port):
        (prediction,) = predict(port, body)
    assert prediction["label"] == "7"
    assert prediction["probability"] == pytest.approx(1, abs=0.1)
    assert len(prediction["gate_mean"]) == 8


def write_table(path: Path) -> None:
    """Write a table of wines: some columns as strings, and every twentieth value missing."""
    frame = load_wine(as_frame=True).frame.rename(columns={"target": "grape"})
    names = ["barolo", "grignolino", "barbera"]
    frame["grape"] = [names[label] for label in frame["grape"]]
    for column in ("hue", "ash"):
        frame[column] = pd.qcut(frame[column], 3, labels=["low", "middle", "high"]).astype(str)
    frame["strong"] = frame["alcohol"] > 13
    missing = np.random.default_rng(0).random(frame.shape) < 0.05
    missing[:, list(frame.columns).index("grape")] = False
    frame.mask(missing).to_csv(path, index=False)


def test_a_table_with_missing_values_is_trained_exported_and_served(tmp_path: Path) -> None:
    table, run, artifact = tmp_path / "wine.csv", tmp_path / "run", tmp_path / "wine.onnx"
    write_table(table)
    for step in (
        ("models", "train", table, "--target", "grape", "--out", run),
        ("export", "export", run, artifact),
    ):
        done = prepared_process(*step)
        assert done.returncode == 0, done.stderr
    rows = pd.read_csv(table).iloc[::6]
    correct = 0
    with serving(artifact) as (_, port):
        for _, row in rows.iterrows():
            instance = {
                name: None if pd.isna(value) else value for name, value in row.drop("grape").items()
            }
            body = json.dumps({"instances": [instance]}).encode()
            (prediction,) = predict(port, body)
            correct += prediction["label"] == row["grape"]
            assert len(prediction["gate_mean"]) == 4
    assert correct >= 27  # of 30, most of them trained on; 10 by chance
