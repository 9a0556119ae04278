"""The main job, end to end: train, export, serve in a process of its own, ask over HTTP."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.network import mean_gates
from models.run import Run
from tests.conftest import ROOT
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
    assert len(prediction["gate_mean"]) == 9
