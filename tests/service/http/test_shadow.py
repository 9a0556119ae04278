"""Traffic of versions: a canary that answers a share, and a shadow that only observers see."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.classifier import Classifier
from service.inference.models import Limits, Models, ServedModel
from service.inference.traffic import Canary, Traffic
from service.settings import Settings
from service.shared_counters import SharedCounters
from tests.service.conftest import METADATA, Recipe
from tests.service.http.transport import until
from tests.service.serving import eventually, fetch, predict, serving

ROW = {"instances": [[1, 0, 0, 0]]}
LIMITS = Limits(max_queue_rows=100, max_queue_ms=1000, max_batch_rows=8)


def version(number: str) -> ServedModel:
    classifier = Classifier(Recipe(metadata=replace(METADATA, version=number)).build())
    return ServedModel(classifier, LIMITS, SharedCounters())


def client_of(traffic: Traffic, database: Path | None = None) -> TestClient:
    models = Models([version("1"), version("2")], {"tiny": traffic})
    url = "off" if database is None else f"sqlite:///{database}"
    settings = Settings(ledger_url=url, allowed_hosts="*")
    return TestClient(create_app(models, settings))


@pytest.mark.parametrize("path", ["/predict", "/v1/models/tiny:predict"])
def test_a_canary_answers_its_share_of_the_requests(path: str) -> None:
    with client_of(Traffic(canary=Canary(version="2", share=0.5))) as client:
        versions = Counter(client.post(path, json=ROW).json()["model_version"] for _ in range(200))
    assert versions.keys() == {"1", "2"}
    assert 60 <= versions["2"] <= 140  # within six standard deviations


def test_a_request_that_names_a_version_gets_it() -> None:
    with client_of(Traffic(canary=Canary(version="2", share=1))) as client:
        named = client.post("/v1/models/tiny/versions/1:predict", json=ROW).json()
        assert named["model_version"] == "1"
        assert client.post("/predict", json=ROW).json()["model_version"] == "2"


def test_a_shadow_computes_every_request_for_the_ledger_only(tmp_path: Path) -> None:
    with client_of(Traffic(shadow="2"), tmp_path / "ledger.db") as client:
        for number in range(3):
            response = client.post("/predict", json=ROW, headers={"X-Request-Id": f"r{number}"})
            assert response.json()["model_version"] == "1"
        scaled = {**ROW, "gate_scale": [0, 1]}
        assert client.post("/predict", json=scaled).json()["model_version"] == "1"

        def rows() -> list[tuple[str, str, str]]:
            listed = client.get("/requests").json().get("requests", [])  # 503 without tables yet
            return sorted((row["id"], row["model_version"], row["endpoint"]) for row in listed)

        until(lambda: len(rows()) == 7)
        both = [row for row in rows() if row[0].startswith("r")]
        assert both == [
            (f"r{number}", version, endpoint)
            for number in range(3)
            for version, endpoint in (("1", "predict"), ("2", "shadow"))
        ]
        (detail,) = [
            row for row in client.get("/requests/r0").json()["rows"] if row["endpoint"] == "shadow"
        ]
        assert len(detail["gate_mean"]) == 2
        statistics = client.get("/v2/models/tiny/versions/2/stats").json()["model_stats"][0]
        assert statistics["inference_stats"]["success"]["count"] == 3


def test_a_traffic_file_reaches_the_workers_without_a_restart(tmp_path: Path) -> None:
    for number in ("1", "2"):
        path = tmp_path / "tiny" / number / "model.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(Recipe(metadata=replace(METADATA, version=number)).build())
    with serving(tmp_path, HIGHWAY_MODEL_POLL_SECONDS="0.1") as (_, port):
        assert predict(port)["model_version"] == "2"
        (tmp_path / "tiny" / "traffic.json").write_text(json.dumps({"version": "1"}))
        eventually(lambda: predict(port)["model_version"] == "1")
        assert fetch(port, "/v2/models/tiny/versions/2/ready")["ready"]
